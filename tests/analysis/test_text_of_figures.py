"""Text is measured, laid out and drawn as matplotlib does it, only fewer times."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath, text_to_path
from PIL import Image

from optathlon.analysis.plots.fonts import shared_text
from optathlon.analysis.plots.measuring import Measuring
from optathlon.analysis.plots.pixels import OutlineCanvas
from optathlon.analysis.plots.style import style

TEXTS = ["flaml-cfo", "two\nlines, gq", "10⁻⁵ é Ŵ", "."]


class _Unhelped(Measuring):
    """Has matplotlib look into the font for its height."""

    def __getattribute__(self, name: str) -> object:
        if name == "_get_font_height_metrics":
            raise AttributeError(name)
        return super().__getattribute__(name)


def written(text: str, size: float = 9.0, angle: float = 0.0) -> tuple[Figure, Text]:
    with style():
        figure = Figure((2.0, 1.0), dpi=200)
        return figure, figure.text(0.3, 0.4, text, fontsize=size, rotation=angle)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(("size", "dpi"), [(7.0, 72), (9.5, 100), (8.5, 300)])
def test_text_is_as_high_as_without_help_and_as_wide_as_its_layout(text: str, size: float, dpi: int) -> None:
    figure, drawn = written(text, size)
    figure.set(dpi=dpi)
    with style():
        box, expected = (drawn.get_window_extent(each(figure)) for each in (Measuring, _Unhelped))
    np.testing.assert_allclose(box.extents, expected.extents, rtol=1e-12)
    font = FontProperties(family="DejaVu Sans", size=size)
    widths = [TextToPath().get_text_width_height_descent(line, font, False)[0] for line in text.split("\n")]
    assert box.width == pytest.approx(max(widths) * dpi / 72)


@pytest.mark.parametrize("text", TEXTS[::2])
def test_shared_text_has_the_same_places_and_outlines(text: str) -> None:
    font = text_to_path._get_font(FontProperties(family="DejaVu Sans"))
    places, outlines, _ = text_to_path.get_glyphs_with_font(font, text)
    known = next(iter(outlines))
    for _ in range(2):
        with shared_text():
            again, new, _ = text_to_path.get_glyphs_with_font(font, text, {known: None}, return_new_glyphs_only=True)
        assert again == places
        assert new.keys() == outlines.keys() - {known}
        assert all(np.array_equal(new[glyph][0], outlines[glyph][0]) for glyph in new)
    assert "get_glyphs_with_font" not in vars(text_to_path)


@pytest.mark.parametrize("angle", [0.0, 40.0, 90.0])
def test_outlines_cover_what_text_covers(angle: float) -> None:
    figure, _ = written("Optathlon 0.85", 12.0, angle)
    figure.set(facecolor="white")
    with style():
        hinted = FigureCanvasAgg(figure)
        hinted.draw()
        expected = 255 - np.asarray(hinted.buffer_rgba())[:, :, 0].astype(float)
        file = io.BytesIO()
        OutlineCanvas(figure).print_opaque_png(file)
    image = Image.open(file)
    assert image.mode == "RGB"
    seen = 255 - np.asarray(image)[:, :, 0].astype(float)
    assert seen.sum() == pytest.approx(expected.sum(), rel=0.1)
    for axis in (0, 1):
        places = np.arange(seen.shape[1 - axis])
        middle = (seen.sum(axis=axis) * places).sum() / seen.sum()
        assert middle == pytest.approx((expected.sum(axis=axis) * places).sum() / expected.sum(), abs=3)
