"""Figures as files, and as SVG inside the page."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from optathlon.analysis.plots.style import INK, QUIET, RULE

_THEME = {INK: "var(--ink)", QUIET: "var(--quiet)", RULE: "var(--rule)"}
_PIXELS_PER_INCH = 200


@dataclass(frozen=True)
class Drawing:
    """A figure with its name (that of its files), what it shows in words, and the data it was made from."""

    name: str
    caption: str
    figure: Figure
    data: pd.DataFrame


def save(drawing: Drawing, folder: Path) -> None:
    """Write `NAME.svg`, `NAME.png` and `NAME.csv`."""
    (folder / f"{drawing.name}.svg").write_text(svg(drawing), encoding="utf-8")
    drawing.figure.savefig(
        folder / f"{drawing.name}.png", dpi=_PIXELS_PER_INCH, facecolor="white", metadata={"Software": None}
    )
    save_table(drawing.name, drawing.data, folder)


def save_table(name: str, table: pd.DataFrame, folder: Path) -> None:
    """Write `NAME.csv`."""
    table.to_csv(folder / f"{name}.csv", lineterminator="\n")


def svg(drawing: Drawing) -> str:
    """The figure as SVG text, the same for the same figure.

    Text is drawn as shapes. The words themselves are in comments only, which are removed, so nothing of the data can
    act as markup.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": drawing.name, "svg.fonttype": "path"}):
        drawing.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)


def inline(drawing: Drawing) -> Markup:
    """The figure as an `<svg>` element that follows the page's colours."""
    text = svg(drawing)
    text = text[text.index("<svg") :]
    for color, variable in _THEME.items():
        text = text.replace(color, variable)
    head, tail = text.split(">", 1)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    label = Markup(' role="img" aria-label="{}">').format(drawing.caption)
    return Markup(head) + label + Markup(re.sub(r"\n\s*", "\n", tail))
