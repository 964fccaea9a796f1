"""How the report's tables are shown to readers: captions, headers and the columns that fit a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from optathlon.analysis.tables.cells import COUNT, INTERVAL, NUMBER, P_VALUE, PERCENT, RECORD, TEXT
from optathlon.analysis.tables.columns import ALL, Column, Presentation
from optathlon.errors import UsageError

STANDINGS = "standings"

_UNKNOWN = Presentation()


def by_task(final_values: pd.DataFrame) -> pd.DataFrame:
    """Medians: a row per task, a column per optimizer."""
    medians = final_values["median"].unstack("optimizer")
    task = "task"
    while task in medians.columns:
        task += "_"
    return medians.rename_axis(index=task, columns=None)


def pairs_once(pairs: pd.DataFrame) -> pd.DataFrame:
    """Each pair in one order only: the one that wins more tasks, else the one that is first in the alphabet, first."""
    first, second = (pairs.index.get_level_values(level) for level in ("first", "second"))
    ahead = pairs["wins"] - pairs["losses"]
    kept: pd.DataFrame = pairs[(ahead > 0) | ((ahead == 0) & (first < second))]
    return kept


OPTIMIZER = Column("optimizer", "Optimizer", TEXT)
TASK = Column("task", "Task", TEXT)
RECORD_OF_TASKS = Column("record", "Won / tied / lost", RECORD, sources=("wins", "ties", "losses"))

PRESENTATIONS: Mapping[str, Presentation] = {
    STANDINGS: Presentation(
        "Standings at the end of the budget.",
        (
            OPTIMIZER,
            Column("mean_rank", "Mean rank", NUMBER, "low"),
            Column("interval", "95 % interval", INTERVAL, sources=("low", "high")),
            Column("low", "Rank, low end", NUMBER),
            Column("high", "Rank, high end", NUMBER),
            Column("tasks_best", "Tasks best", COUNT, "high"),
            RECORD_OF_TASKS,
            Column("wins", "Won", COUNT, "high"),
            Column("ties", "Tied", COUNT),
            Column("losses", "Lost", COUNT, "low"),
            Column("regret", "Mean regret", NUMBER, "low"),
            Column("auc", "Regret over budget", NUMBER, "low"),
            Column("failed_runs", "Failed runs", COUNT),
            Column("skipped_runs", "Skipped runs", COUNT),
            Column("runs", "Runs", COUNT),
            Column("failed_trials", "Failed trials (%)", PERCENT),
            Column("ask_tell_median", "Ask + tell, median (s)", NUMBER, "low"),
            Column("ask_tell_mean", "Ask + tell, mean (s)", NUMBER, "low"),
            Column("evaluate_mean", "Evaluation, mean (s)", NUMBER),
        ),
        ("optimizer", "mean_rank", "interval", "record", "regret"),
    ),
    "pairs": Presentation(
        "Optimizers two by two.",
        (
            Column("first", "First", TEXT),
            Column("second", "Second", TEXT),
            RECORD_OF_TASKS,
            Column("wins", "Won", COUNT),
            Column("ties", "Tied", COUNT),
            Column("losses", "Lost", COUNT),
            Column("a12", "Â12", NUMBER),
            Column("cliffs_delta", "Cliff's delta", NUMBER),
            Column("rank_biserial", "Rank-biserial", NUMBER),
            Column("magnitude", "Magnitude", TEXT),
            Column("p_value", "p", P_VALUE),
            Column("p_corrected", "p corrected", P_VALUE),
            Column("improvement", "P(better)", NUMBER),
            Column("improvement_interval", "95 % interval", INTERVAL, sources=("improvement_low", "improvement_high")),
            Column("improvement_low", "P(better), low end", NUMBER),
            Column("improvement_high", "P(better), high end", NUMBER),
            Column("bayes_better", "Bayes: better", NUMBER),
            Column("bayes_equivalent", "Bayes: equivalent", NUMBER),
            Column("bayes_worse", "Bayes: worse", NUMBER),
            Column("new_task_better", "New task: better", NUMBER),
            Column("new_task_equivalent", "New task: equivalent", NUMBER),
            Column("new_task_worse", "New task: worse", NUMBER),
        ),
        ("first", "second", "record", "improvement", "rank_biserial", "p_corrected"),
        keys=2,
        reshaped=pairs_once,
    ),
    "tasks": Presentation(
        "Median result of each optimizer on each task.",
        (
            TASK,
            OPTIMIZER,
            Column("median", "Median", NUMBER),
            Column("better", "Better quartile", NUMBER),
            Column("worse", "Worse quartile", NUMBER),
            Column("runs", "Runs", COUNT),
            Column("without_result", "Without result", COUNT),
        ),
        reshaped=by_task,
        best_in_rows=True,
    ),
    "fixed_targets": Presentation(
        "Full evaluations until targets.",
        (
            TASK,
            Column("kind", "Kind of target", TEXT),
            Column("target", "Target", NUMBER),
            OPTIMIZER,
            Column("value", "Value", NUMBER),
            Column("expected_runtime", "Expected runtime", NUMBER),
            Column("median_runtime", "Median runtime", NUMBER),
            Column("successes", "Successes", COUNT),
            Column("runs", "Runs", COUNT),
        ),
        ("task", "kind", "target", "optimizer", "expected_runtime", "successes", "runs"),
        keys=4,
    ),
    "fixed_budgets": Presentation(
        "Values at shares of the budget.",
        (
            TASK,
            Column("budget", "Share of the budget", NUMBER),
            OPTIMIZER,
            Column("median", "Median", NUMBER),
            Column("better", "Better quartile", NUMBER),
            Column("worse", "Worse quartile", NUMBER),
            Column("successes", "With a result", COUNT),
            Column("runs", "Runs", COUNT),
        ),
        ("task", "budget", "optimizer", "median", "successes", "runs"),
        keys=3,
    ),
    "focus": Presentation(
        "The optimizer in focus against each other one.",
        (
            OPTIMIZER,
            Column("verdict", "Verdict", TEXT),
            RECORD_OF_TASKS,
            Column("wins", "Won", COUNT),
            Column("ties", "Tied", COUNT),
            Column("losses", "Lost", COUNT),
            Column("runs_won", "Runs won", NUMBER),
            Column("runs_won_interval", "95 % interval", INTERVAL, sources=("runs_won_low", "runs_won_high")),
            Column("runs_won_low", "Runs won, low end", NUMBER),
            Column("runs_won_high", "Runs won, high end", NUMBER),
            Column("regret_lead", "Lead in regret", NUMBER),
            Column("regret_lead_low", "Lead, low end", NUMBER),
            Column("regret_lead_high", "Lead, high end", NUMBER),
            Column("p_corrected", "p corrected", P_VALUE),
            Column("p_value", "p", P_VALUE),
            Column("most_ahead_on", "Most ahead on", TEXT),
            Column("most_behind_on", "Most behind on", TEXT),
        ),
        ("optimizer", "verdict", "record", "runs_won", "runs_won_interval", "p_corrected"),
    ),
    "focus_tasks": Presentation(
        "Lead of the optimizer in focus on each task: 1 where every run is better, -1 where every run is worse.",
        (TASK,),
    ),
    "virtual_best": Presentation(
        "What each optimizer gives to a choice of the best one for each task.",
        (
            OPTIMIZER,
            Column("tasks", "Tasks best", COUNT, "high"),
            Column("contribution", "Regret lost without it", NUMBER, "high"),
        ),
    ),
    "time_to_target_scores": Presentation(
        "How quickly each task's own target is reached: 1 is the quickest on every task.",
        (
            Column("time", "Time in", TEXT),
            OPTIMIZER,
            Column("estimate", "Score", NUMBER, "high"),
            Column("interval", "95 % interval", INTERVAL, sources=("low", "high")),
            Column("low", "Score, low end", NUMBER),
            Column("high", "Score, high end", NUMBER),
        ),
        ("time", "optimizer", "estimate", "interval"),
        keys=2,
    ),
    "importance": Presentation(
        "Importance of hyperparameters.",
        (
            TASK,
            Column("hyperparameter", "Hyperparameter", TEXT),
            Column("importance", "Importance", NUMBER, "high"),
            Column("std", "Over folds ±", NUMBER),
            Column("score", "R² of the forests", NUMBER),
            Column("configurations", "Trials", COUNT),
        ),
        ("task", "hyperparameter", "importance", "std"),
        keys=2,
    ),
    "strengths": Presentation(
        "Mean ranks by kind of task, and how much they differ from those on the other tasks.",
        (
            Column("feature", "Feature", TEXT),
            Column("level", "Kind", TEXT),
            OPTIMIZER,
            Column("tasks", "Tasks", COUNT),
            Column("mean_rank", "Mean rank", NUMBER),
            Column("difference", "Difference", NUMBER),
            Column("p_value", "p", P_VALUE),
        ),
        ("feature", "level", "optimizer", "tasks", "mean_rank", "difference", "p_value"),
        keys=3,
    ),
    "sensitivity": Presentation(
        "Places under other choices of analysis.",
        (
            Column("choice", "Choice", TEXT),
            Column("scenario", "Scenario", TEXT),
            OPTIMIZER,
            Column("score", "Score", NUMBER),
            Column("position", "Place", COUNT),
        ),
        keys=3,
    ),
    "coverage": Presentation(
        "Runs of each optimizer on each collection of tasks.",
        (
            OPTIMIZER,
            Column("collection", "Collection", TEXT),
            Column("ok", "Succeeded", COUNT),
            Column("failed", "Failed", COUNT),
            Column("skipped", "Skipped", COUNT),
            Column("missing", "Missing", COUNT),
        ),
        keys=2,
    ),
    "run_failures": Presentation(
        "Runs that failed, and why.",
        (
            OPTIMIZER,
            Column("status", "Status", TEXT),
            Column("reason", "Reason", TEXT),
            Column("runs", "Runs", COUNT),
            Column("tasks", "Tasks", COUNT),
            Column("example", "For example", TEXT),
        ),
        ("optimizer", "status", "reason", "runs", "tasks"),
    ),
    "trial_failures": Presentation(
        "Trials that failed, and why.",
        (
            OPTIMIZER,
            Column("status", "Status", TEXT),
            Column("reason", "Reason", TEXT),
            Column("trials", "Trials", COUNT),
            Column("tasks", "Tasks", COUNT),
            Column("example", "For example", TEXT),
        ),
        ("optimizer", "status", "reason", "trials", "tasks"),
    ),
    "generalisation": Presentation(
        "What was chosen by validation, judged by test metrics.",
        (
            Column("metric", "Test metric", TEXT),
            OPTIMIZER,
            Column("validation_rank", "Validation rank", NUMBER, "low"),
            Column("test_rank", "Test rank", NUMBER, "low"),
            Column("test", "Test value", NUMBER),
            Column("regret", "Lost by choice", NUMBER),
            Column("overlooked", "Overlooked", NUMBER),
            Column("runs", "Runs", COUNT),
            Column("tasks", "Tasks", COUNT),
            Column("left_out", "Left out", TEXT),
        ),
        ("metric", "optimizer", "validation_rank", "test_rank", "test", "tasks"),
        keys=2,
    ),
    "hypervolume_references": Presentation(
        "Reference points of hypervolumes.",
        (
            TASK,
            Column("objective", "Objective", TEXT),
            Column("reference", "Reference", NUMBER),
            Column("derived", "From the results", TEXT),
        ),
        keys=2,
    ),
    "task_features": Presentation(
        "What tells the tasks apart.",
        (
            TASK,
            Column("collection", "Collection", TEXT),
            Column("type", "Type", TEXT),
            Column("dimension", "Dimension", COUNT),
            Column("hyperparameters", "Hyperparameters", TEXT),
            Column("conditional", "Conditional", TEXT),
            Column("fidelity", "Fidelity", TEXT),
            Column("objectives", "Objectives", COUNT),
            Column("constraints", "Constraints", COUNT),
            Column("noisy", "Noisy", TEXT),
            Column("cost", "Cost of an evaluation", NUMBER),
        ),
        ("task", "type", "dimension", "hyperparameters", "objectives", "fidelity"),
    ),
}


def presentation_of(name: str) -> Presentation:
    """That of a table, which may be of one of several comparisons; a plain one where nobody has described it."""
    kind = max((known for known in PRESENTATIONS if _is_of(name, known)), key=len, default="")
    return PRESENTATIONS.get(kind, _UNKNOWN)


class ChosenColumns:
    """Columns that a user asks for, by table.

    Parameters
    ----------
    choices:
        `"NAME,NAME"` of the standings, or `"TABLE=NAME,NAME"`; `all` for all columns. `UsageError` where no table or
        column is called so.
    """

    def __init__(self, choices: Iterable[str] = ()) -> None:
        self._chosen = dict(map(_parsed, choices))

    def of(self, name: str) -> Sequence[str]:
        """Those of a table; none where nothing was asked for."""
        return next((columns for kind, columns in self._chosen.items() if _is_of(name, kind)), ())


def _parsed(choice: str) -> tuple[str, tuple[str, ...]]:
    table, has_table, listed = choice.rpartition("=")
    table = table.strip() if has_table else STANDINGS
    if table not in PRESENTATIONS:
        raise UsageError(f"unknown table {table!r} in --columns {choice!r}: known are {', '.join(PRESENTATIONS)}")
    names = tuple(name.strip() for name in listed.split(",") if name.strip())
    known = PRESENTATIONS[table].names
    unknown = [name for name in names if name not in (*known, ALL)]
    if unknown:
        raise UsageError(
            f"unknown column {unknown[0]!r} of the table {table} in --columns: known are {', '.join(known)}, and {ALL}"
        )
    if not names:
        raise UsageError(f"--columns {choice!r} names no column: known of the table {table} are {', '.join(known)}")
    return table, (ALL,) if ALL in names else names


def _is_of(name: str, kind: str) -> bool:
    return name == kind or name.startswith(f"{kind}_")
