"""CyberAgent's `cmaes` (Nomura & Shibata 2024, arXiv:2402.01373): evolution strategies, also for mixed search spaces.

They see the coordinates of `optathlon.encoding.UnitCube`, draw from a distribution, and update it once the results of
a whole population are told. They may be asked while trials are pending; results that come after their population's
update are not used. Failed trials are told with their imputed loss. Solutions outside the bounds are drawn again, at
most a hundred times, and then set to them: by the library itself, which is given the bounds.

Not here: DXNES-IC fails with numpy 2.4 ("TypeError: only 0-dimensional arrays can be converted to Python scalars");
CatCMA without margin needs two floats and a choice, and the library recommends the one with margin in its place. CMA-ES
with margin proposes what CMA-ES does where there are no integers: it is an option of it.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from optathlon.encoding import Choice, Number, OneHot, UnitCube, dimensions, levels, tempered
from optathlon.errors import SearchSpaceExhausted
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Positive, Share
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

PopulationSize = Annotated[int, Ge(4)]

_MOST_LEVELS = 10_000
"""Integers with more values than this are continuous coordinates; CatCMA makes a table of the others' values."""

_LARGEST_LOSS = 1e100
"""Losses beyond it are told on a logarithmic scale where they are squared."""


class _CmaesOptimizer(Optimizer):
    """A search distribution that is told whole populations."""

    capabilities = frozenset({Capability.ASYNCHRONOUS})
    packages: ClassVar[tuple[str, ...]] = ("cmaes",)
    install = "pip install 'optathlon[cmaes]'"
    pending = Pending.IGNORES

    def __init__(self, cmaes: Any) -> None:
        self._cmaes = cmaes
        self._told: list[tuple[Any, float]] = []

    @abstractmethod
    def _config(self, evaluated: Any) -> dict[str, Value]:
        """The configuration of a solution."""

    def ask(self) -> Trial:
        """Draw from the distribution."""
        evaluated, told = self._draw()
        return Trial(self._config(evaluated), native=(self._cmaes.generation, told))

    def tell(self, trial: Trial, result: Result) -> None:
        """Update the distribution once the population is complete."""
        generation, solution = trial.native
        if generation < self._cmaes.generation:
            return
        self._told.append((solution, result.losses[0]))
        if len(self._told) == self._cmaes.population_size:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a population of equal losses has no spread
                self._cmaes.tell(self._told)
            self._told = []

    def _draw(self) -> tuple[Any, Any]:
        """A solution as it is evaluated, and as it is told."""
        solution = self._cmaes.ask()
        return solution, solution


class _Numbers(_CmaesOptimizer):
    """A normal distribution of coordinates. It starts in the middle of the cube.

    Where the library says that it should stop, because the distribution has converged or diverged, there is nothing
    left to try.
    """

    _fewest: ClassVar[int] = 1
    """How many coordinates the library needs."""

    def __init__(
        self, problem: Problem, seed: int, method: str, sigma: float, popsize: int | None, **rest: Any
    ) -> None:
        import cmaes

        self._cube = UnitCube(problem.space)
        width = len(self._cube.names)
        bounds = rest.pop("bounds", np.tile([0.0, 1.0], (width, 1)))
        start = {"mean": np.full(width, 0.5), "sigma": sigma, "bounds": bounds}
        super().__init__(getattr(cmaes, method)(**start, seed=seed, population_size=popsize, **rest))

    @classmethod
    def objection(cls, problem: Problem) -> str:
        """Some need two numbers."""
        if len(dimensions(problem.space)) < cls._fewest:
            return f"the method needs {cls._fewest} numbers at least"
        return ""

    def ask(self) -> Trial:
        """Draw from the distribution, unless it has converged."""
        if not self._told and self._cmaes.generation and self._cmaes.should_stop():
            raise SearchSpaceExhausted(
                "the distribution has converged or diverged: the library says that it should stop"
            )
        return super().ask()

    def _config(self, evaluated: np.ndarray) -> dict[str, Value]:
        (config,) = self._cube.decode(evaluated[None])
        return config


class CmaesCMA(_Numbers):
    """CMA-ES: covariance matrix adaptation evolution strategy (Hansen 2016), with active covariance update.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per update, at least 4; by default 4 + floor(3 ln d).
    sigma:
        The first standard deviation, as a share of each range.
    integers:
        `"rounded"`, or with a `"margin"` that keeps them from fixating (Hamano et al. 2022): then integers and ordered
        choices have steps, but those on a logarithmic scale, whose steps differ, are rounded.
    """

    reference = "Hansen 2016, arXiv:1604.00772; with margin: Hamano et al. 2022, arXiv:2205.13482"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: PopulationSize | None = None,
        sigma: Share = 1 / 6,
        integers: Literal["rounded", "margin"] = "rounded",
    ) -> None:
        self._has_margin = integers == "margin"
        if self._has_margin:
            steps = np.array([_step(one) for one in dimensions(problem.space)])
            bounds = np.column_stack([steps / 2, 1 - steps / 2])  # the first level and the last, or the cube's
            super().__init__(problem, seed, "CMAwM", sigma, popsize, bounds=bounds, steps=steps)
        else:
            super().__init__(problem, seed, "CMA", sigma, popsize)

    def _draw(self) -> tuple[Any, Any]:
        return self._cmaes.ask() if self._has_margin else super()._draw()


class CmaesLRACMA(_Numbers):
    """LRA-CMA-ES (Nomura et al. 2023): CMA-ES that adapts its learning rate, for multimodal or noisy objectives.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per update, at least 4; by default 4 + floor(3 ln d).
    sigma:
        The first standard deviation, as a share of each range.
    """

    reference = "Nomura, Akimoto & Ono 2023, arXiv:2304.03473"

    def __init__(
        self, problem: Problem, seed: int, *, popsize: PopulationSize | None = None, sigma: Share = 1 / 6
    ) -> None:
        super().__init__(problem, seed, "CMA", sigma, popsize, lr_adapt=True)


class CmaesSepCMA(_Numbers):
    """Sep-CMA-ES (Ros & Hansen 2008): CMA-ES with a diagonal covariance matrix, for many dimensions.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per update, at least 4; by default 4 + floor(3 ln d).
    sigma:
        The first standard deviation, as a share of each range.
    """

    reference = "Ros & Hansen 2008, doi:10.1007/978-3-540-87700-4_30"
    _fewest = 2

    def __init__(
        self, problem: Problem, seed: int, *, popsize: PopulationSize | None = None, sigma: Share = 1 / 6
    ) -> None:
        super().__init__(problem, seed, "SepCMA", sigma, popsize)


class CmaesXNES(_Numbers):
    """xNES: exponential natural evolution strategy (Glasmachers et al. 2010).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per update, at least 4; by default 4 + floor(3 ln d).
    sigma:
        The first standard deviation, as a share of each range.
    """

    reference = "Glasmachers et al. 2010, doi:10.1145/1830483.1830557"
    _fewest = 2

    def __init__(
        self, problem: Problem, seed: int, *, popsize: PopulationSize | None = None, sigma: Share = 1 / 6
    ) -> None:
        super().__init__(problem, seed, "XNES", sigma, popsize)


class CmaesMAPCMA(_Numbers):
    """MAP-CMA (Hamano et al. 2024): CMA-ES with a momentum of the mean, by maximum a posteriori estimation.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per update, at least 4; by default 4 + floor(3 ln d).
    sigma:
        The first standard deviation, as a share of each range.
    """

    reference = "Hamano et al. 2024, arXiv:2406.16506"
    _fewest = 2

    def __init__(
        self, problem: Problem, seed: int, *, popsize: PopulationSize | None = None, sigma: Share = 1 / 6
    ) -> None:
        super().__init__(problem, seed, "MAPCMA", sigma, popsize)


class CmaesCatCMA(_CmaesOptimizer):
    """CatCMA with margin (Hamano et al. 2025): a normal distribution of numbers, a categorical one of choices.

    Floats are continuous, integers and ordered choices have levels, and whatever has two values is a choice, as the
    library recommends.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per update, at least 4; by default 4 + floor(3 ln d).
    """

    capabilities = frozenset({Capability.CATEGORICALS, Capability.ASYNCHRONOUS})
    reference = "Hamano et al. 2025, arXiv:2504.07884"

    def __init__(self, problem: Problem, seed: int, *, popsize: PopulationSize | None = None) -> None:
        from cmaes import CatCMAwM

        self._layout = _Layout(problem)
        super().__init__(CatCMAwM(**self._layout.spaces(), population_size=popsize, seed=seed))

    def _config(self, evaluated: Any) -> dict[str, Value]:
        return self._layout.config(evaluated)


class CmaesCOMOCatCMA(Optimizer):
    """COMO-CatCMA with margin (Hamano et al. 2026): one CatCMA per point of the front, for two objectives.

    Each of them in turn minimises how much its solutions lack to improve on the hypervolume of the others' means. It
    waits until a turn's solutions are told. The reference point is the problem's, where both objectives have one, and
    else follows what was seen.

    The library sets drawn floats to the bounds where they leave them, and forgets the means: here they are evaluated at
    the bounds too.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    kernels:
        How many CatCMAs.
    """

    capabilities = frozenset({Capability.MULTI_OBJECTIVE, Capability.CATEGORICALS, Capability.ASYNCHRONOUS})
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    packages = ("cmaes",)
    install = "pip install 'optathlon[cmaes]'"
    pending = Pending.WAITS
    reference = "Hamano et al. 2026, arXiv:2504.07884; https://github.com/CyberAgentAILab/cmaes"

    def __init__(self, problem: Problem, seed: int, *, kernels: Positive = 10) -> None:
        from cmaes import COMOCatCMAwM

        self._layout = _Layout(problem)
        reference = [one.loss(one.reference) for one in problem.objectives if one.reference is not None]
        self._cmaes = COMOCatCMAwM(
            **self._layout.spaces(),
            kernel_size=kernels,
            reference_point=reference if len(reference) == len(problem.objectives) else None,
            seed=seed,
        )

    @classmethod
    def objection(cls, problem: Problem) -> str:
        """The library measures hypervolumes in the plane."""
        count = len(problem.objectives)
        return "" if count == 2 else f"the method takes two objectives, and the task has {count}"

    def ask(self) -> Trial | None:
        """The next solution of this turn, if one is left."""
        if not self._cmaes.ask_queue_size:
            return None
        solution = self._cmaes.ask()
        within = solution if solution.x is None else replace(solution, x=np.clip(solution.x, 0, 1))
        return Trial(self._layout.config(within), native=solution)

    def tell(self, trial: Trial, result: Result) -> None:
        """Tell the losses; the library begins the next turn itself."""
        losses = [tempered(loss, _LARGEST_LOSS) for loss in result.losses]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that equal losses have no spread
            self._cmaes.tell((trial.native, losses))


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


def _step(dimension: Number | Choice) -> float:
    """Between the levels of a coordinate; 0 where it is continuous."""
    match dimension:
        case Number(lower=lower, upper=upper) if not _is_continuous(dimension) and not dimension.log:
            return 1 / (upper - lower + 1)
        case Choice(values=values) if len(values) > 1:
            return 1 / len(values)
        case _:
            return 0.0
