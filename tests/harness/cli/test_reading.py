"""Values of the command line, read without pydantic, are those that Typer reads with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from optathlon.cli.commands import command as whole_command
from optathlon.cli.help import parameters
from optathlon.cli.reading import _Reader

InProcess = Callable[..., SimpleNamespace]
TEXTS = ("", "5", "-1", "1.5", "1e3", "0", "99999999999", "x", "a,b", "~/x", "tasks", "json", "60s", "local")


def all_parameters(command: Any) -> Iterator[Any]:
    """Those of a command, and of the commands of a group."""
    yield from parameters(command)
    if isinstance(command, TyperGroup):
        for name in command.commands:
            yield from all_parameters(command.commands[name])


READ = [one for one in all_parameters(whole_command()) if hasattr(one, "get_runtime_param")]


def read(coerce: Callable[..., Any], parameter: Any, value: Any) -> Any:
    """The value as it is read; the name of the error where it is refused."""
    try:
        return coerce(value, param=parameter, ctx=typer.Context(whole_command()))
    except typer.BadParameter:
        return "refused"


def test_values_are_those_of_typer() -> None:
    seen = set()
    for parameter in READ:
        typers = type(parameter).get_runtime_param(parameter)
        direct = _Reader(parameter)
        several = parameter.multiple or parameter.nargs == -1
        default = parameter.default() if callable(parameter.default) else parameter.default
        for value in (None, default, *((text,) if several else text for text in TEXTS)):
            if value is not None or default is None:
                found = read(direct.coerce, parameter, value)
                assert found == read(typers.coerce, parameter, value), (parameter.name, value)
                seen.add(type(found).__name__)
    assert {"str", "int", "float", "list", "tuple", "NoneType", "bool", "PosixPath"} <= seen


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("view", "x", "--port", "99999"), "'--port': give a whole number from 0 to 65535, not '99999'"),
        (("view", "x", "--port", "x"), "'--port': give a whole number from 0 to 65535, not 'x'"),
        (("retry", "x", "--jobs", "1.5"), "'--jobs' / '-j': give a whole number such as 10, not '1.5'"),
        (("retry", "x"), "Missing option '--status': Which runs, by status"),
        (("compare", "x"), "Missing argument 'B': Results folder or table"),
        (("list",), "Missing argument 'kind'. Choose from: optimizers, tasks"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(in_process: InProcess, arguments: tuple[str, ...], message: str) -> None:
    done = in_process(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_command_loads_no_pydantic() -> None:
    code = (
        "import sys; sys.argv = ['optathlon', 'list', 'optimizers', 'r*']\n"
        "from optathlon.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
