"""Does the ranking depend on choices that could as well have been made another way?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.coverage import has_failed
from optathlon.analysis.stats.comparison import Comparison, comparisons
from optathlon.analysis.stats.ranking import mean_ranks, ranks, task_ranks

Scenario = tuple[str, str]
"""The choice, and how it is made."""

AS_REPORTED = "as reported"
FAILED_RUNS = "failed runs"
AGGREGATION = "aggregation"
LEAVE_OUT = "leave out one collection"
SUBSET = "subset"
SEEDS = "seeds"

_REPORTED = AS_REPORTED, "mean rank"
_RANK_LAST = FAILED_RUNS, "rank last"
_LEFT_OUT = FAILED_RUNS, "left out"
_MEDIAN_RANK = AGGREGATION, "median rank"
_ONLY_SUBSET = SUBSET, "only the subset"
_ODD = SEEDS, "odd"
_EVEN = SEEDS, "even"

_REASONS = {
    _RANK_LAST: "if failed runs rank last",
    _LEFT_OUT: "if every task and seed with a failed run is left out",
    _MEDIAN_RANK: "if the median of the ranks over tasks decides instead of their mean",
    _ONLY_SUBSET: "if only the tasks of the subset count",
    _ODD: "if only odd seeds count",
    _EVEN: "if only even seeds count",
}
_REASONS_BY_NAME = {
    AGGREGATION: "if the mean of {} decides instead of the mean rank",
    LEAVE_OUT: "if the tasks of {} are left out",
}

_TOP = 3
"""Up to this place, reversals between neighbours are told."""


@dataclass(frozen=True)
class Flip:
    """Two optimizers that another choice puts in the other order.

    Attributes
    ----------
    choice, scenario:
        The row of the table of `sensitivity`.
    first, second:
        Optimizers: `first` is ahead as reported, `second` in the scenario, each strictly.
    reason:
        The scenario as a clause with `{}` for each of `names`, e.g. `"if tasks of {} are left out"`.
    names:
        What fills `reason`.
    """

    choice: str
    scenario: str
    first: str
    second: str
    reason: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class LeaderChange:
    """A choice that puts others first: none of those that lead as reported leads.

    Attributes
    ----------
    choice, scenario, reason, names:
        As of `Flip`.
    before, after:
        The optimizers in the lead as reported, and in the scenario; several where they tie.
    """

    choice: str
    scenario: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    reason: str
    names: tuple[str, ...]


def sensitivity(
    losses: pd.Series,
    runs: pd.DataFrame,
    tasks: pd.DataFrame,
    *,
    regrets: Mapping[str, pd.Series],
    subset: Sequence[str] | None = None,
) -> pd.DataFrame:
    """The ranking under each defensible choice, always of the optimizers that are compared as reported.

    Parameters
    ----------
    losses:
        At the end of the budget: index (`optimizer`, `task`, `seed`); NaN where a run has no result. They are
        compared in one complete block, whatever the types of the tasks: where the report has a comparison per type,
        call this with the losses of each.
    runs:
        `optimizer`, `task`, `seed`, `status`.
    tasks:
        Index `task`; `collection`.
    regrets:
        By name of the normalisation: index as `losses`; 0 is best. A task that has NaN is left out of its scenario.
    subset:
        Tasks that are to stand for all; those not compared are ignored.

    Returns
    -------
    Index (`choice`, `scenario`, `optimizer`); `score` (lower is better) and `position` (1 is best; ties share the mean
    of theirs). Choices, and their scenarios:

    - `"as reported"`: mean ranks over seeds, then tasks; failed runs keep what they had until then.
    - `"failed runs"`, where there are any: `"rank last"`; `"left out"`, all pairs of task and seed with a failed run.
    - `"aggregation"`: `"median rank"` (over tasks of the mean over seeds); by name, each regret (mean over seeds, then
      tasks).
    - `"leave out one collection"`: by name, each collection.
    - `"subset"`: `"only the subset"`.
    - `"seeds"`: `"odd"`, `"even"`: only those, by their places from 0.

    Scenarios that would leave out nothing, or everything, are not in the table; where nothing can be compared it is
    empty.
    """
    alike = pd.Series("", index=losses.index.unique("task"))  # so that there is one comparison, not one per type
    scores = {}
    for block in comparisons(losses.to_frame("end"), alike):
        scores[_REPORTED] = _mean_rank(block.losses, block)
        scores |= dict(_failed_runs(block, runs))
        scores |= dict(_aggregations(block, regrets))
        scores |= dict(_confined(block, _task_choices(block, tasks, subset)))
    return _table(scores)


def flips(table: pd.DataFrame) -> list[Flip]:
    """Where scenarios reverse who is ahead: the leaders and any other, or neighbours among the first three.

    Parameters
    ----------
    table:
        As `sensitivity` returns it.

    Returns
    -------
    In the order of the table, then by the reported positions.
    """
    scenarios = _positions(table)
    reported = scenarios.pop(_REPORTED, pd.Series(dtype=float))
    return [
        Flip(*scenario, first, second, *_reason(scenario))
        for scenario, positions in scenarios.items()
        for first, second in _watched(reported)
        if reported[first] < reported[second] and positions[second] < positions[first]
    ]


def leader_changes(table: pd.DataFrame) -> list[LeaderChange]:
    """The scenarios in which none of the reported leaders leads; `table` as `sensitivity` returns it."""
    scenarios = _positions(table)
    before = _leaders(scenarios.pop(_REPORTED, pd.Series(dtype=float)))
    return [
        LeaderChange(*scenario, before, after, *_reason(scenario))
        for scenario, positions in scenarios.items()
        if not set(after := _leaders(positions)) & set(before)
    ]


def _failed_runs(block: Comparison, runs: pd.DataFrame) -> Iterator[tuple[Scenario, pd.Series]]:
    labels = runs.loc[has_failed(runs), ["optimizer", "task", "seed"]]
    failed = block.runs.isin(pd.MultiIndex.from_frame(labels.astype({"task": str, "optimizer": str})))
    if failed.any():
        yield _RANK_LAST, _mean_rank(block.losses.mask(failed[:, None]), block)
        hit = pd.Series(failed, index=block.losses.index).groupby(level=["task", "seed"]).transform("any")
        yield from _confined(block, {_LEFT_OUT: ~hit.to_numpy()})


def _aggregations(block: Comparison, regrets: Mapping[str, pd.Series]) -> Iterator[tuple[Scenario, pd.Series]]:
    by_task = task_ranks(ranks(block))["end"]
    yield _MEDIAN_RANK, by_task.groupby(level="optimizer").median()
    for name, regret in regrets.items():
        compared = regret.reindex(block.runs).set_axis(block.losses.index)
        known = compared[compared.notna().groupby(level="task").transform("all")]
        if len(known):
            yield (AGGREGATION, name), known.groupby(level=["task", "optimizer"]).mean().groupby("optimizer").mean()


def _task_choices(block: Comparison, tasks: pd.DataFrame, subset: Sequence[str] | None) -> dict[Scenario, np.ndarray]:
    """By choice and scenario: boolean, the rows of the block that it keeps."""
    task = block.losses.index.get_level_values("task")
    seed = block.losses.index.get_level_values("seed")
    collection = task.map(tasks["collection"].astype(str).to_dict())
    kept: dict[Scenario, np.ndarray] = {}
    for name in sorted(collection.unique()):
        kept[LEAVE_OUT, name] = np.asarray(collection != name)
    if subset is not None:
        kept[_ONLY_SUBSET] = task.isin(list(subset))
    place = np.unique(seed, return_inverse=True)[1]
    kept[_ODD] = place % 2 == 1
    kept[_EVEN] = place % 2 == 0
    return kept


def _confined(block: Comparison, kept: Mapping[Scenario, np.ndarray]) -> Iterator[tuple[Scenario, pd.Series]]:
    """Mean ranks on the kept rows alone, where they are some but not all."""
    for key, rows in kept.items():
        if rows.any() and not rows.all():
            yield key, _mean_rank(block.losses[rows], block)


def _mean_rank(losses: pd.DataFrame, block: Comparison) -> pd.Series:
    return mean_ranks(ranks(replace(block, losses=losses)))["end"]


def _table(scores: Mapping[Scenario, pd.Series]) -> pd.DataFrame:
    names = ["choice", "scenario", "optimizer"]
    if not scores:
        index = pd.MultiIndex.from_arrays([[], [], []], names=names)
        return pd.DataFrame(columns=["score", "position"], index=index, dtype=float)
    score: pd.Series = pd.concat(dict(scores), names=names).round(12)  # equal means tie, whatever the rounding of sums
    return pd.DataFrame({"score": score, "position": score.groupby(level=[0, 1], sort=False).rank()})


def _positions(table: pd.DataFrame) -> dict[Scenario, pd.Series]:
    """Positions by optimizer, the best first."""
    groups = table["position"].groupby(level=["choice", "scenario"], sort=False)
    by_scenario = {cast(Scenario, key): group.droplevel(["choice", "scenario"]) for key, group in groups}
    return {key: positions.sort_values(kind="stable") for key, positions in by_scenario.items()}


def _watched(reported: pd.Series) -> list[tuple[str, str]]:
    leaders, order = _leaders(reported), reported.index.tolist()
    pairs = [(leader, other) for leader in leaders for other in order if other not in leaders]
    return list(dict.fromkeys([*pairs, *pairwise(order[:_TOP])]))


def _leaders(positions: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(positions.index[positions == positions.min()]))


def _reason(scenario: Scenario) -> tuple[str, tuple[str, ...]]:
    """The scenario as a clause, and what fills it."""
    if scenario in _REASONS:
        return _REASONS[scenario], ()
    choice, name = scenario
    return _REASONS_BY_NAME[choice], (name,)
