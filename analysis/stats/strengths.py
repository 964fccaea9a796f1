"""On which kinds of tasks optimizers do better or worse than they do overall."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.stats import rankdata

_GROUPS = 3
"""Numbers are cut into at most so many groups."""

_ENOUGH = 3
"""Levels with fewer tasks are left out."""


def strengths(
    task_ranks: pd.DataFrame,
    features: pd.DataFrame,
    *,
    resamples: int = 1000,
    coverage: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean ranks on the tasks that share a feature, against those over all tasks.

    The interval is the percentile bootstrap's over tasks (Davison and Hinkley 1997, section 5.3.1), drawn with
    replacement among the tasks of the level and among the others, so that their numbers stay. Over few tasks it is too
    narrow, and where many are looked at some exclude 0 by chance.

    Parameters
    ----------
    task_ranks:
        Tasks x optimizers: mean ranks over seeds, lower is better.
    features:
        Index `task`, one column per feature, as `task_features` returns them; tasks may miss some.
    resamples:
        How many resamples.
    coverage:
        The coverage of the interval aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Returns
    -------
    Index (`feature`, `level`, `optimizer`), in the order of the features, of the values, and of the names; `mean_rank`
    on the tasks of that level, `tasks` (their number), `difference` to the mean rank over all tasks (below 0: better
    there than elsewhere), `low`, `high` (its confidence interval).

    Categories keep their order. Numbers are cut into at most three
    groups of about as many tasks; equal ones stay together. Levels of fewer than
    three tasks are left out, and so are features without two levels.
    """
    ranks = task_ranks.sort_index(axis=0).sort_index(axis=1)
    blocks = []
    for feature, values in features.reindex(ranks.index).items():
        levels = _levels(values)
        counts = levels.value_counts(sort=False)
        kept = [level for level in levels.cat.categories if counts[level] >= _ENOUGH]
        for level in kept if len(kept) > 1 else []:
            within = (levels == level).to_numpy()
            table = _contrast(ranks, within, resamples, coverage, np.random.default_rng(seed))
            blocks.append(pd.concat({(str(feature), str(level)): table}, names=["feature", "level"]))
    return pd.concat(blocks) if blocks else _empty()


def _contrast(
    ranks: pd.DataFrame, within: np.ndarray, resamples: int, coverage: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Index `optimizer`: the tasks that are `within` a level against all tasks, some of which are not."""
    inside, outside = ranks.to_numpy()[within], ranks.to_numpy()[~within]
    share = len(outside) / len(ranks)
    mean = inside.mean(axis=0)
    drawn = _resampled_means(inside, resamples, rng) - _resampled_means(outside, resamples, rng)
    low, high = np.quantile(share * drawn, [(1 - coverage) / 2, (1 + coverage) / 2], axis=0)
    columns = {
        "mean_rank": mean,
        "tasks": len(inside),
        "difference": share * (mean - outside.mean(axis=0)),
        "low": low,
        "high": high,
    }
    # equal means tie, whatever the rounding of sums
    return pd.DataFrame(columns, index=ranks.columns.rename("optimizer")).round(12)


def _resampled_means(values: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Shape (resamples, optimizers): the means over tasks (rows of `values`) drawn with replacement."""
    tasks = len(values)
    weights = rng.multinomial(tasks, np.full(tasks, 1 / tasks), size=resamples) / tasks
    means: np.ndarray = weights @ values
    return means


def _levels(values: pd.Series) -> pd.Series:
    """The level of each task, as categories in order; missing stays missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.remove_unused_categories()
    if is_numeric_dtype(values) and not is_bool_dtype(values):
        return _cut(values)
    named = values.map(_name, na_action="ignore")
    return named.astype(pd.CategoricalDtype(sorted(named.dropna().unique())))


def _cut(values: pd.Series) -> pd.Series:
    """Numbers in groups named by their range, e.g. `"2 to 5"`."""
    known = values.dropna()
    # the middle of the ranks that equal values share, so that these are never divided
    group = pd.Series(np.floor(_GROUPS * (rankdata(known) - 0.5) / max(len(known), 1)), index=known.index)
    ranges = known.groupby(group).agg(["min", "max"])
    names = {key: _range(row["min"], row["max"]) for key, row in ranges.iterrows()}
    return group.map(names).reindex(values.index).astype(pd.CategoricalDtype(list(dict.fromkeys(names.values()))))


def _range(low: float, high: float) -> str:
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def _name(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else str(value)


def _empty() -> pd.DataFrame:
    index = pd.MultiIndex.from_arrays([[], [], []], names=["feature", "level", "optimizer"])
    return pd.DataFrame(columns=["mean_rank", "tasks", "difference", "low", "high"], index=index, dtype=float)
