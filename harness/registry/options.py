"""Options in brackets: `smac-bb[acquisition=ei,retrain_after=4]`."""

from __future__ import annotations

import contextlib
import inspect
import json
import math
import re
import sys
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from optathlon.errors import UsageError, first_complaint, unknown

_ID = re.compile(r"(?P<name>[^\[\]]+)(\[(?P<options>[^\[\]]*)\])?")


def parse_options(id: str) -> tuple[str, dict[str, str]]:
    """Split `name[key=value,…]` into the name and the options as text."""
    match = _ID.fullmatch(id.strip())
    if match is None:
        raise UsageError(f"can't read {id!r}: write NAME or NAME[option=value,option=value]")
    options: dict[str, str] = {}
    for item in filter(None, (match["options"] or "").split(",")):
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"can't read the option {item!r} of {id!r}: write option=value")
        if key.strip() in options:
            raise UsageError(f"the option {key.strip()!r} stands twice in {id!r}")
        options[key.strip()] = value.strip()
    return match["name"], options


def canonical_options(options: Mapping[str, Any]) -> str:
    """The options in brackets, in alphabetical order; empty where there are none."""
    if not options:
        return ""
    return "[" + ",".join(f"{key}={_text(value)}" for key, value in sorted(options.items())) + "]"


def checked_options(cls: type, options: Mapping[str, str], what: str) -> dict[str, Any]:
    """The options as the types that `cls.__init__` declares for its keyword arguments.

    Raises `UsageError` for an unknown option, with the nearest match, and for a value of the wrong type.
    """
    if not options:
        return {}
    parameters = dict(list(inspect.signature(cls).parameters.items())[2:])
    checked = {}
    for name, text in options.items():
        if name not in parameters:
            raise unknown("option", name, parameters, where=what)
        checked[name] = _value(text, _annotation(cls, parameters[name]), f"option {name}={text} of {what}")
    return checked


def described_type(cls: type, parameter: inspect.Parameter) -> str:
    """The type of an option with its range, for users: `"int >= 1 | None"`."""
    try:
        return _readable(_annotation(cls, parameter))
    except NameError:  # a type that is imported for type checkers alone
        return str(parameter.annotation)


def _readable(annotation: Any) -> str:
    match get_origin(annotation):
        case None:
            return "None" if annotation is NoneType else getattr(annotation, "__name__", str(annotation))
        case origin if origin in (Union, UnionType):
            return " | ".join(map(_readable, get_args(annotation)))
        case origin if origin is Annotated:
            base, *bounds = get_args(annotation)
            return f"{_readable(base)} {' and '.join(filter(None, map(_bound, bounds)))}".strip()
        case _:
            return str(annotation).removeprefix("typing.")


def _bound(bound: object) -> str:
    """A finite bound as text; empty for anything else."""
    for sign, name in ((">=", "ge"), (">", "gt"), ("<=", "le"), ("<", "lt")):
        limit = getattr(bound, name, None)
        if isinstance(limit, int | float) and math.isfinite(limit):
            return f"{sign} {limit:g}"
    return ""


def _value(text: str, annotation: Any, where: str) -> Any:
    """The value that an option's text means: itself, a JSON value (3 for `Literal[3]`), or None for "none"."""
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(annotation)
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        _, complaint = first_complaint(error)
    for reading in _other_readings(text):
        with contextlib.suppress(ValidationError):
            return adapter.validate_python(reading)
    raise UsageError(f"{where}: {complaint}")


def _other_readings(text: str) -> Iterator[object]:
    if text.lower() == "none":
        yield None
    with contextlib.suppress(ValueError, RecursionError):  # no JSON, or numbers and nesting that Python can't read
        yield json.loads(text)


def _annotation(cls: type, parameter: inspect.Parameter) -> Any:
    """A parameter's type; only this one is evaluated, as others may be imported for type checkers alone."""
    if isinstance(parameter.annotation, str):
        definer = next(base for base in cls.__mro__ if "__init__" in vars(base))
        return eval(parameter.annotation, vars(sys.modules[definer.__module__]))
    return str if parameter.annotation is parameter.empty else parameter.annotation


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace("null", "none")
