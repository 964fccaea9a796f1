"""Writing the report."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from optathlon.analysis.metrics.coverage import coverage, run_failures, trial_failures
from optathlon.analysis.metrics.objectives import row_of
from optathlon.analysis.plots.style import Best, looks
from optathlon.analysis.report import tables, words
from optathlon.analysis.report.assets import script, style
from optathlon.analysis.report.charts import Charts
from optathlon.analysis.report.drawings import Drawings
from optathlon.analysis.report.evidence import Evidence
from optathlon.analysis.report.explanations import (
    Estimate,
    generalisation_rows,
    sensitivity_table,
    strengths_table,
    task_facts,
)
from optathlon.analysis.report.figures import inline, save, save_table
from optathlon.analysis.report.naming import suffix
from optathlon.analysis.report.packing import json_script
from optathlon.analysis.report.representativeness import Representativeness, conclusions, subset_study
from optathlon.analysis.stats.importance import hyperparameter_importance
from optathlon.analysis.study import Study, Verdict
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.frames import Results
    from optathlon.subsets.subset import Subset

_MOST_FAILURES = 40
"""Kinds of failure shown on the page; the rest are in the CSV file."""

_BEST: Mapping[str, Best] = {"mean_rank": "low", "regret": "low", "auc": "low"}
"""What is set in bold in the standings."""

_MANIFEST = "files.txt"
"""The files that the last report wrote beside it, by name."""

_ANALYSED_WITH = ("optathlon", "numpy", "scipy", "pandas", "pyarrow", "moocore", "scikit-posthocs", "matplotlib")


def write_report(
    results: Results,
    out_dir: str | Path,
    *,
    title: str = "Optathlon report",
    seed: int = 0,
    subset: Subset | None = None,
    importance: Collection[str] = (),
) -> Path:
    """Write `index.html`, which needs no other file, and `figures/` with every figure and table as files.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    out_dir:
        The folder to write to; made if absent.
    title:
        The page's heading.
    seed:
        Seeds the bootstrap and every other draw. The same results and seed give the same bytes.
    subset:
        A section tells whether it ranks the optimizers it was not chosen by as all tasks do.
    importance:
        Tasks (ids or patterns) for which the importance of hyperparameters is estimated, from the trials' `config`; it
        takes about a second each.

    Returns
    -------
    The path of `index.html`. Figures that an earlier report left in the folder are removed. Raises `UsageError` where
    there are no runs.
    """
    if results.runs.empty:
        raise UsageError("these results hold no runs: nothing to report; run an experiment first (`optathlon run`)")
    study = Study(results, seed)
    explained = study.labels_of([*importance])
    found = None if subset is None else subset_study(results, subset, seed=seed)
    page = _Page(study, found, title, explained)
    content = page.content()
    out = Path(out_dir)
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    _remove_earlier(folder)
    kept = {*folder.iterdir()}
    for drawing in page.drawings.all:
        save(drawing, folder)
    for name, table in page.tables():
        save_table(name, table, folder, best=_BEST if name.startswith("standings") else None)
    written = sorted(path.name for path in folder.iterdir() if path not in kept)
    (folder / _MANIFEST).write_text("\n".join(written) + "\n", encoding="utf-8")
    path = out / "index.html"
    path.write_text(_template().render(title=title, **content), encoding="utf-8")
    return path


class _Page:
    """The parts of the page."""

    def __init__(self, study: Study, found: Representativeness | None, title: str, importance: Collection[str]) -> None:
        self._study = study
        self._found = found
        self._looks = looks(study.optimizers)
        subset = None if found is None else found.subset.tasks
        self._evidence = {name: Evidence(study, part, subset) for name, part in study.groups.items()}
        self._compared = [verdict for verdict in study.verdicts if _is_ranked(verdict)]
        self._standings = {id(verdict): tables.standings_table(study, verdict) for verdict in study.verdicts}
        self._importances = dict(_importances(study, importance))
        self.drawings = Drawings(study, self._evidence, self._looks, found)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """All tables by the name of their file."""
        results = self._study.results
        yield "coverage", coverage(results.runs)
        yield "run_failures", run_failures(results.runs)
        yield "trial_failures", trial_failures(results.trials)
        yield "tasks", self._study.final_values
        yield "task_features", self._study.features
        yield "hypervolume_references", self._study.references
        for verdict in self._study.verdicts:
            yield f"standings{suffix(verdict.comparison.name)}", self._standings[id(verdict)]
        for verdict in self._compared:
            name, evidence = verdict.comparison.name, self._of(verdict)
            yield f"sensitivity{suffix(name)}", evidence.sensitivity
            yield f"pairs{suffix(name)}", evidence.pairs
            yield f"strengths{suffix(name)}", evidence.strengths
        yield "generalisation", self._study.generalisation
        if self._importances:
            yield (
                "importance",
                pd.concat({task: estimate.table for task, estimate in self._importances.items()}, names=["task"]),
            )
        if self._found:
            yield "subset_methods", self._found.table

    def content(self) -> dict[str, Any]:
        """The variables of the template."""
        study, runs = self._study, self._study.results.runs
        collections, coverage_rows = tables.coverage_cells(runs)
        data = Charts(study, self._evidence, self._looks).data()
        return {
            "findings": [*words.findings(study), *self._robustness],
            "caveats": words.caveats(study),
            "scope": self._scope(),
            "looks": self._looks,
            "numbers": {name: number for number, name in enumerate(self._looks)},
            "collections": collections,
            "coverage": coverage_rows,
            "run_failures": run_failures(runs).head(_MOST_FAILURES).to_dict("records"),
            "trial_failures": trial_failures(study.results.trials).head(_MOST_FAILURES).to_dict("records"),
            "verdicts": [self._verdict(verdict) for verdict in study.verdicts],
            "comparisons": [self._comparison(verdict) for verdict in self._compared],
            "generalisation": list(generalisation_rows(study.generalisation)),
            "subset": self._subset(self._found) if self._found else None,
            "overhead": inline(self.drawings.overhead) if self.drawings.overhead else None,
            "tasks": list(task_facts(study.results.tasks, study.features, self._importances)),
            "sections": tables.task_sections(study),
            "made": self._made(),
            "sessions": tables.provenance_sessions(study.results.provenance),
            "charts": data["charts"],
            "data": json_script(data),
            "style": style(),
            "script": script(),
        }

    @cached_property
    def _robustness(self) -> list[Markup]:
        return [
            sentence
            for verdict in self._compared
            for sentence in (
                *words.second_opinion(verdict, self._of(verdict).wilcoxon),
                *words.robustness(verdict.comparison.name, self._of(verdict).sensitivity),
            )
        ]

    def _of(self, verdict: Verdict) -> Evidence:
        return self._evidence[verdict.comparison.name]

    def _scope(self) -> list[tuple[str, str]]:
        """Facts for the head of the page."""
        results = self._study.results
        started = pd.to_datetime(results.runs["started"], utc=True).dropna()
        days = sorted({f"{started.min():%Y-%m-%d}", f"{started.max():%Y-%m-%d}"}) if len(started) else []
        facts = [
            (f"{len(self._study.optimizers):,}", "optimizers"),
            (f"{results.runs['task'].nunique():,}", "tasks"),
            (f"{results.runs['seed'].nunique():,}", "seeds"),
            (f"{len(results.runs):,}", "runs"),
            (f"{len(results.trials):,}", "trials"),
            (words.budget(results.runs), "budget"),
            (" to ".join(days), "started (UTC)"),
        ]
        return [(value, label) for value, label in facts if value]

    def _verdict(self, verdict: Verdict) -> dict[str, Any]:
        return {
            "name": verdict.comparison.name,
            "standings": self._standings[id(verdict)].reset_index().to_dict("records"),
            "compared": len(verdict.standings) if _is_ranked(verdict) else 0,
            "tasks": len(verdict.comparison.tasks),
        }

    def _comparison(self, verdict: Verdict) -> dict[str, Any]:
        evidence = self._of(verdict)
        drawn = self.drawings.differences[verdict.comparison.name]
        return {
            "name": verdict.comparison.name,
            "differences": [(inline(drawing), tested.note) for drawing, tested in drawn],
            "power": words.power(evidence.power, verdict.standings["mean_rank"]),
            "sensitivity": sensitivity_table(evidence.sensitivity),
            "strengths": strengths_table(evidence.strengths),
        }

    def _subset(self, found: Representativeness) -> dict[str, Any]:
        return {
            "conclusions": conclusions(found),
            "notes": found.notes,
            "parts": [
                (name, found.agreements[name].k, tables.method_rows(methods)) for name, methods in found.methods.items()
            ],
            "by_size": inline(self.drawings.by_size) if self.drawings.by_size else None,
        }

    def _made(self) -> list[str]:
        """How this page came about."""
        packages = ", ".join(f"{name} {version(name)}" for name in _ANALYSED_WITH)
        return [f"This page was made with {packages}; every draw of the analysis is seeded with {self._study.seed}."]


def _importances(study: Study, tasks: Collection[str]) -> Iterator[tuple[str, Estimate]]:
    """By task; `UsageError` where configurations were not loaded."""
    if tasks and "config" not in study.results.trials:
        raise UsageError("the importance of hyperparameters needs the column `config` of the trials: load it too")
    for task in tasks:
        trials = study.trials_of(task)
        table = hyperparameter_importance(trials, row_of(study.results.tasks, task)["space"], seed=study.seed)
        yield task, Estimate(table, len(trials), int(trials["loss"].isna().sum()))


def _is_ranked(verdict: Verdict) -> bool:
    return len(verdict.comparison.optimizers) > 1


def _remove_earlier(folder: Path) -> None:
    """Remove what an earlier report wrote, and nothing else."""
    manifest = folder / _MANIFEST
    for name in manifest.read_text(encoding="utf-8").splitlines() if manifest.exists() else ():
        if name == Path(name).name:
            (folder / name).unlink(missing_ok=True)


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
