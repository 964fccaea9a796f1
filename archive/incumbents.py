"""The trials that decide what the analysis says of a run: its incumbents, and what it has spent with each of them.

With one objective these are the trials that are better than all before them in their run. With several they are those
that no earlier one dominates, whatever reference the hypervolume is measured from; where the task states no reference
for an objective, it is the worst value of all runs, so the worst trial of each run is one of them, too. The last trial
of a run says what it has spent in all. Everything else changes no trajectory, and so no figure that is made from these.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.axes import OrderedTrials
from optathlon.analysis.metrics.comparable import comparable
from optathlon.analysis.metrics.countable import countable
from optathlon.analysis.metrics.objectives import is_multi_objective, objective_losses, row_of, signs
from optathlon.analysis.metrics.references import stated_reference
from optathlon.analysis.metrics.trajectory import trajectories
from optathlon.results.frames import Results
from optathlon.results.schema import SPENT

COUNTED = ("evaluations", "full_fidelity_trials")
"""What is known to be spent: seconds and costs of one machine are not compared with those of another."""

_TEST = "test/"


def incumbents(results: Results) -> pd.DataFrame:
    """The incumbents of all runs.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them, with all trials.

    Returns
    -------
    Run by run in the order in which results came: `run`, `trial`, `spent:evaluations`, `spent:full_fidelity_trials`
    (what the run has spent when it ended), `status`; `value`, … and `constraint_1`, … of incumbents, NaN of a last
    trial that is none; and `test/…` of the last incumbent of each run.
    """
    labelled = comparable(results)
    ordered = OrderedTrials(labelled)
    trials = labelled.trials.iloc[ordered.rows]
    counts = countable(labelled.trials, labelled.tasks)[ordered.rows]
    decides = _improves(labelled, trials) | _is_on_a_front(labelled, trials, ordered.run, counts)
    last = np.append(ordered.run[1:] != ordered.run[:-1], True)[: len(trials)]
    numbers = trials.filter(regex=rf"^(value(_\d+)?|constraint_\d+|{_TEST}.*)$").astype(float)
    tests = [name for name in numbers.columns.astype(str) if name.startswith(_TEST)]
    numbers.loc[~decides] = np.nan
    numbers.loc[~_is_last_that(decides, ordered.run), tests] = np.nan
    spent = {f"{SPENT}{axis}": ordered.spent(axis) for axis in COUNTED}
    table = trials[["run", "trial", "status"]].assign(**spent).join(numbers)
    chosen: pd.DataFrame = table[decides | last].reset_index(drop=True)
    return chosen


def _improves(results: Results, trials: pd.DataFrame) -> np.ndarray:
    """Shape (trials,), boolean: those that are incumbents of the analysis."""
    found = trajectories(results)
    known = pd.MultiIndex.from_arrays([found["run"].astype(str), found["trial"]])
    mask: np.ndarray = pd.MultiIndex.from_arrays([trials["run"].astype(str), trials["trial"]]).isin(known)
    return mask


def _is_on_a_front(results: Results, trials: pd.DataFrame, run: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Shape (trials,), boolean: with several objectives, those that decide hypervolumes from whatever reference."""
    chosen = np.zeros(len(trials), dtype=bool)
    task = trials["task"].astype(str).to_numpy()
    for name in results.tasks.index[[is_multi_objective(row) for _, row in results.tasks.iterrows()]]:
        row = row_of(results.tasks, name)
        rows = np.flatnonzero((task == name) & counts)
        losses = objective_losses(trials.iloc[rows], row)
        unstated = np.isnan(signs(row) * stated_reference(row))
        for own in pd.Series(run[rows]).groupby(run[rows]).indices.values():
            chosen[rows[own[enters_front(losses[own])]]] = True
            chosen[rows[own[losses[own][:, unstated].argmax(axis=0)]]] = True
    return chosen


def enters_front(losses: np.ndarray) -> np.ndarray:
    """Shape (n,), boolean: the rows of `losses`, shape (n, m), than which no earlier one is as good in everything."""
    front = np.empty((0, losses.shape[1]))
    enters = np.zeros(len(losses), dtype=bool)
    for index, point in enumerate(losses):
        if not np.any(np.all(front <= point, axis=1)):
            front = np.vstack([front[~np.all(front >= point, axis=1)], point])
            enters[index] = True
    return enters


def _is_last_that(decides: np.ndarray, run: np.ndarray) -> np.ndarray:
    """Shape (trials,), boolean: of each run the last trial that decides something."""
    rows = np.flatnonzero(decides)
    last = np.zeros(len(run), dtype=bool)
    last[rows[np.append(run[rows][1:] != run[rows][:-1], True)[: len(rows)]]] = True
    return last
