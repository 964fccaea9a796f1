"""`optathlon data`: what tasks need to have downloaded."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.exit_codes import SOME_FAILED
from optathlon.cli.flags import Plugins, path_option
from optathlon.cli.output import show
from optathlon.errors import UsageError, unknown

if TYPE_CHECKING:
    from optathlon.data_source import Part
    from optathlon.fetching.fetch import Progress
    from optathlon.fetching.origins import Origin, Tell
    from optathlon.fetching.store import Kept

_UNITS = ("bytes", "kB", "MB", "GB")

Names = Annotated[
    list[str], typer.Argument(help="Sources, as `optathlon data list` shows them: 'yahpo/lcbench', 'hpob'.")
]
OptionalNames = Annotated[list[str] | None, typer.Argument(help="Only these sources, e.g. 'yahpo/*'.")]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Without a question: the licences are accepted, files are removed.")
]
MirrorUrl = Annotated[
    str | None, typer.Option("--mirror", help="Take files from this web server, at URL/COLLECTION/NAME.", metavar="URL")
]
FromFolder = Annotated[
    Path | None, path_option("--from", help="Take files from this folder, for machines without web.")
]
Unpinned = Annotated[
    bool,
    typer.Option("--unpinned", help="Fetch also what has no known checksum; the one that comes is shown and recorded."),
]

group = typer.Typer(help="Fetch, check and remove the published data that some collections need.")


@group.command("list")
def list_sources(names: OptionalNames = None, plugins: Plugins = None) -> None:
    """List what can be fetched: its state here, its size and its licence."""
    found = _chosen(names or ["*"], plugins)
    width = max((len(kept.id) for kept in found), default=0)
    for kept in found:
        source = kept.source
        most, note = ("", "") if source.pinned else ("at most ", "; no checksum is known: --unpinned")
        show(f"{kept.id:<{width}}  {kept.state():<10}  {most}{_size(source.size)}; {source.licence}{note}")
    show(f"in {_root()}")


@group.command("fetch")
def fetch(
    names: Names,
    yes: Yes = False,
    mirror: MirrorUrl = None,
    folder: FromFolder = None,
    unpinned: Unpinned = False,
    plugins: Plugins = None,
) -> None:
    """Fetch data, after its licence was shown and accepted. A fetch that was cut off goes on where it was."""
    from optathlon.fetching.failure import FetchError
    from optathlon.fetching.fetch import Fetcher
    from optathlon.fetching.store import State

    found = _chosen(names, plugins)
    origin = _origin(mirror, folder)
    if lacking := [kept for kept in found if kept.state() is not State.COMPLETE]:
        _require_pins(lacking, unpinned)
        _accept(lacking, yes)
    failed = 0
    for kept in found:
        with _progress(kept) as progress:
            try:
                Fetcher(origin, _say, progress).fetch(kept)
            except FetchError as error:
                failed += 1
                _say(f"optathlon: {kept.id} is not complete: {error}")
    if failed:
        raise typer.Exit(SOME_FAILED)


@group.command("verify")
def verify(names: OptionalNames = None, plugins: Plugins = None) -> None:
    """Check files against their checksums: those named, else all that are there. 1: some are missing or altered."""
    from optathlon.fetching.store import Condition, State

    _require_root()
    found = _chosen(names or ["*"], plugins)
    if not names:
        found = [kept for kept in found if kept.state() is not State.ABSENT]
    wrong = 0
    for kept in found:
        conditions = kept.conditions()
        bad = {path: now for path, now in conditions.items() if now in (Condition.MISSING, Condition.ALTERED)}
        unchecked = sum(now is Condition.UNCHECKED for now in conditions.values())
        wrong += len(bad)
        for path, now in bad.items():
            show(f"{kept.id}: {now}: {kept.folder / path}")
        if not bad:
            note = f", {unchecked} of them unchecked: nobody knows their checksum" if unchecked else ""
            show(f"{kept.id}: good, {len(conditions)} of {len(conditions)} files{note}")
    if not found:
        show(f"nothing is in {_root()}")
    if wrong:
        show("`optathlon data fetch` brings what is missing or altered")
        raise typer.Exit(SOME_FAILED)


@group.command("remove")
def remove(names: Names, yes: Yes = False, plugins: Plugins = None) -> None:
    """Remove data, after a question; other files in the folder stay."""
    from optathlon.fetching.store import State

    _require_root()
    found = [kept for kept in _chosen(names, plugins) if kept.state() is not State.ABSENT]
    if not found:
        show(f"nothing of that is in {_root()}")
        return
    what = ", ".join(kept.id for kept in found)
    if not _agreed(f"Remove {what} from {_root()}?", yes, "remove files"):
        raise typer.Abort
    for kept in found:
        with kept.locked(_say):
            show(f"removed {kept.id}: {_size(kept.remove())}")


@group.command("path")
def path(
    name: Annotated[str | None, typer.Argument(help="A source: its collection's folder.")] = None,
    plugins: Plugins = None,
) -> None:
    """Print the data folder, or the folder of a source's collection."""
    show(_chosen([name], plugins)[0].folder if name else _root())


def _chosen(patterns: Iterable[str], plugins: Iterable[Path] | None) -> list[Kept]:
    """The sources of these names, patterns and collections; `UsageError` for a name of none."""
    known = {kept.id: kept for kept in _sources(plugins or ())}
    found: dict[str, Kept] = {}
    for pattern in patterns:
        matches = [id for id in known if fnmatch.fnmatchcase(id, pattern) or id.startswith(f"{pattern}/")]
        if not matches and pattern != "*":
            raise unknown("data source", pattern, [*known, *{kept.collection for kept in known.values()}])
        found |= {id: known[id] for id in matches}
    return list(found.values())


def _sources(plugins: Iterable[Path]) -> Iterator[Kept]:
    """What the collections declare; a broken one is named on the side."""
    from optathlon.archive.release import COLLECTION as ARCHIVE
    from optathlon.archive.release import whole_sources
    from optathlon.fetching.store import Kept
    from optathlon.registry.plugins import collection_names, load_file
    from optathlon.registry.tasks import collection

    for plugin in plugins:
        load_file(plugin)
    for name in collection_names():
        try:
            declared = collection(name)
        except UsageError as error:
            _say(f"optathlon: left out: {error}")
            continue
        for source in declared.sources if declared else ():
            yield Kept(name, source)
    yield from (Kept(ARCHIVE, source) for source in whole_sources())


def _origin(mirror: str | None, folder: Path | None) -> Origin:
    from optathlon.fetching.origins import Folder, Mirror, Published

    if mirror is not None and folder is not None:
        raise UsageError("give --mirror or --from, not both")
    if folder is not None:
        return Folder(folder)
    return Mirror(mirror) if mirror is not None else Published()


def _require_pins(found: Sequence[Kept], unpinned: bool) -> None:
    """Raise `UsageError` where something has no known checksum and nobody has agreed to that."""
    without = [kept.id for kept in found if not kept.source.pinned]
    if without and not unpinned:
        raise UsageError(
            f"no checksum is known of {', '.join(without)}: with --unpinned they come all the same, and the checksum "
            "of what came is shown and recorded"
        )


def _accept(found: Sequence[Kept], yes: bool) -> None:
    """Show the licences, and have them accepted."""
    for kept in found:
        source = kept.source
        most = "" if source.pinned else "at most "
        show(
            f"{kept.id}: {source.title}, {most}{_size(source.size)}\n  licence: {source.licence}; see {source.homepage}"
        )
        show(f"  please cite: {source.citation}")
    if not _agreed(f"Fetch this into {_root()}, under these licences?", yes, "accept the licences"):
        raise typer.Abort


def _agreed(question: str, yes: bool, what: str) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError(f"there is no terminal to ask on: say --yes to {what}")
    return typer.confirm(question)


@contextmanager
def _progress(kept: Kept) -> Iterator[Progress]:
    """A bar for each part on a terminal; elsewhere a line when it begins."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:

        def begin(part: Part) -> Tell:
            task = bars.add_task(part.name, total=part.size)
            if not console.is_terminal:
                _say(f"{kept.id}: getting {part.name}, {_size(part.size)}")
            return lambda count: bars.update(task, completed=count)

        yield begin


def _root() -> Path:
    from optathlon.data import data_root

    return data_root()


def _require_root() -> None:
    """Raise `UsageError` where the data folder that the user named isn't there, with the nearest that is."""
    import difflib
    import os

    from optathlon.data import ENVIRONMENT_VARIABLE

    root = _root()
    if root.is_dir() or ENVIRONMENT_VARIABLE not in os.environ:
        return
    try:
        beside = [entry.name for entry in root.parent.iterdir() if entry.is_dir()]
    except OSError:
        beside = []
    near = difflib.get_close_matches(root.name, beside, n=1)
    hint = f"did you mean {str(root.parent / near[0])!r}?" if near else "make it, or fetch something into it"
    raise UsageError(f"the data folder {str(root)!r} (from ${ENVIRONMENT_VARIABLE}) is not there: {hint}")


def _size(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} {_UNITS[-1]}"


def _say(text: str) -> None:
    show(text, file=sys.stderr)
