"""Text is measured as matplotlib does it, only fewer times."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath

from optathlon.analysis.plots.measuring import Measuring
from optathlon.analysis.plots.style import style

TEXTS = ["flaml-cfo", "two\nlines, gq", "10⁻⁵ é Ŵ", "."]


class _Unhelped(Measuring):
    """Has matplotlib look into the font for its height."""

    def __getattribute__(self, name: str) -> object:
        if name == "_get_font_height_metrics":
            raise AttributeError(name)
        return super().__getattribute__(name)


def written(text: str, size: float = 9.0) -> tuple[Figure, Text]:
    with style():
        figure = Figure((2.0, 1.0), dpi=200)
        return figure, figure.text(0.3, 0.4, text, fontsize=size)


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
