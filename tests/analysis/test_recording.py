from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from fontTools.ttLib import TTFont
from matplotlib.backends import _backend_pdf_ps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.plots.fonts import shared_fonts
from optathlon.analysis.plots.intervals import plot_intervals
from optathlon.analysis.plots.matrices import plot_pairs
from optathlon.analysis.plots.naming import lay_out
from optathlon.analysis.plots.recording import Recording
from optathlon.analysis.plots.style import looks, style

FEW, MANY = [*"abc"], [f"optimizer-{number:02}" for number in range(30)]


def curves(names: list[str]) -> Figure:
    index = pd.MultiIndex.from_product([names, [0.1, 0.5, 1.0]], names=["optimizer", "fraction"])
    mean = np.linspace(1, 3, len(index)) ** 2
    bands = pd.DataFrame({"mean": mean, "low": mean - 0.5, "high": mean + 0.5}, index=index)
    return plot_curves(bands, looks(names), x_title="x", y_title="y", y_scale="log", shape="step")


def intervals() -> Figure:
    table = pd.DataFrame({"estimate": [1.0, 2.0, 3.0], "low": 0.5, "high": 3.5}, index=pd.Index(FEW, name="optimizer"))
    return plot_intervals({"one": table, "two": table}, looks(FEW), best="low")


@pytest.fixture(params=[lambda: curves(FEW), lambda: curves(MANY), intervals], ids=["bands", "legend", "panels"])
def figure(request: pytest.FixtureRequest) -> Figure:
    figure = cast("Callable[[], Figure]", request.param)()
    with style():
        lay_out(figure)
    figure.set_layout_engine("none")
    return figure


def shapes(figure: Figure) -> list[tuple[str, ...]]:
    """What an SVG of it draws and where, but for the background."""
    buffer = io.BytesIO()
    figure.set(dpi=200, facecolor="none")
    with style():
        cast(Any, FigureCanvasSVG(figure)).print_svg(buffer, metadata={"Date": None})
    left_out = r'<!--.*?-->|<metadata>.*?</metadata>|<clipPath.*?</clipPath>|<g id="patch_1">.*?</g>'
    drawn = re.sub(left_out, "", buffer.getvalue().decode(), flags=re.DOTALL)
    named = re.sub("#m[0-9a-f]{10}", "#m", drawn)
    return re.findall(r'<(path|use|g)\b[^>]*?(?:\bd|transform|xlink:href)="([^"]*)"', named)


def pixels(figure: Figure) -> np.ndarray:
    figure.set(dpi=200, facecolor="white")
    with style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].astype(float)


def test_a_recording_draws_what_the_figure_draws(figure: Figure) -> None:
    alone, seen = shapes(figure), pixels(figure)
    with style():
        recording = Recording(figure)
    assert not recording.depends_on_pixels
    with recording.instead_of(figure):
        again, seen_again = shapes(figure), pixels(figure)
    assert len(alone) > 20
    assert again == alone
    assert seen_again.shape == seen.shape
    assert np.abs(seen_again.mean(axis=(0, 1)) - seen.mean(axis=(0, 1))).max() < 0.5
    assert shapes(figure) == alone


@pytest.mark.parametrize("count", [5, 80], ids=["mesh", "image"])
def test_cells_are_not_recorded(count: int) -> None:
    names = [f"o{number}" for number in range(count)]
    index = pd.MultiIndex.from_product([names, names], names=["first", "second"])
    table = pd.DataFrame({"x": np.linspace(0, 1, len(index))}, index=index)
    figure = plot_pairs(table[index.get_level_values(0) != index.get_level_values(1)], "x", title="t", center=0.5)
    assert Recording(figure).depends_on_pixels


@pytest.mark.parametrize("text", ["plain", "Ŵß ∑ 𝔸 é"])
def test_shared_fonts_have_every_glyph_with_its_outline(text: str) -> None:
    path = findfont("DejaVu Sans")
    font = get_font(path)
    glyphs = {font.get_char_index(ord(letter)) for letter in text}
    with shared_fonts(), _backend_pdf_ps.get_glyphs_subset(path, glyphs) as cut:
        whole, order = TTFont(path), cut.font.getGlyphOrder()
        for glyph in glyphs:
            mine = cut.font["glyf"][order[cut.glyph_index_map[glyph]]]
            theirs = whole["glyf"][whole.getGlyphName(glyph)]
            assert mine.getCoordinates(cut.font["glyf"])[0] == theirs.getCoordinates(whole["glyf"])[0]
    assert _backend_pdf_ps.get_glyphs_subset.__name__ == "get_glyphs_subset"
