"""HEBO (Cowen-Rivers et al. 2022): input and output warping, and a Pareto front of acquisition functions."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeGuard

import numpy as np

from optathlon.encoding import Choice, Dimension, Number, dimensions, tempered
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer
from optathlon.options import Plural
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

_LARGEST = 1e15
"""Numbers and losses beyond are not left to HEBO, which squares them in single precision (at most 3.4e38)."""


class Hebo(Optimizer):
    """HEBO, single-objective and on flat spaces; failed trials are told with their imputed loss.

    HEBO has no notion of pending trials. It may be asked while some are, and then draws again from the Pareto front
    of its acquisition functions (MACE, Lyu et al. 2018), which is also how it makes batches. It computes in single
    precision: of a range beyond 1e15 it sees the place in [0, 1], of a loss beyond 1e15 the logarithm.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    model:
        A Gaussian process or a random forest.
    n_initial:
        Sobol' points before the first model, at least 2; by default 1 + d.
    """

    capabilities = frozenset({Capability.CATEGORICALS, Capability.ASYNCHRONOUS})
    packages = ("hebo", "torch", "gpytorch", "disjoint_set", "pymoo", "sklearn")
    install = "pip install 'optathlon[hebo]' && pip install --no-deps hebo"

    def __init__(
        self, problem: Problem, seed: int, *, model: Literal["gp", "rf"] = "gp", n_initial: Plural | None = None
    ) -> None:
        self._generators = LentGenerators(seed, "numpy", "torch")
        found = dimensions(problem.space)
        self._fixed = {one.name: one.values[0] for one in found if _is_fixed(one)}
        self._dimensions = {one.name: one for one in found if not _is_fixed(one)}
        with _at_work(self._generators):
            from hebo.design_space.design_space import DesignSpace
            from hebo.optimizers.hebo import HEBO

            space = DesignSpace().parse([_parameter(dimension) for dimension in self._dimensions.values()])
            self._hebo = HEBO(space, model_name=model, rand_sample=n_initial, scramble_seed=seed)

    def ask(self) -> Trial:
        """One suggestion: a Sobol' point at first, then a random member of the Pareto front."""
        with _at_work(self._generators):
            suggestion = self._hebo.suggest(n_suggestions=1)
        (row,) = suggestion.to_dict("records")
        proposed = {name: _value(self._dimensions[name], value) for name, value in row.items()}
        return Trial(self._fixed | proposed, native=suggestion)

    def tell(self, trial: Trial, result: Result) -> None:
        """Observe the loss of the suggestion, as HEBO made it."""
        self._hebo.observe(trial.native, np.array([[tempered(loss, _LARGEST) for loss in result.losses]]))


@contextmanager
def _at_work(generators: LentGenerators) -> Iterator[None]:
    """Lend HEBO the generators and one torch thread, as its import would have it for the whole process.

    HEBO samples with numpy's and torch's global generators and gives pymoo, which optimises its acquisition
    functions, no seed: it is drawn from numpy's. Its warnings are ignored.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with generators.lent(), _seeded_pymoo():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _seeded_pymoo() -> Iterator[None]:
    """Seed pymoo's optimizer, which HEBO calls without a way to pass a seed: from 0.6.1 on it ignores global ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from hebo.acq_optimizers import evolution_optimizer

    minimize = evolution_optimizer.minimize

    def seeded(*args: Any, **kwargs: Any) -> Any:
        return minimize(*args, seed=np.random.randint(2**31), **kwargs)

    evolution_optimizer.minimize = seeded
    try:
        yield
    finally:
        evolution_optimizer.minimize = minimize


def _is_fixed(dimension: Dimension) -> TypeGuard[Choice]:
    """Whether it is an ordered choice of one value: HEBO would divide by the width of its range."""
    return isinstance(dimension, Choice) and dimension.ordered and len(dimension.values) == 1


def _is_scaled(number: Number) -> bool:
    """Whether its range is too large for single precision; HEBO takes the logarithm of a logarithmic one itself."""
    return not number.log and max(abs(number.lower), abs(number.upper)) > _LARGEST


def _value(dimension: Dimension, value: Any) -> Value:
    if isinstance(dimension, Number) and _is_scaled(dimension):
        value = dimension.lower * (1 - value) + dimension.upper * value
    return dimension.decode(value)


def _parameter(dimension: Dimension) -> dict[str, Any]:
    """HEBO's description of a hyperparameter; choices are indices, ordered ones integers."""
    match dimension:
        case Number(name=name) if _is_scaled(dimension):
            return {"name": name, "type": "num", "lb": 0, "ub": 1}
        case Number(name=name, lower=lower, upper=upper, log=log, integer=integer):
            kind = ("pow_int" if log else "int") if integer else ("pow" if log else "num")
            return {"name": name, "type": kind, "lb": lower, "ub": upper}
        case Choice(name=name, values=values, ordered=True):
            return {"name": name, "type": "int", "lb": 0, "ub": len(values) - 1}
        case Choice(name=name, values=values):
            return {"name": name, "type": "cat", "categories": list(range(len(values)))}
