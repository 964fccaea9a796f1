"""The Pymoo collection and its tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property, partial
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.lazy import lazy_module
from optathlon.problem import Constraint, Objective, Problem, TaskType
from optathlon.task import Collection, Task
from optathlon.tasks.pymoo import fronts, further_fronts, one_objective, scalable, several_objectives
from optathlon.tasks.pymoo.entry import Entry
from optathlon.tasks.pymoo.knapsack import best_profit
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np
    from pymoo.core.problem import Problem as PymooProblem
else:
    np = lazy_module("numpy")

EQUALITY_TOLERANCE = 1e-4
"""An equality is met where its absolute value is at most this (Liang et al., 2006)."""

_ID = re.compile(r"pymoo/([a-z0-9_-]+)/m([1-9])/d([1-9]\d{0,3})", re.ASCII)


class Pymoo(Collection):
    """Ids read `pymoo/{problem}/m{objectives}/d{dimension}`, e.g. `pymoo/dtlz2/m3/d12`.

    Of ZDT, DTLZ and WFG the dimensions of the original papers are listed, and a smaller one for the budgets of
    hyperparameter optimization; every other dimension that the problem is defined for can be made: at least 2 for ZDT,
    at least m for DTLZ, more than 4 for WFG and even for WFG2 and WFG3, and 30 + 5 n bits for ZDT5. Of DASCMOP all 16
    difficulties can be made.
    """

    name = "pymoo"
    description = "pymoo's problems: one objective or several, with known optima and fronts, constraints, engineering"
    packages = ("pymoo",)
    install = "pip install 'optathlon[pymoo]'"

    def ids(self) -> Iterator[str]:
        """Every problem, its numbers of objectives and its usual dimensions."""
        return (entry.id for entry in _listed())

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task. Recommended are small dimensions, for budgets of hyperparameter optimization."""
        for entry in _listed():
            facts = Facts(
                type=TaskType.MULTI_OBJECTIVE if entry.objectives > 1 else TaskType.BLACKBOX,
                kind=Evaluation.FUNCTION,
                domain=entry.domain,
                description=entry.description,
                floats=entry.dimension - entry.integers,
                integers=entry.integers,
                objectives=entry.objectives,
                constraints=entry.inequalities + entry.equalities,
                optimum=entry.front or entry.solved or entry.optimum is not None,
                recommended=entry.recommended,
                licence="Apache-2.0",
                citation=entry.citation,
            )
            yield facts, [entry.id]

    def make(self, id: str) -> PymooTask:
        """The task of that id; `KeyError` where there is none."""
        match = _ID.fullmatch(id)
        if match is None:
            raise KeyError(id)
        entry = scalable.entry(match[1], int(match[2]), int(match[3])) or _further().get(id)
        if entry is None:
            raise KeyError(id)
        return PymooTask(entry)


class PymooTask(Task):
    """One problem, with its objective `value`, or its objectives `f1` …, minimised.

    Constraints are `g1` …, and equalities `h1` …, whose value is how much they miss zero by more than 0.0001.

    Metadata hold the hypervolume of the Pareto front, where it is known. It is not of WFG3 with three objectives, whose
    front is larger than the line it was designed to be (Ishibuchi, Masuda, Nojima, 2016). WFG1 only nears it: with most
    dimensions its optimal distance parameters are not floating-point numbers, and the function sends a rounding error
    of 1e-17 to 0.46.

    Parameters
    ----------
    entry:
        What is known of the problem.
    """

    def __init__(self, entry: Entry) -> None:
        self.id = entry.id
        self._entry = entry
        self._names = [f"x{index}" for index in range(entry.dimension)]
        self._point = itemgetter(*self._names)

    @cached_property
    def metadata(self) -> Mapping[str, str | int | float | bool]:  # type: ignore[override]
        """The problem's name and sizes, and the hypervolume of its Pareto front (milliseconds to compute)."""
        entry = self._entry
        known: dict[str, str | int | float | bool] = {
            "function": entry.name,
            "group": entry.group,
            "n_objectives": entry.objectives,
            "dimension": entry.dimension,
        }
        return known | {"optimal_hypervolume": self._optimal_hypervolume()} if entry.front else known

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` …, some of which may be integers, objectives with their references, and constraints."""
        from ConfigSpace import ConfigurationSpace

        return Problem(
            space=ConfigurationSpace(dict(zip(self._names, self._domains(), strict=True))),
            objectives=self._objectives(),
            constraints=tuple(
                Constraint(f"{kind}{number}")
                for kind, count in (("g", self._entry.inequalities), ("h", self._entry.equalities))
                for number in range(1, count + 1)
            ),
            budget=Budget.for_dimension(self._entry.dimension),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The objectives' and constraints' values at `config`; there is no fidelity and no noise."""
        point = np.array(self._point(config), dtype=float)
        found = self._pymoo.evaluate(point, return_values_of=["F", "G", "H"], return_as_dictionary=True)
        equalities = np.abs(found["H"]) - EQUALITY_TOLERANCE
        return Result(tuple(found["F"].tolist()), constraints=(*found["G"].tolist(), *equalities.tolist()))

    def _objectives(self) -> tuple[Objective, ...]:
        if self._entry.objectives == 1:
            return (Objective("value", optimum=self._least_value if self._entry.solved else self._entry.optimum),)
        return tuple(
            Objective(f"f{number}", reference=reference)
            for number, reference in enumerate(self._entry.reference, start=1)
        )

    def _optimal_hypervolume(self) -> float:
        name, reference = self._entry.name, self._entry.reference
        if name in scalable.NAMES:
            return fronts.optimal_hypervolume(name, reference)
        return further_fronts.optimal_hypervolume(name, reference)

    def _least_value(self) -> float:
        items: Any = self._pymoo
        return -best_profit(items.P, items.W, items.C)

    def _domains(self) -> list[tuple[float, float] | tuple[int, int]]:
        bounds = list(zip(self._pymoo.xl.tolist(), self._pymoo.xu.tolist(), strict=True))
        whole = self._entry.integers
        return [(int(lower), int(upper)) for lower, upper in bounds[:whole]] + bounds[whole:]

    @cached_property
    def _pymoo(self) -> PymooProblem:
        return _build(self._entry)


def _listed() -> Iterator[Entry]:
    return chain(scalable.listed(), one_objective.listed(), several_objectives.listed())


@cache
def _further() -> dict[str, Entry]:
    """All problems but the scalable ones, by id."""
    all_others = chain(one_objective.listed(), several_objectives.listed(), several_objectives.unlisted())
    return {entry.id: entry for entry in all_others}


def _build(entry: Entry) -> PymooProblem:
    from pymoo.problems import get_problem
    from pymoo.problems.multi.omnitest import OmniTest
    from pymoo.problems.multi.sympart import SYMPART, SYMPARTRotated
    from pymoo.problems.multi.wrm import WRM
    from pymoo.problems.single.knapsack import create_random_knapsack_problem

    makers = {
        "inverted_dtlz1": partial(get_problem, "dtlz1^-1"),
        "knapsack": create_random_knapsack_problem,
        "omnitest": OmniTest,
        "sympart": SYMPART,
        "sympart_rotated": SYMPARTRotated,
        "water_resources": WRM,
    }
    make = makers.get(entry.name) or partial(get_problem, entry.name.split("-")[0])
    return make(**entry.arguments)
