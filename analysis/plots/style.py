"""One look for all figures: colours, markers, typography. Applied by `rc_context`, never globally."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from optathlon.analysis.plots.labels import labels
from optathlon.analysis.plots.measuring import MeasuringCanvas

INK = "#1d1e20"
"""Text and axes; the report recolours it for dark screens."""
QUIET = "#6b6e74"
"""Secondary text."""
RULE = "#e3e4e8"
"""Grid lines."""

WIDE = 7.2
"""Inches across the text of a paper."""
COLUMN = 3.5
"""Inches across one of two columns."""

Scale = Literal["linear", "log", "percent"]
"""Of an axis; `"percent"` shows shares from 0 to 1."""

Best = Literal["low", "high"]
"""Which values are the better ones."""

_COLORS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#8a6fc9",
    "#a8484f",
    "#8f8f2c",
    "#7d8791",
)
"""Okabe and Ito's palette for colour-blind readers without black and yellow, then four hues and lightnesses apart."""

_MARKERS = (("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"), ("X", "✖"), ("p", "⬟"), ("<", "◀"))
"""Matplotlib's name and the character that looks like it; as many as share no divisor with the colours."""

_FONT = "DejaVu Sans"
"""It comes with matplotlib, so that figures have the same bytes everywhere."""

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_RC: dict[Any, Any] = {
    "font.family": [_FONT],
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # where it would be anyway, but not looked for in each drawing
    "axes.titlecolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "xtick.minor.size": 0.0,
    "lines.linewidth": 1.7,
    "lines.dashed_pattern": (4.0, 1.5),
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Look:
    """How one optimizer is drawn: a colour, a matplotlib marker, a line style, and the marker as a character.

    `number` is its place among the names of all, from 0, and `label` what figures call it.
    """

    color: str
    marker: str
    line: Literal["-", "--"]
    symbol: str
    number: int
    label: str

    @property
    def gid(self) -> str:
        """What all artists of the optimizer are tagged with, so that a page can find them."""
        return f"optimizer-{self.number}"


def looks(optimizers: Iterable[str]) -> dict[str, Look]:
    """A look for each optimizer, by name; give all optimizers of a report, so that it is the same throughout.

    Colours repeat after ten optimizers, with dashed lines then; pairs of colour and marker repeat after ninety.
    """
    assigned = {}
    for index, (name, label) in enumerate(figure_labels(optimizers).items()):
        marker, symbol = _MARKERS[index % len(_MARKERS)]
        repeated = (index // len(_COLORS)) % 2 == 1
        assigned[name] = Look(_COLORS[index % len(_COLORS)], marker, "--" if repeated else "-", symbol, index, label)
    return assigned


def figure_labels(names: Iterable[str], limit: int = 26) -> dict[str, str]:
    """Labels in the font of all figures, which has no Chinese, Japanese or Korean: see `labels`."""
    return labels(names, limit, drawable=_glyphs())


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont(_FONT)).get_charmap())


@contextmanager
def style() -> Iterator[None]:
    """The style of all figures, inside a `with` block."""
    with mpl.rc_context(_RC):
        yield


def set_scale(axes: Axes, axis: Literal["x", "y"], scale: Scale) -> None:
    """Scale an axis once everything is drawn; `"percent"` goes from 0 to 100 %, whatever is drawn."""
    match scale:
        case "percent":
            axes.set(**{f"{axis}lim": (0.0, 1.0), f"{axis}ticks": (0.0, 0.25, 0.5, 0.75, 1.0)})
            axes.set(**{f"{axis}ticklabels": ["0", "25", "50", "75", "100 %"]})
        case "log":
            axes.set(**{f"{axis}scale": "log"})
            _power_ticks(axes.xaxis if axis == "x" else axes.yaxis)
        case "linear":
            axes.set(**{f"{axis}scale": "linear"})


def power(value: float, _: int = 0) -> str:
    """A tick of a logarithmic axis in plain text, as no text is parsed as mathematics: `0.01`, `2×10⁻⁵`."""
    if not 1e-3 <= value < 1e4:
        mantissa, exponent = f"{value:.0e}".split("e")
        raised = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
        return raised if mantissa == "1" else f"{mantissa}×{raised}"
    return f"{value:g}"


def _power_ticks(axis: Axis) -> None:
    """Ticks at powers of ten and, where those are few, at 2 and 5 times them."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(power))
    axis.set_minor_locator(NullLocator())


def spread(positions: list[float], gap: float) -> list[float]:
    """`positions` moved as little as needed so that neighbours are at least `gap` apart; in the given order.

    Neighbours that are too close form a block around their mean, and blocks that meet merge.
    """
    order = sorted(range(len(positions)), key=lambda index: (positions[index], index))
    blocks: list[list[int]] = []
    centre: list[float] = []
    for index in order:
        blocks.append([index])
        centre.append(positions[index])
        while len(blocks) > 1 and centre[-1] - centre[-2] < gap * (len(blocks[-1]) + len(blocks[-2])) / 2:
            merged = blocks.pop(-2) + blocks.pop()
            del centre[-2:]
            blocks.append(merged)
            centre.append(sum(positions[i] for i in merged) / len(merged))
    placed = list(positions)
    for members, middle in zip(blocks, centre, strict=True):
        for place, index in enumerate(members):
            placed[index] = middle + gap * (place - (len(members) - 1) / 2)
    return placed


def figure_of(axes: Axes) -> Figure:
    """The figure that holds the axes, which stand in no other part of it."""
    return cast("Figure", axes.get_figure())


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that lays itself out; it belongs to no window system."""
    figure = Figure(figsize=(width, height), layout="constrained")
    MeasuringCanvas(figure)
    return figure
