"""The fonts inside PDF files: what most figures use of a font is cut out of it once, not for each figure again."""

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
