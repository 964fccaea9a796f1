"""What the validation of a subset starts from: how optimizers that were not used for choosing it rank."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from optathlon.errors import UsageError, unknown
from optathlon.subsets.performance import performance
from optathlon.subsets.points import Missing, task_points
from optathlon.subsets.subset import Subset
from optathlon.task import agree

if TYPE_CHECKING:
    from optathlon.results.frames import Results
    from optathlon.subsets.performance import Performance


NEARLY_ALL = 0.9
"""An optimizer with a smaller share of the tasks that another has would confine the full set to them."""


@dataclass(frozen=True)
class HeldOut:
    """Held-out optimizers on all tasks that they share.

    Attributes
    ----------
    ranks:
        Index (`task`, `seed`, `optimizer`), at the end of the budget, among the held-out optimizers.
    points:
        Index `task`: what the subset was chosen by, made from these results; `None` where they lack runs for that.
    strata:
        Index `task`: its collection and number of hyperparameters.
    shares:
        Index `task`: of what the subset has the same shares as all tasks; `None` where of nothing.
    left_out:
        By optimizer that is not held out though the results have it, why.
    budgets:
        The different budgets of their runs, e.g. `("77 evaluations", "147 evaluations")`.
    """

    ranks: pd.Series
    points: pd.DataFrame | None
    strata: pd.Series
    shares: pd.Series | None
    left_out: dict[str, str]
    budgets: tuple[str, ...]

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
        By default all that were not used for choosing its tasks and have runs on these and on nearly all others.

    Raises `UsageError` where tasks are missing or have changed, an optimizer is unknown or was used, runs differ in
    their conditions, or the optimizers share no other tasks than the subset's.
    """
    _refuse_missing_tasks(results, subset)
    used = set(subset.features.optimizers)
    there = {*results.runs["optimizer"].astype(str)}
    for name in optimizers or ():
        if name in used:
            raise UsageError(f"{name} was used for choosing the subset, so it can't be held out: choose others")
        if name not in there:
            raise unknown("optimizer", name, sorted(there), where="these results")
    left_out: dict[str, str]
    if optimizers:
        names, left_out = list(optimizers), {}
        _refuse_divided_conditions(results, subset, names)
    else:
        names, left_out = _all_others(performance(results, type=subset.type), subset)
    if len(names) < 2:
        who = f"only {names[0]} is" if names else "no optimizer is"
        raise UsageError(
            f"{who} held out, and a ranking needs 2: run more on the tasks of the subset, other "
            f"than {', '.join(sorted(used))}"
        )
    chosen = performance(results, type=subset.type, optimizers=names)
    _refuse_changed_tasks(chosen, subset)
    ranks, more_left_out = _ranks(chosen)
    _refuse_nothing_else(ranks, subset)
    points = _points(results, subset, used)
    if points is not None and len(ranks.index.unique("task").difference(points.index)):
        points = None
    shares = None if subset.strata is None else chosen.collections
    return HeldOut(ranks, points, _strata(chosen.tasks), shares, left_out | more_left_out, chosen.budgets)


def _refuse_missing_tasks(results: Results, subset: Subset) -> None:
    there = set(results.runs["task"].astype(str))
    missing = [task for task in subset.tasks if task not in there]
    if missing:
        raise UsageError(
            f"{len(missing)} of the {len(subset.tasks)} tasks of the subset are not in these results, first "
            f"{missing[0]}: run them first, or give the results that the subset was chosen from"
        )


def _refuse_divided_conditions(results: Results, subset: Subset, names: Collection[str]) -> None:
    """`performance` refuses runs on a task that differ in their conditions, here also from those chosen by."""
    there = {*results.runs["optimizer"].astype(str)}
    performance(results, type=subset.type, optimizers=[*names, *there.intersection(subset.features.optimizers)])


def _refuse_changed_tasks(chosen: Performance, subset: Subset) -> None:
    found = chosen.fingerprints
    changed = [task for task, text in subset.fingerprints.items() if not agree(text, found.get(task, ""))]
    if changed:
        raise UsageError(
            f"{len(changed)} of the {len(subset.tasks)} tasks have changed since the subset was chosen, first "
            f"{changed[0]} (other fingerprint): choose another subset from these results"
        )


def _refuse_nothing_else(ranks: pd.Series, subset: Subset) -> None:
    shared = {*ranks.index.unique("task")}
    if shared <= set(subset.tasks):
        raise UsageError(
            f"the {len(ranks.index.unique('optimizer'))} held-out optimizers share {len(shared)} tasks, all of them in "
            "the subset, so there is nothing to hold it against: run them on more tasks, or hold out others"
        )


def _all_others(known: Performance, subset: Subset) -> tuple[list[str], dict[str, str]]:
    tasks_of = known.losses.reset_index().groupby("optimizer")["task"].agg(set)
    others = tasks_of.drop(subset.features.optimizers, errors="ignore")
    most = max(map(len, others), default=0)
    left_out = {}
    for name, tasks in others.items():
        lacking = len(set(subset.tasks) - tasks)
        if lacking:
            left_out[str(name)] = f"no runs on {lacking} of the {len(subset.tasks)} tasks of the subset"
        elif len(tasks) < NEARLY_ALL * most:
            left_out[str(name)] = f"runs on {len(tasks)} tasks, where others have {most}"
    return [str(name) for name in others.index if name not in left_out], left_out


def _ranks(chosen: Performance) -> tuple[pd.Series, dict[str, str]]:
    """Ranks on what the optimizers share, and those left out with the reason."""
    from optathlon.analysis.stats.comparison import comparisons
    from optathlon.analysis.stats.ranking import ranks

    losses = chosen.losses.to_frame()
    together = comparisons(losses, pd.Series("", index=chosen.tasks.index))
    if not together:
        raise UsageError(f"none of the runs of {', '.join(chosen.optimizers)} has a result: hold out other optimizers")
    comparison = together[0]
    lost = set(chosen.optimizers) - set(comparison.optimizers)
    reasons = {
        name: f"shares too few of its {comparison.left_out[name]} tasks with the others"
        if name in comparison.left_out
        else "no run has a result"
        for name in sorted(lost)
    }
    return ranks(comparison).iloc[:, -1], reasons


def _points(results: Results, subset: Subset, used: set[str]) -> pd.DataFrame | None:
    """The points of the tasks, where the optimizers for that have runs enough."""
    if not used <= set(results.runs["optimizer"].astype(str)):
        return None
    missing: Missing = "worst" if subset.features.imputed else "drop"
    try:
        chosen = performance(results, type=subset.type, optimizers=sorted(used))
        return task_points(chosen.regret, scale=subset.features.scale, missing=missing).points
    except UsageError:
        return None


def _strata(tasks: pd.DataFrame) -> pd.Series:
    sizes = tasks["space"].map(lambda space: len(space.get("hyperparameters", ())))
    return tasks["collection"].astype(str) + ", " + sizes.astype(str)
