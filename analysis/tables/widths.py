"""How wide text is in the font of LaTeX's standard classes, Computer Modern at 10 points."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.ft2font import FT2Font

from optathlon.analysis.tables.latex_text import latex

_LETTER = 7.8
"""Points for a letter that the font lacks, as wide as almost any."""

_NUMBER = 42.0
"""Points of the number of a letter that LaTeX may not know."""

_BOLD = 1.15
"""How much wider bold letters are."""


def text_width(text: str, *, bold: bool = False) -> float:
    """In points."""
    return sum(map(_letter_width, text)) * (_BOLD if bold else 1.0)


@cache
def _letter_width(letter: str) -> float:
    if latex(letter).startswith(r"\ifdefined"):
        return _NUMBER
    font = _font()
    place = font.get_char_index(ord(letter))
    if not place or not letter.isascii() or letter in "\\_{}|<>":
        return _LETTER
    return float(font.load_glyph(place).linearHoriAdvance / 65536)


@cache
def _font() -> FT2Font:
    font = FT2Font(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "cmr10.ttf"))
    font.set_size(10.0, 72.0)
    return font
