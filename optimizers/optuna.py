"""Optuna's samplers: TPE, Gaussian process, CMA-ES, NSGA-II and -III, quasi-random sequences (Akiba et al. 2019).

The search space is walked define-by-run, as an Optuna user writes it: a conditional hyperparameter is suggested
only where it is active. Failed trials are told as `TrialState.FAIL`.

Optuna's `AutoSampler` and the samplers of OptunaHub are not here: their code is fetched from the network at run time.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from optathlon.encoding import Choice, Dimension, Number, dimensions, walk
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.options import Count, Plural, Positive, Probability
from optathlon.problem import Problem
from optathlon.space import plain
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    import optuna
    from ConfigSpace import ConfigurationSpace

Suggest = Callable[["optuna.Trial"], Value]


class _OptunaOptimizer(Optimizer):
    """A study in memory, driven by ask and tell."""

    packages: ClassVar[tuple[str, ...]] = ("optuna",)
    install = "pip install 'optathlon[optuna]'"

    _most_levels: ClassVar[float] = math.inf
    """Integers with more values than this are suggested as floats, and rounded."""

    def __init__(self, problem: Problem, make_sampler: Callable[[], optuna.samplers.BaseSampler]) -> None:
        import optuna

        with _quiet():
            self._study = optuna.create_study(directions=["minimize"] * len(problem.objectives), sampler=make_sampler())
        self._space = problem.space
        self._suggest = _suggestions(problem.space, self._most_levels)
        self._constraints = [constraint.name for constraint in problem.constraints]

    def ask(self) -> Trial:
        """Suggest the active hyperparameters one after the other."""
        trial = self._study.ask()
        return Trial(walk(self._space, lambda name: self._suggest[name](trial)), native=trial)

    def tell(self, trial: Trial, result: Result) -> None:
        """Complete the trial, or mark it failed."""
        from optuna.trial import TrialState

        if not result.ok:
            self._study.tell(trial.native, state=TrialState.FAIL)
            return
        if Capability.CONSTRAINTS in self.capabilities:
            for name, value in zip(self._constraints, result.constraints, strict=True):
                trial.native.set_constraint(name, value)
        self._study.tell(trial.native, list(result.losses))


class OptunaTPE(_OptunaOptimizer):
    """Tree-structured Parzen estimator with independent dimensions (Bergstra et al. 2011).

    `multivariate=False` is said explicitly: Optuna 5 made the multivariate TPE its default for single-objective
    studies, Optuna 4 had this one.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_startup_trials:
        Random trials before the first model.
    n_ei_candidates:
        Candidates that the acquisition function is evaluated on.
    """

    capabilities = frozenset(
        {
            Capability.MULTI_OBJECTIVE,
            Capability.CATEGORICALS,
            Capability.CONDITIONS,
            Capability.CONSTRAINTS,
            Capability.CONSTANT_SPACES,
            Capability.ASYNCHRONOUS,
        }
    )
    pending = Pending.LIES
    reference = "Bergstra et al. 2011, https://proceedings.neurips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690"

    _multivariate: ClassVar[bool] = False

    def __init__(
        self, problem: Problem, seed: int, *, n_startup_trials: Count = 10, n_ei_candidates: Positive = 24
    ) -> None:
        from optuna.samplers import TPESampler

        sampler = partial(
            TPESampler,
            multivariate=self._multivariate,
            group=self._multivariate,
            constant_liar=True,
            n_startup_trials=n_startup_trials,
            n_ei_candidates=n_ei_candidates,
            seed=seed,
        )
        super().__init__(problem, sampler)


class OptunaMultivariateTPE(OptunaTPE):
    """Tree-structured Parzen estimator with joint kernels (Falkner et al. 2018), one per group of hyperparameters.

    `group=True` splits a conditional space into sub-spaces that are active together, so that all are modelled.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_startup_trials:
        Random trials before the first model.
    n_ei_candidates:
        Candidates that the acquisition function is evaluated on.
    """

    reference = "Falkner et al. 2018, arXiv:1807.01774"

    _multivariate: ClassVar[bool] = True


class OptunaGP(_OptunaOptimizer):
    """Gaussian process with log expected improvement, and its hypervolume and constrained variants.

    It models only hyperparameters that are always active, so conditions are not declared. Integers with more than 10^8
    values are floats that are rounded, as the sampler makes a list of an integer's values.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    n_startup_trials:
        Random trials before the first model.
    deterministic_objective:
        Whether the surrogate takes the objective as free of noise.
    """

    capabilities = frozenset(
        {
            Capability.MULTI_OBJECTIVE,
            Capability.CATEGORICALS,
            Capability.CONSTRAINTS,
            Capability.CONSTANT_SPACES,
            Capability.ASYNCHRONOUS,
        }
    )
    pending = Pending.MODELS
    reference = "Optuna's GPSampler, https://optuna.readthedocs.io/en/stable/reference/samplers"
    packages = ("optuna", "torch")
    install = "pip install 'optathlon[optuna-gp]'"

    _most_levels: ClassVar[float] = 1e8

    def __init__(
        self, problem: Problem, seed: int, *, n_startup_trials: Count = 10, deterministic_objective: bool = False
    ) -> None:
        from optuna.samplers import GPSampler

        sampler = partial(
            GPSampler,
            n_startup_trials=n_startup_trials,
            deterministic_objective=deterministic_objective,
            seed=seed,
        )
        super().__init__(problem, sampler)


class OptunaCMAES(_OptunaOptimizer):
    """Covariance matrix adaptation evolution strategy (Hansen 2016), on numbers only, by the `cmaes` package.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    popsize:
        Trials per generation; by default 4 + floor(3 ln d).
    variant:
        `"full"`, `"separable"` (diagonal covariance, for many dimensions), `"margin"` (keeps integers from
        fixating) or `"lr-adapt"` (adapts the learning rate, for multimodal or noisy objectives).
    """

    capabilities = frozenset({Capability.CONSTANT_SPACES, Capability.ASYNCHRONOUS})
    reference = "Hansen 2016, arXiv:1604.00772"
    packages = ("optuna", "cmaes")

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        popsize: Plural | None = None,
        variant: Literal["full", "separable", "margin", "lr-adapt"] = "full",
    ) -> None:
        from optuna.samplers import CmaEsSampler

        sampler = partial(
            CmaEsSampler,
            popsize=popsize,
            use_separable_cma=variant == "separable",
            with_margin=variant == "margin",
            lr_adapt=variant == "lr-adapt",
            seed=seed,
        )
        super().__init__(problem, sampler)


class OptunaNSGAII(_OptunaOptimizer):
    """NSGA-II (Deb et al. 2002) with constrained domination.

    Crossover acts only on hyperparameters that are always active, so conditions are not declared.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    population_size:
        Trials per generation, at least 2.
    crossover_prob:
        Probability that a child has two parents.
    mutation_prob:
        Probability that a hyperparameter of a child is drawn again; by default 1 / d.
    """

    capabilities = OptunaGP.capabilities
    reference = "Deb et al. 2002, doi:10.1109/4235.996017"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        population_size: Plural = 50,
        crossover_prob: Probability = 0.9,
        mutation_prob: Probability | None = None,
    ) -> None:
        from optuna.samplers import NSGAIISampler

        sampler = partial(
            NSGAIISampler,
            population_size=population_size,
            crossover_prob=crossover_prob,
            mutation_prob=mutation_prob,
            seed=seed,
        )
        super().__init__(problem, sampler)


class OptunaNSGAIII(_OptunaOptimizer):
    """NSGA-III (Deb & Jain 2014) with constrained domination: survivors spread over reference directions.

    It is for several objectives: with one it proposes what NSGA-II does. Crossover acts only on hyperparameters that
    are always active, so conditions are not declared.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    population_size:
        Trials per generation, at least 2.
    crossover_prob:
        Probability that a child has two parents.
    mutation_prob:
        Probability that a hyperparameter of a child is drawn again; by default 1 / d.
    divisions:
        Steps between reference directions on each axis.
    """

    capabilities = OptunaNSGAII.capabilities
    requires = frozenset({Capability.MULTI_OBJECTIVE})
    reference = "Deb & Jain 2014, doi:10.1109/TEVC.2013.2281535"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        population_size: Plural = 50,
        crossover_prob: Probability = 0.9,
        mutation_prob: Probability | None = None,
        divisions: Positive = 3,
    ) -> None:
        from optuna.samplers import NSGAIIISampler

        sampler = partial(
            NSGAIIISampler,
            population_size=population_size,
            crossover_prob=crossover_prob,
            mutation_prob=mutation_prob,
            dividing_parameter=divisions,
            seed=seed,
        )
        super().__init__(problem, sampler)


class OptunaQMC(_OptunaOptimizer):
    """Quasi-random sequences (Bergstra & Bengio 2012), scrambled by the seed.

    The first trial is random, as Optuna learns the search space from it. Scrambling is said explicitly: without it,
    Optuna's default, a sequence is the same for every seed. What was not active in the first trial is random, so
    conditions are not declared.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    sequence:
        Sobol' (1967) or Halton (1960).
    """

    capabilities = frozenset(
        {Capability.MULTI_OBJECTIVE, Capability.CATEGORICALS, Capability.CONSTANT_SPACES, Capability.ASYNCHRONOUS}
    )
    reference = "Bergstra & Bengio 2012, https://jmlr.org/papers/v13/bergstra12a.html"

    def __init__(self, problem: Problem, seed: int, *, sequence: Literal["sobol", "halton"] = "sobol") -> None:
        from optuna.samplers import QMCSampler

        sampler = partial(QMCSampler, qmc_type=sequence, scramble=True, warn_independent_sampling=False, seed=seed)
        super().__init__(problem, sampler)


def _suggestions(space: ConfigurationSpace, most_levels: float) -> dict[str, Suggest]:
    """How an Optuna user suggests each hyperparameter; an ordered choice is an integer, the index of its value."""
    from ConfigSpace.hyperparameters import Constant

    constants = {name: _constant(plain(hp.value)) for name, hp in space.items() if isinstance(hp, Constant)}
    return constants | {dimension.name: _suggestion(dimension, most_levels) for dimension in dimensions(space)}


def _constant(value: Value) -> Suggest:
    return lambda trial: value


def _suggestion(dimension: Dimension, most_levels: float) -> Suggest:
    match dimension:
        case Number(name=name, lower=low, upper=high, log=log, integer=True) if high - low < most_levels:
            return lambda trial: trial.suggest_int(name, int(low), int(high), log=log)
        case Number(name=name, lower=low, upper=high, log=log) as number:
            return lambda trial: number.decode(trial.suggest_float(name, low, high, log=log))
        case Choice(name=name, values=values, ordered=True):
            return lambda trial: values[trial.suggest_int(name, 0, len(values) - 1)]
        case Choice(name=name, values=values) if any(isinstance(value, tuple) for value in values):
            places = tuple(range(len(values)))  # Optuna's choices are numbers and texts
            return lambda trial: values[trial.suggest_categorical(name, places)]
        case Choice(name=name, values=values):
            return lambda trial: plain(trial.suggest_categorical(name, values))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from announcing the study and its experimental arguments; its verbosity is put back."""
    import optuna
    from optuna.exceptions import ExperimentalWarning

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
