"""What COCO's suites have in common: ids, problems of coco-experiment, best values."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cache, cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.facts import Facts
from optathlon.task import Collection, Task
from optathlon.trial import Result

if TYPE_CHECKING:
    from cocoex import Problem as Function
    from ConfigSpace import ConfigurationSpace

INSTANCES = range(1, 16)
"""The instances that are listed."""

MOST_INSTANCES = 1000

LICENCE = "BSD-3-Clause"
"""Of coco-experiment."""

_ID = re.compile(r"([a-z-]+)/f([1-9]\d{0,2})/d([1-9]\d{0,2})/i([1-9]\d{0,3})", re.ASCII)


class Suite(Collection):
    """Ids read `{suite}/f{function}/d{dimension}/i{instance}`, with COCO's numbers of functions.

    Class attributes
    ----------------
    functions, dimensions:
        COCO's, which are all that there are.
    instances:
        Those that can be made; listed are 1 to 15.
    recommended:
        The functions and the dimension whose first instances are recommended.
    """

    packages = ("cocoex",)
    install = "pip install 'optathlon[coco]'"
    functions: ClassVar[range]
    dimensions: ClassVar[tuple[int, ...]]
    instances: ClassVar[range] = range(1, MOST_INSTANCES + 1)
    recommended: ClassVar[tuple[Sequence[int], int]] = (), 0

    def ids(self) -> Iterator[str]:
        """Every function, dimension and listed instance."""
        for function in self.functions:
            for dimension in self.dimensions:
                yield from self._listed(function, dimension)

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None or match[1] != self.name:
            raise KeyError(id)
        function, dimension, instance = map(int, match.groups()[1:])
        if function not in self.functions or dimension not in self.dimensions or instance not in self.instances:
            raise KeyError(id)
        return self.task(function, dimension, instance)

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each function and dimension; the recommended tasks are groups of their own."""
        recommended, in_dimension = self.recommended
        for function in self.functions:
            for dimension in self.dimensions:
                facts, ids = self.known(function, dimension), self._listed(function, dimension)
                if function in recommended and dimension == in_dimension:
                    yield replace(facts, recommended=True), ids[:1]
                    ids = ids[1:]
                yield facts, ids

    @abstractmethod
    def task(self, function: int, dimension: int, instance: int) -> Task:
        """The task of one function in one dimension and instance, which exist."""

    @abstractmethod
    def known(self, function: int, dimension: int) -> Facts:
        """What is known of all instances of one function in one dimension."""

    def _listed(self, function: int, dimension: int) -> list[str]:
        return [f"{self.name}/f{function}/d{dimension}/i{instance}" for instance in INSTANCES]


class SuiteTask(Task):
    """One function in one dimension and instance.

    Parameters
    ----------
    suite:
        COCO's name of the suite; the first part of the id.
    function:
        COCO's number of the function.
    function_name:
        What it is called, for the metadata.
    dimension:
        How many hyperparameters there are: `x0`, `x1`, …
    instance:
        It shifts and rotates the function.
    """

    def __init__(self, suite: str, function: int, function_name: str, dimension: int, instance: int) -> None:
        self.id = f"{suite}/f{function}/d{dimension}/i{instance}"
        self.metadata = {
            "function": function,
            "function_name": function_name,
            "dimension": dimension,
            "instance": instance,
        }
        self._key = suite, function, dimension, instance
        self._names = [f"x{index}" for index in range(dimension)]
        self._point = itemgetter(*self._names)

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The function's value at `config`; there is no fidelity and no noise."""
        return Result((float(self._function(self._point(config))),))

    @cached_property
    def _function(self) -> Function:
        return coco_function(*self._key)


def box(names: Iterable[str], half_width: float) -> ConfigurationSpace:
    """Numbers in [-half_width, half_width], as copies of one: to make each takes three times as long."""
    from ConfigSpace import ConfigurationSpace, UniformFloatHyperparameter

    space, pattern = ConfigurationSpace(), UniformFloatHyperparameter("x", -half_width, half_width)
    copies = []
    for name in names:
        copies.append(copy(pattern))
        copies[-1].name = name
    space.add(copies)
    return space


def coco_function(suite: str, function: int, dimension: int, instance: int) -> Function:
    """COCO's function, by filtering the suite down to it: a whole suite takes seconds."""
    from cocoex import Suite as CocoSuite

    chosen = f"function_indices:{function} dimensions:{dimension} instance_indices:1"
    return CocoSuite(suite, f"instances:{instance}", chosen)[0]


@cache
def best_value(function: int, instance: int) -> float:
    """The least value of BBOB's f1 … f24, which is the same in every dimension (RR-6829)."""
    from cocoex.bare_problem import BareProblem

    value: float = BareProblem("bbob", function, 2, instance).best_value()
    return value
