"""CyberAgent's `cmaes` (Nomura & Shibata 2024): evolution strategies for mixed search spaces."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge

from optathlon.encoding import Choice, Number, OneHot, dimensions, levels
from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

_MOST_LEVELS = 10_000
"""Integers with more values than this are continuous coordinates; CatCMA makes a table of the others' values."""


class CmaesCatCMA(Optimizer):
    """CatCMA with margin (Hamano et al. 2025): a normal distribution of numbers, a categorical one of choices.

    It sees the coordinates of `optathlon.encoding.UnitCube`: floats are continuous, integers and ordered choices have
    levels, and whatever has two values is a choice, as the library recommends. The distributions are updated once the
    results of a whole population are told. It may be asked while trials are pending; results that come after their
    population's update are not used. Failed trials are told with their imputed loss.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per update, at least 4; by default 4 + floor(3 ln d).
    """

    capabilities = frozenset({Capability.CATEGORICALS, Capability.ASYNCHRONOUS})
    packages = ("cmaes",)
    install = "pip install 'optathlon[cmaes]'"

    def __init__(self, problem: Problem, seed: int, *, popsize: Annotated[int, Ge(4)] | None = None) -> None:
        from cmaes import CatCMAwM

        self._layout = _Layout(problem)
        self._cmaes = CatCMAwM(**self._layout.spaces(), population_size=popsize, seed=seed)
        self._told: list[tuple[Any, float]] = []

    def ask(self) -> Trial:
        """Draw from the distributions."""
        solution = self._cmaes.ask()
        return Trial(self._layout.config(solution), native=(self._cmaes.generation, solution))

    def tell(self, trial: Trial, result: Result) -> None:
        """Update the distributions once the population is complete."""
        generation, solution = trial.native
        if generation < self._cmaes.generation:
            return
        self._told.append((solution, result.losses[0]))
        if len(self._told) == self._cmaes.population_size:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a population of equal losses has no spread
                self._cmaes.tell(self._told)
            self._told = []


class _Layout:
    """Which columns of a one-hot vector are CatCMA's continuous, integer and categorical variables."""

    def __init__(self, problem: Problem) -> None:
        self._encoding = OneHot(problem.space)
        self._continuous: list[int] = []
        self._stepped: list[tuple[int, np.ndarray]] = []
        self._choices: list[tuple[slice, np.ndarray]] = []
        for dimension in dimensions(problem.space):
            columns = self._encoding.columns[dimension.name]
            match dimension:
                case Choice(values=(_,)):
                    continue  # zeros decode to the only value
                case Choice(ordered=False, values=values):
                    self._choices.append((columns, np.eye(len(values))))
                case Number() if _is_continuous(dimension):
                    self._continuous.append(columns.start)
                case _:
                    found = levels(problem.space[dimension.name])
                    if len(found) == 2:
                        self._choices.append((columns, found[:, None]))
                    else:
                        self._stepped.append((columns.start, found))

    def spaces(self) -> dict[str, Any]:
        """CatCMA's descriptions of the three kinds; a kind without variables is left out."""
        found = {
            "x_space": [[0.0, 1.0] for _ in self._continuous],
            "z_space": [values for _, values in self._stepped],
            "c_space": [len(table) for _, table in self._choices],
        }
        return {name: space for name, space in found.items() if space}

    def config(self, solution: Any) -> dict[str, Value]:
        """The configuration of a solution."""
        vector = np.zeros(self._encoding.width)
        if self._continuous:
            vector[self._continuous] = solution.x
        if self._stepped:
            vector[[column for column, _ in self._stepped]] = solution.z
        for index, (columns, table) in enumerate(self._choices):
            vector[columns] = table[solution.c[index].argmax()]
        (config,) = self._encoding.decode(vector[None])
        return config


def _is_continuous(number: Number) -> bool:
    return not number.integer or number.upper - number.lower >= _MOST_LEVELS
