"""How often an optimizer beats others, whoever else ran a task: what can be said of every optimizer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.normalisation import BASELINE
from optathlon.analysis.stats.focus import rank_leads
from optathlon.analysis.stats.rank_differences import rank_differences


def beaten(final_losses: pd.Series) -> pd.DataFrame:
    """The share of the others that an optimizer beats on a task: the mean chance of a better run, ties counting half.

    Parameters
    ----------
    final_losses:
        As `optathlon.analysis.stats.rank_differences.rank_differences` takes them.

    Returns
    -------
    Tasks x optimizers, in [0, 1]; NaN where it has no run, or nobody else has.
    """
    differences = rank_differences(final_losses)
    names = final_losses.index.unique("optimizer").sort_values()
    first, second = (names.get_indexer(differences.columns.get_level_values(level)) for level in (0, 1))
    found = differences.to_numpy()
    known = np.isfinite(found)
    won = np.where(known, (1 - found) / 2, 0.0)
    sums, counts = np.zeros((len(found), len(names))), np.zeros((len(found), len(names)))
    for place, share in ((first, won), (second, np.where(known, 1 - won, 0.0))):
        is_of = place[:, None] == np.arange(len(names))
        sums += share @ is_of
        counts += known.astype(float) @ is_of
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(sums / np.where(counts, counts, np.nan), index=differences.index, columns=names)


def beats_random(final_losses: pd.Series) -> pd.DataFrame:
    """How probably a run is better than one of random search on the same task, ties counting half.

    Returns
    -------
    Tasks x other optimizers, in [0, 1]; NaN where not both have a run; no columns without random search.
    """
    if BASELINE not in final_losses.index.unique("optimizer"):
        return pd.DataFrame(index=final_losses.index.unique("task").sort_values())
    return (1 - rank_leads(final_losses, BASELINE)) / 2
