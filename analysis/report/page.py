"""Writing the report: its sections, put together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.ties import with_ties
from optathlon.analysis.plots.labels import labels
from optathlon.analysis.report import cells
from optathlon.analysis.report.assets import script, style
from optathlon.analysis.report.changes import Changes
from optathlon.analysis.report.charts import OPTION_WIDTH, Chart, cuts, shared_controls
from optathlon.analysis.report.contents import Contents, Entry, link_to
from optathlon.analysis.report.downloads import Download, download
from optathlon.analysis.report.figures import ALWAYS, Format, save, save_table
from optathlon.analysis.report.packing import json_script
from optathlon.analysis.report.paper.document import write_document
from optathlon.analysis.report.reader_tables import ChosenColumns
from optathlon.analysis.report.scope import COMPARISON, KIND, scope, title_of
from optathlon.analysis.report.section import ReportData, Section
from optathlon.analysis.report.sections import CHAPTERS
from optathlon.analysis.report.steps import Tell, silent, steps
from optathlon.analysis.tables.columns import NO_MARKS
from optathlon.errors import UsageError, unknown
from optathlon.redaction import without_known_secrets

if TYPE_CHECKING:
    from optathlon.analysis.report.representativeness import Representativeness
    from optathlon.results.frames import Results
    from optathlon.subsets.subset import Subset

_MANIFEST = "files.txt"
"""The files that the last report wrote beside it, by name."""

_COURSE = "runs of several trials"
"""What it takes to show what happened before the end of runs."""


def write_report(
    results: Results,
    out_dir: str | Path,
    *,
    title: str | None = None,
    seed: int = 0,
    subset: Subset | None = None,
    ties: float = 0.0,
    importance: Collection[str] = (),
    focus: str | None = None,
    changes: Changes | None = None,
    columns: ChosenColumns | None = None,
    formats: Sequence[Format] = ALWAYS,
    remarks: Sequence[str] = (),
) -> Path:
    """Write `index.html`, which needs no other file, and `figures/` with every figure and table as files.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    out_dir:
        The folder to write to; made if absent.
    title:
        The page's heading; by default the name of the experiment.
    seed:
        Seeds the bootstrap and every other draw. The same results and seed give the same bytes.
    subset:
        A section tells whether it ranks the optimizers it was not chosen by as all tasks do.
    ties:
        Values on a task are equal if they differ by at most this share of the larger one, in [0, 1).
    importance:
        Tasks (ids or patterns) for which the importance of hyperparameters is estimated, from the trials' `config`; it
        takes about a second each.
    focus:
        An optimizer that a sentence and a table compare with each other one.
    changes:
        What changed from some of these results to the others, which then comes first.
    columns:
        Columns of the tables for readers, where they aren't those that are shown by default.
    formats:
        Of the figures' files: `"svg"`, `"pdf"`, `"png"`.
    remarks:
        Sentences on where these results come from, for its head.

    Returns
    -------
    The path of `index.html`. Figures that an earlier report left in the folder are removed. Raises `UsageError` where
    there are no runs, or none of the optimizer in focus.
    """
    page = make_page(
        results,
        seed=seed,
        subset=subset,
        ties=ties,
        importance=importance,
        focus=focus,
        changes=changes,
        remarks=remarks,
    )
    return write_page(page, out_dir, title=title, columns=columns, formats=formats)


def write_page(
    page: Page,
    out_dir: str | Path,
    *,
    title: str | None = None,
    columns: ChosenColumns | None = None,
    formats: Sequence[Format] = ALWAYS,
    tell: Tell = silent,
) -> Path:
    """Write a page and its files, as `write_report` does, with each figure in these formats."""
    chosen = columns or ChosenColumns()
    out = Path(out_dir)
    folder = out / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    _remove_earlier(folder)
    kept = {*folder.iterdir()}
    sections = steps("figures and tables", page.sections, tell)
    downloads = {section: [*_saved(section, folder, chosen, formats)] for section in sections}
    links = [link for saved in downloads.values() for link in saved]
    write_document(page.data, [Path(link.files["LaTeX"]).stem for link in links if "LaTeX" in link.files], folder)
    written = sorted(path.name for path in folder.iterdir() if path not in kept)
    (folder / _MANIFEST).write_text("\n".join(written) + "\n", encoding="utf-8")
    path = out / "index.html"
    html = page.html(title or title_of(page.results), downloads)
    path.write_text(without_known_secrets(html), encoding="utf-8")
    return path


def _saved(section: Section, folder: Path, chosen: ChosenColumns, formats: Sequence[Format]) -> Iterator[Download]:
    """What a section has for files, once these are written."""
    marks = section.marks()
    for figure in section.figures():
        save(figure, folder, formats)
        yield download(figure.caption, figure.name, folder)
    for name, table in section.tables():
        save_table(name, table, folder, columns=chosen.of(name), marks=marks.get(name, NO_MARKS))
        yield download(name.replace("_", " "), name, folder)


def make_page(
    results: Results,
    *,
    seed: int = 0,
    subset: Subset | None = None,
    ties: float = 0.0,
    importance: Collection[str] = (),
    focus: str | None = None,
    tell: Tell = silent,
    changes: Changes | None = None,
    remarks: Sequence[str] = (),
) -> Page:
    """The page of a report, of which nothing is written yet; arguments and errors are those of `write_report`."""
    if results.runs.empty:
        raise UsageError("these results hold no runs: nothing to report; run an experiment first (`optathlon run`)")
    results = with_ties(results, ties)
    analysis = Analysis(results, seed)
    explained = analysis.labels_of([*importance])
    if focus is not None and focus not in analysis.optimizers:
        raise unknown("optimizer in focus", focus, analysis.optimizers, where="these results")
    found = None if subset is None else _studied(results, subset, seed)
    data = ReportData(
        analysis, subset=found, ties=ties, explained=explained, focus=focus, changes=changes, remarks=remarks
    )
    return Page(data, tell)


def _studied(results: Results, subset: Subset, seed: int) -> Representativeness:
    from optathlon.analysis.report.representativeness import subset_study

    return subset_study(results, subset, seed=seed)


@dataclass(frozen=True)
class Part:
    """What a section shows, its files, and whether it follows the choice of tasks."""

    html: Markup
    downloads: Sequence[Download]
    is_filtered: bool


@dataclass(frozen=True)
class ShownChapter:
    """A chapter with its parts, and a sentence on those that have nothing to show."""

    entry: Entry
    parts: list[Part]
    hidden: list[str]


class Page:
    """The sections, and the page that they make.

    Attributes
    ----------
    results:
        What it is about.
    findings, caveats:
        The sentences at its head: what was found, and what a reader must know before relying on that.
    """

    def __init__(self, data: ReportData, tell: Tell = silent) -> None:
        self._data = data
        self.results = data.analysis.results
        known = data.analysis.has_course
        self._chapters = [
            (chapter, [section(data) for section in chapter.sections if known or not section.needs_course])
            for chapter in CHAPTERS
        ]
        self.sections = [section for _, sections in self._chapters for section in sections]
        self._charts = {section: _with_views(section.charts()) for section in steps("statistics", self.sections, tell)}
        self._environment = _environment(data)
        self.findings = [sentence for section in self.sections for sentence in section.findings()]
        self.caveats = list(dict.fromkeys(sentence for section in self.sections for sentence in section.caveats()))

    @property
    def data(self) -> ReportData:
        """What the sections are made from."""
        return self._data

    def html(self, title: str, downloads: Mapping[Section, Sequence[Download]] | None = None) -> str:
        """The whole page, with links to the files of each section."""
        contents = Contents()
        chapters = [*self._shown(contents, downloads or {})]
        return self._environment.get_template("report.html").render(
            title=title,
            kind=COMPARISON if self._data.changes else KIND,
            scope=scope(self._data.analysis),
            findings=self.findings,
            caveats=self.caveats,
            cut_names=_cut_names(self._data.looks),
            chapters=chapters,
            link_to=link_to,
            has_files=bool(downloads),
            data=json_script(self._script_data()),
            style=style(),
            script=script(),
        )

    def _shown(self, contents: Contents, downloads: Mapping[Section, Sequence[Download]]) -> Iterator[ShownChapter]:
        for chapter, sections in self._chapters:
            entry = contents.chapter(chapter.anchor, chapter.heading)
            made = {section: self._html(section, contents) for section in sections}
            shown = {section: html for section, html in made.items() if html.strip()}
            parts = [Part(html, downloads.get(section, ()), section.is_filtered) for section, html in shown.items()]
            kinds = {type(section) for section in shown}
            reasons = [*self._reasons(kind for kind in chapter.sections if kind not in kinds)]
            if parts or reasons:
                yield ShownChapter(entry, parts, reasons)

    def _html(self, section: Section, contents: Contents) -> Markup:
        template = self._environment.get_template(f"sections/{section.template}")
        known = {"heading": section.heading, "note": section.note, "headline": contents.headline}
        return Markup(template.render(known, charts=list(self._charts[section]), **section.content()))

    def _reasons(self, hidden: Iterable[type[Section]]) -> Iterator[str]:
        """A sentence on each thing that would have to be known to show some sections, and which these are."""
        lacking: dict[str, list[str]] = {}
        for section in hidden:
            is_without_course = section.needs_course and not self._data.analysis.has_course
            needs = _COURSE if is_without_course else section.needs
            if needs:
                lacking.setdefault(needs, []).append(section.heading)
        for needs, headings in lacking.items():
            named = ", ".join(filter(None, headings))
            yield f"Not shown{': ' if named else ''}{named}, as it takes {needs}."

    def _script_data(self) -> dict[str, Any]:
        """The page's data, as described in `assets/page.js`."""
        tasks, looks = self._data.analysis.results.tasks, self._data.looks
        collections = {str(name): str(row["collection"]) for name, row in tasks.iterrows()}
        return {
            "optimizers": [
                {"name": name, "color": look.color, "marker": look.marker, "dashed": look.line == "--"}
                | ({"cut": cut} if cut else {})
                for (name, look), cut in zip(looks.items(), cuts([*looks]), strict=True)
            ],
            "controls": shared_controls(collections, [*self._data.groups], self._data.groups_of_tasks),
            "charts": {name: chart for charts in self._charts.values() for name, chart in charts.items()},
        }


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
    for function in (cells.number, cells.signed, cells.fixed, cells.whole, cells.percent, cells.seconds):
        environment.filters[function.__name__] = function
    environment.globals.update(
        looks=data.looks,
        numbers=data.numbers,
        of_tasks=data.of_tasks,
        optimizer_labels=labels(data.looks, OPTION_WIDTH),
        task_labels=labels(map(str, data.analysis.results.tasks.index), OPTION_WIDTH),
    )
    return environment
