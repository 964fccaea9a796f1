"""The Nevergrad collection and its tasks.

Listed are the artificial functions that are neither BBOB's nor of another collection, and the simulations that are
deterministic and quick, and need no data.
"""

from __future__ import annotations

import re
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.lazy import lazy_module
from optathlon.problem import Objective, Problem, TaskType
from optathlon.task import Collection, Task
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_module("numpy")

_NEVERGRAD = 'Rapin, Teytaud (2018), "Nevergrad - A Gradient-Free Optimization Platform"'

_PHOTONICS = 'Barry et al. (2020), "Evolutionary Algorithms Converge Towards Evolved Biological Photonic Structures"'

_ARTIFICIAL: dict[str, float | None] = {
    "deceptiveillcond": None,
    "deceptivemultimodal": 0.0,
    "deceptivepath": 0.0,
    "doublelinearslope": 0.0,
    "hm": None,
    "maxdeceptive": -0.025712424974457564,
    "multipeak": 1.0,
    "schwefel_1_2": 0.0,
    "sumdeceptive": -0.025712424974457564,
}
"""The least value, where it is known; of sumdeceptive for each dimension."""

_DIMENSIONS = (2, 5, 10)

_INSTANCES = range(1, 6)
"""The listed ones; each is a translation."""

_MOST_INSTANCES = 1000

_HALF_WIDTH = 5.0

_ID = re.compile(r"nevergrad/([a-z_0-9]+)/d([1-9]\d{0,2})(?:/i([1-9]\d{0,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Simulation:
    """A function without instances: what it is about, its dimensions, and the bounds of its inputs in equal parts."""

    description: str
    domain: str
    dimensions: tuple[int, ...]
    bounds: tuple[tuple[float, float], ...]
    citation: str
    recommended: int


_SIMULATIONS = {
    "arcoating": Simulation(
        "Minimise the reflected light, in percent, of a coating by the permittivities of its {} layers.",
        "photonics",
        (10, 35),
        ((1.0, 9.0),),
        _NEVERGRAD,
        10,
    ),
    "bragg": Simulation(
        "Minimise the light that passes a mirror of layers, by their permittivities and thicknesses: {} numbers.",
        "photonics",
        (16, 40, 80),
        ((2.0, 3.0), (30.0, 180.0)),
        _PHOTONICS,
        16,
    ),
    "chirped": Simulation(
        "Minimise the light that passes a mirror for many wavelengths, by the thicknesses of its {} layers.",
        "photonics",
        (16, 40, 80),
        ((30.0, 180.0),),
        _PHOTONICS,
        16,
    ),
    "fishing": Simulation(
        "Maximise what is fished in {} days, by the effort of each day: too much leaves no fish. The negative catch is "
        "minimised.",
        "ecology",
        (17, 35, 52, 88, 105),
        ((0.0, 1.0),),
        _NEVERGRAD,
        35,
    ),
}


class Nevergrad(Collection):
    """Ids read `nevergrad/{function}/d{dimension}/i{instance}`; those of simulations have no instance."""

    name = "nevergrad"
    description = "Nevergrad's own functions, translated by instance, and its simulations of optics and fishing"
    packages = ("nevergrad",)
    install = "pip install 'optathlon[nevergrad]'"

    def ids(self) -> Iterator[str]:
        """Every artificial function in 2, 5 and 10 dimensions and five instances, and the simulations."""
        for name in _ARTIFICIAL:
            for dimension in _DIMENSIONS:
                yield from _listed(name, dimension)
        for name, simulation in _SIMULATIONS.items():
            for dimension in simulation.dimensions:
                yield f"nevergrad/{name}/d{dimension}"

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each function and dimension. Recommended is each simulation once."""
        for name, optimum in _ARTIFICIAL.items():
            for dimension in _DIMENSIONS:
                facts = Facts(
                    type=TaskType.BLACKBOX,
                    kind=Evaluation.FUNCTION,
                    domain="synthetic",
                    description=f"Minimise Nevergrad's function {name} of {dimension} numbers in [-5, 5].",
                    floats=dimension,
                    optimum=optimum is not None,
                    licence="MIT",
                    citation=_NEVERGRAD,
                )
                yield facts, _listed(name, dimension)
        for name, simulation in _SIMULATIONS.items():
            for dimension in simulation.dimensions:
                facts = Facts(
                    type=TaskType.BLACKBOX,
                    kind=Evaluation.FUNCTION,
                    domain=simulation.domain,
                    description=simulation.description.format(dimension),
                    floats=dimension,
                    recommended=dimension == simulation.recommended,
                    licence="MIT",
                    citation=simulation.citation,
                )
                yield facts, [f"nevergrad/{name}/d{dimension}"]

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None:
            raise KeyError(id)
        name, dimension = match[1], int(match[2])
        if match[3] is None:
            if dimension not in getattr(_SIMULATIONS.get(name), "dimensions", ()):
                raise KeyError(id)
            return SimulationTask(name, dimension)
        if name not in _ARTIFICIAL or dimension not in _DIMENSIONS or int(match[3]) > _MOST_INSTANCES:
            raise KeyError(id)
        return ArtificialTask(name, dimension, int(match[3]))


class NevergradTask(Task):
    """A function of an array, minimised within bounds.

    Parameters
    ----------
    id:
        The task's id.
    name:
        Nevergrad's name of the function.
    bounds:
        The lower and the upper bound of each hyperparameter.
    optimum:
        The least value, where it is known.
    """

    def __init__(self, id: str, name: str, bounds: Sequence[tuple[float, float]], optimum: float | None) -> None:
        self.id = id
        self.metadata = {"function": name, "dimension": len(bounds)}
        self._name = name
        self._bounds = bounds
        self._optimum = optimum

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … and the objective `value`."""
        from ConfigSpace import ConfigurationSpace

        return Problem(
            space=ConfigurationSpace({f"x{index}": ends for index, ends in enumerate(self._bounds)}),
            objectives=(Objective("value", optimum=self._optimum),),
            budget=Budget.for_dimension(len(self._bounds)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The function's value at `config`; there is no fidelity and no noise."""
        point = np.array([config[f"x{index}"] for index in range(len(self._bounds))], dtype=float)
        return Result((float(self._function(point)),))

    @property
    @abstractmethod
    def _function(self) -> Callable[[np.ndarray], float]: ...


class ArtificialTask(NevergradTask):
    """A core function of `nevergrad.functions.ArtificialFunction`, whose normal translation the instance seeds."""

    def __init__(self, name: str, dimension: int, instance: int) -> None:
        id = f"nevergrad/{name}/d{dimension}/i{instance}"
        super().__init__(id, name, [(-_HALF_WIDTH, _HALF_WIDTH)] * dimension, _least_value(name, dimension))
        self.metadata = {**self.metadata, "instance": instance}
        self._instance = instance

    @cached_property
    def _function(self) -> Callable[[np.ndarray], float]:
        from nevergrad.functions.corefuncs import registry
        from nevergrad.functions.utils import Transform

        function = registry[self._name]
        translated = Transform(list(range(len(self._bounds))), random_state=np.random.RandomState(self._instance))
        return lambda point: function(translated(point))


class SimulationTask(NevergradTask):
    """A simulation, which has no instances."""

    def __init__(self, name: str, dimension: int) -> None:
        parts = _SIMULATIONS[name].bounds
        bounds = [ends for ends in parts for _ in range(dimension // len(parts))]
        super().__init__(f"nevergrad/{name}/d{dimension}", name, bounds, None)

    @cached_property
    def _function(self) -> Callable[[np.ndarray], float]:
        dimension = len(self._bounds)
        function: Callable[[np.ndarray], float]
        match self._name:
            case "arcoating":
                from nevergrad.functions.arcoating import ARCoating

                function = ARCoating(dimension, {10: 400, 35: 700}[dimension]).function
            case "fishing":
                from nevergrad.functions.fishing import OptimizeFish

                with warnings.catch_warnings():  # on the mutations of Nevergrad's own optimizers
                    warnings.simplefilter("ignore")
                    function = OptimizeFish(dimension).function
            case name:
                from nevergrad.functions.photonics import photonics

                function = getattr(photonics, name)
        return function


def _least_value(name: str, dimension: int) -> float | None:
    least = _ARTIFICIAL[name]
    return dimension * least if name == "sumdeceptive" and least is not None else least


def _listed(name: str, dimension: int) -> list[str]:
    return [f"nevergrad/{name}/d{dimension}/i{instance}" for instance in _INSTANCES]
