"""FLAML's cost-frugal searchers (Wang et al. 2021): CFO, CFO for choices, and BlendSearch.

The search space is FLAML's hierarchical one: a hyperparameter that depends on choices is in the options where it is
active. Where it depends on something else, which FLAML can't express, it is drawn always, and has no effect where it is
inactive.

FLAML's metric constraints are not here: `tune.run` reports each trial twice, first with a loss to which no violation is
added, and FLOW2 moves to infeasible configurations by it.

FLOW2, which FLAML also exports, is not here: CFO is FLOW2 that starts again from elsewhere where it has converged.
Without the costs and low-cost starting points that its users give, which are unknown here, FLAML starts at random.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.encoding import Choice, Nesting, Number, dimensions
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

_ATTEMPTS = 100
"""How often FLAML's `tune.run` asks in a row for a trial that was not proposed before, until it gives up."""

_OPTION = "option"
"""Of a choice in which something is nested, the key of its index."""


class _FlamlOptimizer(Optimizer):
    """A searcher, called as by FLAML's `tune.run`. Failed trials are told as errors, as Ray Tune tells them."""

    capabilities = frozenset({Capability.CATEGORICALS, Capability.CONDITIONS, Capability.ASYNCHRONOUS})
    packages: ClassVar[tuple[str, ...]] = ("flaml",)
    install = "pip install 'optathlon[flaml]'"

    _searcher_name: ClassVar[str]

    def __init__(self, problem: Problem, seed: int) -> None:
        self._generators = LentGenerators(seed, "python", "numpy")
        self._asked = 0
        evaluations = problem.budget.evaluations
        with self._generators.lent():
            warnings.simplefilter("ignore")  # that FLAML has more parts
            searchers = _searchers()
        self._tree = _Tree(problem.space)
        with self._at_work():
            self._searcher = searchers[self._searcher_name](
                metric="loss",
                mode="min",
                space=self._tree.domains(),
                num_samples=-1 if evaluations is None else max(1, int(evaluations)),
                seed=seed,
            )

    def ask(self) -> Trial | None:
        """The searcher's next trial; `None` where it finds none that it did not propose before."""
        for _ in range(_ATTEMPTS):
            self._asked += 1
            with self._at_work():
                suggested = self._searcher.suggest(str(self._asked))
            if suggested is not None:
                return Trial(self._tree.decode(suggested), native=(str(self._asked), suggested))
        return None

    def tell(self, trial: Trial, result: Result) -> None:
        """Report the loss, then complete the trial."""
        id, suggested = trial.native
        with self._at_work():
            if not result.ok:
                self._searcher.on_trial_complete(id, error=True)
                return
            report = {"loss": result.losses[0], "config": suggested, "training_iteration": 0}
            self._searcher.on_trial_result(id, report)
            self._searcher.on_trial_complete(id, report)

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Lend FLAML the generators, and keep it and its Optuna study from talking."""
        loggers = [logging.getLogger(name) for name in ("flaml", "optuna")]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            with self._generators.lent():
                yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class FlamlCFO(_FlamlOptimizer):
    """CFO: FLOW2 (Wu et al. 2021), a randomised direct search, from a random point, and from others once it converges.

    While trials are pending, it goes on with other directions.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    """

    reference = "Wu et al. 2021, arXiv:2005.01571"

    _searcher_name: ClassVar[str] = "CFO"


class FlamlCFOCat(_FlamlOptimizer):
    """CFO for choices: it moves few hyperparameters at once, the fewer the longer nothing gets better.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    """

    reference = "FLAML's CFOCat, https://microsoft.github.io/FLAML/docs/reference/tune/searcher/cfo_cat"

    _searcher_name: ClassVar[str] = "CFOCat"


class FlamlBlendSearch(_FlamlOptimizer):
    """BlendSearch (Wang et al. 2021): local searches by FLOW2 from what Optuna's TPE finds, the most promising next.

    To the TPE pending trials are bad ones.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    """

    packages = ("flaml", "optuna")
    pending = Pending.LIES
    reference = "Wang et al. 2021, https://openreview.net/forum?id=VbLH04pRA3"

    _searcher_name: ClassVar[str] = "BlendSearch"


class _Tree:
    """A search space as FLAML's domains, and what FLAML suggests back.

    Keys are `x` and a number, as FLAML gives a meaning to some characters; choices are indices.
    """

    def __init__(self, space: ConfigurationSpace) -> None:
        self._nesting = Nesting(space)
        self._dimensions = {dimension.name: dimension for dimension in dimensions(space)}
        self._keys = {name: f"x{index:05}" for index, name in enumerate(self._dimensions)}
        self._names = {key: name for name, key in self._keys.items()}

    def domains(self) -> dict[str, Any]:
        """What a FLAML user gives to `tune.run` as the search space."""
        return {self._keys[name]: self._domain(name) for name in self._nesting.top}

    def decode(self, suggested: Mapping[str, Any]) -> dict[str, Value]:
        """The hyperparameters in a suggestion, on all levels."""
        found: dict[str, Value] = {}
        for key, value in suggested.items():
            if key == _OPTION:
                continue
            name = self._names[key]
            match self._dimensions[name]:
                case Number() as number:
                    found[name] = number.decode(float(value))
                case Choice() as choice if isinstance(value, Mapping):
                    found |= {name: choice.decode(value[_OPTION])} | self.decode(value)
                case Choice() as choice:
                    found[name] = choice.decode(int(value))
        return found

    def _domain(self, name: str) -> Any:
        from flaml import tune

        match self._dimensions[name]:
            case Number(lower=low, upper=high, log=log, integer=True):
                return (tune.lograndint if log else tune.randint)(int(low), int(high) + 1)
            case Number(lower=low, upper=high, log=log):
                return (tune.loguniform if log else tune.uniform)(low, high)
            case Choice(values=values, ordered=ordered) if not any(self._nesting.options[name]):
                return tune.choice(range(len(values)), order=ordered)
            case Choice():
                return tune.choice([self._option(name, index) for index in range(len(self._nesting.options[name]))])

    def _option(self, name: str, index: int) -> dict[str, Any]:
        nested = self._nesting.options[name][index]
        return {_OPTION: index} | {self._keys[child]: self._domain(child) for child in nested}


def _searchers() -> dict[str, Any]:
    """FLAML's searchers by name.

    Where FLAML finds Ray, it takes Ray Tune's classes in place of its own. So that it proposes the same everywhere, it
    finds none.
    """
    before = sys.modules.get("ray")
    sys.modules["ray"] = None  # type: ignore[assignment]
    try:
        from flaml.tune.searcher.blendsearch import CFO, BlendSearch
        from flaml.tune.searcher.cfo_cat import CFOCat
    finally:
        if before is None:
            del sys.modules["ray"]
        else:
            sys.modules["ray"] = before
    return {"CFO": CFO, "CFOCat": CFOCat, "BlendSearch": BlendSearch}
