"""`optathlon check`: does an optimizer or a task do what the harness needs of it?"""

from __future__ import annotations

from typing import Annotated

import typer

from optathlon.cli.env import Yes, offer_environments
from optathlon.cli.exit_codes import SOME_FAILED
from optathlon.cli.flags import Plugins
from optathlon.cli.output import show


def check(
    id: Annotated[str, typer.Argument(help="Optimizer or task id, module:Class, or file.py:Class.")],
    plugins: Plugins = None,
    yes: Yes = False,
) -> None:
    """Run the conformance checks of an optimizer or a task."""
    from optathlon.registry.plugins import load_plugin
    from optathlon.testing.conformance import NonConformance, optimizer_checks, task_checks

    for plugin in plugins or ():
        load_plugin(plugin)
    if "/" not in id or ":" in id:
        offer_environments([id], yes)
    checks = task_checks(id) if "/" in id and ":" not in id else optimizer_checks(id)
    failures = 0
    for conformance_check in checks:
        try:
            conformance_check()
        except NonConformance as failure:
            failures += 1
            show(f"FAILED  {conformance_check}\n        {failure}")
        else:
            show(f"ok      {conformance_check}")
    show(f"{id}: {len(checks) - failures} checks passed, {failures} failed")
    if failures:
        raise typer.Exit(SOME_FAILED)
