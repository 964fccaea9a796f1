"""Interactive charts of the page, as the data that its scripts draw (described in `assets/page.js`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile
from typing import Any

import pandas as pd

from optathlon.analysis.plots.labels import labels
from optathlon.analysis.report.packing import pack_on_a_scale, short

View = dict[str, Any]
Chart = dict[str, Any]
"""`controls`, `views` by the names of their options, and perhaps what to say where there is no view (`absence`)."""

GROUP, TASK, SCALE = "group", "task", "scale"
"""Controls that several charts share: the choice of tasks for the whole page, one of them, how its values are shown."""

SCALES = {
    "auto": "as fits",
    "linear": "linear",
    "log": "log",
    "optimum": "log distance to the optimum",
}
"""The options of `SCALE`, as the page's `scaling.js` knows them, with their labels."""


OPTION_WIDTH = 40
"""The most columns of an option's label; what is longer, a list on the page doesn't show."""

_LENGTHS = (60, 40, 26, 16, 12)
"""The most columns of labels in charts; each uses the longest for which it has room."""


@dataclass(frozen=True)
class Option:
    """One choice of a control.

    `group` is a heading above some of them, `title` more than the label says; it is offered while one of the filter's
    options with the numbers `of` is chosen, or always where there are none.
    """

    name: str
    label: str
    group: str | None = None
    title: str | None = None
    of: Sequence[int] = ()

    @property
    def data(self) -> dict[str, Any]:
        """For the page."""
        extra = {"group": self.group, "title": self.title, "of": [*self.of]}
        return {"name": self.name, "label": self.label} | {key: value for key, value in extra.items() if value}


def control(label: str, options: Sequence[Option], name: str | None = None) -> dict[str, Any]:
    """A choice between `options`; shared by several charts where it has no name of its own."""
    found: dict[str, Any] = {"label": label, "options": [option.data for option in options]}
    return found | ({"name": name} if name else {})


def shared_controls(tasks: Mapping[str, str], groups: Sequence[str], of: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The controls that several charts share.

    Parameters
    ----------
    tasks:
        Of each task its collection.
    groups:
        What tasks can be chosen from, on top of the page.
    of:
        By task, in which of `groups` it is.
    """
    scales = [Option(name, label) for name, label in SCALES.items()]
    found = {
        TASK: control("Task", [replace(task, of=of[task.name]) for task in name_options(tasks)]) | {"filter": GROUP},
        SCALE: control("Scale", scales),
    }
    if groups:
        found[GROUP] = control("Tasks", name_options(dict.fromkeys(groups))) | {"bar": True}
    return found


def name_options(groups: Mapping[str, str | None]) -> list[Option]:
    """An option for each name, by which group it stands in; long names have labels that tell them apart."""
    shown = labels(groups, OPTION_WIDTH)
    return [
        Option(name, shown[name], group, title=None if shown[name] == name else name) for name, group in groups.items()
    ]


def cuts(names: Sequence[str]) -> list[list[str]]:
    """For each name its labels from the first that is not the name itself, shorter and shorter: at most five."""
    lengths = [labels(names, limit) for limit in _LENGTHS]
    return [[*dropwhile(name.__eq__, (found[name] for found in lengths))] for name in names]


def rounded(values: Iterable[float]) -> list[float | None]:
    """Numbers with nine digits; `None` where one is missing or infinite."""
    return [short(float(value)) for value in values]


def lines(bands: pd.DataFrame, middle: str, numbers: Mapping[str, int]) -> View:
    """A line for each optimizer of `bands` (index `optimizer`, point) and, where it has `low` and `high`, its band."""
    ends = {name: pack_on_a_scale(bands[name].to_numpy()) if name in bands else None for name in ("low", "high")}
    return {
        "optimizers": [numbers[str(name)] for name in bands.index.unique("optimizer")],
        "mid": pack_on_a_scale(bands[middle].to_numpy()),
    } | ends


def intervals(table: pd.DataFrame, label: str, numbers: Mapping[str, int]) -> View:
    """An `estimate` with `low` and `high` for each optimizer of `table`, in its order; lower is better."""
    return {
        "kind": "intervals",
        "x": {"label": label, "scale": "linear"},
        "y": {"label": label, "scale": "linear", "best": "low"},
        "optimizers": [numbers[str(name)] for name in table.index],
        "mid": rounded(table["estimate"]),
        "low": rounded(table["low"]),
        "high": rounded(table["high"]),
    }
