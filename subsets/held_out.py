"""What the validation of a subset starts from: how optimizers that were not used for choosing it rank."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from optathlon.errors import UsageError, unknown
from optathlon.subsets.features import Missing, features
from optathlon.subsets.performance import performance
from optathlon.subsets.subset import Subset

if TYPE_CHECKING:
    from optathlon.results import Results
    from optathlon.subsets.performance import Performance


@dataclass(frozen=True)
class HeldOut:
    """Held-out optimizers on all tasks that they share.

    Attributes
    ----------
    ranks:
        Index (`task`, `seed`, `optimizer`), at the end of the budget, among the held-out optimizers.
    points:
        Index `task`: what the subset was chosen by, made anew from these results; `None` where they lack some of the
        optimizers for that.
    strata:
        Index `task`: its collection and number of hyperparameters.
    left_out:
        By optimizer that is not held out though the results have it, why.
    dropped_tasks:
        Tasks of the subset's type that not all held-out optimizers have.
    """

    ranks: pd.Series
    points: pd.DataFrame | None
    strata: pd.Series
    left_out: dict[str, str]
    dropped_tasks: tuple[str, ...]

    @property
    def optimizers(self) -> list[str]:
        """Their names."""
        return [str(name) for name in self.ranks.index.unique("optimizer")]

    @property
    def tasks(self) -> int:
        """The number of tasks."""
        return len(self.ranks.index.unique("task"))


def held_out(results: Results, subset: Subset, optimizers: Collection[str] | None = None) -> HeldOut:
    """The ranks of held-out optimizers, and what other methods would choose tasks by.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    subset:
        Its tasks must have the same fingerprints in the results.
    optimizers:
        By default all that have runs on all of its tasks and were not used for choosing them.

    Raises `UsageError` where tasks are missing or have changed, and where an optimizer is unknown or was used.
    """
    _refuse_other_tasks(results, subset)
    used = set(subset.features.optimizers)
    there = {*results.runs["optimizer"].astype(str)}
    for name in optimizers or ():
        if name in used:
            raise UsageError(f"{name} was used for choosing the subset, so it can't be held out: choose others")
        if name not in there:
            raise unknown("optimizer", name, sorted(there), where="these results")
    names, left_out = (
        (list(optimizers), {}) if optimizers else _all_others(performance(results, type=subset.type), subset)
    )
    if len(names) < 2:
        raise UsageError(
            f"{len(names)} optimizers are held out, and a ranking needs 2: run more on the tasks of the subset, other "
            f"than {', '.join(sorted(used))}"
        )
    chosen = performance(results, type=subset.type, optimizers=names)
    ranks, more_left_out, dropped = _ranks(chosen)
    points = _points(results, subset, used)
    if points is not None:
        ranks = ranks[ranks.index.get_level_values("task").isin(points.index)]
    return HeldOut(ranks, points, _strata(chosen.tasks), left_out | more_left_out, dropped)


def _refuse_other_tasks(results: Results, subset: Subset) -> None:
    there = set(results.runs["task"].astype(str))
    missing = [task for task in subset.tasks if task not in there]
    if missing:
        raise UsageError(
            f"{len(missing)} of the {len(subset.tasks)} tasks of the subset are not in these results, first "
            f"{missing[0]}: run them first, or give the results that the subset was chosen from"
        )
    found = results.tasks["fingerprint"].groupby(level=0).agg(set)
    changed = [task for task, text in subset.fingerprints.items() if text and text not in found[task] - {""}]
    if changed:
        raise UsageError(
            f"{len(changed)} of the {len(subset.tasks)} tasks have changed since the subset was chosen, first "
            f"{changed[0]} (other fingerprint): choose a subset anew from these results"
        )


def _all_others(known: Performance, subset: Subset) -> tuple[list[str], dict[str, str]]:
    tasks_of = known.losses.reset_index().groupby("optimizer")["task"].agg(set)
    lacking = {
        str(name): f"no runs on {len(set(subset.tasks) - tasks)} of the {len(subset.tasks)} tasks of the subset"
        for name, tasks in tasks_of.items()
        if not tasks.issuperset(subset.tasks) and name not in subset.features.optimizers
    }
    return [name for name in known.optimizers if name not in {*lacking, *subset.features.optimizers}], lacking


def _ranks(chosen: Performance) -> tuple[pd.Series, dict[str, str], tuple[str, ...]]:
    """Ranks on what the optimizers share, those left out with the reason, and the tasks left out."""
    from optathlon.analysis import comparisons, ranks

    losses = chosen.losses.to_frame()
    together = comparisons(losses, pd.Series("", index=chosen.tasks.index))
    if not together:
        raise UsageError(f"none of the runs of {', '.join(chosen.optimizers)} has a result: hold out other optimizers")
    comparison = together[0]
    lost = set(chosen.optimizers) - set(comparison.optimizers)
    reasons = {
        name: f"shares too few tasks with the others, {comparison.left_out[name]}"
        if name in comparison.left_out
        else "no run has a result"
        for name in sorted(lost)
    }
    return ranks(comparison).iloc[:, -1], reasons, comparison.dropped_tasks


def _points(results: Results, subset: Subset, used: set[str]) -> pd.DataFrame | None:
    if not used <= set(results.runs["optimizer"].astype(str)):
        return None
    chosen = performance(results, type=subset.type, optimizers=sorted(used))
    missing: Missing = "worst" if subset.features.imputed else "drop"
    return features(chosen.regret, scale=subset.features.scale, missing=missing).points


def _strata(tasks: pd.DataFrame) -> pd.Series:
    sizes = tasks["space"].map(lambda space: len(space.get("hyperparameters", ())))
    return tasks["collection"].astype(str) + ", " + sizes.astype(str)
