"""How tables of baselines are called: after the part of a subset that has their tasks, and the budget of their runs."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, Self

from optathlon.subsets.shipped_tasks import shipped_parts

SHIPPED = Path(str(files("optathlon.archive.shipped")))
"""The folder of the tables that come with Optathlon."""


class TableName(NamedTuple):
    """One table: `blackbox-dev-50` has the runs of 50 full evaluations on the tasks of `blackbox/dev`."""

    subset: str
    part: str
    budget: float

    def __str__(self) -> str:
        return f"{self.subset}-{self.part}-{self.budget:.17g}"

    @property
    def place(self) -> str:
        """The part of the subset, as task patterns name it: `blackbox/dev`."""
        return f"{self.subset}/{self.part}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From its text; `ValueError` where that names no table."""
        subset, part, budget = text.rsplit("-", 2)
        return cls(subset, part, float(budget))


@cache
def parts_of_tasks() -> dict[str, tuple[str, str]]:
    """By task: the shipped subset and the part that it is in. A task in several is in the first by name."""
    found: dict[str, tuple[str, str]] = {}
    for subset, parts in shipped_parts().items():
        for part, tasks in parts.items():
            for task in tasks:
                found.setdefault(task, (subset, part))
    return found


def tasks_in(subset: str, part: str) -> list[str]:
    """The tasks of a part of a shipped subset, in its order."""
    return [task for task, place in parts_of_tasks().items() if place == (subset, part)]
