"""Values that recur as if they stood for failures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.countable import countable, of_task
from optathlon.analysis.metrics.objectives import is_multi_objective, signs

_FEWEST = 5
_SHARE = 0.01
"""A value recurs where it is in so many trials of an optimizer, and in such a share of them."""

_UNUSUAL = 5
"""And so many times as often as the median of the optimizer's other values."""

_KEYS = ["optimizer", "value"]


def recurring_extremes(trials: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """The values that recur in the trials of an optimizer and are its worst on a task, or far beyond its best.

    Programs write such values for evaluations that failed: a fixed number, or the worst value so far. To tell them from
    incumbents, only a worst value that follows a better one in its run is looked at, and a best one that precedes a
    worse one; of a run with a single value, whether that is the worst of all optimizers. A best value is far beyond
    the others where the next one is further from it than from the worst. Without those found, others may be extreme.

    Parameters
    ----------
    trials, tasks:
        As in `optathlon.Results`, trials in run and trial order; tasks with several objectives are left out.

    Returns
    -------
    `optimizer`, `value` (in the user's units), `trials` (how many have it), `of` (all trials of the optimizer), sorted
    by optimizer, then the most frequent first.
    """
    of = trials["optimizer"].astype("category").value_counts()
    of.index = of.index.astype(str)
    frame = _losses(trials, tasks)
    rounds = [_recurring(frame, of)]
    while len(rounds[-1]):
        known = pd.MultiIndex.from_frame(rounds[-1][_KEYS])
        frame = frame[~pd.MultiIndex.from_frame(frame[_KEYS].astype({"optimizer": str})).isin(known)]
        rounds.append(_recurring(frame, of))
    found = pd.concat(rounds)
    order = ["optimizer", "trials", "value"]
    ordered: pd.DataFrame = found.sort_values(order, ascending=[True, False, True], ignore_index=True)
    return ordered


def _recurring(frame: pd.DataFrame, of: pd.Series) -> pd.DataFrame:
    """The columns of `recurring_extremes`; `of` has all trials of each optimizer."""
    usual = _usual_multiplicity(frame)
    usual.index = usual.index.astype(str)
    found = pd.DataFrame({"extreme": _counts(frame[_is_extreme(frame)], _KEYS)})
    found["trials"] = _counts(frame[frame["value"].isin(found.index.unique("value"))], _KEYS)
    found = found.reset_index().astype({"optimizer": str})
    found["of"] = of.reindex(found["optimizer"]).to_numpy()
    unusual = _UNUSUAL * usual.reindex(found["optimizer"]).to_numpy(dtype=float)
    least = np.maximum(np.maximum(_FEWEST, unusual), _SHARE * found["of"])
    recurring: pd.DataFrame = found[found["extreme"] >= least].drop(columns="extreme")
    return recurring


def _losses(trials: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """`optimizer`, `task`, `run`, `value` and `loss` of the trials that count, on tasks with a single objective."""
    single = {name: signs(row)[0] for name, row in tasks.iterrows() if not is_multi_objective(row)}
    sign = of_task(trials, pd.Series(single, dtype=float))
    counted = countable(trials, tasks) & ~np.isnan(sign)
    frame = trials.loc[counted, ["optimizer", "task", "run", "value"]].reset_index(drop=True)
    frame = frame.astype({"optimizer": "category", "task": "category", "run": "category", "value": float})
    with_loss: pd.DataFrame = frame.assign(loss=frame["value"] * sign[counted])
    return with_loss


def _is_extreme(frame: pd.DataFrame) -> np.ndarray:
    """Shape (trials,), boolean; of runs with a single value their first trial."""
    loss, run = frame["loss"], frame["run"]
    own, everyones = (
        loss.groupby([frame[key] for key in keys], observed=True) for keys in (["optimizer", "task"], ["task"])
    )
    worst, best = own.transform("max"), own.transform("min")
    single = loss.groupby(run, observed=True).transform("max") == loss.groupby(run, observed=True).transform("min")
    worst_of_all, best_of_all = everyones.transform("max"), everyones.transform("min")
    ended_worst = single & ~run.duplicated() & (loss == worst_of_all) & (loss > best_of_all)
    fell_to_worst = (loss == worst) & (loss.groupby(run, observed=True).cummin() < loss)
    cell = [frame["optimizer"], frame["task"]]
    next_best = loss.where(loss > best).groupby(cell, observed=True).transform("min")
    later_worst = loss[::-1].groupby(run[::-1], observed=True).cummax()[::-1]
    left_best = (loss == best) & (next_best - best > worst - next_best) & (later_worst > loss)
    extreme: np.ndarray = (ended_worst | fell_to_worst | left_best).to_numpy()
    return extreme


def _usual_multiplicity(frame: pd.DataFrame) -> pd.Series:
    """By optimizer: the median over the values of each task of how many trials have one."""
    return _counts(frame, ["optimizer", "task", "value"]).groupby(level="optimizer", observed=True).median()


def _counts(frame: pd.DataFrame, keys: list[str]) -> pd.Series:
    return frame.groupby(keys, observed=True).size()
