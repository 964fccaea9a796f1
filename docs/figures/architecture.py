"""Draw the rooms of the code: `python docs/figures/architecture.py` writes `architecture.svg` beside this file.

The figure is narrow, so that its text stays legible on a phone. Boxes bring their own background, and everything else
is a grey that shows on white and on black.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).with_suffix(".svg")


class Room(NamedTuple):
    """A box: its name, what is in it, what it is for, and its width as a share of the row."""

    name: str
    content: str
    kind: str
    share: float = 1.0


FILLS = {"run": "#d9efe0", "read": "#dbe8f9", "extend": "#fbe6cc", "base": "#ececec"}
LEGEND = {"run": "runs", "read": "reads results", "extend": "yours to add", "base": "base"}

ROWS = [
    [Room("cli", "one module per command", "base")],
    [
        Room("experiments", "plan, driver, executors", "run", 0.42),
        Room("report", "page, sections", "read", 0.29),
        Room("testing", "conformance", "run", 0.29),
    ],
    [Room("archive", "baselines that ship: packing, joining, checking", "read")],
    [Room("subsets", "selection, proof, validation of representative tasks", "read")],
    [Room("analysis", "metrics → stats → plots, comparison, export", "read")],
    [Room("results", "folder, schema, writer, frames, merge, status", "base")],
    [Room("running", "loop, accounting, clocks, isolation, journal, seeds", "run")],
    [
        Room("optimizers", "by library", "extend", 0.3),
        Room("registry", "entry points, plugins", "run", 0.4),
        Room("tasks", "by collection", "extend", 0.3),
    ],
    [Room("llm", "chat, models, judges, win rates", "base", 0.55), Room("tables", "tables as tasks", "run", 0.45)],
    [Room("public words", "Problem, Trial, Result, Task, Optimizer, Budget, errors, …", "base")],
]
"""From the top: a room may import the rooms in the rows below it, but optimizers and tasks are met by name only."""

WIDTH, MARGIN, HEIGHT, GAP, BETWEEN = 400, 8, 50, 16, 14
GREY = "#808080"


def svg() -> str:
    """The figure."""
    bottom = MARGIN + len(ROWS) * (HEIGHT + GAP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 26}" width="{WIDTH * 1.5:.0f}" '
            'font-family="system-ui, sans-serif" role="img" aria-labelledby="title">',
            '<title id="title">The rooms of Optathlon, from the command line to the public words</title>',
            f'<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="{GREY}"/></marker></defs>',
            *_rows(),
            *_legend(bottom + 8),
            "</svg>",
            "",
        ]
    )


def _rows() -> Iterator[str]:
    middles: list[float] = []
    for number, row in enumerate(ROWS):
        top = MARGIN + number * (HEIGHT + GAP)
        above, middles = middles, []
        for room, (left, width) in zip(row, _places(row), strict=True):
            yield from _box(room, left, top, width)
            middles.append(left + width / 2)
        imported = [middle for room, middle in zip(row, middles, strict=True) if room.kind != "extend"]
        for x in above if len(above) > len(row) else imported[: len(row) * len(above)]:
            yield _arrow(x, top - GAP, x, top)
    yield from _by_name()


def _by_name() -> Iterator[str]:
    """The dashed arrows from the registry to its neighbours."""
    number = next(number for number, row in enumerate(ROWS) if any(room.kind == "extend" for room in row))
    middle = MARGIN + number * (HEIGHT + GAP) + HEIGHT / 2
    left, width = list(_places(ROWS[number]))[1]
    for start, step in ((left, -BETWEEN), (left + width, BETWEEN)):
        yield _arrow(start, middle, start + step, middle, dashes="3 2")


def _places(row: list[Room]) -> Iterator[tuple[float, float]]:
    """Left edge and width of each box of a row."""
    left, free = float(MARGIN), WIDTH - 2 * MARGIN - BETWEEN * (len(row) - 1)
    for room in row:
        yield left, room.share * free
        left += room.share * free + BETWEEN


def _box(room: Room, left: float, top: float, width: float) -> Iterator[str]:
    middle = left + width / 2
    yield (
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" rx="6" '
        f'fill="{FILLS[room.kind]}" stroke="{GREY}"/>'
    )
    yield _text(room.name, middle, top + 21, 15, "bold")
    yield _text(room.content, middle, top + 39, 12.5)


def _arrow(x1: float, y1: float, x2: float, y2: float, dashes: str = "none") -> str:
    return (
        f'<path d="M{x1:.1f} {y1:.1f} L{x2:.1f} {y2:.1f}" stroke="{GREY}" stroke-width="1.5" '
        f'stroke-dasharray="{dashes}" marker-end="url(#head)"/>'
    )


def _legend(top: float) -> Iterator[str]:
    left = float(MARGIN)
    for kind, meaning in LEGEND.items():
        yield f'<rect x="{left:.1f}" y="{top}" width="12" height="12" rx="2" fill="{FILLS[kind]}" stroke="{GREY}"/>'
        yield _text(meaning, left + 18, top + 10.5, 12.5, anchor="start", fill=GREY)
        left += 42 + 7 * len(meaning)


def _text(
    text: str, x: float, y: float, size: float, weight: str = "normal", *, anchor: str = "middle", fill: str = "#1a1a1a"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="{fill}">{escape(text)}</text>'
    )


if __name__ == "__main__":
    TARGET.write_text(svg(), "utf-8")
