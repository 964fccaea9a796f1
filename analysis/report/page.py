"""Writing the report: its sections, put together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.ties import with_ties
from optathlon.analysis.plots.labels import labels
from optathlon.analysis.report import cells
from optathlon.analysis.report.assets import script, style
from optathlon.analysis.report.charts import GROUP, OPTION_WIDTH, TASK, Chart, control, cuts, name_options
from optathlon.analysis.report.figures import save, save_table
from optathlon.analysis.report.packing import json_script
from optathlon.analysis.report.paper.document import write_document
from optathlon.analysis.report.reader_tables import ChosenColumns
from optathlon.analysis.report.representativeness import subset_study
from optathlon.analysis.report.section import ReportData, Section
from optathlon.analysis.report.sections import CHAPTERS
from optathlon.analysis.tables.columns import NO_MARKS
from optathlon.errors import UsageError
from optathlon.redaction import without_known_secrets

if TYPE_CHECKING:
    from optathlon.results.frames import Results
    from optathlon.subsets.subset import Subset

_MANIFEST = "files.txt"
"""The files that the last report wrote beside it, by name."""


def write_report(
    results: Results,
    out_dir: str | Path,
    *,
    title: str = "Optathlon report",
    seed: int = 0,
    subset: Subset | None = None,
    ties: float = 0.0,
    importance: Collection[str] = (),
    columns: ChosenColumns | None = None,
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
    ties:
        Values on a task are equal if they differ by at most this share of the larger one, in [0, 1).
    importance:
        Tasks (ids or patterns) for which the importance of hyperparameters is estimated, from the trials' `config`; it
        takes about a second each.
    columns:
        Columns of the tables for readers, where they aren't those that are shown by default.

    Returns
    -------
    The path of `index.html`. Figures that an earlier report left in the folder are removed. Raises `UsageError` where
    there are no runs.
    """
    chosen = columns or ChosenColumns()
    page = make_page(results, seed=seed, subset=subset, ties=ties, importance=importance)
    html = page.html(title)
    out = Path(out_dir)
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    _remove_earlier(folder)
    kept, for_readers = {*folder.iterdir()}, list[str]()
    for section in page.sections:
        for figure in section.figures():
            save(figure, folder)
        marks = section.marks()
        for name, table in section.tables():
            if save_table(name, table, folder, columns=chosen.of(name), marks=marks.get(name, NO_MARKS)):
                for_readers.append(name)
    write_document(page.data, for_readers, folder)
    written = sorted(path.name for path in folder.iterdir() if path not in kept)
    (folder / _MANIFEST).write_text("\n".join(written) + "\n", encoding="utf-8")
    path = out / "index.html"
    path.write_text(without_known_secrets(html), encoding="utf-8")
    return path


def make_page(
    results: Results,
    *,
    seed: int = 0,
    subset: Subset | None = None,
    ties: float = 0.0,
    importance: Collection[str] = (),
) -> Page:
    """The page of a report, of which nothing is written yet; arguments and errors are those of `write_report`."""
    if results.runs.empty:
        raise UsageError("these results hold no runs: nothing to report; run an experiment first (`optathlon run`)")
    results = with_ties(results, ties)
    analysis = Analysis(results, seed)
    explained = analysis.labels_of([*importance])
    found = None if subset is None else subset_study(results, subset, seed=seed)
    return Page(ReportData(analysis, subset=found, ties=ties, explained=explained))


class Page:
    """The sections, and the page that they make."""

    def __init__(self, data: ReportData) -> None:
        self._data = data
        known = data.analysis.has_course
        self._chapters = [
            (chapter, [section(data) for section in chapter.sections if known or not section.needs_course])
            for chapter in CHAPTERS
        ]
        self.sections = [section for _, sections in self._chapters for section in sections]
        self._charts = {section: _with_views(section.charts()) for section in self.sections}
        self._environment = _environment(data)

    @property
    def data(self) -> ReportData:
        """What the sections are made from."""
        return self._data

    def html(self, title: str) -> str:
        """The whole page."""
        return self._environment.get_template("report.html").render(
            title=title,
            scope=_scope(self._data.analysis),
            findings=[sentence for section in self.sections for sentence in section.findings()],
            caveats=list(dict.fromkeys(sentence for section in self.sections for sentence in section.caveats())),
            cut_names=_cut_names(self._data.looks),
            chapters=list(self._shown()),
            data=json_script(self._script_data()),
            style=style(),
            script=script(),
        )

    def _shown(self) -> Iterator[tuple[str, str, list[Markup]]]:
        """Anchor, heading and parts of each chapter with something to show."""
        for chapter, sections in self._chapters:
            parts = [part for part in map(self._part, sections) if part.strip()]
            if parts:
                yield chapter.anchor, chapter.heading, parts

    def _part(self, section: Section) -> Markup:
        template = self._environment.get_template(f"sections/{section.template}")
        charts = list(self._charts[section])
        return Markup(template.render(heading=section.heading, note=section.note, charts=charts, **section.content()))

    def _script_data(self) -> dict[str, Any]:
        """The page's data, as described in `assets/page.js`."""
        tasks, looks = self._data.analysis.results.tasks, self._data.looks
        collections = {str(name): str(row["collection"]) for name, row in tasks.iterrows()}
        controls = {TASK: control("Task", name_options(collections))}
        if self._data.groups:
            controls[GROUP] = control("Tasks", name_options(dict.fromkeys(self._data.groups)))
        return {
            "optimizers": [
                {"name": name, "color": look.color, "marker": look.marker, "dashed": look.line == "--"}
                | ({"cut": cut} if cut else {})
                for (name, look), cut in zip(looks.items(), cuts([*looks]), strict=True)
            ],
            "controls": controls,
            "charts": {name: chart for charts in self._charts.values() for name, chart in charts.items()},
        }


def _scope(analysis: Analysis) -> list[tuple[str, str]]:
    """Facts for the head of the page."""
    runs = analysis.results.runs
    started = pd.to_datetime(runs["started"], utc=True).dropna()
    days = sorted({f"{started.min():%Y-%m-%d}", f"{started.max():%Y-%m-%d}"}) if len(started) else []
    facts = [
        (f"{len(analysis.optimizers):,}", "optimizers"),
        (f"{runs['task'].nunique():,}", "tasks"),
        (f"{runs['seed'].nunique():,}", "seeds"),
        (f"{len(runs):,}", "runs"),
        (f"{len(analysis.results.trials):,}", "trials"),
        (_budget(runs) if analysis.has_course else "", "budget"),
        (" to ".join(days), "started (UTC)"),
    ]
    return [(value, label) for value, label in facts if value]


def _budget(runs: pd.DataFrame) -> str:
    """The budgets of the runs, e.g. `"20 to 100 evaluations"`."""
    parts = []
    for unit, amounts in runs.groupby(runs["budget_unit"].astype(str))["budget"]:
        low, high = amounts.min(), amounts.max()
        amount = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        parts.append(f"{amount} {'full evaluations' if unit == 'evaluations' else unit}")
    return ", ".join(parts)


def _cut_names(names: Iterable[str]) -> dict[str, str]:
    """By their label on the page, the names that it cuts."""
    return {label: name for name, label in labels(names, OPTION_WIDTH).items() if label != name}


def _with_views(charts: Mapping[str, Chart]) -> dict[str, Chart]:
    return {name: chart for name, chart in charts.items() if chart["views"]}


def _remove_earlier(folder: Path) -> None:
    """Remove what an earlier report wrote, and nothing else."""
    manifest = folder / _MANIFEST
    for name in manifest.read_text(encoding="utf-8").splitlines() if manifest.exists() else ():
        if name == Path(name).name:
            (folder / name).unlink(missing_ok=True)


def _environment(data: ReportData) -> Environment:
    environment = Environment(
        loader=PackageLoader("optathlon.analysis.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (cells.number, cells.fixed, cells.whole, cells.percent, cells.seconds):
        environment.filters[function.__name__] = function
    environment.globals.update(
        looks=data.looks,
        numbers=data.numbers,
        optimizer_labels=labels(data.looks, OPTION_WIDTH),
        task_labels=labels(map(str, data.analysis.results.tasks.index), OPTION_WIDTH),
    )
    return environment
