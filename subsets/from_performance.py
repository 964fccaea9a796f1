"""Choosing a subset by how optimizers perform: points, search, proof, and the record of all of them."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from optathlon.errors import UsageError
from optathlon.subsets.performance import Performance
from optathlon.subsets.points import Missing, Scale, TaskPoints, task_points
from optathlon.subsets.subset import FeatureRecord, Part, PartName, Strata, Subset

Target = Literal["empirical", "uniform"]

MOST_DIMENSIONS = 6
"""The most optimizers whose performance can span the space."""


@dataclass(frozen=True)
class Search:
    """How to look for the tasks.

    Attributes
    ----------
    target:
        Which distribution the chosen points must resemble: `"empirical"`, that of all points, or `"uniform"`.
    strata:
        What each part must have the same shares of as all tasks; by default nothing.
    seed:
        Of the search.
    seconds:
        When to stop searching, at the latest; by default after a fixed effort, whose result can be repeated.
    certify_seconds:
        How long to prove how much better the best is; by default not at all.
    workers:
        Threads at the same time.
    """

    target: Target = "empirical"
    strata: Strata | None = None
    seed: int = 0
    seconds: float | None = None
    certify_seconds: float | None = None
    workers: int = 1


def subset_from_performance(
    performance: Performance,
    k: int,
    search: Search,
    *,
    name: str,
    parts: Sequence[PartName] = ("all",),
    scale: Scale | None = None,
    missing: Missing = "error",
    command: str = "",
) -> Subset:
    """Choose k tasks for each of one or two parts.

    Parameters
    ----------
    performance:
        Of the optimizers that span the space, at most six.
    k:
        Tasks of each part.
    parts:
        `("all",)`, `("dev",)`, `("test",)` or `("dev", "test")`, which are disjoint and chosen jointly.
    scale, missing:
        See `task_points`.
    name, command:
        To be recorded.

    Raises `UsageError` where there are too few tasks or different points, and as `task_points` does.
    """
    if len(performance.optimizers) > MOST_DIMENSIONS:
        count = len(performance.optimizers)
        raise UsageError(f"{count} optimizers are too many to span a space: choose 2 or 3, at most {MOST_DIMENSIONS}")
    made = task_points(performance.regret, scale=scale, missing=missing)
    _refuse_few(made, k, parts)
    strata = None if search.strata is None else performance.collections.loc[made.points.index].to_numpy()
    chosen = _chosen(made.points.to_numpy(), k, strata, search, len(parts))
    bound, chosen = _certified(made.points.to_numpy(), k, search, chosen)
    return Subset(
        name=name,
        type=performance.type,
        target=search.target,
        seed=search.seed,
        strata=search.strata,
        features=_record(made, performance),
        parts={
            part: _part(made, indices, search.target, bound, performance.fingerprints)
            for part, indices in zip(parts, chosen, strict=True)
        },
        optathlon=importlib.metadata.version("optathlon"),
        command=command,
    )


def _refuse_few(made: TaskPoints, k: int, parts: Sequence[PartName]) -> None:
    if k < 1:
        raise UsageError(f"a subset of {k} tasks: give at least -k 1")
    needed = k * len(parts)
    what = f"{k} tasks for each of {' and '.join(parts)}" if len(parts) > 1 else f"{k} tasks"
    for available, kind in ((len(made.points), "tasks"), (made.distinct, "tasks with different points")):
        if needed > available:
            most = available // len(parts)
            remedy = f"at most -k {most}" if most else "results on more tasks"
            raise UsageError(f"can't choose {what} out of {available} {kind}: give {remedy}")


def _chosen(points: np.ndarray, k: int, strata: np.ndarray | None, search: Search, count: int) -> list[tuple[int, ...]]:
    from optathlon.subsets.selection import select_disjoint, select_subset

    options: dict[str, Any] = {
        "target": search.target,
        "strata": strata,
        "seed": search.seed,
        "seconds": search.seconds,
        "workers": search.workers,
    }
    found = [select_subset(points, k, **options)] if count == 1 else select_disjoint(points, k, **options)
    return [selection.indices for selection in found]


def _certified(
    points: np.ndarray, k: int, search: Search, chosen: list[tuple[int, ...]]
) -> tuple[float | None, list[tuple[int, ...]]]:
    """A lower bound, and the tasks: better ones where the proof found them and there is only one part.

    The bound is on any k tasks, so strata leave it valid; but better ones that the proof found may break their shares.
    """
    if search.certify_seconds is None:
        return None, chosen
    from optathlon.subsets.certificate import certify

    best = min(chosen, key=lambda indices: _discrepancies(points, indices)[search.target])
    proof = certify(points, k, target=search.target, incumbent=best, seconds=search.certify_seconds)
    improved = proof.upper < _discrepancies(points, best)[search.target]
    replaceable = len(chosen) == 1 and search.strata is None
    return proof.lower, [tuple(proof.indices)] if improved and replaceable else chosen


def _discrepancies(points: np.ndarray, indices: Sequence[int]) -> dict[Target, float]:
    from optathlon.subsets.discrepancy import empirical_discrepancy, star_discrepancy

    subset = sorted(indices)
    return {
        "empirical": float(empirical_discrepancy(points, subset)),
        "uniform": float(star_discrepancy(points[subset])),
    }


def _part(
    made: TaskPoints, indices: Sequence[int], target: Target, bound: float | None, fingerprints: dict[str, str]
) -> Part:
    found = _discrepancies(made.points.to_numpy(), indices)
    tasks = [str(made.points.index[index]) for index in sorted(indices)]
    return Part(
        discrepancy=found.pop(target),
        other_discrepancy=found.popitem()[1],
        lower_bound=bound,
        tasks={task: fingerprints[task] for task in tasks},
    )


def _record(made: TaskPoints, performance: Performance) -> FeatureRecord:
    return FeatureRecord(
        optimizers=[str(name) for name in made.points],
        scale=made.scale,
        ranges=made.ranges,
        budgets=list(performance.budgets),
        seeds=made.seeds,
        tasks=len(made.points),
        distinct=made.distinct,
        dropped=list(made.dropped),
        imputed=made.imputed,
        failed=made.failed,
    )
