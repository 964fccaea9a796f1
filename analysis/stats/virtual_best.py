"""What a choice of the best optimizer for each task would gain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optathlon.analysis.stats.block import Block, block

_ROUNDING = 1e-12
"""Mean scores that differ by less are equal."""


@dataclass(frozen=True)
class VirtualBest:
    """The virtual best optimizer, which on each task is the best one there, against the single best (Xu et al. 2012).

    Attributes
    ----------
    score:
        Its mean score. As its choice was made in hindsight, by the same runs, it is too good.
    held_out:
        The same where the choice for each seed is made by the other seeds of the task; NaN where a task has one seed.
    single:
        The score of the best single optimizer.
    single_name:
        Which that is; the first by name of several.
    parts:
        Index `optimizer`: on how many `tasks` it is the best, ties shared, and its marginal `contribution`: by how much
        the score would be worse without it, in hindsight.
    """

    score: float
    held_out: float
    single: float
    single_name: str
    parts: pd.DataFrame


def virtual_best(scores: pd.Series) -> VirtualBest:
    """The virtual best of all optimizers.

    Parameters
    ----------
    scores:
        Index (`task`, `seed`, `optimizer`), at least two optimizers, every one on every (task, seed); lower is better,
        on a scale that tasks share, no NaN.
    """
    runs = block(scores)
    means = runs.task_means
    ordered = np.sort(means, axis=1)
    is_best = means <= ordered[:, :1] + _ROUNDING
    alone = is_best & (is_best.sum(axis=1, keepdims=True) == 1)
    lost = np.where(alone, ordered[:, 1:2] - ordered[:, :1], 0.0).mean(axis=0)
    overall = means.mean(axis=0)
    single = int(np.argmax(overall <= overall.min() + _ROUNDING))
    parts = {"tasks": (is_best / is_best.sum(axis=1, keepdims=True)).sum(axis=0), "contribution": lost}
    return VirtualBest(
        score=float(ordered[:, 0].mean()),
        held_out=_held_out(runs),
        single=float(overall[single]),
        single_name=str(runs.optimizers[single]),
        parts=pd.DataFrame(parts, index=runs.optimizers).round(12),
    )


def _held_out(runs: Block) -> float:
    """The mean over tasks, and over the seeds of each, of the score of the optimizers that other seeds say are best."""
    if runs.seeds_per_task.min() < 2:
        return math.nan
    of_tasks = []
    for cells in runs.by_task:
        others = (cells.sum(axis=0) - cells) / (len(cells) - 1)
        chosen = others <= others.min(axis=1, keepdims=True) + _ROUNDING
        of_tasks.append(((cells * chosen).sum(axis=1) / chosen.sum(axis=1)).mean())
    return float(np.mean(of_tasks))
