"""Options in brackets: `smac-bb[acquisition=ei,retrain_after=4]`."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

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


def _value(text: str, annotation: Any, where: str) -> Any:
    """The value that an option's text means: itself, a JSON value (3 for `Literal[3]`), or None for "none"."""
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
