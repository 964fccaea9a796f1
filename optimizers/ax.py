"""Ax (Olson et al. 2025): adaptive experimentation with BoTorch, by its `Client` and its default strategy."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from optathlon.encoding import Choice, Dimension, Number, dimensions, tempered
from optathlon.errors import SearchSpaceExhausted
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Plural
from optathlon.problem import Problem
from optathlon.space import count_configurations
from optathlon.trial import Result, Trial, Value
from optathlon.uncompiled import uncompiled

if TYPE_CHECKING:
    from ax.api.client import Client
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.conditions import Condition

_LARGEST = 1e100
"""Losses beyond are on a logarithmic scale: Ax squares them."""

_LARGEST_RANGE = 1e30
_NARROWEST_RANGE = 1e-9
"""As a share of its values."""
_MOST_INTEGERS = 10**6
"""Ax lists them all."""

_FEW = 1000
"""So many configurations are counted: Ax draws very long for one that it has not proposed yet where there is none."""

Dependents = Mapping[str, Mapping[int, list[str]]]
"""Of a choice, by the index of its value, the names that are active with that value only."""


class Ax(Optimizer):
    """Ax's default: the centre of the space, Sobol' points, then Bayesian optimization by what suits the problem.

    That is noisy expected improvement for one objective and hypervolume improvement for several, both on a logarithmic
    scale and with outcome constraints (Ament et al. 2023, Daulton et al. 2021). A reference point is told as objective
    thresholds. Failed trials are marked as failed, and pending ones are known to Ax; it is asked for nothing while
    its Sobol' points are all pending.

    A condition on one value of a choice is told as Ax's dependent parameters; Ax models an inactive one at the value
    that it had drawn for it. Under any other condition the hyperparameter is always there, where those that it depends
    on are.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_initial:
        Trials before the first model, at least 2, the centre among them.
    """

    capabilities = frozenset(
        {
            Capability.MULTI_OBJECTIVE,
            Capability.CATEGORICALS,
            Capability.CONDITIONS,
            Capability.CONSTRAINTS,
            Capability.ASYNCHRONOUS,
        }
    )
    packages = ("ax", "botorch", "gpytorch", "torch")
    install = "pip install 'optathlon[ax]'"
    pending = Pending.MODELS
    reference = "Olson et al. 2025, https://ax.dev"

    def __init__(self, problem: Problem, seed: int, *, n_initial: Plural = 5) -> None:
        self._problem = problem
        self._generators = LentGenerators(seed, "python", "numpy", "torch")
        self._untried = count_configurations(problem.space, most=_FEW)
        found = dimensions(problem.space)
        dependents = _dependents(problem.space)
        self._fixed = {one.name: one.decode(0) for one in found if _has_one_value(one)}
        self._dimensions = {one.name: one for one in found if not _has_one_value(one)}
        self._objectives = [f"objective{index}" for index in range(len(problem.objectives))]
        self._constraints = [f"constraint{index}" for index in range(len(problem.constraints))]
        with _at_work(self._generators):
            from ax.api.client import Client

            self._client: Client = Client(random_seed=seed)
            self._client.configure_experiment(
                parameters=[_parameter(one, dependents.get(one.name, {})) for one in self._dimensions.values()]
            )
            self._client.configure_optimization(
                objective=", ".join(f"-{name}" for name in self._objectives),
                outcome_constraints=[*self._thresholds(), *(f"{name} <= 0" for name in self._constraints)],
            )
            self._client.configure_generation_strategy(initialization_budget=n_initial)

    def ask(self) -> Trial | None:
        """The next trial; `None` where Ax waits for results of its initial design."""
        if self._untried == 0:
            raise SearchSpaceExhausted("every configuration was proposed")
        with _at_work(self._generators):
            from ax.exceptions.core import DataRequiredError, OptimizationComplete

            try:
                ((index, parameters),) = self._client.get_next_trials(max_trials=1).items()
            except DataRequiredError:
                return None
            except OptimizationComplete as complete:  # Ax avoids what it proposed before
                raise SearchSpaceExhausted(str(complete)) from complete
        if self._untried is not None:
            self._untried -= 1
        config = {name: _value(self._dimensions[name], value) for name, value in parameters.items()}
        return Trial(self._fixed | config, native=index)

    def tell(self, trial: Trial, result: Result) -> None:
        """Complete the trial, or mark it failed."""
        with _at_work(self._generators):
            if not result.ok:
                self._client.mark_trial_failed(trial.native)
                if self._untried is not None:
                    self._untried += 1  # Ax may propose it again
                return
            names = [*self._objectives, *self._constraints]
            values = [tempered(value, _LARGEST) for value in (*result.losses, *result.constraints)]
            self._client.complete_trial(trial.native, raw_data=dict(zip(names, values, strict=True)))

    def _thresholds(self) -> Iterator[str]:
        """The reference point, of several objectives."""
        if len(self._objectives) > 1:
            for name, objective in zip(self._objectives, self._problem.objectives, strict=True):
                if objective.reference is not None:
                    yield f"{name} <= {objective.loss(objective.reference)!r}"


@contextmanager
def _at_work(generators: LentGenerators) -> Iterator[None]:
    """Lend Ax the generators and one torch thread, without compiling; ignore its warnings, and keep it from logging."""
    import torch

    threads, disabled = torch.get_num_threads(), logging.root.manager.disable
    torch.set_num_threads(1)
    logging.disable(max(disabled, logging.WARNING))
    try:
        with generators.lent(), uncompiled():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        torch.set_num_threads(threads)


def _parameter(dimension: Dimension, dependents: Mapping[int, list[str]]) -> Any:
    """Ax's description of a hyperparameter; choices are indices."""
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    match dimension:
        case Number(name=name) if _is_scaled(dimension):
            return RangeParameterConfig(name=name, bounds=(0.0, 1.0), parameter_type="float")
        case Number(name=name, lower=lower, upper=upper, log=log, integer=integer):
            return RangeParameterConfig(
                name=name,
                bounds=(lower, upper),
                parameter_type="int" if integer else "float",
                scaling="log" if log else "linear",
            )
        case Choice(name=name, values=values, ordered=ordered):
            return ChoiceParameterConfig(
                name=name,
                values=list(range(len(values))),
                parameter_type="int",
                is_ordered=ordered,
                dependent_parameters=dependents or None,
            )


def _is_scaled(number: Number) -> bool:
    width = number.upper - number.lower
    return (
        number.magnitude > _LARGEST_RANGE
        or width < _NARROWEST_RANGE * number.magnitude
        or (number.integer and width >= _MOST_INTEGERS)
    )


def _value(dimension: Dimension, proposed: Any) -> Value:
    return (
        dimension.at(proposed)
        if isinstance(dimension, Number) and _is_scaled(dimension)
        else dimension.decode(proposed)
    )


def _dependents(space: ConfigurationSpace) -> Dependents:
    """What depends on which choice."""
    found: dict[str, dict[int, list[str]]] = {}
    for dimension in dimensions(space):
        place = None if _has_one_value(dimension) else _place(space, dimension.name)
        if place is not None:
            choice, index = place
            found.setdefault(choice, {}).setdefault(index, []).append(dimension.name)
    return found


def _place(space: ConfigurationSpace, name: str) -> tuple[str, int] | None:
    """The choice, and the index of its value, that a hyperparameter depends on; `None` where it is always there.

    Of several conditions it is the one whose parent comes last: the others are mostly what that one needs itself.
    """
    choices = {one.name: one for one in dimensions(space) if isinstance(one, Choice) and not _has_one_value(one)}
    order = list(space)
    places = {}
    for condition in _conjuncts(space.parent_conditions_of[name]):
        parent = condition.parent.name
        active = [
            index
            for index, value in enumerate(choices[parent].values if parent in choices else ())
            if condition.satisfied_by_value({parent: value})
        ]
        places[order.index(parent)] = (parent, active[0]) if len(active) == 1 else _place(space, parent)
    return places[max(places)] if places else None


def _conjuncts(conditions: Sequence[Any]) -> Iterator[Condition]:
    """The single conditions that must all hold; none of an alternative."""
    from ConfigSpace import AndConjunction
    from ConfigSpace.conditions import Condition

    for condition in conditions:
        if isinstance(condition, AndConjunction):
            yield from _conjuncts(condition.components)
        elif isinstance(condition, Condition):
            yield condition


def _has_one_value(dimension: Dimension) -> bool:
    return isinstance(dimension, Choice) and len(dimension.values) == 1
