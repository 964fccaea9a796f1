"""Runs under different conditions get different labels, so that nothing downstream can mix them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from optathlon.analysis.metrics.axes import positions_of_runs
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.frames import Results

_CONDITIONS = {
    "task_version": "version",
    "budget": "budget",
    "budget_unit": "counted in",
    "n_workers": "workers",
    "clock": "clock",
}
"""What must agree for two runs on one task to be compared, and how it is called in a label."""

_LABELS = ["optimizer", "task", "collection", "seed"]


def comparable(results: Results) -> Results:
    """`results`, runs in order of task, optimizer and seed, with labels that tell incomparable runs apart.

    - Runs of one task that differ in the task's version, budget, workers or clock are never compared: each such
      setting becomes a task of its own, `"bbob/f1/d2/i1 (budget 50)"`. Where all runs agree, the id stays as it is.
    - Where runs come from several root seeds, `seed` becomes the number of the pair (root seed, seed), since equal
      seeds under different root seeds are different random numbers.

    Trials of runs that are not in `results.runs` are left out, so it is enough to filter the runs.

    Raises `UsageError` where, after that, two runs still have the same optimizer, task and seed.
    """
    text = ["run", "optimizer", "task", "collection", "status"]
    runs = results.runs.astype(dict.fromkeys(text, str))
    runs = runs.sort_values(["task", "optimizer", "seed", "run"], kind="stable").reset_index(drop=True)
    tasks_of_runs = runs["task"].copy()
    runs["task"] = _task_labels(runs)
    if runs["root_seed"].nunique() > 1:
        runs["seed"] = runs.groupby(["root_seed", "seed"]).ngroup()
    _refuse_duplicates(runs)
    tasks = _relabelled(results.tasks, tasks_of_runs, runs)
    return replace(results, runs=runs, trials=_labelled(results.trials, runs), tasks=tasks)


def _labelled(trials: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The trials of these runs with the labels of their runs, as categoricals where these are text."""
    run = positions_of_runs(trials, runs)
    kept = trials if (run >= 0).all() else trials[run >= 0]
    run = run[run >= 0]
    labels = {}
    for name in _LABELS:
        column = runs[name]
        if column.dtype.kind in "iu":
            labels[name] = column.to_numpy()[run]
        else:
            codes, categories = pd.factorize(column, sort=True)
            labels[name] = pd.Categorical.from_codes(codes[run], categories)
    return kept.assign(**labels)


def _task_labels(runs: pd.DataFrame) -> pd.Series:
    label = runs["task"].copy()
    for column, word in _CONDITIONS.items():
        text = pd.Series([f"{value:g}" if isinstance(value, float) else str(value) for value in runs[column]])
        varies = text.groupby(runs["task"]).transform("nunique") > 1
        label = label.where(~varies, label + " (" + word + " " + text + ")")
    return label


def _refuse_duplicates(runs: pd.DataFrame) -> None:
    twice = runs[runs.duplicated(["optimizer", "task", "seed"])]
    if len(twice):
        first = twice.iloc[0]
        raise UsageError(
            f"two runs of {first.optimizer!r} on task {first.task!r} with seed {first.seed}: "
            "results hold it under different options; report them from separate folders"
        )


def _relabelled(tasks: pd.DataFrame, ids: pd.Series, runs: pd.DataFrame) -> pd.DataFrame:
    """`tasks` with a row for each label in `runs`, in the order of the labels."""
    pairs = pd.DataFrame({"label": runs["task"], "id": ids, "version": runs["task_version"].astype(str)})
    pairs = pairs.drop_duplicates("label").sort_values("label")
    first: dict[tuple[str, str], int] = {}
    for position, (id, version) in enumerate(zip(tasks.index, tasks["version"].astype(str), strict=True)):
        first.setdefault((id, version), position)
        first.setdefault((id, ""), position)
    wanted = zip(pairs["id"], pairs["version"], strict=True)
    positions = [first.get((id, version), first[id, ""]) for id, version in wanted]
    return tasks.iloc[positions].set_axis(pd.Index(pairs["label"].astype(str), name="task"))
