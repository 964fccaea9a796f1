"""What ran, what failed and what is missing: shown before any result."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.coverage import coverage, has_failed, run_failures, trial_failures
from optathlon.analysis.metrics.failure_codes import recurring_extremes
from optathlon.analysis.report.cells import MISSING
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted, names

_MOST_FAILURES = 40
"""Kinds of failure shown on the page; the rest are in the CSV file."""

_FREQUENT = 0.05
"""Optimizers of whose trials at least this share failed are named."""

_MOST_CODES = 3
"""Values that are named where several may stand for the failures of an optimizer."""

_SHORT = 0.9
"""Optimizers whose runs have a smaller share than this of the longest one's evaluations are named."""


_NO_COURSE = (
    "Every run has a single result, so what needs its course is left out: performance over the budget, runtimes to "
    "targets and the speed-up over random search."
)


class Coverage(Section):
    """Runs by optimizer and collection, and the failures of runs and trials."""

    template = "coverage.html"

    def caveats(self) -> Iterator[Markup]:
        """Failures, and runs that are shorter than others."""
        yield from map(escape, self.data.remarks)
        yield from _unseen(self.data.analysis)
        yield from _failures(self.data.analysis)
        yield from _failure_codes(self.data.analysis)
        yield from _shorter_runs(self.data.analysis)
        if not self.data.analysis.has_course:
            yield Markup(_NO_COURSE)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Runs, failed runs and failed trials."""
        results = self.data.analysis.results
        yield "coverage", coverage(results.runs)
        yield "run_failures", run_failures(results.runs)
        yield "trial_failures", self._trial_failures

    def content(self) -> dict[str, Any]:
        """The same for the page, the most frequent failures only."""
        results = self.data.analysis.results
        collections, rows = coverage_cells(results.runs)
        return {
            "collections": collections,
            "coverage": rows,
            "run_failures": run_failures(results.runs).head(_MOST_FAILURES).to_dict("records"),
            "trial_failures": self._trial_failures.head(_MOST_FAILURES).to_dict("records"),
        }

    @cached_property
    def _trial_failures(self) -> pd.DataFrame:
        return trial_failures(self.data.analysis.whole_trials)


@dataclass(frozen=True)
class CoverageCell:
    """The runs of an optimizer on a collection, and the kind that colours the cell."""

    kind: str
    text: str


def coverage_cells(runs: pd.DataFrame) -> tuple[list[str], list[tuple[str, list[CoverageCell]]]]:
    """Collections, and per optimizer a cell for each."""
    counts = coverage(runs)
    collections = counts.index.unique("collection").tolist()
    cells = {key: _coverage_cell(row) for key, row in counts.iterrows()}
    optimizers = counts.index.unique("optimizer")
    return collections, [(name, [cells[(name, collection)] for collection in collections]) for name in optimizers]


def _coverage_cell(counts: pd.Series) -> CoverageCell:
    parts = [f"{counts[kind]:,} {kind}" for kind in ("ok", "failed", "skipped", "missing") if counts[kind]]
    kind = next((kind for kind in ("failed", "missing", "skipped", "ok") if counts[kind]), "none")
    return CoverageCell(kind, ", ".join(parts) or MISSING)


def _unseen(analysis: Analysis) -> Iterator[Markup]:
    """Which sections are not about baselines, of which only incumbents are known."""
    if analysis.baselines:
        yield Markup(
            "Of baselines only incumbents are known: failed trials, seconds of optimizers and evaluations, recurring "
            "values, and the importance of hyperparameters are told of the other optimizers alone."
        )


def _failures(analysis: Analysis) -> Iterator[Markup]:
    runs = analysis.results.runs
    if analysis.without_results:
        text = Markup("Without a single result, and so not ranked: {}.")
        yield text.format(names(analysis.without_results))
    failed = runs[has_failed(runs)]
    if len(failed):
        text = Markup("{} of {} did not end well ({}). They keep the results they had until then.")
        yield text.format(f"{len(failed):,}", counted(len(runs), "run"), names(sorted(failed["optimizer"].unique())))
    share = analysis.failed_trial_share.drop(index=analysis.without_results, errors="ignore")
    frequent = share[share >= _FREQUENT].sort_values(ascending=False)
    if len(frequent):
        listed = [f"{name} ({value:.0%})" for name, value in frequent.items()]
        price = _price_of_failure(runs) if analysis.has_course else ""
        yield Markup("Many trials failed with {}; failed trials never count{}.").format(names(listed), price)


def _price_of_failure(runs: pd.DataFrame) -> str:
    if set(runs["budget_unit"].astype(str)) == {"evaluations"}:
        return ", and they cost budget as others do"
    return ", and they cost only the time or cost that they report"


def _failure_codes(analysis: Analysis) -> Iterator[Markup]:
    """What recurs in whose trials as if it stood for failures: one sentence for all with whom the same does."""
    whole, tasks = analysis.whole_trials, analysis.results.tasks
    told = tasks[~repeat_by_nature(tasks)]
    found = recurring_extremes(whole[whole["task"].isin(told.index).to_numpy()], told)
    shown = found.groupby("optimizer").head(_MOST_CODES)
    alike: dict[tuple[float, ...], list[str]] = {}
    for name, own in shown.groupby("optimizer"):
        alike.setdefault(tuple(sorted(own["value"])), []).append(str(name))
    for optimizers in alike.values():
        rows = shown[shown["optimizer"].isin(optimizers)]
        trials = rows.groupby("value")["trials"].sum().sort_values(ascending=False, kind="stable")
        values = [_told(value) for value in trials.index]
        (first, *others) = (f"{value} in {count:,}" for value, count in zip(values, trials, strict=True))
        text = Markup(
            "With {}, extreme values recur: {}. Where they stand for failures, <code>{}</code> counts them as such."
        )
        of = int(rows.groupby("optimizer")["of"].first().sum())
        recurring = ", ".join([f"{first} of {counted(of, 'trial')}", *others])
        codes = " ".join(f"--failure-value {value}" for value in values)
        yield text.format(names(optimizers), recurring, codes)


def repeat_by_nature(tasks: pd.DataFrame) -> pd.Series:
    """Which tasks give a value again and again without any failure: those that look it up.

    That is told by what is stored: values that come from data files, and search spaces without a continuous
    hyperparameter, of which a configuration is soon proposed twice. Of other programs' tables nothing is told.
    """
    finite = tasks["space"].map(lambda space: bool(space) and not any(map(_is_continuous, space["hyperparameters"])))
    return finite.astype(bool) | tasks["data"].map(bool).astype(bool)


def _is_continuous(hyperparameter: Mapping[str, Any]) -> bool:
    return "float" in str(hyperparameter["type"])


def _told(value: float) -> str:
    """The value in ten digits; in all where these would be more than a float can hold, as of the largest one."""
    text = f"{value:.10g}"
    return text if math.isfinite(float(text)) else repr(float(value))


def _shorter_runs(analysis: Analysis) -> Iterator[Markup]:
    """Who spent much less than others on the same tasks, though no run failed."""
    runs = analysis.results.runs
    alike = runs[(runs["status"] == "ok") & (runs["budget_unit"].astype(str) == "evaluations")]
    spent = analysis.spent["evaluations"].reindex(alike["run"]).to_numpy(dtype=float)
    longest = analysis.curves.ends["evaluations"].reindex(alike["task"]).to_numpy(dtype=float)
    share = pd.Series(spent / longest, index=alike["optimizer"].to_numpy()).groupby(level=0).median()
    short = share[share < _SHORT]
    if len(short):
        listed = [f"{name} ({value:.0%})" for name, value in short.items()]
        text = Markup(
            "Much shorter runs than others have on the same tasks (median share of the longest run's evaluations), "
            "unless only improvements are logged: {}. They are compared all the same, with what they ended with."
        )
        yield text.format(names(listed))
