"""Syne Tune's searchers, at full fidelity."""

from __future__ import annotations

from typing import Any, Literal

from optathlon.optimizer import Capability
from optathlon.optimizers.synetune.scheduler import Percent, SyneTune, loading
from optathlon.options import Positive, Probability, Share
from optathlon.problem import Problem


class SyneTuneBore(SyneTune):
    """BORE (Tiao et al. 2021): a classifier tells the best quarter of the configurations from the others.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    gamma:
        The share of configurations that count as good.
    classifier:
        Gradient-boosted trees or a random forest.
    init_random:
        Random configurations before the first model.
    """

    packages = (*SyneTune.packages, "xgboost")
    reference = "Tiao et al. 2021, arXiv:2102.09009"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        gamma: Share = 0.25,
        classifier: Literal["xgboost", "rf"] = "xgboost",
        init_random: Positive = 6,
    ) -> None:
        super().__init__(problem, seed)
        with loading():
            from syne_tune.optimizer.schedulers.searchers.bore import Bore

        with self._at_work():
            self._scheduler = _scheduler(
                self._space.domains,
                seed,
                Bore(
                    self._space.domains, random_seed=seed, gamma=gamma, classifier=classifier, init_random=init_random
                ),
            )


class SyneTuneTPE(SyneTune):
    """Kernel density estimators of good and of other configurations, as in BOHB (Falkner et al. 2018).

    They see all numbers on a linear scale, and integers as floats that are rounded: of integers above 1 the library
    proposes some below their bounds.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    top_n_percent:
        The percentage of configurations that count as good.
    num_candidates:
        Candidates that the acquisition function is evaluated on.
    random_fraction:
        The probability of a random configuration.
    bandwidth_factor:
        Candidates are drawn from a kernel that is so many times wider.
    """

    reference = "Falkner et al. 2018, arXiv:1807.01774"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        top_n_percent: Percent = 15,
        num_candidates: Positive = 64,
        random_fraction: Probability = 0.33,
        bandwidth_factor: Positive = 3,
    ) -> None:
        super().__init__(problem, seed, rounds=True)
        with loading():
            from syne_tune.optimizer.baselines import TPE

        with self._at_work():
            self._scheduler = TPE(
                self._space.domains,
                self._metrics[0],
                random_seed=seed,
                top_n_percent=top_n_percent,
                num_candidates=num_candidates,
                random_fraction=random_fraction,
                bandwidth_factor=bandwidth_factor,
            )


class SyneTuneREA(SyneTune):
    """Regularised evolution (Real et al. 2019): the oldest individual dies, a mutant of a good one is born.

    Of several objectives, individuals are ranked by non-dominated sorting.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    population_size:
        Individuals; so many are random at first.
    sample_size:
        Individuals of which the best one is mutated.
    """

    capabilities = SyneTune.capabilities | {Capability.MULTI_OBJECTIVE}
    reference = "Real et al. 2019, arXiv:1802.01548"

    def __init__(
        self, problem: Problem, seed: int, *, population_size: Positive = 100, sample_size: Positive = 10
    ) -> None:
        super().__init__(problem, seed)
        with loading():
            from syne_tune.optimizer.schedulers.searchers.searcher_factory import searcher_cls
            from syne_tune.optimizer.schedulers.single_fidelity_scheduler import SingleFidelityScheduler

            make = searcher_cls("regularized_evolution", is_multi_objective=len(problem.objectives) > 1)
        with self._at_work():
            searcher = make(
                self._space.domains, random_seed=seed, population_size=population_size, sample_size=sample_size
            )
            self._scheduler = SingleFidelityScheduler(
                self._space.domains, self._metrics, searcher=searcher, random_seed=seed
            )


class SyneTuneCQR(SyneTune):
    """Conformal quantile regression (Salinas et al. 2023): gradient-boosted quantiles, one of them drawn per candidate.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    num_init_random_draws:
        Random configurations before the first model.
    """

    packages = (*SyneTune.packages, "xgboost")
    reference = "Salinas et al. 2023, arXiv:2305.03623"

    def __init__(self, problem: Problem, seed: int, *, num_init_random_draws: Positive = 5) -> None:
        super().__init__(problem, seed)
        with loading():
            from syne_tune.optimizer.schedulers.searchers.conformal.conformal_quantile_regression_searcher import (
                ConformalQuantileRegression,
            )

        with self._at_work():
            searcher = ConformalQuantileRegression(
                self._space.domains, random_seed=seed, num_init_random_draws=num_init_random_draws
            )
            self._scheduler = _scheduler(self._space.domains, seed, searcher)


def _scheduler(domains: dict[str, Any], seed: int, searcher: Any) -> Any:
    """A scheduler of full evaluations."""
    from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler

    return SingleObjectiveScheduler(domains, "loss0", searcher=searcher, random_seed=seed)
