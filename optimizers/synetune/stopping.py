"""Syne Tune's schedulers that stop trials early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optathlon.continuing import Climbs
from optathlon.fidelity import Schedule, climb
from optathlon.fidelity import steps as evenly
from optathlon.optimizer import Capability
from optathlon.optimizers.synetune.scheduler import Percent, SyneTune, loading
from optathlon.optimizers.synetune.searchers import SyneTuneBore, SyneTuneCQR
from optathlon.options import Plural, Positive, Probability, Reduction, Share
from optathlon.problem import Problem
from optathlon.trial import Result, Trial

if TYPE_CHECKING:
    from syne_tune.backend.trial_status import Trial as Native

_LEVEL = "level"
"""Under this name Syne Tune is told how far a trial has come."""


class _SyneTuneStopping(SyneTune):
    """A scheduler that is told results on the way of a trial, and stops it or lets it go on."""

    capabilities = SyneTune.capabilities | {Capability.MULTI_FIDELITY, Capability.RESUMABLE}
    requires = frozenset({Capability.MULTI_FIDELITY})
    schedule = Schedule.HALVING

    def _climb(self, problem: Problem, levels: tuple[float, ...]) -> None:
        assert problem.fidelity is not None
        self._climbs = Climbs(problem.fidelity, levels, self._begin, self._report)

    def ask(self) -> Trial:
        """The next level of a trial that was not stopped, or a new one at the lowest level."""
        return self._climbs.next()

    def tell(self, trial: Trial, result: Result) -> None:
        """Report the result; the scheduler decides whether the trial goes on."""
        self._climbs.tell(trial, result)

    def _report(self, native: Native, level: float, result: Result) -> bool:
        from syne_tune.optimizer.scheduler import SchedulerDecision

        with self._at_work():
            if not result.ok:
                self._scheduler.on_trial_error(native)
                return False
            report = dict(zip(self._metrics, result.losses, strict=True)) | {_LEVEL: level}
            goes_on = bool(self._scheduler.on_trial_result(native, report) == SchedulerDecision.CONTINUE)
            if not goes_on:
                self._scheduler.on_trial_remove(native)
            return goes_on


class _SyneTuneASHA(_SyneTuneStopping):
    """Asynchronous successive halving by stopping, over the configurations of a searcher."""

    def _start(self, problem: Problem, seed: int, make: Any, **settings: Any) -> None:
        """Make the scheduler."""
        assert problem.fidelity is not None
        with self._at_work():
            self._scheduler = make(
                self._space.domains,
                time_attr=_LEVEL,
                grace_period=problem.fidelity.lower,
                max_t=problem.fidelity.upper,
                random_seed=seed,
                **settings,
            )
        self._climb(problem, climb(problem.fidelity, settings["reduction_factor"]))


class SyneTuneASHA(_SyneTuneASHA):
    """Asynchronous successive halving (Li et al. 2020) by stopping, over random configurations.

    Of several objectives, those that are best by non-dominated sorting go on (MO-ASHA, Schmucker et al. 2021).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta:
        A trial goes on to a level that is `eta` times as high if it is among the best one in `eta` so far.
    brackets:
        A trial's bracket is drawn; the first one begins to stop at the lowest level, each further one a level higher.
    """

    capabilities = _SyneTuneStopping.capabilities | {Capability.MULTI_OBJECTIVE}
    reference = "Li et al. 2020, arXiv:1810.05934; Schmucker et al. 2021, arXiv:2106.12639"

    def __init__(self, problem: Problem, seed: int, *, eta: Reduction = 3, brackets: Positive = 1) -> None:
        super().__init__(problem, seed)
        with loading():
            from syne_tune.optimizer.baselines import ASHA
            from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA
        if len(problem.objectives) > 1:
            self._start(problem, seed, MOASHA, metrics=self._metrics, reduction_factor=eta, brackets=brackets)
        else:
            self._start(problem, seed, ASHA, metric=self._metrics[0], reduction_factor=eta, brackets=brackets)


class SyneTuneASHABore(_SyneTuneASHA):
    """Asynchronous successive halving by stopping, over BORE (Tiao et al. 2021), which sees each trial's last result.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta, brackets:
        See `SyneTuneASHA`.
    """

    packages = SyneTuneBore.packages
    reference = "Li et al. 2020, arXiv:1810.05934; Tiao et al. 2021, arXiv:2102.09009"

    def __init__(self, problem: Problem, seed: int, *, eta: Reduction = 3, brackets: Positive = 1) -> None:
        super().__init__(problem, seed)
        with loading():
            from syne_tune.optimizer.baselines import ASHABORE
        self._start(problem, seed, ASHABORE, metric=self._metrics[0], reduction_factor=eta, brackets=brackets)


class SyneTuneASHACQR(_SyneTuneASHA):
    """Asynchronous successive halving by stopping, over conformal quantile regression of each trial's last result.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta, brackets:
        See `SyneTuneASHA`.
    """

    packages = SyneTuneCQR.packages
    reference = "Salinas et al. 2023, arXiv:2305.03623"

    def __init__(self, problem: Problem, seed: int, *, eta: Reduction = 3, brackets: Positive = 1) -> None:
        super().__init__(problem, seed)
        with loading():
            from syne_tune.optimizer.baselines import ASHACQR
        self._start(problem, seed, ASHACQR, metric=self._metrics[0], reduction_factor=eta, brackets=brackets)


class SyneTuneBOHB(_SyneTuneASHA):
    """BOHB (Falkner et al. 2018) with asynchronous halving by stopping: kernel densities of each trial's last result.

    Numbers are seen as by `SyneTuneTPE`.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta, brackets:
        See `SyneTuneASHA`.
    top_n_percent, num_candidates, random_fraction:
        See `SyneTuneTPE`.
    """

    reference = "Falkner et al. 2018, arXiv:1807.01774"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        eta: Reduction = 3,
        brackets: Positive = 1,
        top_n_percent: Percent = 15,
        num_candidates: Positive = 64,
        random_fraction: Probability = 0.33,
    ) -> None:
        super().__init__(problem, seed, rounds=True)
        with loading():
            from syne_tune.optimizer.baselines import BOHB
        self._start(
            problem,
            seed,
            BOHB,
            metric=self._metrics[0],
            reduction_factor=eta,
            brackets=brackets,
            top_n_percent=top_n_percent,
            num_candidates=num_candidates,
            random_fraction=random_fraction,
        )


class SyneTuneMedian(_SyneTuneStopping):
    """The median stopping rule (Golovin et al. 2017) over random configurations.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    steps:
        Levels at which a trial may be stopped, evenly spaced.
    grace_population:
        Results at a level before trials are stopped there.
    rank_cutoff:
        The share of a level's results that go on.
    """

    schedule = Schedule.STEPS
    reference = "Golovin et al. 2017, doi:10.1145/3097983.3098043"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        steps: Plural = 10,
        grace_population: Positive = 5,
        rank_cutoff: Share = 0.5,
    ) -> None:
        assert problem.fidelity is not None
        super().__init__(problem, seed)
        with loading():
            from syne_tune.optimizer.baselines import RandomSearch
            from syne_tune.optimizer.schedulers.median_stopping_rule import MedianStoppingRule

        with self._at_work():
            self._scheduler = MedianStoppingRule(
                RandomSearch(self._space.domains, self._metrics, random_seed=seed),
                time_attr=_LEVEL,
                metric=self._metrics[0],
                grace_population=grace_population,
                rank_cutoff=rank_cutoff,
                random_seed=seed,
            )
        self._climb(problem, evenly(problem.fidelity, steps))
