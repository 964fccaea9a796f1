"""`optathlon check`: does an optimizer or a task do what the harness needs of it?"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.descriptions import counted
from optathlon.cli.env import Yes, offer_environments
from optathlon.cli.exit_codes import SOME_FAILED
from optathlon.cli.flags import Plugins, whole_number
from optathlon.cli.output import show
from optathlon.errors import MissingData, MissingDependency, MissingOption, UsageError

if TYPE_CHECKING:
    from optathlon.testing.conformance import Check


def check(
    id: Annotated[
        str | None,
        typer.Argument(
            help="Optimizer or task id, a pattern of tasks, file.py, file.py:Class, file.py:function, module:Class, or "
            "a table descriptor."
        ),
    ] = None,
    all_optimizers: Annotated[
        bool, typer.Option("--all-optimizers", help="Every optimizer that is listed, a line each.")
    ] = False,
    sample: Annotated[
        int | None, whole_number(help="So many of the tasks that the pattern matches, drawn by --seed.")
    ] = None,
    seed: Annotated[int, whole_number(help="Which tasks --sample draws.")] = 0,
    plugins: Plugins = None,
    yes: Yes = False,
) -> None:
    """Run the conformance checks of an optimizer, of a task, of all in a file, or of tasks that match a pattern."""
    from optathlon.cli.listing import load_plugins
    from optathlon.registry.plugins import optimizer_names
    from optathlon.registry.tasks import described_tasks, is_pattern
    from optathlon.testing.conformance import optimizer_checks, task_checks

    if (id is None) is not all_optimizers:
        raise UsageError("give the id of one optimizer or task, or --all-optimizers")
    of_tasks = id is not None and "/" in id and ":" not in id
    if sample is not None and (not of_tasks or sample < 1):
        raise UsageError("--sample is at least 1, and for a pattern of tasks such as 'bbob/*'")
    load_plugins(plugins)
    if id is None:
        if yes:
            offer_environments(optimizer_names(), yes)
        failed = _check_many("optimizer", optimizer_names(), optimizer_checks)
    elif id.endswith(".py"):
        failed = _check_file(Path(id))
    elif task := _task_in_file(id):
        failed = _check_one(task, task_checks(task))
    elif described := described_tasks(id):
        failed = sum([_check_one(task, task_checks(task)) for task in described])
    elif of_tasks and is_pattern(id):
        failed = _check_tasks(id, sample, seed)
    elif of_tasks:
        failed = _check_one(id, task_checks(id))
    else:
        offer_environments([id], yes)
        failed = _check_one(id, optimizer_checks(id))
    if failed:
        raise typer.Exit(SOME_FAILED)


def _check_one(id: str, checks: list[Check]) -> int:
    """Show what comes of each check; how many failed."""
    failed = 0
    for one, failure in _outcomes(checks):
        failed += bool(failure)
        show(f"FAILED  {one}\n        {failure}" if failure else f"ok      {one}")
    show(f"{id}: {len(checks) - failed} checks passed, {failed} failed")
    return failed


def _check_file(path: Path) -> int:
    """Say what a file holds, and check all of it; how many checks failed."""
    from optathlon.registry.plugins import brought_by
    from optathlon.testing.conformance import collection_checks, optimizer_checks, task_checks

    found = brought_by(path)
    optimizers = [f"{name} (class {cls.__name__})" for name, cls in found.optimizers.items()]
    held = [
        *_listed("optimizer", optimizers),
        *_listed("collection", found.collections),
        *_listed("task", found.tasks),
        *(f"the class {cls.__name__}, which lacks {_lacking(cls)}" for cls in found.incomplete.values()),
    ]
    if not held:
        raise UsageError(
            f"{str(path)!r} holds no optimizer, no task and no collection: `optathlon init optimizer` and "
            "`optathlon init task` write files that do"
        )
    show(f"{path} holds {'; '.join(held)}")
    groups: list[tuple[Callable[[str], list[Check]], dict[str, str]]] = [
        (optimizer_checks, {name: f"{path}:{cls.__name__}" for name, cls in found.optimizers.items()}),
        (collection_checks, dict.fromkeys(found.collections, "")),
        (task_checks, dict.fromkeys(found.tasks, "")),
    ]
    failed = 0
    for checks_of, names in groups:
        for name, place in names.items():
            try:
                failed += _check_one(name, checks_of(place or name))
            except UsageError as error:  # what can't be chosen doesn't keep the others from it
                show(f"FAILED  {error}")
                failed += 1
    return failed


def _listed(kind: str, names: Iterable[str]) -> list[str]:
    """The names with their kind, as one part of a sentence; none where there are none."""
    known = list(names)
    return [f"the {kind}{'s' if len(known) > 1 else ''} {', '.join(known)}"] if known else []


def _lacking(cls: type) -> str:
    return ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))


def _task_in_file(id: str) -> str:
    """The id of the task that `file.py:function` names; empty where it names something else."""
    from optathlon.registry.plugins import brought_by, load_plugin

    place, _, name = id.rpartition(":")
    if not place.endswith(".py") or "=" in place:
        return ""
    item = vars(load_plugin(Path(place))).get(name)
    return next((task for task, one in brought_by(Path(place)).tasks.items() if one is item), "")


def _check_tasks(pattern: str, sample: int | None, seed: int) -> int:
    """Check collections as a whole, and the tasks that match, or some of them; how many failed."""
    from optathlon.registry.plugins import collection_of
    from optathlon.registry.tasks import expand_tasks
    from optathlon.testing.conformance import collection_checks, task_checks

    ids = expand_tasks([pattern])
    if sample is not None and sample < len(ids):
        drawn = sorted(random.Random(seed).sample(range(len(ids)), sample))
        show(f"{sample} of {len(ids):,} tasks, by seed {seed}")
        ids = [ids[number] for number in drawn]
    collections = list(dict.fromkeys(map(collection_of, ids)))
    return _check_many("collection", collections, collection_checks) + _check_many("task", ids, task_checks)


def _check_many(kind: str, names: Sequence[str], checks_of: Callable[[str], list[Check]]) -> int:
    """Show a line for each, and what failed; how many did. Those that lack a library, data or an option are skipped."""
    width = max(map(len, names))
    told = Counter[str]()
    for name in names:
        began = time.process_time()
        failures: dict[Check, str] = {}
        try:
            checks = checks_of(name)
        except (MissingDependency, MissingData, MissingOption) as missing:
            word, text = "skipped", str(missing)
        except UsageError as error:
            word, text = "FAILED", str(error)
        else:
            failures = {one: failure for one, failure in _outcomes(checks) if failure}
            word = "FAILED" if failures else "ok"
            text = (
                f"{len(checks) - len(failures)} of {len(checks)} checks passed, {time.process_time() - began:.1f} s CPU"
            )
        told[word] += 1
        show(f"{word:<7}  {name:<{width}}  {text}")
        for one, failure in failures.items():
            show(f"         {one}\n             {failure}")
    show(f"{counted(told['ok'], kind)} passed, {told['FAILED']} failed, {told['skipped']} skipped")
    return told["FAILED"]


def _outcomes(checks: Iterable[Check]) -> Iterator[tuple[Check, str]]:
    """Each check with why it fails; empty where it doesn't."""
    from optathlon.testing.conformance import NonConformance

    for one in checks:
        try:
            one()
        except NonConformance as failure:
            yield one, str(failure)
        else:
            yield one, ""
