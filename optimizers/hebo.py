"""HEBO (Cowen-Rivers et al. 2022): input and output warping, and a Pareto front of acquisition functions.

Its library has a second method, `GeneralBO`, for several objectives and constraints.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import numpy as np

from optathlon.encoding import Choice, Dimension, Number, dimensions, tempered
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer
from optathlon.options import Plural, Positive, Weight
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from hebo.design_space.design_space import DesignSpace
    from hebo.optimizers.abstract_optimizer import AbstractOptimizer

_LARGEST = 1e15
"""Numbers and losses beyond are not left to HEBO, which squares them in single precision (at most 3.4e38)."""


class _HeboOptimizer(Optimizer):
    """A Bayesian optimizer on flat spaces, by suggest and observe.

    It has no notion of pending trials. It computes in single precision: of a range beyond 1e15 it sees the place in
    [0, 1], of a loss beyond 1e15 the logarithm.
    """

    packages = ("hebo", "torch", "gpytorch", "disjoint_set", "pymoo", "sklearn")
    install = "pip install 'optathlon[hebo]' && pip install --no-deps hebo==0.3.6"

    def __init__(self, problem: Problem, seed: int, make: Callable[[DesignSpace], AbstractOptimizer]) -> None:
        self._generators = LentGenerators(seed, "numpy", "torch")
        found = dimensions(problem.space)
        self._fixed = {one.name: one.values[0] for one in found if _is_fixed(one)}
        self._dimensions = {one.name: one for one in found if not _is_fixed(one)}
        with _at_work(self._generators):
            from hebo.design_space.design_space import DesignSpace

            space = DesignSpace().parse([_parameter(dimension) for dimension in self._dimensions.values()])
            self._hebo = make(space)

    def ask(self) -> Trial:
        """One suggestion: an initial point at first, then a random member of the Pareto front."""
        with _at_work(self._generators):
            suggestion = self._hebo.suggest(n_suggestions=1)
        (row,) = suggestion.to_dict("records")
        proposed = {name: _value(self._dimensions[name], value) for name, value in row.items()}
        return Trial(self._fixed | proposed, native=suggestion)

    def tell(self, trial: Trial, result: Result) -> None:
        """Observe the losses, and the constraints, of the suggestion as it was made."""
        observed = [tempered(value, _LARGEST) for value in (*result.losses, *self._constraints(result))]
        self._hebo.observe(trial.native, np.array([observed]))

    def _constraints(self, result: Result) -> tuple[float, ...]:
        """What is observed beside the losses."""
        return ()


class Hebo(_HeboOptimizer):
    """HEBO, single-objective; failed trials are told with their imputed loss.

    It may be asked while trials are pending, and then draws again from the Pareto front of its acquisition functions
    (MACE, Lyu et al. 2018), which is also how it makes batches.

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
    reference = "Cowen-Rivers et al. 2022, doi:10.1613/jair.1.13643"

    def __init__(
        self, problem: Problem, seed: int, *, model: Literal["gp", "rf"] = "gp", n_initial: Plural | None = None
    ) -> None:
        def make(space: DesignSpace) -> AbstractOptimizer:
            from hebo.optimizers.hebo import HEBO

            return HEBO(space, model_name=model, rand_sample=n_initial, scramble_seed=seed)

        super().__init__(problem, seed, make)


class HeboGeneral(_HeboOptimizer):
    """`GeneralBO` of HEBO's library: lower confidence bounds of all objectives, subject to those of the constraints.

    A Gaussian process for each models them; NSGA-II finds their Pareto front, or a genetic algorithm the optimum of a
    single objective. The initial design has 1 + d random points: with fewer, the library's Gaussian processes often
    can't be fitted, and then predict at random. While trials are pending, it draws again from the front. A failed trial
    is told with its imputed losses, and violates no constraint, of which nothing is known then.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    kappa:
        How many standard deviations the bounds of objectives are below the mean.
    generations:
        Of the search for the Pareto front.
    """

    capabilities = frozenset(
        {Capability.CATEGORICALS, Capability.ASYNCHRONOUS, Capability.MULTI_OBJECTIVE, Capability.CONSTRAINTS}
    )
    reference = "HEBO's GeneralBO, https://github.com/huawei-noah/HEBO/tree/master/HEBO"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        kappa: Weight = 2.0,
        generations: Positive = 200,
    ) -> None:
        def make(space: DesignSpace) -> AbstractOptimizer:
            from hebo.optimizers.general import GeneralBO

            return GeneralBO(
                space,
                num_obj=len(problem.objectives),
                num_constr=len(problem.constraints),
                kappa=kappa,
                evo_iters=generations,
            )

        self._n_constraints = len(problem.constraints)
        super().__init__(problem, seed, make)

    def _constraints(self, result: Result) -> tuple[float, ...]:
        return result.constraints or (0.0,) * self._n_constraints


@contextmanager
def _at_work(generators: LentGenerators) -> Iterator[None]:
    """Lend HEBO the generators and one torch thread, as its import would have it for the whole process.

    HEBO samples with numpy's and torch's global generators and gives pymoo, which optimises its acquisition
    functions, no seed: it is drawn from numpy's. Its warnings and what it prints are ignored, and GPyTorch's jitter,
    which it changes for the whole process, is put back.
    """
    import torch
    from gpytorch.settings import cholesky_jitter

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    jitter = {f"{name}_value": cholesky_jitter.value(getattr(torch, name)) for name in ("float", "double", "half")}
    try:
        with generators.lent(), _seeded_pymoo(), cholesky_jitter(**jitter), redirect_stdout(StringIO()):
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
    return not number.log and number.magnitude > _LARGEST


def _value(dimension: Dimension, value: Any) -> Value:
    if isinstance(dimension, Number) and _is_scaled(dimension):
        return dimension.at(value)
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
