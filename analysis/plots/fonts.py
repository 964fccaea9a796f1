"""What figures share of fonts: the part that PDF files hold, and where the letters of a text stand."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from inspect import signature
from io import BytesIO
from typing import Any

from fontTools.ttLib import TTFont
from matplotlib.backends import _backend_pdf_ps
from matplotlib.font_manager import get_font
from matplotlib.textpath import TextToPath, text_to_path

_COMMON = string.ascii_letters + string.digits + string.punctuation + " ×±·–—−…≤≥ατ⁻⁰¹²³⁴⁵⁶⁷⁸⁹ﬀﬁﬂﬃﬄ"
"""Characters (and ligatures) in every PDF, used or not, so that its bytes don't depend on the figures before it."""

_cut: Any = _backend_pdf_ps.get_glyphs_subset


@contextmanager
def shared_fonts() -> Iterator[None]:
    """Write PDFs with shared fonts, inside a `with` block.

    Matplotlib cuts out what a figure uses with fontTools, which takes longer than most figures. There is no public way
    to it; where matplotlib is older than 3.11 and names characters, not glyphs, nothing is shared.
    """
    if "glyphs" not in signature(_cut).parameters:
        yield
        return
    vars(_backend_pdf_ps)["get_glyphs_subset"] = _shared
    try:
        yield
    finally:
        vars(_backend_pdf_ps)["get_glyphs_subset"] = _cut


class _SharedText(TextToPath):
    """Outlines of text that is laid out once."""

    def get_glyphs_with_font(
        self, font: Any, s: str, glyph_map: Any = None, return_new_glyphs_only: Any = False, **how: Any
    ) -> Any:
        """The same as the method that it replaces."""
        known = {} if glyph_map is None else glyph_map
        places, outlines, boxes = _laid_out(self, font, s, tuple(how.items()))
        new = {glyph: outline for glyph, outline in outlines.items() if glyph not in known}
        if return_new_glyphs_only:
            return places, new, boxes
        known.update(new)
        return places, known, boxes


_TEXT = _SharedText()


@contextmanager
def shared_text() -> Iterator[None]:
    """Lay out each text once for all SVG and PNG files, inside a `with` block; matplotlib has one instance for all."""
    vars(text_to_path)["get_glyphs_with_font"] = _TEXT.get_glyphs_with_font
    try:
        yield
    finally:
        del vars(text_to_path)["get_glyphs_with_font"]


@cache
def _laid_out(texts: _SharedText, font: Any, text: str, how: Any) -> Any:
    return super(_SharedText, texts).get_glyphs_with_font(font, text, **dict(how))


def _shared(font: Any, glyphs: Collection[int]) -> AbstractContextManager[Any]:
    """What `get_glyphs_subset` returns, with the common characters."""
    return nullcontext(_with_common(font, frozenset(glyphs) - _common(font)))


@cache
def _with_common(font: Any, others: frozenset[int]) -> Any:
    with _cut(font, {*_common(font), *others}) as found:
        written = BytesIO()
        found.font.save(written, reorderTables=False)
        return found._replace(font=TTFont(written, recalcTimestamp=False))


@cache
def _common(font: Any) -> frozenset[int]:
    return frozenset(map(get_font(font).get_char_index, map(ord, _COMMON)))
