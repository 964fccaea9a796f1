"""How far the writing of a report is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

Tell = Callable[[str, int, int], None]
"""Called with what is being done, and how many parts of how many are done."""


def silent(_doing: str, _done: int, _total: int) -> None:
    """Tell nobody."""


def steps(doing: str, items: Sequence[Item], tell: Tell) -> Iterator[Item]:
    """The items, of each of which is told before it is worked on."""
    for done, item in enumerate(items):
        tell(doing, done, len(items))
        yield item
