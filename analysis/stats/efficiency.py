"""Which optimizers are worth what they cost."""

from __future__ import annotations

import moocore
import pandas as pd


def efficient(costs: pd.DataFrame) -> pd.Series:
    """Whether no other row is at least as good in each column and better in one (Pareto-optimal).

    Parameters
    ----------
    costs:
        Lower is better in every column. A row with NaN is not efficient, and takes that from no other.
    """
    known = costs.dropna()
    found = pd.Series(False, index=costs.index)
    if len(known):
        found[known.index] = moocore.is_nondominated(known.to_numpy(dtype=float), keep_weakly=True)
    return found
