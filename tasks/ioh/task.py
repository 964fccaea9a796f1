"""What tasks by ioh have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from optathlon.task import Task
from optathlon.trial import Result

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

LICENCE = "BSD-3-Clause"
"""Of ioh."""


class Key(NamedTuple):
    """How ioh finds a problem.

    Parameters
    ----------
    problem_class:
        The name of the member of `ioh.ProblemClass`.
    number:
        The problem's number in its class.
    dimension:
        How many variables it has; problems with a fixed number ignore it.
    instance:
        Which transformation, where the class has any.
    """

    problem_class: str
    number: int
    dimension: int
    instance: int = 1


def bits(names: Iterable[str]) -> ConfigurationSpace:
    """Integers that are 0 or 1, as copies of one: to make each takes twice as long."""
    from ConfigSpace import ConfigurationSpace, UniformIntegerHyperparameter

    space, pattern = ConfigurationSpace(), UniformIntegerHyperparameter("x", 0, 1)
    copies = []
    for name in names:
        copies.append(copy(pattern))
        copies[-1].name = name
    space.add(copies)
    return space


class IohTask(Task):
    """A problem of ioh over the hyperparameters `x0`, `x1`, …"""

    def __init__(self, id: str, key: Key, metadata: Mapping[str, str | int | float | bool]) -> None:
        self.id = id
        self.metadata = metadata
        self._key = key
        self._names = [f"x{index}" for index in range(key.dimension)]

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The problem's value at `config`; there is no fidelity and no noise."""
        return Result((float(self._function([config[name] for name in self._names])),))

    @cached_property
    def _function(self) -> Any:
        import ioh

        number, dimension, instance = self._key[1:]
        return ioh.get_problem(number, instance, dimension, ioh.ProblemClass[self._key.problem_class])
