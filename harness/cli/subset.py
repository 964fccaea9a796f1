"""`optathlon subset select`: choose representative tasks."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from optathlon.cli import subset_validate
from optathlon.cli.candidates import optimizer_ids
from optathlon.cli.flags import LAST_SEED, Baselines, duration_option, path_option
from optathlon.cli.names import split_names
from optathlon.cli.output import show
from optathlon.cli.source import FailureValues, Maximize, SeveralResults, beside_first, read_all, read_flags
from optathlon.destination import require_file_place
from optathlon.errors import UsageError
from optathlon.installation import as_installed
from optathlon.redaction import redacted_command

if TYPE_CHECKING:
    from optathlon.results.frames import Results
    from optathlon.subsets.subset import PartName, Subset

group = typer.Typer(help="Choose representative tasks, and check how representative they are.")


@group.command("select")
def select(
    results: SeveralResults,
    k: Annotated[int, typer.Option("-k", min=1, help="How many tasks; of each part, with --dev and --test.")],
    optimizers: Annotated[
        list[str] | None,
        typer.Option(
            "--optimizer",
            "--optimizers",
            "-o",
            help="2 or 3 diverse ones, whose performance spans the space. Repeatable, or separated by commas.",
            metavar="ID",
            autocompletion=optimizer_ids,
        ),
    ] = None,
    type: Annotated[
        str | None,
        typer.Option(
            help="Only tasks of that type: blackbox, multi-fidelity, …; any for all. Default: the only one.",
            metavar="TYPE",
        ),
    ] = None,
    dev: Annotated[bool, typer.Option("--dev", help="Choose a part to develop on.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Choose a part to test on; with --dev, a disjoint one.")] = False,
    target: Annotated[
        Literal["empirical", "uniform"],
        typer.Option(help="What the tasks must resemble: all tasks, or a uniform distribution."),
    ] = "empirical",
    strata: Annotated[
        Literal["collection"] | None,
        typer.Option(help="Give each part the shares that all tasks have by this, so that none is left out by chance."),
    ] = None,
    scale: Annotated[
        Literal["auto", "linear", "log"], typer.Option(help="Of the regrets; auto: log where they are clumped.")
    ] = "auto",
    missing: Annotated[
        Literal["error", "drop", "worst"],
        typer.Option(help="Runs that one optimizer has and another lacks: refuse, leave out for all, count as worst."),
    ] = "error",
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Of the search.")] = 0,
    seconds: Annotated[
        float | None,
        duration_option(help="Stop the search by then: 60s, 10min. Default: a fixed effort, which repeats exactly."),
    ] = None,
    certify: Annotated[
        float | None, duration_option(help="Prove for that long how much better the best could be: 60s, 10min.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=1024, help="Threads that search.")] = 1,
    out: Annotated[
        Path | None,
        path_option(help="YAML file. Default: TYPE-K.yaml inside the folder, or NAME-TYPE-K.yaml by the table."),
    ] = None,
    baselines: Baselines = None,
    maximize: Maximize = False,
    failure_values: FailureValues = None,
) -> None:
    """Choose the k tasks on which a few diverse optimizers perform most like on all tasks, and write a YAML file.

    Each task is a point, its coordinates the optimizers' regrets; the points of the chosen tasks have the least star
    discrepancy to those of all tasks.
    """
    from optathlon.results.frames import require_runs
    from optathlon.results.tables import have_tables
    from optathlon.subsets.from_performance import Search, subset_from_performance
    from optathlon.subsets.performance import performance

    search = Search(target, strata, seed, seconds, certify, jobs)
    _refuse_target(out)
    loaded, remarks = read_all(results, baselines, maximize=maximize, failure_values=failure_values)
    for path in results[:1]:
        require_runs(loaded, path)
    for remark in remarks:
        show(remark)
    known = performance(loaded, type=type, optimizers=_names(optimizers, loaded))
    unnamed = out is None
    out = out or beside_first(results, f"{known.type}-{k}.yaml")
    _refuse_target(out)
    _hint_at_numba()
    subset = subset_from_performance(
        known,
        k,
        search,
        name=out.stem,
        parts=_parts(dev, test),
        scale=None if scale == "auto" else scale,
        missing=missing,
        command=_portable(sys.argv[1:]),
    )
    if unnamed:
        _refuse_other_subset(out, subset)
    subset.write(out)
    read_again = [*map(str, results), *read_flags(maximize, failure_values, baselines)]
    show("\n".join([*_summary(subset, out), *_next(subset, read_again, out, runnable=not have_tables(loaded))]))


group.command("validate")(subset_validate.validate)


def _names(texts: list[str] | None, results: Results) -> list[str]:
    names = split_names(texts or ())
    if not names:
        known = ", ".join(sorted({*results.runs["optimizer"].astype(str)}))
        raise UsageError(
            f"no optimizers to span the space: give 2 or 3 diverse ones, --optimizer A,B,C, of these: {known}"
        )
    return names


def _parts(dev: bool, test: bool) -> tuple[PartName, ...]:
    chosen: dict[PartName, bool] = {"dev": dev, "test": test}
    return tuple(part for part, asked in chosen.items() if asked) or ("all",)


def _refuse_target(out: Path | None) -> None:
    """Only what is a subset already is written over."""
    from optathlon.subsets.subset import SUFFIXES, Subset

    if out is None:
        return
    if out.suffix not in SUFFIXES:
        raise UsageError(f"can't write the subset to {str(out)!r}: give a file whose name ends in .yaml")
    require_file_place(out)
    if out.exists():
        try:
            Subset.read(str(out))
        except UsageError as error:
            raise UsageError(
                f"won't write over {str(out)!r}, which is not a subset ({error}): give another --out"
            ) from None


def _refuse_other_subset(out: Path, subset: Subset) -> None:
    """Where no file was named, another choice of tasks is not written over."""
    from optathlon.subsets.subset import Subset

    if not out.exists():
        return
    before = {name: part.tasks for name, part in Subset.read(str(out)).parts.items()}
    if before != {name: part.tasks for name, part in subset.parts.items()}:
        raise UsageError(f"{str(out)!r} has another choice of tasks, which would be lost: give --out FILE.yaml")


def _hint_at_numba() -> None:
    if importlib.util.find_spec("numba") is None:
        command = as_installed("pip install 'optathlon[subsets]'")
        show(f"the search is much slower without numba: {command}", file=sys.stderr)


def _portable(arguments: list[str]) -> str:
    """The command without the part of paths that only this machine has."""
    return redacted_command(["optathlon", *map(_relative, arguments)])


def _relative(argument: str) -> str:
    flag, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
    path = Path(value)
    if not path.is_absolute():
        return argument
    here = Path.cwd()
    return flag + equals + (str(path.relative_to(here)) if path.is_relative_to(here) else path.name)


def _summary(subset: Subset, out: Path) -> Iterator[str]:
    made = subset.features
    kind = "" if subset.type == "any" else f"{subset.type} "
    fewest, most = made.seeds
    seeds = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    yield f"{made.tasks} {kind}tasks as points: {made.scale} regret of {', '.join(made.optimizers)} over {seeds} seeds"
    if subset.strata:
        yield f"each part with its share of every {subset.strata}"
    if made.distinct < made.tasks:
        yield f"{made.distinct} different points, as some tasks coincide"
    if made.dropped:
        yield f"{len(made.dropped)} tasks left out, as not all optimizers have them"
    if made.imputed:
        yield f"{made.imputed} missing runs count as the worst"
    if made.failed:
        yield f"{made.failed} failed runs count as the worst"
    nouns = {"empirical": "all tasks", "uniform": "the uniform distribution"}
    other = nouns["uniform" if subset.target == "empirical" else "empirical"]
    for name, part in subset.parts.items():
        proof = "" if part.lower_bound is None else f"; proven: none below {part.lower_bound:.4f}"
        gap = "" if part.gap is None else f", gap {part.gap:.1%}"
        yield (
            f"{name:<5} {len(part.tasks)} tasks, star discrepancy {part.discrepancy:.4f} to {nouns[subset.target]}"
            f"{proof}{gap} ({part.other_discrepancy:.4f} to {other})"
        )
    yield f"written to {out}"


def _next(subset: Subset, read_again: list[str], out: Path, *, runnable: bool) -> Iterator[str]:
    """What to do with the subset; only tasks of this harness can be run."""
    first = next(iter(subset.parts))
    yield f"next: {shlex.join(['optathlon', 'subset', 'validate', *read_again, str(out)])}"
    if runnable:
        yield f"      {shlex.join(['optathlon', 'run', '-t', f'subset:{out}/{first}', '-o'])} OPTIMIZER"
