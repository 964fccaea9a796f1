"""Reference points, up to which hypervolume counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.countable import countable
from optathlon.analysis.metrics.objectives import is_multi_objective, number, objective_losses, signs
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.frames import Results

_COLUMNS = ["task", "objective", "reference"]


def references(results: Results) -> pd.DataFrame:
    """The hypervolume reference of each multi-objective task.

    Returns
    -------
    One row per task and objective: `task`, `objective`, `reference` (the user's units) and `derived`, whether it is
    the worst value of the loaded results because the task gives none.
    """
    counts = countable(results.trials, results.tasks)
    rows = []
    for name, row in results.tasks.iterrows():
        if is_multi_objective(row):
            losses = objective_losses(results.trials[counts & (results.trials["task"] == name).to_numpy()], row)
            stated = stated_reference(row)
            point = signs(row) * reference_losses(signs(row), stated, losses)
            for objective, coordinate, given in zip(row["objectives"], point, stated, strict=True):
                rows.append((name, objective["name"], coordinate, math.isnan(given)))
    return pd.DataFrame(rows, columns=["task", "objective", "reference", "derived"])


def unreached_references(results: Results) -> dict[str, tuple[str, ...]]:
    """The tasks on which no result is better than the reference in all objectives, so that all hypervolumes are 0.

    Parameters
    ----------
    results:
        With the labels of `comparable`.

    Returns
    -------
    By task: the objectives in which no result at all is better; none where it is but not in all at once. Tasks without
    a result are left out.
    """
    counts = countable(results.trials, results.tasks)
    found = {}
    for name, row in results.tasks.iterrows():
        losses = objective_losses(results.trials[counts & (results.trials["task"] == name).to_numpy()], row)
        if is_multi_objective(row) and len(losses):
            better = losses < reference_losses(signs(row), stated_reference(row), losses)
            if not better.all(axis=1).any():
                named = [each["name"] for each in row["objectives"]]
                found[str(name)] = tuple(np.array(named, dtype=object)[~better.any(axis=0)])
    return found


def freeze_references(results: Results, frozen: pd.DataFrame) -> Results:
    """`results` whose tasks have the references of an earlier report, so that hypervolumes stay comparable with it.

    Parameters
    ----------
    results:
        With the labels of `comparable`, as a report has them.
    frozen:
        `task`, `objective`, `reference` (the user's units), as `references` returns them and a report writes them to
        `hypervolume_references.csv`. Tasks that are not in `results` are ignored.

    A known optimal hypervolume is that of the task's own reference, and is forgotten where another is frozen.

    Raises `UsageError` where a column is missing or holds no number, or no row is of a task in `results`.
    """
    missing = [name for name in _COLUMNS if name not in frozen]
    if missing:
        raise UsageError(
            f"the table of hypervolume references lacks the column {missing[0]!r}: give the hypervolume_references.csv "
            "of an earlier report"
        )
    keys = zip(frozen["task"].astype(str), frozen["objective"].astype(str), strict=True)
    values = pd.to_numeric(frozen["reference"], errors="coerce")
    wrong = frozen["reference"][values.isna() & frozen["reference"].notna()]
    if len(wrong):
        raise UsageError(
            f"the hypervolume reference {wrong.iloc[0]!r} is not a number: give the hypervolume_references.csv of an "
            "earlier report as it is"
        )
    points = dict(zip(keys, values.astype(float), strict=True))
    if not any(task in results.tasks.index for task, _ in points):
        raise UsageError(
            "none of the hypervolume references is of a task in these results: give those of a report of the same tasks"
        )
    return replace(results, tasks=results.tasks.apply(_with_reference, axis=1, points=points))


def _with_reference(task: pd.Series, points: Mapping[tuple[str, str], float]) -> pd.Series:
    objectives = [
        each | {"reference": points.get((str(task.name), each["name"]), each.get("reference"))}
        for each in task["objectives"]
    ]
    changed = task.copy()
    changed["objectives"] = objectives
    if not np.array_equal(stated_reference(changed), stated_reference(task), equal_nan=True):
        changed["metadata"] = {k: v for k, v in task["metadata"].items() if k != "optimal_hypervolume"}
    return changed


def stated_reference(task: pd.Series) -> np.ndarray:
    """Shape (objectives,): the reference that the task gives, in the user's units; NaN where it gives none."""
    return np.array([number(objective.get("reference")) for objective in task["objectives"]])


def reference_losses(signs: np.ndarray, stated: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """The reference point, as losses.

    Parameters
    ----------
    signs:
        Shape (m,): 1 for minimised objectives, -1 for maximised ones.
    stated:
        Shape (m,): the reference in the user's units; NaN where the task gives none.
    losses:
        Shape (n, m): all results on the task, of all runs.

    A coordinate that the task doesn't give is the worst loss of any result in `losses`: the same for all runs, but it
    depends on the loaded results.
    """
    known: np.ndarray = signs * stated
    if not len(losses):
        return known
    completed: np.ndarray = np.where(np.isnan(known), losses.max(axis=0), known)
    return completed
