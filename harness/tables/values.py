"""Values of cells and of descriptors, which are text in one place and numbers in another."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence

from optathlon.trial import Value


def number_of(value: Value | None) -> float | int | None:
    """The finite number that a value is, or is written as; `None` for anything else. Whole if it is written so."""
    if isinstance(value, bool) or value is None or "_" in str(value):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    is_whole = isinstance(value, int) or (isinstance(value, str) and value.strip().lstrip("+-").isdigit())
    return int(value) if is_whole else number


def written_as(text: str) -> Callable[[Value | None], bool]:
    """Whether a value is the one that is written so: as the same text, or as the same number."""
    number = number_of(text)

    def is_same(value: Value | None) -> bool:
        return value is not None and (str(value) == text or (number is not None and number_of(value) == number))

    return is_same


def places_of(values: Sequence[Value | None], levels: Sequence[Value]) -> list[int]:
    """Where each value stands among the levels, as the same text or as the same number; -1 where nowhere."""
    texts = {str(level): place for place, level in enumerate(levels)}
    numbers = {number_of(level): place for place, level in enumerate(levels)} | {None: -1}
    return [texts.get(str(value), numbers.get(number_of(value), -1)) for value in values]


def alike(numbers: Iterable[float | int]) -> list[Value]:
    """The numbers, as floats if one of them is."""
    found = list(numbers)
    return [float(number) for number in found] if any(isinstance(one, float) for one in found) else list(found)


def order_of(value: Value | None) -> tuple[float, str]:
    """A key to sort by: numbers ascending, and then text."""
    number = number_of(value)
    return (math.inf if number is None else number, str(value))


def did_you_mean(name: str, known: Sequence[object]) -> str:
    """What to say after an unknown name: the nearest one, or what there is."""
    texts = [str(one) for one in known if one is not None]
    near = difflib.get_close_matches(name, texts, n=1, cutoff=0.5)
    return f": did you mean {near[0]!r}?" if near else f": known are {', '.join(map(repr, texts[:10]))}"
