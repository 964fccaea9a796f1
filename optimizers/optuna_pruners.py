"""Optuna's pruners (Akiba et al. 2019) with its TPE: trials that are stopped on their way to the full level.

What Optuna would evaluate step by step is evaluated level by level, and each result below the full level is reported
to the pruner. TPE learns from pruned trials, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from optathlon.continuing import Climbs
from optathlon.fidelity import Fidelity, Schedule, climb
from optathlon.fidelity import steps as evenly
from optathlon.optimizer import Capability, Pending
from optathlon.optimizers.optuna import OptunaMultivariateTPE, _quiet
from optathlon.options import Count, Plural, Positive
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    import optuna

_ROUNDING = 1e-9
"""Relative: a level such as 0.1 * 3 may be this far from the one that is meant."""


class _OptunaPruned(OptunaMultivariateTPE):
    """A study with a pruner. Its name is made from the seed, as Hyperband draws a trial's bracket from it."""

    capabilities = frozenset(
        {
            Capability.MULTI_FIDELITY,
            Capability.RESUMABLE,
            Capability.CATEGORICALS,
            Capability.CONDITIONS,
            Capability.CONSTANT_SPACES,
            Capability.ASYNCHRONOUS,
        }
    )
    requires = frozenset({Capability.MULTI_FIDELITY})
    schedule = Schedule.HALVING
    pending = Pending.LIES

    def _prune(
        self,
        problem: Problem,
        seed: int,
        pruner: optuna.pruners.BasePruner,
        levels: tuple[float, ...],
        step: Callable[[float], int],
    ) -> None:
        """Put a study with this pruner in place of the one without."""
        import optuna

        assert problem.fidelity is not None
        self._full = problem.fidelity.upper
        self._step = step
        self._climbs = Climbs(problem.fidelity, levels, self._begin, self._report)
        with _quiet():
            self._study = optuna.create_study(
                study_name=f"optathlon-{seed}", sampler=self._study.sampler, pruner=pruner
            )

    def ask(self) -> Trial:
        """The next level of a trial that was not pruned, or a new one at the lowest level."""
        return self._climbs.next()

    def tell(self, trial: Trial, result: Result) -> None:
        """Report the result below the full level, complete the trial there, or mark it failed."""
        self._climbs.tell(trial, result)

    def _begin(self) -> tuple[dict[str, Value], optuna.Trial]:
        trial = super().ask()
        return dict(trial.config), trial.native

    def _report(self, native: optuna.Trial, level: float, result: Result) -> bool:
        from optuna.trial import TrialState

        if not result.ok or level == self._full:
            super().tell(Trial({}, native=native), result)
            return False
        native.report(result.losses[0], self._step(level))
        if native.should_prune():
            self._study.tell(native, state=TrialState.PRUNED)
            return False
        return True


class OptunaHyperband(_OptunaPruned):
    """Multivariate TPE with `HyperbandPruner`: a trial belongs to a bracket, and TPE sees only its bracket's trials.

    Brackets are of successive halving by stopping (Li et al. 2020), not Hyperband's synchronous ones: the first one
    prunes from the lowest level on, each further one from the next.

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta:
        About one in `eta` trials of a bracket goes on to a level that is `eta` times as high.
    n_startup_trials:
        Random trials of each bracket before its first model.
    n_ei_candidates:
        Candidates that the acquisition function is evaluated on.
    """

    reference = "Li et al. 2018, arXiv:1603.06560; Falkner et al. 2018, arXiv:1807.01774"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        eta: Plural = 3,
        n_startup_trials: Count = 10,
        n_ei_candidates: Positive = 24,
    ) -> None:
        from optuna.pruners import HyperbandPruner

        assert problem.fidelity is not None
        super().__init__(problem, seed, n_startup_trials=n_startup_trials, n_ei_candidates=n_ei_candidates)
        steps = _Steps(problem.fidelity)
        pruner = HyperbandPruner(min_resource=steps.lowest, max_resource=steps.highest, reduction_factor=eta)
        self._prune(problem, seed, pruner, climb(problem.fidelity, eta), steps)


class OptunaHalving(_OptunaPruned):
    """Multivariate TPE with `SuccessiveHalvingPruner`: asynchronous successive halving by stopping (Li et al. 2020).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    eta:
        About one in `eta` trials goes on to a level that is `eta` times as high.
    n_startup_trials:
        Random trials before the first model.
    n_ei_candidates:
        Candidates that the acquisition function is evaluated on.
    """

    reference = "Li et al. 2020, arXiv:1810.05934"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        eta: Plural = 3,
        n_startup_trials: Count = 10,
        n_ei_candidates: Positive = 24,
    ) -> None:
        from optuna.pruners import SuccessiveHalvingPruner

        assert problem.fidelity is not None
        super().__init__(problem, seed, n_startup_trials=n_startup_trials, n_ei_candidates=n_ei_candidates)
        steps = _Steps(problem.fidelity)
        pruner = SuccessiveHalvingPruner(min_resource=steps.lowest, reduction_factor=eta)
        self._prune(problem, seed, pruner, climb(problem.fidelity, eta), steps)


class OptunaMedian(_OptunaPruned):
    """Multivariate TPE with `MedianPruner`, the median stopping rule (Golovin et al. 2017).

    Parameters
    ----------
    problem, seed:
        See `Optimizer`.
    steps:
        Levels at which a trial may be pruned, evenly spaced, the full one among them.
    n_complete:
        Complete trials before any is pruned.
    n_startup_trials:
        Random trials before the first model.
    n_ei_candidates:
        Candidates that the acquisition function is evaluated on.
    """

    schedule = Schedule.STEPS
    reference = "Golovin et al. 2017, doi:10.1145/3097983.3098043"

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        steps: Plural = 10,
        n_complete: Count = 5,
        n_startup_trials: Count = 10,
        n_ei_candidates: Positive = 24,
    ) -> None:
        from optuna.pruners import MedianPruner

        assert problem.fidelity is not None
        super().__init__(problem, seed, n_startup_trials=n_startup_trials, n_ei_candidates=n_ei_candidates)
        levels = evenly(problem.fidelity, steps)
        self._prune(problem, seed, MedianPruner(n_startup_trials=n_complete), levels, levels.index)


class _Steps:
    """Levels as Optuna's steps, which are integers: of an integer fidelity the levels, else multiples of the lowest."""

    def __init__(self, fidelity: Fidelity) -> None:
        self._unit: float = 1 if fidelity.kind == "int" else fidelity.lower
        self.lowest = self(fidelity.lower)
        self.highest = self(fidelity.upper)

    def __call__(self, level: float) -> int:
        return math.floor(level / self._unit * (1 + _ROUNDING))
