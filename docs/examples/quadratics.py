"""A task and a collection as classes: quadratic functions in any number of dimensions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Collection, Objective, Problem, Result, Task

LISTED = (2, 5, 10)


class Quadratic(Task):
    """The sum of (x - 1)² over all dimensions."""

    def __init__(self, dimension: int) -> None:
        self.id = f"quadratics/d{dimension}"
        self.metadata = {"dimension": dimension}
        self._dimension = dimension

    @cached_property
    def problem(self) -> Problem:
        """What an optimizer may know; it is made when it is first asked for."""
        return Problem(
            space=ConfigurationSpace({f"x{number}": (-5.0, 5.0) for number in range(self._dimension)}),
            objectives=(Objective("value", "minimize", optimum=0.0),),
            budget=Budget.for_dimension(self._dimension),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """One trial: `fidelity` is None where the problem has none, and all randomness must come from `seed`."""
        return Result((sum((float(value) - 1.0) ** 2 for value in config.values()),))


class Quadratics(Collection):
    """Ids read `quadratics/d{dimension}`; the listed ones are those that patterns find."""

    name: ClassVar[str] = "quadratics"
    description: ClassVar[str] = "Quadratic functions: an example of a collection"

    def ids(self) -> Iterator[str]:
        """A few dimensions; others can be made too."""
        yield from (f"{self.name}/d{dimension}" for dimension in LISTED)

    def make(self, id: str) -> Quadratic:
        """The task of that id; `KeyError` where there is none."""
        number = id.removeprefix(f"{self.name}/d")
        if not number.isdecimal() or number.startswith("0"):
            raise KeyError(id)
        return Quadratic(int(number))
