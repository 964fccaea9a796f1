"""Figures and tables as files, and figures as SVG inside the page."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from optathlon.analysis.csv_file import write_csv
from optathlon.analysis.plots.naming import lay_out
from optathlon.analysis.plots.style import INK, QUIET, RULE, Best, style
from optathlon.task import short_hash
from optathlon.text import one_line

Format = Literal["svg", "pdf", "png"]
FORMATS: tuple[Format, ...] = ("svg", "pdf", "png")

_THEME = {INK: "var(--ink)", QUIET: "var(--quiet)", RULE: "var(--rule)"}
_PIXELS_PER_INCH = 200

_MOST_ROWS = 200
"""Longer tables are for programs only."""

_MISSING = "–"

_LONGEST_SUFFIX = 80

_LATEX = {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "[": "{[}", "*": "{*}"}
"""What pandas leaves alone though LaTeX's default font encoding shows something else, or the end of a row takes it."""


@dataclass(frozen=True, eq=False)
class ReportFigure:
    """A figure with its name (that of its files), what it shows in words, and the data it was made from."""

    name: str
    caption: str
    figure: Figure
    data: pd.DataFrame

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


def save(shown: ReportFigure, folder: Path, formats: Iterable[Format] = FORMATS) -> None:
    """Write the figure in each format, `NAME.svg` …, and its data as `NAME.csv`.

    The same figure gives the same bytes. The PDF embeds its fonts as TrueType (Type 42), as journals ask for.
    """
    for name in formats:
        content = shown.svg.encode() if name == "svg" else _rendered(shown, name)
        (folder / f"{shown.name}.{name}").write_bytes(content)
    write_csv(shown.data, folder / f"{shown.name}.csv")


def save_table(name: str, table: pd.DataFrame, folder: Path, *, best: Mapping[str, Best] | None = None) -> None:
    """Write `NAME.csv` in full precision and, of up to 200 rows, `NAME.tex` and `NAME.md` with four digits.

    The LaTeX needs the package booktabs. Line breaks in cells are kept in the CSV only.

    Parameters
    ----------
    name, folder:
        Of the files.
    table:
        Its named index levels are columns of the files; an index without a name is in the CSV only.
    best:
        By column, which of its numbers are set in bold in the LaTeX and the Markdown.
    """
    write_csv(table, folder / f"{name}.csv")
    if len(table) <= _MOST_ROWS:
        flat = table.reset_index(drop=table.index.names == [None])
        bold = _bold(flat, best or {})
        (folder / f"{name}.tex").write_text(_latex(flat, bold), encoding="utf-8")
        (folder / f"{name}.md").write_text(_markdown(flat, bold), encoding="utf-8")


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
    """The figure in one format, drawn once (`Figure.savefig` would draw it twice, the first time for its layout)."""
    figure, buffer = shown.figure, io.BytesIO()
    salt: dict[Any, Any] = {"svg.hashsalt": shown.name}
    with style(), mpl.rc_context(salt):
        _settle(figure)
        match name:
            case "svg":
                figure.set(dpi=_PIXELS_PER_INCH, facecolor="none")
                cast(Any, FigureCanvasSVG(figure)).print_svg(buffer, metadata={"Date": None, "Creator": None})
            case "pdf":
                figure.set(dpi=_PIXELS_PER_INCH, facecolor="none")
                undated = {"CreationDate": None, "Creator": None, "Producer": None}
                cast(Any, FigureCanvasPdf(figure)).print_pdf(buffer, metadata=undated)
            case "png":
                figure.set(dpi=_PIXELS_PER_INCH, facecolor="white")
                cast(Any, FigureCanvasAgg(figure)).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _settle(figure: Figure) -> None:
    """Lay out once and for all, not for each format again."""
    lay_out(figure)
    figure.set_layout_engine("none")


def _bold(table: pd.DataFrame, best: Mapping[str, Best]) -> pd.DataFrame:
    """Boolean, as the table: whether a number is among the best of its column."""
    bold = pd.DataFrame(False, index=table.index, columns=table.columns)
    for column, end in best.items():
        bold[column] = table[column] == (table[column].min() if end == "low" else table[column].max())
    return bold


def _latex(table: pd.DataFrame, bold: pd.DataFrame) -> str:
    clean = table.map(_one_line).rename(columns=_one_line)  # before pandas escapes the backslashes that this brings
    styler = clean.style.hide(axis="index")
    styler.format(_latex_cell, escape="latex")
    styler.format_index(_latex_cell, escape="latex", axis="columns")
    marks = bold.set_axis(clean.columns, axis="columns").replace({True: "textbf:--rwrap", False: ""})
    styler.apply(lambda _: marks, axis=None)
    return str(styler.to_latex(hrules=True))


def _latex_cell(value: object) -> str:
    """What pandas has escaped, and the rest."""
    text = _shown(value)
    for character, command in _LATEX.items():
        text = text.replace(character, command)
    return text


def _one_line(value: object) -> object:
    return one_line(value) if isinstance(value, str) else value


def _markdown(table: pd.DataFrame, bold: pd.DataFrame) -> str:
    aligned = ["---:" if pd.api.types.is_numeric_dtype(kind) else "---" for kind in table.dtypes]
    rows = [
        [f"**{cell}**" if is_bold else cell for cell, is_bold in zip(map(_markdown_cell, row), bolds, strict=True)]
        for row, bolds in zip(table.itertuples(index=False), bold.itertuples(index=False), strict=True)
    ]
    lines = [[_markdown_cell(name) for name in table.columns], aligned, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _markdown_cell(value: object) -> str:
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", _shown(value))


def _shown(value: object) -> str:
    """Numbers with four significant digits, text on one line."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return _MISSING
    if isinstance(value, float):
        return f"{value:.0f}" if 9999.5 <= abs(value) < 1e9 else f"{value:.4g}"
    return one_line(str(value))
