"""Columns of a table for readers: which, under which header, and which of their cells stand out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from optathlon.analysis.plots.style import Best
from optathlon.analysis.tables.cells import COUNT, MISSING, NUMBER, TEXT, Cell, Style, plain
from optathlon.text import one_line

DAGGER = "†"

ALL = "all"
"""Stands for all columns of a table where columns are chosen."""


@dataclass(frozen=True)
class Column:
    """A column for readers.

    Attributes
    ----------
    name:
        What it is called where columns are chosen; that of the frame's column, unless `sources` are given.
    header:
        What stands above it.
    style:
        How its values are shown.
    best:
        Which of its numbers is set in bold, if any.
    sources:
        The columns of the frame that it is made of.
    """

    name: str
    header: str
    style: Style
    best: Best | None = None
    sources: tuple[str, ...] = ()

    @property
    def made_of(self) -> tuple[str, ...]:
        """The columns of the frame that it needs."""
        return self.sources or (self.name,)


@dataclass(frozen=True)
class Marks:
    """What the table's maker knows of its rows.

    Attributes
    ----------
    alike:
        Rows, by their name, that the primary test can't tell from the best one; they get a dagger.
    meaning:
        What the dagger says, as a sentence without its end.
    maximised:
        Rows of which higher numbers are better, where numbers are compared along rows.
    """

    alike: Collection[str] = ()
    meaning: str = "not significantly different from the best"
    maximised: Collection[str] = ()


NO_MARKS = Marks()


def _as_it_is(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


@dataclass(frozen=True)
class Presentation:
    """How a table is shown to readers.

    Attributes
    ----------
    caption:
        One sentence on what it holds.
    columns:
        What can be shown, index levels first; others get a header from their name.
    shown:
        The names of those that are shown unless others are asked for; empty for all.
    keys:
        How many of the first columns say what a row is; at least the levels of a named index.
    reshaped:
        What is done with the frame before.
    best_in_rows:
        Whether the best number of each row is set in bold. Then columns other than `keys` are whatever there is,
        unless columns are chosen, which are those of the frame as it is.
    """

    caption: str = ""
    columns: tuple[Column, ...] = ()
    shown: tuple[str, ...] = ()
    keys: int = 1
    reshaped: Callable[[pd.DataFrame], pd.DataFrame] = _as_it_is
    best_in_rows: bool = False

    @property
    def names(self) -> list[str]:
        """The names of all columns that it knows."""
        return [column.name for column in self.columns]

    def unshaped(self) -> Presentation:
        """The same of the frame as it is."""
        return replace(self, reshaped=_as_it_is, best_in_rows=False)


@dataclass(frozen=True)
class ShownColumn:
    """A column with its cells."""

    header: str
    style: Style
    cells: list[Cell]


@dataclass(frozen=True)
class ShownTable:
    """Columns for a writer: those that say what a row is, and the others; and sentences on what is marked."""

    keys: list[ShownColumn]
    columns: list[ShownColumn]
    notes: list[str]
    caption: str = ""

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.keys[0].cells)


def shown_table(
    frame: pd.DataFrame,
    presentation: Presentation,
    *,
    chosen: Sequence[str] = (),
    marks: Marks = NO_MARKS,
) -> ShownTable:
    """The cells of a table.

    Parameters
    ----------
    frame:
        With at least one row, reshaped if it is to be. An index without a name is left out.
    presentation:
        How it is shown.
    chosen:
        Names of columns, in order, instead of those that are shown by default; `(ALL,)` for all. What the frame lacks
        is left out.
    marks:
        What stands out.
    """
    is_named = frame.index.names != [None]
    flat = frame.reset_index(drop=not is_named)
    columns = _selected(flat, presentation, chosen)
    shown = [_shown(flat, column) for column in columns]
    keys = min(max(presentation.keys, frame.index.nlevels if is_named else 1), len(shown))
    notes = []
    if presentation.best_in_rows:
        shown[keys:] = _best_in_rows(flat, columns[keys:], shown[keys:], marks.maximised)
    if any(cell.bold for column in shown for cell in column.cells):
        notes.append("Bold: the best.")
    names = [cell.text for cell in shown[0].cells]
    if {*marks.alike} & {*map(str, flat[columns[0].name])}:
        alike = {one_line(name) for name in marks.alike}
        cells = [
            replace(cell, mark=DAGGER) if name in alike else cell
            for name, cell in zip(names, shown[0].cells, strict=True)
        ]
        shown[0] = replace(shown[0], cells=cells)
        notes.append(f"{DAGGER}: {marks.meaning}.")
    return ShownTable(shown[:keys], shown[keys:], notes, presentation.caption)


def _selected(flat: pd.DataFrame, presentation: Presentation, chosen: Sequence[str]) -> list[Column]:
    described = presentation.columns[: presentation.keys if presentation.best_in_rows else None]
    known = {column.name: column for column in described if {*column.made_of} <= {*flat.columns}}
    titled = not presentation.best_in_rows
    others = {name: _derived(flat, name, titled=titled) for name in flat.columns if name not in known}
    keys = [*flat.columns[: presentation.keys]]
    if chosen:
        wanted = [*flat.columns] if ALL in chosen else [*keys, *(name for name in chosen if name not in keys)]
    elif presentation.shown:
        wanted = [name for name in presentation.shown if name in known and not _is_empty(flat, known[name])]
    else:
        wanted = [*flat.columns]
    return [column for name in wanted if (column := known.get(name) or others.get(name))]


def _is_empty(flat: pd.DataFrame, column: Column) -> bool:
    return bool(flat[[*column.made_of]].isna().all(axis=None))


def _derived(flat: pd.DataFrame, name: str, *, titled: bool) -> Column:
    """A column that nobody has described; its header is its name, with an upper-case letter where it is `titled`."""
    header = name[:1].upper() + name[1:].replace("_", " ") if titled and name.isidentifier() else name
    values = flat[name]
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return Column(name, header, TEXT)
    known = values.dropna().to_numpy(dtype=float)
    is_whole = bool(np.all(np.isfinite(known) & (known == np.round(known))))
    return Column(name, header, COUNT if is_whole else NUMBER)


def _shown(flat: pd.DataFrame, column: Column) -> ShownColumn:
    cells = [column.style.cell(*values) for values in zip(*(flat[name] for name in column.made_of), strict=True)]
    if column.best:
        cells = _with_best(cells, flat[column.made_of[0]].to_numpy(dtype=float), column.best)
    return ShownColumn(column.header, column.style, cells)


def _with_best(cells: Sequence[Cell], values: np.ndarray, best: Best) -> list[Cell]:
    """With those in bold that read as the best one does; none where all do."""
    known = values[~np.isnan(values)]
    if not len(known):
        return [*cells]
    place = int(np.nanargmin(values) if best == "low" else np.nanargmax(values))
    alike = [plain(cell) == plain(cells[place]) for cell in cells]
    is_telling = len({plain(cell) for cell in cells} - {MISSING}) > 1
    return [replace(cell, bold=same and is_telling) for cell, same in zip(cells, alike, strict=True)]


def _best_in_rows(
    flat: pd.DataFrame, columns: Sequence[Column], shown: Sequence[ShownColumn], maximised: Collection[str]
) -> list[ShownColumn]:
    values = flat[[column.name for column in columns]].to_numpy(dtype=float)
    end: Mapping[bool, Literal["low", "high"]] = {False: "low", True: "high"}
    rows = [
        _with_best([column.cells[row] for column in shown], values[row], end[str(name) in maximised])
        for row, name in enumerate(flat.iloc[:, 0])
    ]
    return [replace(column, cells=[*cells]) for column, cells in zip(shown, zip(*rows, strict=True), strict=True)]
