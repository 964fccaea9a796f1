"""What all algorithms of pymoo share: the search space as pymoo's variables, and ask and tell by generations."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from optathlon.encoding import Choice, Dimension, Number, UnitCube, dimensions, tempered
from optathlon.generations import Generations
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

MIXED = frozenset({Capability.CATEGORICALS})
"""What pymoo's mixed variables make possible."""

CONSTRAINED = frozenset({Capability.CONSTRAINTS})
"""What algorithms can that compare infeasible individuals by their violation."""

_LARGEST_LOSS = 1e100
"""Losses beyond it are told on a logarithmic scale: algorithms for several objectives square and normalise them."""

MakeAlgorithm = Callable[..., Any]
"""Makes an algorithm, given other operators than its own (`sampling`, `mating`, `eliminate_duplicates`) or none."""


class PymooOptimizer(Optimizer):
    """An algorithm of pymoo, set up with a seed and driven by its ask and tell."""

    packages: ClassVar[tuple[str, ...]] = ("pymoo",)
    install = "pip install 'optathlon[pymoo]'"
    pending = Pending.WAITS

    def __init__(self, problem: Problem, seed: int, make: MakeAlgorithm, termination: object = None) -> None:
        self._generators = LentGenerators(seed, "python", "numpy", "numpy-default")
        self._worst_violations = np.ones(len(problem.constraints))
        with self._lent():
            from pymoo.core.termination import NoTermination

            self._variables = self._make_variables(problem.space)
            self._problem = self._variables.problem(len(problem.objectives), len(problem.constraints))
            algorithm = deepcopy(make(**self._variables.operators(make)))  # its defaults are shared objects
            ending = NoTermination() if termination is None else termination
            self._algorithm = algorithm.setup(self._problem, termination=ending, seed=seed, verbose=False)
        self._generations: Generations[Any] = Generations(self._breed, self._learn)

    @abstractmethod
    def _make_variables(self, space: ConfigurationSpace) -> Variables:
        """How the algorithm sees the search space."""

    def ask(self) -> Trial | None:
        """The next individual of the generation, if one is left."""
        member = self._generations.next()
        return member and Trial(self._variables.config(member.individual.X), native=member)

    def tell(self, trial: Trial, result: Result) -> None:
        """Tell pymoo the generation when it is complete."""
        self._generations.tell(trial.native, result)

    def _breed(self) -> Sequence[Any]:
        from pymoo.core.individual import Individual

        with self._lent():
            found = self._algorithm.ask()
        self._infills = found
        if isinstance(found, Individual):
            return [found]
        return [] if found is None else list(found)

    def _learn(self, individuals: Sequence[Any], results: Sequence[Result]) -> None:
        from pymoo.problems.static import StaticProblem

        values: dict[str, Any] = {"F": np.array([self._losses(result) for result in results])}
        if len(self._worst_violations):
            values["G"] = np.array([self._violations(result) for result in results])
        with self._lent():
            self._algorithm.evaluator.eval(StaticProblem(self._problem, **values), self._infills)
            self._algorithm.tell(infills=self._infills)

    def _losses(self, result: Result) -> list[float]:
        if len(result.losses) == 1:
            return list(result.losses)
        return [tempered(loss, _LARGEST_LOSS) for loss in result.losses]

    def _violations(self, result: Result) -> np.ndarray:
        if not result.ok:
            return self._worst_violations.copy()
        found = np.array(result.constraints)
        self._worst_violations = np.maximum(self._worst_violations, found)
        return found

    @contextmanager
    def _lent(self) -> Iterator[None]:
        """Let pymoo draw, and divide what is equal, in silence."""
        with self._generators.lent(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield


class CubeOptimizer(PymooOptimizer):
    """An algorithm on vectors: coordinates of `optathlon.encoding.UnitCube`."""

    def _make_variables(self, space: ConfigurationSpace) -> Variables:
        return _Coordinates(space)


class MixedOptimizer(PymooOptimizer):
    """An algorithm that takes mixed variables in place of vectors, where not all hyperparameters are floats."""

    def _make_variables(self, space: ConfigurationSpace) -> Variables:
        if all(isinstance(one, Number) and not one.integer for one in dimensions(space)):
            return _Coordinates(space)
        return MixedVariables(space)


class Variables:
    """A search space as pymoo's decision variables."""

    @abstractmethod
    def problem(self, objectives: int, constraints: int) -> Any:
        """A problem of pymoo. Its own values are of no account."""

    @abstractmethod
    def operators(self, make: MakeAlgorithm) -> dict[str, Any]:
        """The operators for these variables, in place of the algorithm's own."""

    @abstractmethod
    def config(self, solution: Any) -> dict[str, Value]:
        """The configuration of an individual."""


class _Coordinates(Variables):
    def __init__(self, space: ConfigurationSpace) -> None:
        self._cube = UnitCube(space)

    def problem(self, objectives: int, constraints: int) -> Any:
        """A vector of coordinates."""
        width = len(self._cube.names)
        bounds = {"n_var": width, "xl": np.zeros(width), "xu": np.ones(width)}
        return _unevaluated(n_obj=objectives, n_ieq_constr=constraints, **bounds)

    def operators(self, make: MakeAlgorithm) -> dict[str, Any]:
        """None but the algorithm's own."""
        return {}

    def config(self, solution: np.ndarray) -> dict[str, Value]:
        """The configuration at a point."""
        (config,) = self._cube.decode(np.asarray(solution, dtype=float)[None])
        return config


class MixedVariables(Variables):
    """Named variables of pymoo's kinds; what has one value is none of them."""

    def __init__(self, space: ConfigurationSpace) -> None:
        self._cube = UnitCube(space)
        self._dimensions = {one.name: one for one in dimensions(space) if not _is_fixed(one)}

    def problem(self, objectives: int, constraints: int) -> Any:
        """Variables by name."""
        variables = {name: _variable(one) for name, one in self._dimensions.items()}
        return _unevaluated(vars=variables, n_obj=objectives, n_ieq_constr=constraints)

    def operators(self, make: MakeAlgorithm) -> dict[str, Any]:
        """As pymoo's documentation says it for mixed variables, and with the algorithm's own choice of parents."""
        from pymoo.core.mixed import MixedVariableDuplicateElimination, MixedVariableMating, MixedVariableSampling

        different = MixedVariableDuplicateElimination()
        mating = MixedVariableMating(selection=make().mating.selection, eliminate_duplicates=different)
        return {"sampling": MixedVariableSampling(), "mating": mating, "eliminate_duplicates": different}

    def config(self, solution: dict[str, Any]) -> dict[str, Value]:
        """The configuration of named values."""
        point = np.full((1, len(self._cube.names)), 0.5)
        exact: dict[str, Value] = {}
        for column, name in enumerate(self._cube.names):
            dimension = self._dimensions.get(name)
            if dimension is None:
                continue
            if _is_coordinate(dimension):
                point[0, column] = solution[name]
            else:
                exact[name] = dimension.decode(int(solution[name]))
        (config,) = self._cube.decode(point)
        return config | exact


def _is_fixed(dimension: Dimension) -> bool:
    return isinstance(dimension, Choice) and len(dimension.values) == 1


def _is_coordinate(dimension: Dimension) -> bool:
    return isinstance(dimension, Number) and (dimension.log or not dimension.integer)


def _variable(dimension: Dimension) -> Any:
    from pymoo.core import variable

    match dimension:
        case Number() if _is_coordinate(dimension):
            return variable.Real(bounds=(0.0, 1.0))
        case Number(lower=lower, upper=upper):
            return variable.Integer(bounds=(lower, upper))
        case Choice(values=values, ordered=True):
            return variable.Integer(bounds=(0, len(values) - 1))
        case Choice(values=values):
            return variable.Choice(options=list(range(len(values))))


def _unevaluated(**rest: Any) -> Any:
    """A problem of pymoo whose values come from elsewhere."""
    from pymoo.core.problem import Problem

    class Unevaluated(Problem):  # type: ignore[misc,unused-ignore]
        def _evaluate(self, x: Any, out: dict[str, Any], *args: object, **kwargs: object) -> None:
            out["F"] = np.zeros((len(x), self.n_obj))  # MOPSO-CD evaluates a sample while it is set up
            out["G"] = np.zeros((len(x), self.n_ieq_constr))

    return Unevaluated(**rest)


__all__ = [
    "CONSTRAINED",
    "MIXED",
    "CubeOptimizer",
    "MakeAlgorithm",
    "MixedOptimizer",
    "MixedVariables",
    "PymooOptimizer",
]
