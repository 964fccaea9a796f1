"""`optathlon check`: does an optimizer or a task do what the harness needs of it?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.env import Yes, offer_environments
from optathlon.cli.exit_codes import SOME_FAILED
from optathlon.cli.flags import Plugins
from optathlon.cli.output import show
from optathlon.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    from optathlon.testing.conformance import Check


def check(
    id: Annotated[
        str | None, typer.Argument(help="Optimizer or task id, module:Class, file.py:Class, or a table descriptor.")
    ] = None,
    all_optimizers: Annotated[
        bool, typer.Option("--all-optimizers", help="Every optimizer that is listed, a line each.")
    ] = False,
    plugins: Plugins = None,
    yes: Yes = False,
) -> None:
    """Run the conformance checks of an optimizer or a task."""
    from optathlon.registry.plugins import load_file, optimizer_names
    from optathlon.registry.tasks import described_tasks
    from optathlon.testing.conformance import optimizer_checks, task_checks

    if (id is None) is not all_optimizers:
        raise UsageError("give the id of one optimizer or task, or --all-optimizers")
    for plugin in plugins or ():
        load_file(plugin)
    if id is None:
        if yes:
            offer_environments(optimizer_names(), yes)
        failed = _check_all_optimizers()
    elif described := described_tasks(id):
        failed = sum([_check_one(task, task_checks(task)) for task in described])
    elif "/" in id and ":" not in id:
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


def _check_all_optimizers() -> int:
    """Show a line per optimizer, and what failed; how many did. Those whose library is not installed are skipped."""
    from optathlon.registry.plugins import optimizer_names
    from optathlon.testing.conformance import optimizer_checks

    names = optimizer_names()
    width = max(map(len, names))
    told = Counter[str]()
    for name in names:
        began = time.process_time()
        failures: dict[Check, str] = {}
        try:
            checks = optimizer_checks(name)
        except MissingDependency as missing:
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
    show(f"{told['ok']} optimizers passed, {told['FAILED']} failed, {told['skipped']} skipped")
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
