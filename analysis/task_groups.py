"""By what tasks are grouped where curves are averaged: type, collection, number and kind of hyperparameters."""

from __future__ import annotations

import numpy as np
import pandas as pd

_FEW = 6
"""So many numbers of hyperparameters, or fewer, are groups of their own."""
_BOUNDS = (0, 5, 10, 20, 40, np.inf)
_RANGES = ("up to 5", "6 to 10", "11 to 20", "21 to 40", "more than 40")


def titles_of_groups(features: pd.DataFrame) -> pd.DataFrame:
    """The titles of the groups that each task is of.

    Parameters
    ----------
    features:
        As `task_features` returns them.

    Returns
    -------
    Index `task`; a column for each of `type`, `collection`, `dimension` and `hyperparameters`, with None where what is
    stored does not tell.
    """
    titles = {
        "type": features["type"],
        "collection": features["collection"],
        "dimension": _sizes(features["dimension"]),
        "hyperparameters": features["hyperparameters"].map("{} hyperparameters".format, na_action="ignore"),
    }
    return pd.DataFrame(titles, index=features.index, dtype=object).where(lambda frame: frame.notna(), None)


def _sizes(dimensions: pd.Series) -> pd.Series:
    if dimensions.nunique() > _FEW:
        ranges = pd.cut(dimensions, _BOUNDS, labels=_RANGES, include_lowest=True).astype(object)
        return ranges.map("{} hyperparameters".format, na_action="ignore")
    return dimensions.map(lambda number: f"{number:g} hyperparameter{'' if number == 1 else 's'}", na_action="ignore")
