"""Frames as the cells that the page shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from optathlon.analysis.metrics.coverage import coverage, failed_trial_share
from optathlon.analysis.metrics.final import is_maximised
from optathlon.analysis.metrics.objectives import measure
from optathlon.analysis.metrics.overhead import overhead
from optathlon.analysis.study import Study, Verdict
from optathlon.subsets.validation import CHOSEN, Methods

MISSING = "–"

_TIMES = ((1e-3, "µs", 1e6), (1.0, "ms", 1e3), (120.0, "s", 1.0), (7200.0, "min", 1 / 60), (math.inf, "h", 1 / 3600))
"""Below how many seconds which unit is used, and how many of it make a second."""


@dataclass(frozen=True)
class CoverageCell:
    """The runs of an optimizer on a collection, and the kind that colours the cell."""

    kind: str
    text: str


@dataclass(frozen=True)
class TaskCell:
    """An optimizer's result on a task: median and quartiles in the user's units."""

    median: str
    quartiles: str
    note: str
    best: bool


@dataclass(frozen=True)
class MethodRow:
    """How the subsets of one method agree with all tasks: tau, top-1, rank error, and how many the chosen one beats."""

    method: str
    tau: str
    tau_range: str
    top1: str
    error: str
    error_range: str
    beaten: str
    beaten_by_error: str


@dataclass(frozen=True)
class Section:
    """The per-task table of one collection."""

    collection: str
    optimizers: list[str]
    rows: list[tuple[str, str, list[tuple[str, TaskCell | None]]]]


def standings_table(study: Study, verdict: Verdict) -> pd.DataFrame:
    """The standings with failures and overhead, and below them, unranked, the optimizers not compared."""
    runs, trials = study.results.runs, study.results.trials
    status = runs.groupby("optimizer")["status"]
    seconds = overhead(trials)
    facts = pd.DataFrame(
        {
            "failed_runs": status.agg(lambda values: int((~values.isin(["ok", "skipped"])).sum())),
            "skipped_runs": status.agg(lambda values: int((values == "skipped").sum())),
            "runs": status.size(),
            "failed_trials": failed_trial_share(trials),
            "ask_tell_median": seconds["median"],
            "ask_tell_mean": seconds["mean"],
            "evaluate_mean": seconds["evaluate"],
        }
    )
    unranked = sorted({*study.without_results, *verdict.comparison.left_out})
    table = verdict.standings.join(facts)
    table.insert(table.columns.tolist().index("regret") + 1, "auc", _mean_auc(study, verdict))
    rest = facts.reindex([name for name in unranked if name not in table.index])
    return pd.concat([table, rest]).rename_axis("optimizer") if len(rest) else table


def _mean_auc(study: Study, verdict: Verdict) -> pd.Series:
    """Mean regret over the whole budget, over seeds, then tasks."""
    by_task = study.auc["linear"].loc[verdict.comparison.runs].groupby(level=["task", "optimizer"]).mean()
    mean: pd.Series = by_task.groupby(level="optimizer").mean()
    return mean


def coverage_cells(runs: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[CoverageCell]]]]:
    """Collections, and per optimizer a cell for each."""
    counts = coverage(runs)
    collections = counts.index.unique("collection").tolist()
    cells = {key: _coverage_cell(row) for key, row in counts.iterrows()}
    optimizers = counts.index.unique("optimizer")
    return collections, [(name, [cells[(name, collection)] for collection in collections]) for name in optimizers]


def task_sections(study: Study) -> list[Section]:
    """Per collection, a row for each task and a column for each optimizer that has runs there."""
    tasks, values = study.results.tasks, study.final_values
    sections = []
    for collection, members in tasks.groupby(tasks["collection"].astype(str), sort=True):
        here = values[values.index.get_level_values("task").isin(members.index)]
        optimizers = sorted(here.index.unique("optimizer"))
        by_task = {str(name): rows for name, rows in here.reset_index("optimizer").groupby(level="task")}
        nothing = here.iloc[:0].reset_index("optimizer")
        rows = [
            (str(name), measure(task), _task_row(by_task.get(str(name), nothing), task, optimizers))
            for name, task in members.iterrows()
        ]
        sections.append(Section(str(collection), optimizers, rows))
    return sections


def provenance_sessions(provenance: pd.DataFrame) -> list[dict[str, Any]]:
    """Per session: `id`, `command`, `facts` (name to text), and `mappings` (name to a dictionary, e.g. packages)."""
    sessions = []
    for id, row in provenance.sort_index().iterrows():
        entries = {str(name): value for name, value in row.items() if name != "command" and not _is_empty(value)}
        mappings = {name: dict(sorted(value.items())) for name, value in entries.items() if isinstance(value, dict)}
        facts = {name: _text(value) for name, value in entries.items() if name not in mappings}
        sessions.append({"id": id, "command": row.get("command"), "facts": facts, "mappings": mappings})
    return sessions


def method_rows(methods: Methods) -> list[MethodRow]:
    """The subset itself, and below it other methods at its size."""
    return [_method_row(str(method), row) for method, row in methods.measures.droplevel(["k"]).iterrows()]


def number(value: float, digits: int = 4) -> str:
    """`value` with some significant digits; a dash where it is missing."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{value:.{digits}g}".replace("-", "−")


def fixed(value: float, places: int = 2) -> str:
    """`value` with fixed decimals; a dash where it is missing."""
    return MISSING if math.isnan(value) else f"{value:.{places}f}"


def whole(value: float) -> str:
    """`value` as an integer; a dash where it is missing."""
    return MISSING if math.isnan(value) else f"{int(value):,}"


def percent(share: float) -> str:
    """`share` as a percentage; a dash where it is missing."""
    if math.isnan(share):
        return MISSING
    return f"{100 * share:.0f} %" if share == 0 or share >= 0.1 else f"{100 * share:.2g} %"


def seconds(value: float) -> str:
    """A duration with a fitting unit; a dash where it is missing."""
    if math.isnan(value):
        return MISSING
    unit, factor = next((unit, factor) for limit, unit, factor in _TIMES if value < limit)
    return f"{value * factor:.3g} {unit}"


def _method_row(method: str, row: pd.Series) -> MethodRow:
    several = row["draws"] > 1
    name = f"{method}, {row['draws']:.0f} draws" if several else method
    return MethodRow(
        method="this subset" if method == CHOSEN else name,
        tau=_signed(row["tau"]),
        tau_range=_range(row["tau_low"], row["tau_high"]),
        top1=percent(row["top1"]) if several else "yes" if row["top1"] else "no",
        error=_signed(row["rank_error"]),
        error_range=_range(row["rank_error_low"], row["rank_error_high"]),
        beaten=percent(row["tau_percentile"]) if several else "",
        beaten_by_error=percent(row["rank_error_percentile"]) if several else "",
    )


def _signed(value: float) -> str:
    return fixed(value).replace("-", "−")


def _range(low: float, high: float) -> str:
    return MISSING if math.isnan(low) else f"{_signed(low)} to {_signed(high)}"


def _coverage_cell(counts: pd.Series) -> CoverageCell:
    parts = [f"{counts[kind]:,} {kind}" for kind in ("ok", "failed", "skipped", "missing") if counts[kind]]
    kind = next((kind for kind in ("failed", "missing", "skipped", "ok") if counts[kind]), "none")
    return CoverageCell(kind, ", ".join(parts) or MISSING)


def _task_row(rows: pd.DataFrame, task: pd.Series, optimizers: list[str]) -> list[tuple[str, TaskCell | None]]:
    best = rows["median"].max() if is_maximised(task) else rows["median"].min()
    cells = {row.optimizer: _task_cell(row, best) for row in rows.itertuples()}
    return [(optimizer, cells.get(optimizer)) for optimizer in optimizers]


def _task_cell(row: Any, best: float) -> TaskCell:
    note = f"{int(row.without_result)} of {int(row.runs)} without result" if row.without_result else ""
    shown = row.runs > 1 and not math.isnan(row.better)
    quartiles = f"{number(row.better, 3)} … {number(row.worse, 3)}" if shown else ""
    return TaskCell(number(row.median), quartiles, note, bool(row.median == best))


def _is_empty(value: object) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, list | dict | str) and not value


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
