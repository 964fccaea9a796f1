"""HEBO (Cowen-Rivers et al. 2022): input and output warping, and a Pareto front of acquisition functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    FloatHyperparameter,
    Hyperparameter,
    IntegerHyperparameter,
    OrdinalHyperparameter,
)

from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import Problem
from optathlon.space import plain
from optathlon.trial import Result, Trial, Value


class Hebo(Optimizer):
    """HEBO, single-objective and on flat spaces; failed trials are told with their imputed loss.

    HEBO has no notion of pending trials. It may be asked while some are, and then draws anew from the Pareto front
    of its acquisition functions (MACE, Lyu et al. 2018), which is also how it makes batches.

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
        self, problem: Problem, seed: int, *, model: Literal["gp", "rf"] = "gp", n_initial: int | None = None
    ) -> None:
        self._generators = _Generators(seed)
        with self._generators.lent():
            from hebo.design_space.design_space import DesignSpace
            from hebo.optimizers.hebo import HEBO

            space = DesignSpace().parse(_parameters(problem.space))
            self._hebo = HEBO(space, model_name=model, rand_sample=n_initial, scramble_seed=seed)
        self._decode = {name: _decoder(hyperparameter) for name, hyperparameter in problem.space.items()}

    def ask(self) -> Trial:
        """One suggestion: a Sobol' point at first, then a random member of the Pareto front."""
        with self._generators.lent():
            suggestion = self._hebo.suggest(n_suggestions=1)
        (row,) = suggestion.to_dict("records")
        return Trial({name: self._decode[name](value) for name, value in row.items()}, native=suggestion)

    def tell(self, trial: Trial, result: Result) -> None:
        """Observe the loss of the suggestion, as HEBO made it."""
        self._hebo.observe(trial.native, np.array([result.losses]))


class _Generators:
    """This run's own states of the global random generators that HEBO draws from.

    HEBO samples with numpy's and torch's global generators and gives pymoo, which optimises its acquisition
    functions, no seed. Both states are put in place while HEBO works and taken out again afterwards, so that
    neither HEBO nor other code disturbs the other; pymoo's seed is drawn from numpy's. HEBO works on one torch
    thread, as its import would have it for the whole process.
    """

    def __init__(self, seed: int) -> None:
        import torch

        self._numpy = np.random.RandomState(seed).get_state()
        self._torch = torch.Generator().manual_seed(seed).get_state()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let HEBO use them, without its warnings."""
        import torch

        numpy_state, torch_state, threads = np.random.get_state(), torch.get_rng_state(), torch.get_num_threads()
        np.random.set_state(self._numpy)
        torch.set_rng_state(self._torch)
        torch.set_num_threads(1)
        try:
            with warnings.catch_warnings(), _seeded_pymoo():
                warnings.simplefilter("ignore")
                yield
        finally:
            self._numpy, self._torch = np.random.get_state(), torch.get_rng_state()
            np.random.set_state(numpy_state)
            torch.set_rng_state(torch_state)
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


def _parameters(space: ConfigurationSpace) -> list[dict[str, Any]]:
    """HEBO's description of the space; constants are left out, ordinals and choices are places in their sequence."""
    return [
        {"name": name} | _parameter(hyperparameter)
        for name, hyperparameter in space.items()
        if not isinstance(hyperparameter, Constant)
    ]


def _parameter(hyperparameter: Hyperparameter[Any, Any]) -> dict[str, Any]:
    match hyperparameter:
        case FloatHyperparameter(lower=lower, upper=upper, log=log):
            return {"type": "pow" if log else "num", "lb": lower, "ub": upper}
        case IntegerHyperparameter(lower=lower, upper=upper, log=log):
            return {"type": "pow_int" if log else "int", "lb": lower, "ub": upper}
        case OrdinalHyperparameter(sequence=sequence):
            return {"type": "int", "lb": 0, "ub": len(sequence) - 1}
        case CategoricalHyperparameter(choices=choices):
            return {"type": "cat", "categories": list(range(len(choices)))}
        case _:
            raise TypeError(
                f"hyperparameter {hyperparameter.name!r}: the kind {type(hyperparameter).__name__} is not supported"
            )


def _decoder(hyperparameter: Hyperparameter[Any, Any]) -> Callable[[Any], Value]:
    """From HEBO's value to the hyperparameter's; HEBO computes in single precision and may overstep a bound by it."""
    match hyperparameter:
        case FloatHyperparameter(lower=lower, upper=upper) | IntegerHyperparameter(lower=lower, upper=upper):
            return lambda value: plain(min(max(value, lower), upper))
        case OrdinalHyperparameter(sequence=values) | CategoricalHyperparameter(choices=values):
            return lambda place: plain(values[place])
        case _:
            return plain
