"""The command line. Commands load what they need when they are called, so that `--help` is quick."""

from __future__ import annotations

import errno
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from optathlon.cli import (
    best,
    check,
    compact,
    compare,
    data,
    env,
    export,
    info,
    init,
    judge,
    listing,
    merge,
    report,
    retry,
    run,
    status,
    subset,
    table,
    tune,
)
from optathlon.cli.exit_codes import BAD_INPUT, HARNESS_FAILED, INTERRUPTED
from optathlon.cli.output import flush, show
from optathlon.errors import OptathlonError, UsageError
from optathlon.redaction import redacted
from optathlon.running.environment import pin

_SHOWN = 80
_LONG_WORD = re.compile(r"\S{300,}")

app = typer.Typer(
    name="optathlon",
    help="N hyperparameter optimizers compete on M tasks.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run.run)
app.command("status")(status.status)
app.command("retry")(retry.retry)
app.command("report")(report.report)
app.command("tune")(tune.tune)
app.command("best")(best.best)
app.command("compare")(compare.compare)
app.add_typer(subset.group, name="subset")
app.add_typer(table.group, name="table")
app.add_typer(judge.group, name="judge")
app.command("list")(listing.list_known)
app.command("info")(info.info)
app.command("check")(check.check)
app.command("init")(init.init)
app.add_typer(data.group, name="data")
app.add_typer(env.group, name="env")
app.command("compact")(compact.compact)
app.command("merge")(merge.merge)
app.command("export")(export.export)


def main() -> None:
    """Run the command line.

    Exit codes: 0 all well, 1 some runs or checks failed, 2 bad input, 3 the harness itself failed, 130 interrupted.
    """
    if sys.argv[1:2] != ["list"]:  # nothing is drawn or computed there, and to start again takes as long as the list
        pin()
    try:
        _refuse_unwritable(sys.argv[1:])
        code = _exit_code(sys.argv[1:] or ["--help"])
        flush()
        sys.exit(code)
    except typer.TyperException as error:
        _complain(_with_commands(error), BAD_INPUT)
    except UsageError as error:
        _complain(str(error), BAD_INPUT)
    except OptathlonError as error:
        _complain(str(error), HARNESS_FAILED)
    except (typer.Abort, KeyboardInterrupt):
        _complain("interrupted", INTERRUPTED)
    except OSError as error:
        code = BAD_INPUT if error.errno in (errno.ENAMETOOLONG, errno.ELOOP) else HARNESS_FAILED
        _complain(f"can't use {str(error.filename or 'a file')!r}: {error.strerror or error}", code)
    except MemoryError:
        _complain("there is not enough memory for that: ask for less, or use a larger machine", HARNESS_FAILED)
    except RecursionError:
        _complain("something is nested too deep, a path or a value: give a flatter one", HARNESS_FAILED)
    except Exception:  # an error of the harness must not look like failed runs
        show(redacted(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(HARNESS_FAILED)


def _exit_code(arguments: Sequence[str]) -> Any:
    """Do the command. Where nobody reads a help, which rich takes for a failure, all is well."""
    try:
        return app(arguments, standalone_mode=False)
    except SystemExit as end:
        return 0 if isinstance(end.__context__, BrokenPipeError) else end.code


def _refuse_unwritable(arguments: Sequence[str]) -> None:
    """Raise `UsageError` for what no file and no terminal can hold, as in names of files in another encoding."""
    for argument in arguments:
        if "\0" in argument or argument != argument.encode(errors="replace").decode():
            raise UsageError(f"the argument {argument!r} is not text in UTF-8: rename the file, or write it in UTF-8")


def _with_commands(error: typer.TyperException) -> str:
    """The message; where a command of a group is missing or unknown, also which there are."""
    message: str = error.format_message()
    context = getattr(error, "ctx", None)
    told = "command" not in message.lower() or "Did you mean" in message
    if told or context is None or not isinstance(context.command, TyperGroup):
        return message
    names = ", ".join(context.command.list_commands(context))
    return f"{message.rstrip('.')}: give one of {names}"


def _complain(message: str, code: int) -> NoReturn:
    line = redacted(" ".join(message.split()))
    show(f"optathlon: {_LONG_WORD.sub(_shortened, line)}", file=sys.stderr)
    sys.exit(code)


def _shortened(word: re.Match[str]) -> str:
    """The ends of a word, such as a path of 4,000 characters."""
    text = word[0]
    return f"{text[:_SHOWN]}…{text[-_SHOWN:]}"
