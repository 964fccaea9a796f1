"""Tables as Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from optathlon.analysis.tables.cells import Cell, plain
from optathlon.analysis.tables.columns import ShownTable


def markdown(table: ShownTable) -> str:
    """A table with a line on what is marked below it, where something is."""
    columns = [*table.keys, *table.columns]
    header = [escaped(column.header) for column in columns]
    ruler = [{"decimal": "---:", "center": ":---:", "left": "---"}[column.style.align] for column in columns]
    rows = [[_cell(cell) for cell in cells] for cells in zip(*(column.cells for column in columns), strict=True)]
    notes = f"\n{' '.join(table.notes)}\n" if table.notes else ""
    return "".join(map(_line, [header, ruler, *rows])) + notes


def escaped(text: str) -> str:
    """Text that means nothing to Markdown."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", text)


def _cell(cell: Cell) -> str:
    text = escaped(plain(cell))
    return f"{f'**{text}**' if cell.bold else text}{cell.mark}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
