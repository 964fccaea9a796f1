"""Numbers that users write: digits with at most a sign, a point and an exponent."""

from __future__ import annotations

import re
from typing import Annotated, TypeVar

from pydantic import BeforeValidator

Value = TypeVar("Value")

_PLAIN = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?\s*", re.IGNORECASE)


def plain(value: Value) -> Value:
    """`value`, unless it is text that Python takes for a number and a reader may not, such as `1_0` or `inf`.

    Raises `ValueError` for such text.
    """
    if isinstance(value, bool) or (isinstance(value, str) and not _PLAIN.fullmatch(value)):
        raise ValueError(f"give a number such as 10, not {str(value)[:40]!r}")
    return value


Whole = Annotated[int, BeforeValidator(plain)]
Real = Annotated[float, BeforeValidator(plain)]
