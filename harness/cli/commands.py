"""The commands, each imported when it is called, and what the command line does with errors."""

from __future__ import annotations

import errno
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from optathlon.cli.exit_codes import BAD_INPUT, EXPLAINED, HARNESS_FAILED, INTERRUPTED, SOME_FAILED
from optathlon.cli.flags import OPTIONAL_VALUES
from optathlon.cli.help import HELP_FLAGS, in_plain_words
from optathlon.cli.output import flush, show
from optathlon.cli.reading import read_directly
from optathlon.errors import FailedCheck, OptathlonError, UsageError
from optathlon.redaction import redacted

COMMANDS = {
    "run": "run:run",
    "status": "status:status",
    "resume": "resume:resume",
    "retry": "retry:retry",
    "view": "view:view",
    "report": "report:report",
    "tune": "tune:tune",
    "best": "best:best",
    "compare": "compare:compare",
    "list": "listing:list_known",
    "info": "info:info",
    "check": "check:check",
    "init": "init:init",
    "compact": "compact:compact",
    "merge": "merge:merge",
    "export": "export:export",
    "subset": "subset:group",
    "portfolio": "portfolio:portfolio",
    "leaderboard": "leaderboard:leaderboard",
    "table": "table:group",
    "judge": "judge:group",
    "data": "data:group",
    "env": "env:group",
    "archive": "archive:group",
    "completion": "completion:completion",
}
"""The module of this folder that each command is in, and its function there, or its group of commands."""

_SHOWN = 80
_LONG_WORD = re.compile(r"\S{300,}")


class _Command(TyperCommand):
    """A command of which some flags may have a value or none."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments apart."""
        return super().parse_args(ctx, [OPTIONAL_VALUES.get(argument, argument) for argument in args])


class _Commands(Mapping[str, Any]):
    """Commands by name, each made once, when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Any:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(f"optathlon.cli.{module}"), attribute)
        group = typer.Typer(add_completion=False)
        if isinstance(found, typer.Typer):
            for command in found.registered_commands:
                command.cls = _Command
            group.add_typer(found, name=name)
        else:
            group.command(name, cls=_Command)(found)
            group.callback()(lambda: None)  # else the only command stands for the group
        made: Any = typer.main.get_command(group)
        return read_directly(in_plain_words(made.commands[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": _Commands()})


app = typer.Typer(
    name="optathlon",
    cls=_Group,
    help="N hyperparameter optimizers compete on M tasks.",
    epilog=EXPLAINED,
    add_completion=False,
    context_settings={"help_option_names": HELP_FLAGS},
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        show(f"optathlon {version('optathlon')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """What can be said before a command."""


def command() -> Any:
    """The command line with its commands below, as `typer` takes it apart."""
    return read_directly(in_plain_words(typer.main.get_command(app)))


def run_command() -> NoReturn:
    """Do what the arguments of this process say, and exit with one of `optathlon.cli.exit_codes`."""
    try:
        _refuse_unwritable(sys.argv[1:])
        code = _exit_code(sys.argv[1:] or ["--help"])
        flush()
        sys.exit(code)
    except typer.TyperException as error:
        _complain(_with_commands(error), BAD_INPUT)
    except FailedCheck as error:
        _complain(str(error), SOME_FAILED)
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
        return command()(arguments, standalone_mode=False)
    except SystemExit as end:
        return 0 if isinstance(end.__context__, BrokenPipeError) else end.code


def _refuse_unwritable(arguments: Sequence[str]) -> None:
    """Raise `UsageError` for what no file and no terminal can hold, as in names of files in another encoding."""
    for argument in arguments:
        if "\0" in argument or argument != argument.encode(errors="replace").decode():
            raise UsageError(f"the argument {argument!r} is not text in UTF-8: rename the file, or write it in UTF-8")


def _with_commands(error: typer.TyperException) -> str:
    """The message; where an option or an argument is missing, also what it is; of unknown commands, which there are."""
    message: str = error.format_message().replace(": Value error, ", ": ")
    if (missing := getattr(error, "param", None)) is not None and message.endswith(f"{missing.get_error_hint()}."):
        return f"{message.rstrip('.')}: {missing.help}"
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
