"""The functions of two competitions at the Congress on Evolutionary Computation.

Sources: X. Li, A. Engelbrecht, M. G. Epitropakis: "Benchmark Functions for CEC'2013 Special Session and Competition on
Niching Methods for Multimodal Function Optimization", 2013; A. Kumar, K. V. Price, A. W. Mohamed, A. A. Hadi,
P. N. Suganthan: "Problem Definitions and Evaluation Criteria for the CEC 2022 Special Session and Competition on Single
Objective Bound Constrained Numerical Optimization", 2021.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem, TaskType
from optathlon.task import Collection
from optathlon.tasks.ioh.task import LICENCE, IohTask, Key


class Niching(NamedTuple):
    """A function of CEC 2013: its name and its box, with bounds for each dimension or one pair for all."""

    name: str
    bounds: tuple[tuple[float, float], ...]


NICHING = (
    Niching("Five-Uneven-Peak Trap", ((0.0, 30.0),)),
    Niching("Equal Maxima", ((0.0, 1.0),)),
    Niching("Uneven Decreasing Maxima", ((0.0, 1.0),)),
    Niching("Himmelblau", ((-6.0, 6.0),) * 2),
    Niching("Six-Hump Camel Back", ((-1.9, 1.9), (-1.1, 1.1))),
    Niching("Shubert", ((-10.0, 10.0),) * 2),
    Niching("Vincent", ((0.25, 10.0),) * 2),
    Niching("Shubert", ((-10.0, 10.0),) * 3),
    Niching("Vincent", ((0.25, 10.0),) * 3),
    Niching("Modified Rastrigin", ((0.0, 1.0),) * 2),
    Niching("Composition Function 1", ((-5.0, 5.0),) * 2),
    Niching("Composition Function 2", ((-5.0, 5.0),) * 2),
    Niching("Composition Function 3", ((-5.0, 5.0),) * 2),
    Niching("Composition Function 3", ((-5.0, 5.0),) * 3),
    Niching("Composition Function 4", ((-5.0, 5.0),) * 3),
    Niching("Composition Function 3", ((-5.0, 5.0),) * 5),
    Niching("Composition Function 4", ((-5.0, 5.0),) * 5),
    Niching("Composition Function 3", ((-5.0, 5.0),) * 10),
    Niching("Composition Function 4", ((-5.0, 5.0),) * 10),
    Niching("Composition Function 4", ((-5.0, 5.0),) * 20),
)
"""The functions f1 … f20 of CEC 2013, in the published boxes: ioh's of f5 is larger."""

CEC2022 = (
    "Shifted and fully rotated Zakharov",
    "Shifted and fully rotated Rosenbrock",
    "Shifted and fully rotated Schaffer F7",
    "Shifted and fully rotated non-continuous Rastrigin",
    "Shifted and fully rotated Levy",
    "Hybrid Function 1",
    "Hybrid Function 2",
    "Hybrid Function 3",
    "Composition Function 1",
    "Composition Function 2",
    "Composition Function 3",
    "Composition Function 4",
)
"""The functions f1 … f12 of CEC 2022."""

_HYBRID = (6, 7, 8)
"""They need more than two variables."""

_FIRST_2013, _FIRST_2022 = 1101, 1001
"""ioh's numbers of f1."""

_ID_2013 = re.compile(r"cec2013/f([1-9]\d?)", re.ASCII)
_ID_2022 = re.compile(r"cec2022/f([1-9]\d?)/d(2|10|20)", re.ASCII)


class Cec2013(Collection):
    """Ids read `cec2013/f{1…20}`: functions with several global optima, maximised."""

    name = "cec2013"
    description = "CEC 2013's 20 multimodal functions of 1 to 20 continuous hyperparameters, maximised"
    packages = ("ioh",)

    def ids(self) -> Iterator[str]:
        """Every function; its number of dimensions is fixed."""
        return (f"cec2013/f{function}" for function in range(1, len(NICHING) + 1))

    def make(self, id: str) -> Cec2013Task:
        """The task of that id; `KeyError` where there is none."""
        match = _ID_2013.fullmatch(id)
        if match is None or int(match[1]) > len(NICHING):
            raise KeyError(id)
        return Cec2013Task(int(match[1]))

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each function."""
        for id, (name, bounds) in zip(self.ids(), NICHING, strict=True):
            facts = Facts(
                type=TaskType.BLACKBOX,
                kind=Evaluation.FUNCTION,
                domain="synthetic",
                description=f"Maximise the {name} function, which has several optima, over {len(bounds)} "
                f"{'numbers' if len(bounds) > 1 else 'number'}.",
                floats=len(bounds),
                optimum=True,
                seconds=1e-5,
                licence=LICENCE,
                citation="Li, Engelbrecht, Epitropakis (2013), Benchmark Functions for CEC'2013 Special Session and "
                "Competition on Niching Methods for Multimodal Function Optimization",
            )
            yield facts, (id,)


class Cec2013Task(IohTask):
    """One function of CEC 2013, maximised."""

    def __init__(self, function: int) -> None:
        name, self._bounds = NICHING[function - 1]
        super().__init__(
            f"cec2013/f{function}",
            Key("CEC2013", _FIRST_2013 + function - 1, len(self._bounds)),
            {"function": function, "function_name": name, "dimension": len(self._bounds)},
        )

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … in the function's box, and the objective `value` with its optimum."""
        from ConfigSpace import ConfigurationSpace

        return Problem(
            space=ConfigurationSpace(dict(zip(self._names, self._bounds, strict=True))),
            objectives=(Objective("value", "maximize", optimum=self._best_value),),
            budget=Budget.for_dimension(len(self._names)),
        )

    def _best_value(self) -> float:
        """The value at ioh's optimum, whose own is rounded."""
        return float(self._function(list(self._function.optimum.x)))


class Cec2022(Collection):
    """Ids read `cec2022/f{1…12}/d{2,10,20}`; f6, f7 and f8 are not defined for two dimensions."""

    name = "cec2022"
    description = "CEC 2022's 12 functions of 2, 10 and 20 continuous hyperparameters"
    packages = ("ioh",)

    def ids(self) -> Iterator[str]:
        """Every function in every dimension that it is defined for."""
        for function in range(1, len(CEC2022) + 1):
            for dimension in (10, 20) if function in _HYBRID else (2, 10, 20):
                yield f"cec2022/f{function}/d{dimension}"

    def make(self, id: str) -> Cec2022Task:
        """The task of that id; `KeyError` where there is none."""
        match = _ID_2022.fullmatch(id)
        if match is None or id not in self.ids():
            raise KeyError(id)
        return Cec2022Task(int(match[1]), int(match[2]))

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each function and dimension."""
        for id in self.ids():
            task = self.make(id)
            facts = Facts(
                type=TaskType.BLACKBOX,
                kind=Evaluation.FUNCTION,
                domain="synthetic",
                description=f"Minimise the {task.metadata['function_name']} function of CEC 2022 over "
                f"{task.metadata['dimension']} numbers in [-100, 100].",
                floats=int(task.metadata["dimension"]),
                optimum=True,
                seconds=4e-6,
                licence=LICENCE,
                citation="Kumar, Price, Mohamed, Hadi, Suganthan (2021), Problem Definitions and Evaluation Criteria "
                "for the CEC 2022 Special Session and Competition on Single Objective Bound Constrained Numerical "
                "Optimization",
            )
            yield facts, (id,)


class Cec2022Task(IohTask):
    """One function of CEC 2022 in one dimension, minimised over [-100, 100]^dimension."""

    def __init__(self, function: int, dimension: int) -> None:
        super().__init__(
            f"cec2022/f{function}/d{dimension}",
            Key("CEC2022", _FIRST_2022 + function - 1, dimension),
            {"function": function, "function_name": CEC2022[function - 1], "dimension": dimension},
        )

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` … in [-100, 100] and the objective `value` with its known optimum."""
        from ConfigSpace import ConfigurationSpace

        return Problem(
            space=ConfigurationSpace(dict.fromkeys(self._names, (-100.0, 100.0))),
            objectives=(Objective("value", optimum=self._best_value),),
            budget=Budget.for_dimension(len(self._names)),
        )

    def _best_value(self) -> float:
        return float(self._function.optimum.y)
