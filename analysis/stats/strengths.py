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
    permutations: int = 1999,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean ranks on the tasks that share a feature, against those over all tasks.

    Whether chance explains a difference is told by permuting the levels of the tasks (Davison and Hinkley 1997, section
    4.3), which holds for as few tasks as there are, provided that they are exchangeable: alike but for the feature, and
    none a variant of another. The p-values aren't corrected for how many there are.

    Parameters
    ----------
    task_ranks:
        Tasks x optimizers: mean ranks over seeds, lower is better.
    features:
        Index `task`, one column per feature, as `task_features` returns them; tasks may miss some.
    permutations:
        How many are drawn.
    seed:
        Seeds them.

    Returns
    -------
    Index (`feature`, `level`, `optimizer`), in the order of the features, of the values, and of the names; `mean_rank`
    on the tasks of that level, `tasks` (their number), `difference` to the mean rank over all tasks (below 0: better
    there than elsewhere), `p_value` (in (0, 1]: the share of permutations, these levels included, with a difference at
    least as large, below or above 0).

    Categories keep their order. Numbers are cut into at most three groups of about as many tasks; equal ones stay
    together. Levels of fewer than three tasks are left out, and so are features without two levels.
    """
    ranks = task_ranks.sort_index(axis=0).sort_index(axis=1)
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(len(ranks)), (permutations, 1)), axis=1)
    blocks = []
    for feature, values in features.reindex(ranks.index).items():
        levels = _levels(values)
        counts = levels.value_counts(sort=False)
        kept = [level for level in levels.cat.categories if counts[level] >= _ENOUGH]
        for level in kept if len(kept) > 1 else []:
            within = (levels == level).to_numpy()
            table = _contrast(ranks, within, orders)
            blocks.append(pd.concat({(str(feature), str(level)): table}, names=["feature", "level"]))
    return pd.concat(blocks) if blocks else _empty()


def _contrast(ranks: pd.DataFrame, within: np.ndarray, orders: np.ndarray) -> pd.DataFrame:
    """Index `optimizer`: the tasks that are `within` a level against all tasks; `orders` are permutations of tasks."""
    tasks = int(within.sum())
    overall = ranks.to_numpy().mean(axis=0)
    mean = within @ ranks.to_numpy() / tasks
    permuted = within[orders] @ ranks.to_numpy() / tasks
    # equal means tie, whatever the rounding of sums
    difference, by_chance = (mean - overall).round(12), (permuted - overall).round(12)
    as_large = (np.abs(by_chance) >= np.abs(difference)).sum(axis=0)
    columns = {
        "mean_rank": mean.round(12),
        "tasks": tasks,
        "difference": difference,
        "p_value": (1 + as_large) / (1 + len(orders)),
    }
    return pd.DataFrame(columns, index=ranks.columns.rename("optimizer"))


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
    bounds = set(ranges.to_numpy().ravel())
    digits = next(digits for digits in range(3, 18) if len({_text(bound, digits) for bound in bounds}) == len(bounds))
    names = {key: _range(_text(row["min"], digits), _text(row["max"], digits)) for key, row in ranges.iterrows()}
    return group.map(names).reindex(values.index).astype(pd.CategoricalDtype(list(dict.fromkeys(names.values()))))


def _text(number: float, digits: int) -> str:
    """Whole numbers in full, others with so many significant digits."""
    return f"{number:.0f}" if float(number).is_integer() else f"{number:.{digits}g}"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _name(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else str(value)


def _empty() -> pd.DataFrame:
    index = pd.MultiIndex.from_arrays([[], [], []], names=["feature", "level", "optimizer"])
    return pd.DataFrame(columns=["mean_rank", "tasks", "difference", "p_value"], index=index, dtype=float)
