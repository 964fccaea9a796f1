"""Writing the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from optathlon.analysis.metrics.coverage import coverage, run_failures, trial_failures
from optathlon.analysis.metrics.overhead import overhead
from optathlon.analysis.plots.critical_difference import plot_critical_difference
from optathlon.analysis.plots.overhead import plot_overhead
from optathlon.analysis.plots.ranks import plot_rank_facets, plot_ranks
from optathlon.analysis.plots.style import looks
from optathlon.analysis.plots.subsets import plot_agreement
from optathlon.analysis.report import tables, words
from optathlon.analysis.report.figures import Drawing, inline, save, save_table
from optathlon.analysis.report.representativeness import Representativeness, conclusions, subset_study
from optathlon.analysis.report.study import Study, Verdict
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results import Results
    from optathlon.subsets.subset import Subset

_OCCASIONAL = re.compile(
    r"(ranks|critical_difference|standings|overhead)(_by_type|_by_collection|_blackbox|_multi_[a-z_]+)?\.(svg|png|csv)"
    r"|subset_(by_size|methods)\.(svg|png|csv)"
)
"""Files that not every report has, so that those of an earlier report would stay behind."""

_MOST_FAILURES = 40
"""Kinds of failure shown on the page; the rest are in the CSV file."""


def write_report(
    results: Results,
    out_dir: str | Path,
    *,
    title: str = "Optathlon report",
    seed: int = 0,
    subset: Subset | None = None,
) -> Path:
    """Write `index.html`, which needs no other file, and `figures/` with every figure (SVG, PNG) and table (CSV).

    Parameters
    ----------
    results:
        As `optathlon.results.load` returns them.
    out_dir:
        The folder to write to; made if absent.
    title:
        The page's heading.
    seed:
        Seeds the bootstrap. The same results and seed give the same bytes.
    subset:
        A section tells whether it ranks the optimizers it was not chosen by as all tasks do.

    Returns
    -------
    The path of `index.html`. Figures that an earlier report left in the folder are removed. Raises `UsageError` where
    there are no runs.
    """
    if results.runs.empty:
        raise UsageError("these results hold no runs: nothing to report; run an experiment first (`optathlon run`)")
    study = Study(results, seed)
    found = None if subset is None else subset_study(results, subset, seed=seed)
    out = Path(out_dir)
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    page = _Page(study, found)
    _remove_earlier(folder)
    for drawing in page.drawings():
        save(drawing, folder)
    for name, table in page.tables():
        save_table(name, table, folder)
    path = out / "index.html"
    path.write_text(_template().render(title=title, **page.content()), encoding="utf-8")
    return path


class _Page:
    """The parts of the page."""

    def __init__(self, study: Study, found: Representativeness | None) -> None:
        self._study = study
        self._found = found
        self._looks = looks(study.optimizers)
        self._ranks = {id(verdict): self._draw_ranks(verdict) for verdict in study.verdicts if _is_ranked(verdict)}
        self._differences = {
            id(verdict): self._draw_differences(verdict) for verdict in study.verdicts if _is_ranked(verdict)
        }
        self._facets = list(self._draw_facets())
        self._by_size = self._draw_by_size()
        self._overhead = self._draw_overhead()
        self._standings = {id(verdict): tables.standings_table(study, verdict) for verdict in study.verdicts}

    def drawings(self) -> list[Drawing]:
        """All figures, in the order of the page."""
        others = [drawing for drawing in (self._by_size, self._overhead) if drawing]
        return [*self._ranks.values(), *self._facets, *self._differences.values(), *others]

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """All tables by the name of their file."""
        results = self._study.results
        yield "coverage", coverage(results.runs)
        yield "run_failures", run_failures(results.runs)
        yield "trial_failures", trial_failures(results.trials)
        yield "tasks", self._study.final_values
        yield "hypervolume_references", self._study.references
        for verdict in self._study.verdicts:
            yield f"standings{_suffix(verdict)}", self._standings[id(verdict)]
        if self._found:
            yield "subset_methods", self._found.table

    def content(self) -> dict[str, Any]:
        """The variables of the template."""
        study, runs = self._study, self._study.results.runs
        collections, coverage_rows = tables.coverage_cells(runs)
        return {
            "findings": words.findings(study),
            "caveats": words.caveats(study),
            "scope": self._scope(),
            "looks": self._looks,
            "collections": collections,
            "coverage": coverage_rows,
            "run_failures": run_failures(runs).head(_MOST_FAILURES).to_dict("records"),
            "trial_failures": trial_failures(study.results.trials).head(_MOST_FAILURES).to_dict("records"),
            "verdicts": [self._verdict(verdict) for verdict in study.verdicts],
            "facets": [(drawing.caption, inline(drawing)) for drawing in self._facets],
            "subset": self._subset(self._found) if self._found else None,
            "overhead": inline(self._overhead) if self._overhead else None,
            "sections": tables.task_sections(study),
            "sessions": tables.provenance_sessions(study.results.provenance),
        }

    def _scope(self) -> list[tuple[str, str]]:
        """Facts for the head of the page."""
        results = self._study.results
        started = pd.to_datetime(results.runs["started"], utc=True)
        days = sorted({f"{started.min():%Y-%m-%d}", f"{started.max():%Y-%m-%d}"})
        return [
            (f"{len(self._study.optimizers):,}", "optimizers"),
            (f"{results.runs['task'].nunique():,}", "tasks"),
            (f"{results.runs['seed'].nunique():,}", "seeds"),
            (f"{len(results.runs):,}", "runs"),
            (f"{len(results.trials):,}", "trials"),
            (words.budget(results.runs), "budget"),
            (" to ".join(days), "started (UTC)"),
        ]

    def _verdict(self, verdict: Verdict) -> dict[str, Any]:
        table = self._standings[id(verdict)]
        ranked = _is_ranked(verdict)
        return {
            "name": verdict.comparison.name,
            "ranks": inline(self._ranks[id(verdict)]) if ranked else None,
            "difference": inline(self._differences[id(verdict)]) if ranked else None,
            "note": verdict.significance.note,
            "standings": table.reset_index().to_dict("records"),
            "compared": len(verdict.standings) if ranked else 0,
            "tasks": len(verdict.comparison.tasks),
        }

    def _subset(self, found: Representativeness) -> dict[str, Any]:
        return {
            "conclusions": conclusions(found),
            "notes": found.notes,
            "parts": [
                (name, found.agreements[name].k, tables.method_rows(methods)) for name, methods in found.methods.items()
            ],
            "by_size": inline(self._by_size) if self._by_size else None,
        }

    def _draw_ranks(self, verdict: Verdict) -> Drawing:
        caption = f"Mean rank over the budget, {verdict.comparison.name}"
        return Drawing(f"ranks{_suffix(verdict)}", caption, plot_ranks(verdict.bands, self._looks), verdict.bands)

    def _draw_differences(self, verdict: Verdict) -> Drawing:
        tested = verdict.significance
        data = pd.DataFrame({"mean_rank": tested.mean_ranks}).join(tested.pairwise.add_prefix("p against "))
        caption = f"Critical-difference diagram, {verdict.comparison.name}"
        figure = plot_critical_difference(tested, self._looks)
        return Drawing(f"critical_difference{_suffix(verdict)}", caption, figure, data)

    def _draw_facets(self) -> Iterator[Drawing]:
        tasks = self._study.results.tasks
        drawn: list[set[frozenset[str]]] = []
        for kind, column in (("type of task", "type"), ("collection", "collection")):
            groups = tasks[column].astype(str)
            partition = {frozenset(members.index) for _, members in groups.groupby(groups)}
            if len(partition) > 1 and partition not in drawn and len(bands := self._study.bands_by(groups)) > 1:
                drawn.append(partition)
                data = pd.concat(bands, names=["group"])
                figure = plot_rank_facets(bands, self._looks)
                yield Drawing(f"ranks_by_{column}", f"By {kind}", figure, data)

    def _draw_by_size(self) -> Drawing | None:
        found = self._found
        if found is None or found.by_size is None:
            return None
        data = found.by_size.measures
        figure = plot_agreement(data, threshold=found.threshold, smallest=found.smallest, parts=found.agreements)
        return Drawing("subset_by_size", "Agreement of subsets with all tasks, by size", figure, data)

    def _draw_overhead(self) -> Drawing | None:
        table = overhead(self._study.results.trials)
        if table.empty:
            return None
        caption = "Seconds of ask and tell per trial, by optimizer"
        return Drawing("overhead", caption, plot_overhead(table, self._looks), table)


def _remove_earlier(folder: Path) -> None:
    for path in folder.iterdir():
        if _OCCASIONAL.fullmatch(path.name):
            path.unlink()


def _is_ranked(verdict: Verdict) -> bool:
    return len(verdict.comparison.optimizers) > 1


def _suffix(verdict: Verdict) -> str:
    """What tells the files of several comparisons apart."""
    name = verdict.comparison.name
    return "" if name == "all tasks" else "_" + re.sub(r"[^a-z0-9]+", "_", name.lower())


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("optathlon.analysis.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for function in (tables.number, tables.fixed, tables.whole, tables.percent, tables.seconds):
        environment.filters[function.__name__] = function
    return environment.get_template("report.html")
