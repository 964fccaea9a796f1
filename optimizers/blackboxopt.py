"""Bosch's blackboxopt: the BOHB of Falkner et al. (2018), which it carries on from HpBandSter.

Its Hyperband and its Sobol' sequence are not here, as other libraries' do the same.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from optathlon.continuing import Finished
from optathlon.encoding import Choice, Dimension, Number, dimensions
from optathlon.fidelity import Schedule, asked_level
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer
from optathlon.options import Positive, Probability, Reduction
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from parameterspace.condition import Condition

_BRACKETS = 1_000_000
"""More than any budget allows."""

Percent = Annotated[int, Ge(1), Le(99)]


class BlackboxoptBOHB(Optimizer):
    """BOHB (Falkner et al. 2018): Hyperband over kernel densities of the highest level that has enough results.

    A bracket waits at each of its levels; with several workers, the next one begins meanwhile. A promoted configuration
    names the trial that it continues. Failed trials are told as such: they are never promoted. Its tree of choices is
    ConfigSpace's; where a hyperparameter is inactive, the estimators see the value of another configuration.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta:
        One in `eta` configurations goes on to the next level, which is `eta` times as high.
    top_n_percent:
        The percentage of configurations that count as good.
    min_samples_in_model:
        Results at a level before it is modelled, at least d + 1; by default 3 d.
    num_samples:
        Candidates that the acquisition function is evaluated on.
    random_fraction:
        The probability of a random configuration; by default 1 / 3.
    """

    capabilities = frozenset(
        {
            Capability.MULTI_FIDELITY,
            Capability.RESUMABLE,
            Capability.CATEGORICALS,
            Capability.CONDITIONS,
            Capability.ASYNCHRONOUS,
        }
    )
    requires = frozenset({Capability.MULTI_FIDELITY})
    packages = ("blackboxopt", "parameterspace", "statsmodels")
    install = "pip install 'optathlon[blackboxopt]'"
    schedule = Schedule.BRACKETS
    reference = "Falkner et al. 2018, arXiv:1807.01774"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        eta: Reduction = 3,
        top_n_percent: Percent = 15,
        min_samples_in_model: Positive | None = None,
        num_samples: Positive = 64,
        random_fraction: Probability = 1 / 3,
    ) -> None:
        assert problem.fidelity is not None
        self._fidelity = problem.fidelity
        self._finished = Finished(problem.fidelity)
        self._generators = LentGenerators(seed, "numpy")
        self._space = _Space(problem.space)
        with _at_work(self._generators):
            from blackboxopt import Objective
            from blackboxopt.optimizers.bohb import BOHB

            self._bohb = BOHB(
                self._space.native,
                Objective("loss", greater_is_better=False),
                min_fidelity=problem.fidelity.lower,
                max_fidelity=problem.fidelity.upper,
                num_iterations=_BRACKETS,
                eta=eta,
                top_n_percent=top_n_percent,
                min_samples_in_model=min_samples_in_model,
                num_samples=num_samples,
                random_fraction=random_fraction,
                seed=seed,
            )

    def ask(self) -> Trial:
        """The next trial of the running brackets, or the first of a new one."""
        with _at_work(self._generators):
            specification = self._bohb.generate_evaluation_specification()
        level = asked_level(self._fidelity, specification.settings["fidelity"])
        parent = self._finished.parent(specification.optimizer_info["configuration_key"], level)
        config = self._space.config(specification.configuration)
        return Trial(config, fidelity=level, parent=parent, native=specification)

    def tell(self, trial: Trial, result: Result) -> None:
        """Report the loss, or none after a failure."""
        loss = result.losses[0] if result.ok else None
        with _at_work(self._generators):
            self._bohb.report(trial.native.create_evaluation(objectives={"loss": loss}))
        self._finished.note(trial.native.optimizer_info["configuration_key"], trial, result)


@contextmanager
def _at_work(generators: LentGenerators) -> Iterator[None]:
    """Lend it numpy's generator, which it seeds itself for a seed other than 0; its warnings are ignored."""
    logger, silence = logging.getLogger("blackboxopt"), logging.NullHandler()
    logger.addHandler(silence)
    try:
        with generators.lent():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.removeHandler(silence)


class _Space:
    """A space as a user of the library writes it; choices are their places, what has one value only is left out.

    The library takes names of Python's variables only: hyperparameters get names of their own there, in the same order.
    """

    def __init__(self, space: ConfigurationSpace) -> None:
        from parameterspace import ParameterSpace

        found = {one.name: one for one in dimensions(space)}
        self._fixed = {
            name: one.values[0] for name, one in found.items() if isinstance(one, Choice) and len(one.values) == 1
        }
        varied = [one for one in found.values() if one.name not in self._fixed]
        self._dimensions = {f"h{place:06}": one for place, one in enumerate(varied)}
        self._names = {one.name: name for name, one in self._dimensions.items()}
        self.native = ParameterSpace()
        for name, dimension in self._dimensions.items():
            self.native.add(_parameter(name, dimension), self._condition(space, dimension.name))

    def config(self, native: Mapping[str, Any]) -> dict[str, Value]:
        """The configuration of a native one."""
        varied = ((self._dimensions[name], value) for name, value in native.items())
        return self._fixed | {dimension.name: dimension.decode(value) for dimension, value in varied}

    def _condition(self, space: ConfigurationSpace, name: str) -> Condition | None:
        """The library's condition that is ConfigSpace's; `None` where there is none."""
        from ConfigSpace.hyperparameters import Constant

        conditions = space.parent_conditions_of[name]
        parents = {parent.name for parent in space.parents_of[name]}
        constants = {one.name: one.value for one in space.values() if isinstance(one, Constant)} | self._fixed

        def is_active(native: Mapping[str, Any]) -> bool:
            config = constants | self.config(native)
            vector = np.full(len(space), np.nan)
            for index, other in enumerate(space):
                if other in parents and other in config:
                    vector[index] = space[other].to_vector(config[other])
            return all(condition.satisfied_by_vector(vector) for condition in conditions)

        return _condition(is_active, {self._names[name] for name in parents & {*self._names}}) if conditions else None


def _condition(is_active: Callable[[Mapping[str, Any]], bool], parents: set[str]) -> Condition:
    """A condition of the library by a function of a configuration; its own are made from the source of a lambda."""
    from parameterspace.condition import Condition

    class Given(Condition):  # type: ignore[misc, unused-ignore]
        def __call__(self, config: Mapping[str, Any] | None = None) -> bool:
            return is_active(config or {})

    condition = Given()
    condition.all_varnames = parents
    return condition


def _parameter(name: str, dimension: Dimension) -> Any:
    """The library's description of a hyperparameter, under a name that it takes."""
    import parameterspace

    match dimension:
        case Number(lower=lower, upper=upper, log=log, integer=integer):
            kind = parameterspace.IntegerParameter if integer else parameterspace.ContinuousParameter
            return kind(name, (lower, upper), transformation="log" if log else None)
        case Choice(values=values, ordered=ordered):
            kind = parameterspace.OrdinalParameter if ordered else parameterspace.CategoricalParameter
            return kind(name, list(range(len(values))))
