"""Tables as LaTeX that fits the text width of a plain `article`, with the packages booktabs, dcolumn and longtable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from optathlon.analysis.tables.cells import MINUS, Cell, plain
from optathlon.analysis.tables.columns import ShownColumn, ShownTable
from optathlon.analysis.tables.latex_text import latex
from optathlon.analysis.tables.widths import text_width

TEXT_WIDTH = 338.0
"""Points: a little less than those of `article` at 10 points, on A4 as on letter paper."""

LONG_LINES = 38
"""Tables of more lines are broken over pages."""

_SIZES = {"": 1.0, r"\small": 0.92, r"\footnotesize": 0.84}
_GAP = 12.0
"""Points between columns, at any size of the font."""

_DIGIT = 5.0
_BOLD_DIGIT = 5.8
_WIDTHS = {MINUS: 7.8, "<": 13.4, "·": 7.3, ",": 2.8, ".": 2.8, "∞": 10.0}
"""Points of what else stands in numbers."""

_RAISED = {"-": 6.4}
_RAISED_DIGIT = 4.2

_WIDEST_HEADER = 90.0
"""Points; a longer name is broken into lines."""

_WIDEST_TEXTS = (125.0, 100.0, 80.0, 60.0, 45.0)
"""Points of columns of text, beyond which it is broken into lines: the first with which all fits is taken."""


@dataclass(frozen=True)
class _Fitted:
    """A column, what it is declared as, its width in points at normal size, and how many lines each cell takes.

    Where the text `breaks` into lines, the width is the same at any size.
    """

    column: ShownColumn
    declared: str
    width: float
    lines: list[int]
    breaks: bool = False


def latex_table(table: ShownTable) -> str:
    """One `tabular`, or several below each other where columns are many; `longtable` where lines are.

    A comment on top names the packages, a caption and what the marks mean.
    """
    size, panels = _panels(table)
    is_long = sum(map(_lines, panels)) > LONG_LINES
    body = "\n\n\\medskip\n".join(_panel(panel, is_long=is_long) for panel in panels)
    grouped = f"{{{size}\n{body}\n\\par}}\n" if size else f"{body}\n"
    packages = ["booktabs", "dcolumn", *(["longtable"] if is_long else [])]
    note = " ".join([table.caption, *table.notes]).strip()
    comment = f"% {latex(note)}\n" if note else ""
    return f"% \\usepackage{{{','.join(packages)}}}\n{comment}{grouped}"


def _panels(table: ShownTable) -> tuple[str, list[list[_Fitted]]]:
    """The largest font in which all columns fit side by side; else the smallest, and the columns divided."""
    for widest, (size, factor) in product(_WIDEST_TEXTS[:-1], _SIZES.items()):
        columns = [_fitted(column, widest) for column in [*table.keys, *table.columns]]
        if _width(columns, factor) <= TEXT_WIDTH:
            return size, [columns]
    size, factor = [*_SIZES.items()][-1]
    for widest in _WIDEST_TEXTS:
        keys, columns = ([_fitted(column, widest) for column in part] for part in (table.keys, table.columns))
        if all(_width([*keys, column], factor) <= TEXT_WIDTH for column in columns):
            break
    return size, _divided(keys, columns, factor)


def _divided(keys: list[_Fitted], columns: Sequence[_Fitted], factor: float) -> list[list[_Fitted]]:
    """As many columns after the keys as fit, again and again."""
    panels = [[*keys]]
    for column in columns:
        if len(panels[-1]) > len(keys) and _width([*panels[-1], column], factor) > TEXT_WIDTH:
            panels.append([*keys])
        panels[-1].append(column)
    return panels


def _lines(columns: Sequence[_Fitted]) -> int:
    """About how many lines a panel takes, with its header and rules."""
    rows = zip(*(column.lines for column in columns), strict=True)
    return 4 + sum(max(map(int, lines)) for lines in rows)


def _width(columns: Sequence[_Fitted], factor: float) -> float:
    text = sum(column.width if column.breaks else column.width * factor for column in columns)
    return text + _GAP * (len(columns) - 1)


def _panel(columns: Sequence[_Fitted], *, is_long: bool) -> str:
    name = "longtable" if is_long else "tabular"
    declared = "".join(column.declared for column in columns)
    rows = [
        " & ".join(_cell(cell, column) for cell, column in zip(cells, columns, strict=True))
        for cells in zip(*(column.column.cells for column in columns), strict=True)
    ]
    end = r"\tabularnewline" if any(column.breaks for column in columns) else r"\\"
    lines = [
        rf"\begin{{{name}}}{{@{{}}{declared}@{{}}}}",
        r"\toprule",
        f"{' & '.join(map(_header, columns))} {end}",
        r"\midrule",
        *([r"\endhead", r"\bottomrule", r"\endfoot"] if is_long else []),
        *(f"{row} {end}" for row in rows),
        *([] if is_long else [r"\bottomrule"]),
        rf"\end{{{name}}}",
    ]
    return "\n".join(lines)


def _fitted(column: ShownColumn, widest: float) -> _Fitted:
    header = min(_WIDEST_HEADER, max(map(text_width, _header_lines(column.header))))
    single = [1] * len(column.cells)
    if column.style.align == "decimal":
        parts = [_parts_widths(cell) for cell in column.cells if cell.is_number]
        left, right = (math.ceil(max(widths) / _DIGIT) for widths in zip((_DIGIT, 0.0), *parts, strict=True))
        width = (left + right) * _DIGIT + _WIDTHS["."]
        return _Fitted(column, f"D{{.}}{{.}}{{{left}.{right}}}", max(header, width), single)
    widths = [text_width(plain(cell), bold=cell.bold) + _RAISED_DIGIT for cell in column.cells]
    natural = max([header, *widths])
    if natural <= widest:
        return _Fitted(column, column.style.align[0], natural, single)
    lines = [math.ceil(1.2 * width / widest) for width in widths]
    return _Fitted(column, f">{{\\raggedright}}p{{{widest:.0f}pt}}", widest, lines, breaks=True)


def _header(column: _Fitted) -> str:
    header, is_left = column.column.header, column.column.style.align == "left"
    lines = _header_lines(header)
    if max(map(text_width, lines)) > _WIDEST_HEADER:
        text = rf"\parbox[b]{{{_WIDEST_HEADER:.0f}pt}}{{\raggedright {latex(header, breakable=True)}}}"
    elif lines[1:]:
        stacked = r" \\ ".join(map(latex, lines))
        text = rf"\begin{{tabular}}[b]{{@{{}}{'l' if is_left else 'c'}@{{}}}}{stacked}\end{{tabular}}"
    else:
        text = latex(header)
    return text if is_left else rf"\multicolumn{{1}}{{c}}{{{text}}}"


def _header_lines(header: str) -> list[str]:
    """Two lines where words allow it and one would be long."""
    words = header.split()
    if len(header) <= 9 or len(words) < 2:
        return [header]
    ways = [(" ".join(words[:place]), " ".join(words[place:])) for place in range(1, len(words))]
    return [*min(ways, key=lambda way: max(map(text_width, way)))]


def _cell(cell: Cell, column: _Fitted) -> str:
    if column.column.style.align == "decimal":
        return _number(cell) if cell.is_number else rf"\multicolumn{{1}}{{c}}{{{latex(cell.text)}}}"
    text = latex(plain(cell), breakable=column.breaks)
    text = rf"\textbf{{{text}}}" if cell.bold else text
    return f"{text}{latex(cell.mark)}"


def _number(cell: Cell) -> str:
    """In math mode, where signs are those of mathematics; the column divides it at the point."""
    text = cell.text.replace(MINUS, "-").replace(",", "{,}").replace("∞", r"\infty")
    before, point, after = text.partition(".")
    if cell.bold:
        before, after = rf"\mathbf{{{before}}}", rf"\mathbf{{{after}}}" if after else ""
    return f"{before}{point}{after}{_power(cell)}"


def _power(cell: Cell) -> str:
    return "" if cell.power is None else rf"\cdot10^{{{cell.power}}}"


def _parts_widths(cell: Cell) -> tuple[float, float]:
    """Points before and after the decimal point."""
    before, _, after = cell.text.partition(".")
    digit = _BOLD_DIGIT if cell.bold else _DIGIT
    left, right = (sum(_WIDTHS.get(character, digit) for character in part) for part in (before, after))
    if cell.power is not None:
        right += _WIDTHS["·"] + 2 * _DIGIT + sum(_RAISED.get(each, _RAISED_DIGIT) for each in str(cell.power))
    return left, right
