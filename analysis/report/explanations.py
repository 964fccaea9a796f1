"""The tables that explain the ranking, as the cells that the page shows."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pandas as pd
from markupsafe import Markup

from optathlon.analysis.metrics.objectives import measure, row_of
from optathlon.analysis.report.tables import fixed, number, seconds
from optathlon.analysis.report.words import counted, names
from optathlon.analysis.stats.importance import ENOUGH

_BETTER, _WORSE = "0,158,115", "213,94,0"
"""Two colours that colour-blind readers tell apart (Okabe and Ito)."""

_STRONGEST = 0.55
"""The opacity of the largest difference."""

_ALPHA = 0.05
"""Differences with at most this p-value are set in bold."""

_FEATURES = {
    "collection": "collection",
    "type": "type",
    "dimension": "hyperparameters",
    "hyperparameters": "kind of hyperparameters",
    "conditional": "conditions",
    "fidelity": "fidelity",
    "objectives": "objectives",
    "constraints": "constraints",
    "noisy": "noise",
    "cost": "an evaluation takes",
}


@dataclass(frozen=True)
class Shaded:
    """A cell with a background that says how much better or worse it is; `sure` where chance hardly explains it."""

    optimizer: str
    text: str
    shade: str
    sure: bool = False


@dataclass(frozen=True)
class SensitivityTable:
    """Choices with the number of their scenarios, scenarios, and per optimizer the place in each."""

    choices: list[tuple[str, int]]
    scenarios: list[str]
    rows: list[tuple[str, list[Shaded]]]


@dataclass(frozen=True)
class StrengthsTable:
    """Per kind of tasks: its name, how many there are, and a cell for each optimizer."""

    optimizers: list[str]
    rows: list[tuple[str, int, list[Shaded]]]


@dataclass(frozen=True)
class Estimate:
    """What `hyperparameter_importance` made of a task's trials, their number, and how many of them do not count."""

    table: pd.DataFrame
    trials: int
    left_out: int


@dataclass(frozen=True)
class GeneralisationTable:
    """A row for each optimizer compared by a test metric, on how many `tasks`, and a sentence on what is left out."""

    metric: str
    tasks: str
    rows: list[dict[Hashable, object]]
    left_out: Markup | None


@dataclass(frozen=True)
class Importance:
    """The importances of a task's hyperparameters, and what to think of them."""

    note: str
    rows: list[dict[Hashable, object]]


@dataclass(frozen=True)
class TaskFacts:
    """What is known of a task."""

    name: str
    facts: list[tuple[str, str]]
    importance: Importance | None


def sensitivity_table(table: pd.DataFrame) -> SensitivityTable:
    """Places by scenario; shaded where they are not the reported ones.

    Parameters
    ----------
    table:
        As `optathlon.analysis.stats.sensitivity.sensitivity` returns it.
    """
    positions = table["position"].unstack("optimizer", sort=False)
    reported = positions.iloc[0]
    order = reported.sort_index().sort_values(kind="stable").index
    span = max(1.0, (len(order) - 1) / 2)
    rows = [
        (str(name), [_moved(str(name), place, reported[name], span) for place in positions[name]]) for name in order
    ]
    choices = [str(choice) for choice, _ in positions.index]
    return SensitivityTable(
        choices=[(choice, len(list(scenarios))) for choice, scenarios in groupby(choices)],
        scenarios=[str(scenario) for _, scenario in positions.index],
        rows=rows,
    )


def strengths_table(table: pd.DataFrame) -> StrengthsTable:
    """Differences of mean ranks by kind of task.

    Parameters
    ----------
    table:
        As `optathlon.analysis.stats.strengths.strengths` returns it.
    """
    optimizers = [str(name) for name in table.index.unique("optimizer")]
    largest = float(table["difference"].abs().max()) if len(table) else 1.0
    rows = []
    for (feature, level), cells in table.groupby(level=["feature", "level"], sort=False):
        label = f"{_FEATURES.get(str(feature), str(feature))}: {level}"
        shaded = [
            Shaded(
                str(name),
                _signed(row.difference),
                _shade(row.difference / (largest or 1.0)),
                sure=bool(row.p_value <= _ALPHA),
            )
            for name, row in cells.droplevel(["feature", "level"]).iterrows()
        ]
        rows.append((label, int(cells["tasks"].iloc[0]), shaded))
    return StrengthsTable(optimizers, rows)


def generalisation_rows(table: pd.DataFrame) -> Iterator[GeneralisationTable]:
    """The optimizers by each test metric, best test rank first.

    Parameters
    ----------
    table:
        As `optathlon.analysis.stats.generalisation.generalisation` returns it.
    """
    for metric in table.index.unique("metric"):
        rows = table[table.index.get_level_values("metric") == metric].droplevel(["metric"])
        compared = rows[rows["tasks"] > 0].sort_values("test_rank", kind="stable")
        if len(compared):
            tasks = counted(int(compared["tasks"].iloc[0]), "task")
            cells = compared.reset_index().to_dict("records")
            yield GeneralisationTable(str(metric), tasks, cells, _not_compared(rows))


def task_facts(tasks: pd.DataFrame, features: pd.DataFrame, importances: Mapping[str, Estimate]) -> Iterator[TaskFacts]:
    """What is known of each task.

    Parameters
    ----------
    tasks, features:
        The `tasks` frame and what `task_features` makes of it.
    importances:
        By task, where they were asked for.
    """
    for name, row in tasks.iterrows():
        known = row_of(features, str(name))
        facts = [
            ("type", str(row["type"])),
            ("measured by", measure(row)),
            ("hyperparameters", number(known["dimension"])),
            ("kind of hyperparameters", known["hyperparameters"] or ""),
            ("conditions", _yes_or_no(known["conditional"])),
            ("noise", _yes_or_no(known["noisy"])),
            ("median evaluation", seconds(known["cost"])),
        ]
        importance = _importance(importances[str(name)], row) if str(name) in importances else None
        yield TaskFacts(str(name), [(label, text) for label, text in facts if text and text != "–"], importance)


def _importance(estimate: Estimate, task: pd.Series) -> Importance:
    reason = _why_unknown(estimate.table, task)
    rows = [] if reason else estimate.table.reset_index().to_dict("records")
    return Importance((reason or _meaning(estimate.table, task)) + _left_out(estimate), rows)


def _why_unknown(table: pd.DataFrame, task: pd.Series) -> str:
    if not task["space"]:
        return "The search space is not stored with these results, so nothing can be told."
    if table.empty:
        return "The search space has no hyperparameter that can vary."
    count = int(table["configurations"].iloc[0])
    if count < ENOUGH:
        return f"There are too few different configurations that count to tell: {count}; {ENOUGH} are needed."
    if table["score"].isna().any():
        return f"There is nothing to tell: all {count:,} different configurations that count have the same loss."
    return ""


def _meaning(table: pd.DataFrame, task: pd.Series) -> str:
    score, count = float(table["score"].iloc[0]), int(table["configurations"].iloc[0])
    several = len(task["objectives"]) > 1
    ranks = f"ranks of {task['objectives'][0]['name']}" if several else "ranks"
    verdict = ", so the importances mean little" if score < 0.2 else ""
    return (
        f"A random forest’s estimate of, usually below, the total Sobol index of {ranks}, on {count:,} different "
        "configurations that count (successful, feasible, within the budget, at full fidelity), as optimizers chose "
        f"them. The forest explains {max(score, 0.0):.0%} of the variance of ranks it has not seen{verdict}. "
        "It shrinks effects, weak ones most. The spread is that over shuffles and folds, not the error."
    )


def _left_out(estimate: Estimate) -> str:
    if estimate.table.empty or not estimate.left_out:
        return ""
    return f" {estimate.left_out:,} of {estimate.trials:,} trials did not count: what makes them fail is not seen here."


def _moved(name: str, place: float, reported: float, span: float) -> Shaded:
    if np.isnan(place):
        return Shaded(name, "–", "")
    return Shaded(name, f"{place:g}", _shade((place - reported) / span) if place != reported else "")


def _shade(difference: float) -> str:
    """A background for a difference in [-1, 1], below 0 better."""
    opacity = _STRONGEST * min(1.0, abs(difference))
    return f"background:rgba({_BETTER if difference < 0 else _WORSE},{opacity:.2f})"


def _not_compared(rows: pd.DataFrame) -> Markup | None:
    """Which optimizers are not compared by a test metric, and on which tasks those that are compared are not."""
    compared = rows["tasks"] > 0
    optimizers, tasks = rows.index[~compared].tolist(), rows.loc[compared, "left_out"].iloc[0]
    listed = (("optimizer", optimizers), ("task", tasks))
    parts = [Markup("{} ({})").format(counted(len(found), noun), names(found)) for noun, found in listed if found]
    return Markup("Left out for want of test results: {}.").format(Markup(" and ").join(parts)) if parts else None


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + fixed(value).replace("-", "−")


def _yes_or_no(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else ""
