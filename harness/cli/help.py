"""Help of commands that says what to write, in place of how Python holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import typer

C = TypeVar("C")

HELP_FLAGS = ["--help", "-h"]

_WORDS = {"bool": "", "str": "TEXT", "int": "INTEGER", "int range": "INTEGER", "float": "NUMBER", "Path": "PATH"}
"""What stands for the types of Python. Flags take no value."""


def in_plain_words(command: C) -> C:
    """The command, with those of a group that are made already, with plain words for the values of its parameters."""
    for parameter in parameters(command):
        parameter.display_type_rich = _Always(_word(parameter))
    for one in commands_of(command):
        in_plain_words(one)
    return command


def commands_of(group: Any) -> Sequence[Any]:
    """The commands of a group that are made already; none where there is not a group."""
    commands = getattr(group, "commands", None)
    return list(commands.values()) if isinstance(commands, dict) else []


def parameters(command: Any) -> Sequence[Any]:
    """The options and arguments of a command, the one for help included."""
    found: Sequence[Any] = command.get_params(typer.Context(command, help_option_names=HELP_FLAGS))
    return found


class _Always:
    """A function that always gives the same."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def __call__(self, ctx: Any) -> str:
        return self._answer


def _word(parameter: Any) -> str:
    """What stands for a value: of an option that takes text, what text that is."""
    word = _plain(parameter.display_type(None))
    if parameter.param_type_name != "option":
        return word
    return parameter.metavar or (parameter.name.upper().replace("_", "-") if word == "TEXT" else word)


def _plain(shown: str) -> str:
    """The word for a type as `typer` shows it: `<str>`, `<list[Path]>`, `<a|b>`."""
    name = shown.strip("<>").removeprefix("list[").removesuffix("]")
    return _WORDS.get(name, name)
