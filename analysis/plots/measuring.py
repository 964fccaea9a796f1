"""How large text is: the same for all formats and figures, so that each text is measured once."""

from __future__ import annotations

from functools import cache
from typing import Any

from matplotlib.backend_bases import FigureCanvasBase, RendererBase
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.textpath import text_to_path

POINTS_PER_INCH = 72

_REFERENCE_SIZE = 100.0
"""Points: text is measured in this size, as outlines scale."""


class Measuring(RendererBase):
    """Draws nothing, and measures in pixels of the figure's resolution, but without rounding to them."""

    def __init__(self, figure: Figure) -> None:
        super().__init__()
        self._size = figure.bbox.size
        self._pixels = figure.dpi / POINTS_PER_INCH

    def get_canvas_width_height(self) -> tuple[float, float]:
        """Of the whole figure."""
        return float(self._size[0]), float(self._size[1])

    def points_to_pixels(self, points: Any) -> Any:
        """As many pixels as some points are."""
        return points * self._pixels

    def get_text_width_height_descent(self, s: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
        """Of a line of text, as in SVG."""
        scale = prop.get_size_in_points() / _REFERENCE_SIZE * self._pixels
        width, height, descent = _measured(s, _in_reference_size(prop), ismath)
        return width * scale, height * scale, descent * scale

    def _get_font_height_metrics(self, prop: Any) -> tuple[float, float, float]:
        """Ascent, descent and gap between lines; matplotlib 3.11 asks for them, and reads the font each time else."""
        ascent, descent, gap = _heights(_in_reference_size(prop))
        scale = prop.get_size_in_points() * self._pixels
        return ascent * scale, descent * scale, gap * scale


class MeasuringCanvas(FigureCanvasBase):
    """Lays a figure out without drawing it."""

    def get_renderer(self) -> Measuring:
        """For the figure in its present size."""
        return Measuring(self.figure)


def _in_reference_size(prop: Any) -> Any:
    sized = prop.copy()
    sized.set_size(_REFERENCE_SIZE)
    return sized


@cache
def _measured(text: str, prop: Any, ismath: Any) -> tuple[float, float, float]:
    return text_to_path.get_text_width_height_descent(text, prop, ismath)


@cache
def _heights(prop: Any) -> tuple[float, float, float]:
    """By the size of the font."""
    font: Any = get_font(findfont(prop))
    units = font.get_sfnt_table("head")["unitsPerEm"]
    table = font.get_sfnt_table("OS/2")
    return table["sTypoAscender"] / units, -table["sTypoDescender"] / units, table["sTypoLineGap"] / units
