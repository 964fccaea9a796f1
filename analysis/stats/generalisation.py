"""The gap between validation and test: what optimizers selected by, and what that was worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.countable import countable, of_task
from optathlon.analysis.metrics.objectives import is_multi_objective, signs
from optathlon.analysis.stats.comparison import Comparison, comparisons
from optathlon.analysis.stats.ranking import mean_ranks, ranks

if TYPE_CHECKING:
    from optathlon.results.frames import Results

TEST = "test/"
"""Begins the names of metrics that no optimizer sees."""
_VALIDATION = "val_"
_RUN = ["optimizer", "task", "seed"]
_COLUMNS = ["validation", "test", "regret", "overlooked", "validation_loss", "test_loss"]
_MEANS = ["test", "regret", "overlooked"]
_ONE_EVALUATION = 1 + 1e-9


def generalisation(results: Results, trajectories: pd.DataFrame) -> pd.DataFrame:
    """How the optimizers' choices by validation do on the test metrics.

    Parameters
    ----------
    results, trajectories:
        As for `scored_incumbents`.

    Returns
    -------
    Index (`metric`, `optimizer`), sorted, of all that have runs on the metric's tasks. Of the optimizers and pairs of
    task and seed that are compared on the metric, chosen as `comparisons` does: `validation_rank` and `test_rank`, mean
    ranks (over seeds, then tasks) of the final incumbents by the validation and by the test value; `test`, `regret` and
    `overlooked` of `scored_incumbents`, means over seeds, then tasks, of the pairs on which all have a test value
    (whoever fails on hard tasks would have the best means), NaN where one of these runs lacks them; `runs`, how many
    have a test value; `tasks`, how many are compared on, 0 where the optimizer is not compared; `left_out`, the names
    of the metric's other tasks.

    Runs without an incumbent rank last. Of an incumbent without the metric nothing is known: it is not compared.
    """
    runs = scored_incumbents(results, trajectories)
    tables = {metric: _summary(runs.loc[metric]) for metric in runs.index.unique("metric")}
    columns = ["validation_rank", "test_rank", *_MEANS, "runs", "tasks", "left_out"]
    index = pd.MultiIndex.from_arrays([[], []], names=["metric", "optimizer"])
    filled = {metric: table for metric, table in tables.items() if len(table)}
    return pd.concat(filled, names=index.names) if filled else pd.DataFrame(columns=columns, index=index, dtype=float)


def scored_incumbents(results: Results, trajectories: pd.DataFrame) -> pd.DataFrame:
    """The final incumbent of each run, which is the best by the objective, on each test metric.

    A metric `test/X` is looked at on the tasks whose only objective is `X` or `val_X`: its direction is that of the
    objective. Others have no known direction, and several objectives have no single incumbent.

    Parameters
    ----------
    results:
        With the labels of `comparable`.
    trajectories:
        One row per new incumbent: `run`, `trial`, `value`, `loss`.

    Returns
    -------
    Index (`metric`, `optimizer`, `task`, `seed`), sorted, of all runs that were not skipped; `validation`, `test` (of
    the incumbent, in the user's units), `regret` (>= 0, in these units: how much better the best test value is among
    all trials of the run that count), `overlooked` (the share of these trials, in [0, 1), that test strictly better
    than the incumbent), `validation_loss`, `test_loss` (the same to be minimised). NaN where a run has no incumbent, or
    one without that metric, and `regret` and `overlooked` also where not all evaluations may have been logged: where a
    trial spent more than one full evaluation, or one that counts lacks the metric, or where no run of the optimizer on
    the task has a value worse than the one before, as if only incumbents were logged.
    """
    metrics = sorted(_tasks_by_metric(results))
    final = final_incumbents(trajectories) if metrics else trajectories
    frames = {metric: _tested(results, final, metric, tested) for metric, tested in metrics}
    index = pd.MultiIndex.from_arrays([[], [], [], []], names=["metric", *_RUN])
    return pd.concat(frames, names=["metric"]) if frames else pd.DataFrame(columns=_COLUMNS, index=index, dtype=float)


def unscored_metrics(results: Results) -> dict[str, list[str]]:
    """The test metrics that nothing is scored by, each with the tasks that report it and are scored by none.

    Their names fit no objective: a metric `test/X` needs an objective `X` or `val_X`. Tasks with several objectives are
    left out, as they have no single incumbent.
    """
    trials, names = results.trials, {str(task): _test_names(row) for task, row in results.tasks.iterrows()}
    columns = [column for column in trials.columns if column.startswith(TEST)]
    reported = {column: set(trials.loc[trials[column].notna(), "task"].astype(str)) for column in columns}
    scored = {task for column, tasks in reported.items() for task in tasks if column in names.get(task, ())}
    single = {task for task, fitting in names.items() if fitting}
    found = {column: sorted((tasks & single) - scored) for column, tasks in reported.items()}
    return {column: tasks for column, tasks in found.items() if tasks}


def _tasks_by_metric(results: Results) -> list[tuple[str, list[str]]]:
    """The test metrics, each with the tasks whose only objective it is about."""
    trials, tasks = results.trials, results.tasks
    names = {str(task): _test_names(row) for task, row in tasks.iterrows()}
    found = []
    for metric in (column for column in trials.columns if column.startswith(TEST)):
        measured = set(trials.loc[trials[metric].notna(), "task"].astype(str))
        tested = [task for task in names if metric in names[task] and task in measured]
        found += [(metric, tested)] if tested else []
    return found


def _test_names(task: pd.Series) -> set[str]:
    """How the metric is called that tests the objective of a task."""
    if is_multi_objective(task):
        return set()
    name = task["objectives"][0]["name"]
    return {TEST + name, TEST + name.removeprefix(_VALIDATION)}


def _tested(results: Results, incumbents: pd.DataFrame, metric: str, tested: list[str]) -> pd.DataFrame:
    """The rows of one metric, from the final incumbents of all runs: index (`optimizer`, `task`, `seed`)."""
    trials = _tested_trials(results, metric, tested)
    final = incumbents.merge(trials, how="left", on=["run", "trial"]).set_index("run")
    by_run = trials.groupby("run")["test_loss"]
    final["regret"] = final["test_loss"] - by_run.min()
    chosen = trials["run"].map(final["test_loss"]).astype(float)
    better = (trials["test_loss"] < chosen).groupby(trials["run"]).mean()
    final["overlooked"] = better.where(final["test_loss"].notna())
    in_full = final.index.isin(_logged_in_full(results, metric, tested))
    final.loc[~in_full, ["regret", "overlooked"]] = np.nan
    runs = results.runs
    done = runs[(runs["task"].isin(tested) & (runs["status"] != "skipped")).to_numpy()]
    frame = final.reindex(done["run"].astype(str))[_COLUMNS]
    frame.index = pd.MultiIndex.from_frame(done[_RUN].astype({"optimizer": str, "task": str}))
    return frame.sort_index()


def _tested_trials(results: Results, metric: str, tested: list[str]) -> pd.DataFrame:
    """`run`, `trial`, `test`, `test_loss` of the trials that count and have the metric."""
    trials = results.trials[results.trials["task"].isin(tested).to_numpy()]
    trials = trials[countable(trials, results.tasks) & trials[metric].notna().to_numpy()]
    sign = of_task(trials, _first_signs(results.tasks))
    test = trials[metric].astype(float)
    return trials[["run", "trial"]].assign(run=trials["run"].astype(str), test=test, test_loss=test * sign)


def _logged_in_full(results: Results, metric: str, tested: list[str]) -> set[str]:
    """The runs of which all evaluations, and the metric of those that count, are known to be logged."""
    trials = results.trials[results.trials["task"].isin(tested).to_numpy()]
    trials = trials.sort_values(["run", "trial"], ignore_index=True)
    gap = (trials["evaluations"] > _ONE_EVALUATION) | (countable(trials, results.tasks) & trials[metric].isna())
    has_gap = gap.groupby(trials["run"], observed=True).any()
    loss = (trials["value"].astype(float) * of_task(trials, _first_signs(results.tasks))).dropna()
    valued = trials.loc[loss.index]
    is_worse = loss.groupby(valued["run"], observed=True).diff() > 0
    varies = is_worse.groupby([valued["optimizer"], valued["task"]], observed=True).transform("any")
    return {*has_gap.index[~has_gap]} & {*valued.loc[varies, "run"].unique()}


def _first_signs(tasks: pd.DataFrame) -> pd.Series:
    """By task: 1 where the first objective is minimised, -1 where it is maximised."""
    return pd.Series({name: signs(task)[0] for name, task in tasks.iterrows()})


def final_incumbents(trajectories: pd.DataFrame) -> pd.DataFrame:
    """Of each run that has one: `run`, `trial`, `validation`, `validation_loss`."""
    final = trajectories.assign(run=trajectories["run"].astype(str)).sort_values(["run", "loss", "trial"])
    renamed = final.rename(columns={"value": "validation", "loss": "validation_loss"})
    return renamed.drop_duplicates("run")[["run", "trial", "validation", "validation_loss"]]


def _summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Index `optimizer`: the rows of one metric."""
    unknown = runs["validation_loss"].notna() & runs["test_loss"].isna()
    losses = runs.loc[~unknown, ["validation_loss", "test_loss"]]
    alike = pd.Series("", index=runs.index.unique("task"))  # so that there is one comparison, not one per type
    return pd.concat([_of_comparison(runs, compared) for compared in comparisons(losses, alike)] or [pd.DataFrame()])


def _of_comparison(runs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    by_rank = mean_ranks(ranks(comparison)).round(12)
    compared = runs.loc[comparison.runs].set_axis(comparison.losses.index)
    common = compared["test"].notna().groupby(level=["task", "seed"]).transform("all")
    by_task = compared.loc[common, _MEANS].groupby(level=["task", "optimizer"]).mean()
    complete = compared.loc[common, _MEANS].notna().all()
    left_out = tuple(sorted(set(runs.index.unique("task")) - set(comparison.tasks)))
    optimizers = runs.index.unique("optimizer").sort_values()
    table = pd.DataFrame(
        {
            "validation_rank": by_rank["validation_loss"],
            "test_rank": by_rank["test_loss"],
            **by_task.groupby(level="optimizer").mean().where(complete, axis=1),
            "runs": runs.loc[comparison.runs.unique(), "test"].notna().groupby(level="optimizer").sum(),
            "tasks": len(comparison.tasks),
        }
    )
    everyone = table.reindex(optimizers).fillna({"runs": 0, "tasks": 0}).astype({"runs": int, "tasks": int})
    return everyone.assign(left_out=pd.Series([left_out] * len(optimizers), optimizers, dtype=object))
