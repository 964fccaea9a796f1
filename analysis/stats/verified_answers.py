"""How many answers are right of the language models that optimizers chose, where that can be verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from optathlon.analysis.metrics.objectives import is_multi_objective
from optathlon.analysis.stats.generalisation import TEST, final_incumbents

if TYPE_CHECKING:
    from optathlon.results.frames import Results

WRONG = "1-exact_match"
"""A metric of trials: the share of answers that are not the right one."""
_INDEX = ["task", "optimizer"]


def verified_answers(results: Results, trajectories: pd.DataFrame) -> pd.DataFrame:
    """The share of right answers that the final incumbents give, which were chosen by something else.

    Parameters
    ----------
    results, trajectories:
        As for `optathlon.analysis.stats.generalisation.scored_incumbents`.

    Returns
    -------
    Index (`task`, `optimizer`), sorted; `right`, in [0, 1], the mean over the runs whose incumbent tells it, on the
    test side where that is told; `runs`, how many these are. Tasks with several objectives have no single incumbent,
    and those that have the share as their objective show it already: both are left out.
    """
    trials, judged = results.trials, [str(name) for name, task in results.tasks.iterrows() if _is_judged(task)]
    sides = [name for name in (TEST + WRONG, WRONG) if name in trials]
    chosen = trials[trials["task"].astype(str).isin(judged).to_numpy()] if sides else trials.iloc[:0]
    if chosen.empty:
        return pd.DataFrame({"right": [], "runs": []}, pd.MultiIndex.from_arrays([[], []], names=_INDEX))
    wrong = chosen[sides].astype(float).bfill(axis="columns").iloc[:, 0]
    told = chosen[["run", "trial", *_INDEX]].astype(dict.fromkeys(["run", *_INDEX], str)).assign(right=1.0 - wrong)
    final = final_incumbents(trajectories)[["run", "trial"]].merge(told, on=["run", "trial"])
    shares = final.dropna(subset="right").groupby(_INDEX)["right"]
    return pd.DataFrame({"right": shares.mean(), "runs": shares.size()})


def _is_judged(task: pd.Series) -> bool:
    return not is_multi_objective(task) and task["objectives"][0]["name"] != WRONG
