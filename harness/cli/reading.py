"""How values of the command line are read: without pydantic, which takes about as long to load as numpy, where it can.

Typer reads every value by pydantic, also where none was given. What is as it should be is read here instead; whatever
is not goes the long way, to Typer's own words on what is wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar, get_args

import typer

from optathlon.cli.help import commands_of, parameters

C = TypeVar("C")


def read_directly(command: C) -> C:
    """The command, of which, and of those of a group that are made already, values are read directly."""
    for parameter in parameters(command):
        if hasattr(parameter, "get_runtime_param"):
            reader = _Reader(parameter)
            parameter.get_runtime_param = lambda reader=reader: reader
    for one in commands_of(command):
        read_directly(one)
    return command


class _Reader:
    """Stands for what Typer reads the values of a parameter by."""

    def __init__(self, parameter: Any) -> None:
        self._ask_typer = parameter.get_runtime_param
        self._several = parameter.multiple or parameter.nargs == -1
        descriptor = parameter.type_descriptor
        kind = get_args(descriptor.annotation)[0] if descriptor.is_list else descriptor.annotation
        said = descriptor.parameter_info
        self._read = said.parser or (_number(kind, said.min, said.max) if kind in (int, float) else _reading(kind))

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command takes it; `param` and `ctx` are for the messages."""
        if value is None:
            return () if self._several else None
        try:
            if not self._several:
                return self._read(value)
            if isinstance(value, list | tuple):
                return [self._read(one) for one in value]
        except typer.BadParameter:
            raise
        except Exception:  # a parser may raise anything, and Typer says what becomes of it
            pass
        return self._ask_typer().coerce(value, param=param, ctx=ctx)


def _number(kind: type[int] | type[float], least: float | None, most: float | None) -> Callable[[Any], Any]:
    """What takes a number of this kind within bounds."""
    wanted = f"a {'whole ' if kind is int else ''}number{_bounds(least, most)}"

    def read(value: Any) -> Any:
        number = value
        if isinstance(value, str):
            from optathlon.plain_numbers import plain  # which loads pydantic

            try:
                number = kind(plain(value))
            except ValueError:
                raise typer.BadParameter(f"give {wanted}, not {value[:40]!r}") from None
        if (least is not None and number < least) or (most is not None and number > most):
            raise typer.BadParameter(f"give {wanted}, not {str(value)[:40]!r}")
        return number

    return read


def _bounds(least: float | None, most: float | None) -> str:
    if least is None:
        return " such as 10" if most is None else f" up to {most}"
    return f" from {least} on" if most is None else f" from {least} to {most}"


def _reading(kind: Any) -> Callable[[Any], Any]:
    """What takes a value of this kind, or the text of a choice, and refuses all else."""

    def read(value: Any) -> Any:
        if inspect.isclass(kind):
            if issubclass(kind, Enum):
                return kind(value)
            if isinstance(value, kind):
                return value
        raise ValueError(value)

    return read
