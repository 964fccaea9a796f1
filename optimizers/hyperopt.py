"""Hyperopt's tree-structured Parzen estimator and its annealing, on nested choices (Bergstra et al. 2013).

A hyperparameter that depends on choices is nested in their options, as a Hyperopt user writes it. Where it depends on
numbers, on ordered choices, or on several choices that are not nested in each other, which Hyperopt's spaces can't
express, it is drawn always; where it is inactive, the value is taken out of the trial before Hyperopt learns from it.
Both methods model each hyperparameter by the trials that have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from optathlon.encoding import Choice, Nesting, Number, dimensions, walk
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Count, Positive, Share
from optathlon.problem import Problem
from optathlon.space import plain
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


class _HyperoptOptimizer(Optimizer):
    """The loop of Hyperopt's `fmin`, by ask and tell, over trials in memory. Failed trials are told as failed.

    To Hyperopt the loss of a pending trial is infinite, as that of a failed one.
    """

    capabilities = frozenset({Capability.CATEGORICALS, Capability.CONDITIONS, Capability.ASYNCHRONOUS})
    pending = Pending.LIES
    packages = ("hyperopt",)
    install = "pip install 'optathlon[hyperopt]'"

    def __init__(self, problem: Problem, seed: int, suggest: Callable[..., list[dict[str, Any]]]) -> None:
        from hyperopt import Domain, Trials

        self._space = problem.space
        self._dimensions = {dimension.name: dimension for dimension in dimensions(problem.space)}
        self._domain = Domain(_never_called, _Expressions(problem.space).all())
        self._trials = Trials()
        self._suggest = suggest
        self._generator = np.random.default_rng(seed)

    def ask(self) -> Trial:
        """Let Hyperopt suggest the next trial, which is pending from now on."""
        ids = self._trials.new_trial_ids(1)
        self._trials.refresh()
        (document,) = self._suggest(ids, self._domain, self._trials, self._generator.integers(2**31 - 1))
        indices, values = document["misc"]["idxs"], document["misc"]["vals"]
        config = walk(self._space, lambda name: self._value(name, values))
        for name in values.keys() - config.keys():
            indices[name], values[name] = [], []
        self._trials.insert_trial_docs([document])
        self._trials.refresh()
        return Trial(config, native=self._trials.trials[-1])

    def tell(self, trial: Trial, result: Result) -> None:
        """Complete the trial, with its loss or as failed."""
        from hyperopt import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK

        succeeded = {"status": STATUS_OK, "loss": result.losses[0]}
        trial.native["result"] = succeeded if result.ok else {"status": STATUS_FAIL}
        trial.native["state"] = JOB_STATE_DONE

    def _value(self, name: str, values: Mapping[str, list[Any]]) -> Value:
        """Of an active hyperparameter."""
        from ConfigSpace.hyperparameters import Constant

        match self._space[name], self._dimensions.get(name):
            case Constant(value=value), _:
                return plain(value)
            case _, Number() as number:
                return number.decode(float(values[name][0]))
            case _, Choice() as choice:
                return choice.decode(int(values[name][0]))
        raise AssertionError(name)


class HyperoptTPE(_HyperoptOptimizer):
    """Tree-structured Parzen estimator of Hyperopt (Bergstra et al. 2011), the original implementation.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_startup_jobs:
        Random trials before the first model.
    n_ei_candidates:
        Candidates that the acquisition function is evaluated on.
    gamma:
        The better `gamma` sqrt(n) of n trials are the good ones.
    """

    reference = "Bergstra et al. 2011, https://proceedings.neurips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        n_startup_jobs: Count = 20,
        n_ei_candidates: Positive = 24,
        gamma: Share = 0.25,
    ) -> None:
        from hyperopt import tpe

        options: dict[str, Any] = {"n_startup_jobs": n_startup_jobs, "n_EI_candidates": n_ei_candidates, "gamma": gamma}
        super().__init__(problem, seed, partial(tpe.suggest, verbose=False, **options))


class HyperoptAnnealing(_HyperoptOptimizer):
    """Annealing of Hyperopt: a random step from one of the best trials, shorter the more trials there are.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    avg_best_idx:
        The mean rank, from 1, of the trial that a step starts from.
    shrink_coef:
        How fast steps become shorter: after n trials they are 1 / (1 + n `shrink_coef`) of the range.
    """

    reference = "Bergstra et al. 2013, https://proceedings.mlr.press/v28/bergstra13.html"

    def __init__(self, problem: Problem, seed: int, *, avg_best_idx: Positive = 2, shrink_coef: Share = 0.1) -> None:
        from hyperopt import anneal

        super().__init__(
            problem, seed, partial(anneal.suggest, avg_best_idx=float(avg_best_idx), shrink_coef=shrink_coef)
        )


class _Expressions:
    """Hyperparameters as Hyperopt's expressions, by name.

    An expression is the same object wherever its hyperparameter is nested: to Hyperopt it is one then.
    """

    def __init__(self, space: ConfigurationSpace) -> None:
        self._nesting = Nesting(space)
        self._dimensions = {dimension.name: dimension for dimension in dimensions(space)}
        self._expressions: dict[str, Any] = {}

    def all(self) -> dict[str, Any]:
        """What a Hyperopt user gives to `fmin` as the space."""
        return {name: self._expression(name) for name in self._nesting.top}

    def _expression(self, name: str) -> Any:
        if name not in self._expressions:
            self._expressions[name] = self._make(name)
        return self._expressions[name]

    def _make(self, name: str) -> Any:
        from hyperopt import hp

        match self._dimensions[name]:
            case Number(lower=low, upper=high, log=True, integer=integer):
                bounds = math.log(low), math.log(high)
                return hp.qloguniform(name, *bounds, 1) if integer else hp.loguniform(name, *bounds)
            case Number(lower=low, upper=high, integer=integer):
                return (hp.uniformint if integer else hp.uniform)(name, low, high)
            case Choice(values=values, ordered=True) if len(values) > 1:
                return hp.uniformint(name, 0, len(values) - 1)
            case Choice():
                options = self._nesting.options[name]
                return hp.choice(name, [{child: self._expression(child) for child in option} for option in options])


def _never_called(config: object) -> float:
    raise AssertionError("ask and tell evaluate outside Hyperopt")
