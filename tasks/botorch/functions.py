"""The Botorch collection and its tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.fidelity import Fidelity
from optathlon.problem import Constraint, Objective, Problem
from optathlon.task import Collection, Task
from optathlon.tasks.botorch.catalogue import listed
from optathlon.tasks.botorch.entry import Entry
from optathlon.trial import Result

if TYPE_CHECKING:
    from botorch.test_functions.base import BaseTestProblem

_LOWEST = 0.1
"""The lowest level of fidelities in (0, 1]."""


class Botorch(Collection):
    """Ids read `botorch/{function}/d{dimension}`, without the fidelity in the dimension."""

    name = "botorch"
    description = "BoTorch's test functions: synthetic, constrained, several objectives, fidelities, engineering"
    packages = ("botorch",)
    install = "pip install 'optathlon[botorch]'"

    def ids(self) -> Iterator[str]:
        """Every function in its usual dimensions."""
        return (entry.id for entry in listed())

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task. Recommended are simulations and designs."""
        for entry in listed():
            facts = Facts(
                type=entry.type,
                kind=Evaluation.FUNCTION,
                domain=entry.domain,
                description=entry.description,
                floats=entry.dimension - entry.integers,
                integers=entry.integers,
                objectives=entry.objectives,
                constraints=entry.constraints,
                fidelity=_fidelity_name(entry),
                optimum=entry.optimum is not None or entry.hypervolume is not None,
                recommended=entry.recommended,
                licence="MIT",
                citation=entry.citation,
            )
            yield facts, [entry.id]

    def make(self, id: str) -> BotorchTask:
        """The task of that id; `KeyError` where there is none."""
        return BotorchTask({entry.id: entry for entry in listed()}[id])


class BotorchTask(Task):
    """One function, with its objective `value`, or its objectives `f1` …

    Constraints `g1` … are BoTorch's with the sign turned, which are met at 0 or more there.

    Parameters
    ----------
    entry:
        What is known of the function.
    """

    def __init__(self, entry: Entry) -> None:
        self.id = entry.id
        known: dict[str, str | int | float | bool] = {
            "function": entry.name,
            "n_objectives": entry.objectives,
            "dimension": entry.dimension,
        }
        front: dict[str, float] = {} if entry.hypervolume is None else {"optimal_hypervolume": entry.hypervolume}
        self.metadata = {**known, **front}
        self._entry = entry
        self._names = [f"x{index}" for index in range(entry.dimension)]

    @cached_property
    def problem(self) -> Problem:
        """Hyperparameters `x0` …, objectives, constraints, and the fidelity, whose levels are shares or costs."""
        from ConfigSpace import ConfigurationSpace

        entry = self._entry
        return Problem(
            space=ConfigurationSpace(dict(zip(self._names, self._domains(), strict=True))),
            objectives=self._objectives(),
            fidelity=self._fidelity(),
            constraints=tuple(Constraint(f"g{number}") for number in range(1, entry.constraints + 1)),
            budget=Budget.for_dimension(entry.dimension),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The values and constraints at `config`, in double precision; there is no noise."""
        import torch

        point = [float(config[name]) for name in self._names] + self._level(fidelity)
        with torch.no_grad():
            inputs = torch.tensor([point], dtype=torch.double)
            values = self._function.evaluate_true(inputs).reshape(-1).tolist()
            if not self._entry.constraints:
                return Result(tuple(values))
            constraints = self._function.evaluate_slack_true(inputs).neg().reshape(-1).tolist()
        return Result(tuple(values), constraints=tuple(constraints))

    def _level(self, fidelity: float | None) -> list[float]:
        """The inputs that stand for the level."""
        entry = self._entry
        if not entry.fidelities:
            return []
        if entry.costs:
            return [entry.costs[max(entry.costs) if fidelity is None else fidelity]]
        return [1.0 if fidelity is None else fidelity] * entry.fidelities

    def _fidelity(self) -> Fidelity | None:
        entry = self._entry
        if not entry.fidelities:
            return None
        if entry.costs:
            return Fidelity(_fidelity_name(entry), levels=tuple(entry.costs))
        return Fidelity(_fidelity_name(entry), lower=_LOWEST, upper=1.0)

    def _objectives(self) -> tuple[Objective, ...]:
        entry = self._entry
        if entry.objectives == 1:
            return (Objective("value", entry.direction, optimum=entry.optimum),)
        return tuple(Objective(f"f{number}", reference=one) for number, one in enumerate(entry.reference, start=1))

    def _domains(self) -> list[tuple[float, float] | tuple[int, int]]:
        bounds = [(lower, upper) for lower, upper in self._function.bounds.T.tolist()[: self._entry.dimension]]
        whole = self._entry.integers
        return [(int(lower), int(upper)) for lower, upper in bounds[:whole]] + bounds[whole:]

    @cached_property
    def _function(self) -> BaseTestProblem:
        from importlib import import_module

        module, name = self._entry.source.split(".")
        return getattr(import_module(f"botorch.test_functions.{module}"), name)(**self._entry.arguments)


def _fidelity_name(entry: Entry) -> str:
    if not entry.fidelities:
        return ""
    return "cost" if entry.costs else "s"
