"""The command line. Commands load what they need when they are called, so that `--help` is quick."""

from __future__ import annotations

import sys
import traceback

import typer

from optathlon.cli import catalogue, check, report, run
from optathlon.environment import pin
from optathlon.errors import OptathlonError, UsageError

app = typer.Typer(
    name="optathlon",
    help="N hyperparameter optimizers compete on M tasks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("report")(report.report)
app.command("list")(catalogue.list_known)
app.command("info")(catalogue.info)
app.command("check")(check.check)


def main() -> None:
    """Run the command line.

    Exit codes: 0 all well, 1 some runs or checks failed, 2 bad input, 3 the harness itself failed, 130 interrupted.
    """
    pin()
    try:
        app()
    except OptathlonError as error:
        print(f"optathlon: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 3)
    except Exception:  # an error of the harness must not look like failed runs
        traceback.print_exc()
        sys.exit(3)
