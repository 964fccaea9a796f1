"""Figures and tables as files, and figures as SVG inside the page."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from optathlon.analysis.csv_file import write_csv
from optathlon.analysis.plots.naming import lay_out
from optathlon.analysis.plots.recording import Recording
from optathlon.analysis.plots.style import INK, QUIET, RULE, style
from optathlon.analysis.report.reader_tables import presentation_of
from optathlon.analysis.tables.columns import NO_MARKS, Marks, shown_table
from optathlon.analysis.tables.latex import latex_table
from optathlon.analysis.tables.markdown import markdown
from optathlon.task import short_hash

Format = Literal["svg", "pdf", "png"]
FORMATS: tuple[Format, ...] = ("svg", "pdf", "png")
ALWAYS: tuple[Format, ...] = ("svg",)
"""Others take longer, and are written where somebody asks for them."""

_THEME = {INK: "var(--ink)", QUIET: "var(--quiet)", RULE: "var(--rule)"}
_PIXELS_PER_INCH = 200
_COMPRESSION = 3
"""Of PNG, from 1 to 9: a tenth larger than with 6, in two thirds of the time."""

_MOST_ROWS, _MOST_CELLS = 200, 2000
"""Longer tables are for programs only."""

_LONGEST_SUFFIX = 80


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """A figure with its name (that of its files), what it shows in words, and the data it was made from."""

    name: str
    caption: str
    figure: Figure
    data: pd.DataFrame

    @cached_property
    def recording(self) -> Recording:
        """What the figure draws, in the layout that it has from now on."""
        with style():
            _settle(self.figure)
            return Recording(self.figure)

    @cached_property
    def svg(self) -> str:
        """The figure as SVG text, the same for the same figure.

        Text is drawn as shapes. The words themselves are in comments only, which are removed, so nothing of the data
        can act as markup. Groups of what belongs to one optimizer have its number as `data-optimizer`; the only ids are
        those of shapes that are used elsewhere, and they start with the name.
        """
        text = _rendered(self, "svg").decode()
        text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        text = re.sub(r'<g id="optimizer-(\d+)"', r'<g data-optimizer="\1"', text)
        text = re.sub(r'<g id="[^"]*"', "<g", text)
        return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{self.name}-", text)


def suffix(comparison: str) -> str:
    """What tells the files of several comparisons apart: their name in ASCII, and a hash where that says too little."""
    if comparison == "all tasks":
        return ""
    words = re.sub(r"[^a-z0-9]+", "_", comparison.lower())
    is_enough = comparison.isascii() and len(words) <= _LONGEST_SUFFIX
    return f"_{words}" if is_enough else f"_{words[:_LONGEST_SUFFIX]}_{short_hash(comparison)}"


def save(shown: ReportFigure, folder: Path, formats: Iterable[Format] = ALWAYS) -> None:
    """Write the figure in each format, `NAME.svg` …, and its data as `NAME.csv`.

    The same figure gives the same bytes. The PDF embeds its fonts as TrueType (Type 42), as journals ask for.
    """
    for name in formats:
        content = shown.svg.encode() if name == "svg" else _rendered(shown, name)
        (folder / f"{shown.name}.{name}").write_bytes(content)
    write_csv(shown.data, folder / f"{shown.name}.csv")


def save_table(
    name: str,
    table: pd.DataFrame,
    folder: Path,
    *,
    columns: Sequence[str] = (),
    marks: Marks = NO_MARKS,
) -> bool:
    """Write `NAME.csv` in full precision and, unless it is empty or long, `NAME.tex` and `NAME.md` for readers.

    Long are more than 200 rows or 2,000 cells. Line breaks in cells are kept in the CSV only.

    Parameters
    ----------
    name, folder:
        Of the files.
    table:
        Its named index levels are columns of the files; an index without a name is in the CSV only.
    columns:
        Names of columns for readers, in order; by default those of `presentation_of`.
    marks:
        What stands out for readers.

    Returns
    -------
    Whether there are files for readers.
    """
    write_csv(table, folder / f"{name}.csv")
    presentation = presentation_of(name)
    if columns and presentation.best_in_rows:
        presentation = presentation.unshaped()
    shaped = presentation.reshaped(table)
    is_short = 0 < len(shaped) <= _MOST_ROWS and shaped.size <= _MOST_CELLS
    if is_short:
        shown = shown_table(shaped, presentation, chosen=columns, marks=marks)
        (folder / f"{name}.tex").write_text(latex_table(shown), encoding="utf-8")
        (folder / f"{name}.md").write_text(markdown(shown), encoding="utf-8")
    return is_short


def inline(shown: ReportFigure) -> Markup:
    """The figure as an `<svg>` element that follows the page's colours."""
    text = shown.svg[shown.svg.index("<svg") :]
    for color, variable in _THEME.items():
        text = text.replace(color, variable)
    head, tail = text.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    label = Markup(' role="img" aria-label="{}">').format(shown.caption)
    return Markup(head) + label + Markup(re.sub(r"\n\s*", "\n", tail))


def _rendered(shown: ReportFigure, name: Format) -> bytes:
    """The figure in one format."""
    figure, buffer = shown.figure, io.BytesIO()
    salt: dict[Any, Any] = {"svg.hashsalt": shown.name}
    with style(), mpl.rc_context(salt):
        recording = shown.recording
        figure.set(dpi=_PIXELS_PER_INCH, facecolor="white" if name == "png" else "none")
        with nullcontext() if recording.depends_on_pixels else recording.instead_of(figure):
            _print(figure, name, buffer)
    return buffer.getvalue()


def _print(figure: Figure, name: Format, buffer: io.BytesIO) -> None:
    """Write a format by its canvas (`Figure.savefig` would draw twice, the first time for the layout)."""
    match name:
        case "svg":
            cast(Any, FigureCanvasSVG(figure)).print_svg(buffer, metadata={"Date": None, "Creator": None})
        case "pdf":
            _print_pdf(figure, buffer)
        case "png":
            cast(Any, FigureCanvasAgg(figure)).print_png(
                buffer, metadata={"Software": None}, pil_kwargs={"compress_level": _COMPRESSION}
            )


def _print_pdf(figure: Figure, buffer: io.BytesIO) -> None:
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # which loads much, and few ask for it

    from optathlon.analysis.plots.fonts import shared_fonts

    undated = {"CreationDate": None, "Creator": None, "Producer": None}
    with shared_fonts():
        cast(Any, FigureCanvasPdf(figure)).print_pdf(buffer, metadata=undated)


def _settle(figure: Figure) -> None:
    """Lay out once and for all, not for each format again."""
    lay_out(figure)
    figure.set_layout_engine("none")
