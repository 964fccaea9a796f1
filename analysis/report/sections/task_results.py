"""What each optimizer did on one task: its trajectories, where its runs ended, and the fronts they attain."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.axes import BUDGET
from optathlon.analysis.metrics.final import is_maximised
from optathlon.analysis.metrics.objectives import objective_label, row_of
from optathlon.analysis.report.charts import SCALE, TASK, Chart, Option, control, rounded
from optathlon.analysis.report.packing import Bits, as_read, is_wide, pack, short
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.task_curves import TaskCurves, optimum_of

_ONE_OBJECTIVE = "This task has one objective, or no result in both: there is no front to draw."

_SINGLE: tuple[Literal[24, 32], ...] = (24, 32)

_PRECISION, _DIGITS = 1e-6, 12
"""The relative error that is allowed of values that the page makes of distances, and the digits of single ones."""


class TaskResults(Section):
    """Trajectories, final values and attained fronts, task by task."""

    template = "task_results.html"

    def charts(self) -> dict[str, Chart]:
        """One view per task and axis."""
        course = {"trajectories": self._trajectories()} if self.data.analysis.has_course else {}
        return course | {"finals": self._finals(), "fronts": self._fronts()}

    @cached_property
    def _tasks(self) -> TaskCurves:
        return TaskCurves(self.data.analysis)

    def _trajectories(self) -> Chart:
        views = {}
        for (task, axis), curves in self._tasks.curves.items():
            row = row_of(self.data.analysis.results.tasks, task)
            measured = _Measured(row)
            views[f"{axis.name}|{task}"] = {
                "kind": "lines",
                "x": {
                    "label": axis.title + (f" ({axis.unit})" if axis.unit == "s" else ""),
                    "scale": "percent" if axis == BUDGET else "linear",
                    "values": rounded(curves.points),
                },
                "y": measured.axis(np.stack([curves.median, curves.lower, curves.upper])),
                "shape": "step",
                "optimizers": [self.data.numbers[name] for name in curves.optimizers],
                "mid": measured.packed(curves.median),
                **measured.band(curves.lower, curves.upper),
                "note": "Median and quartiles over seeds; a run without a result yet counts as worse than any other.",
            } | measured.origin
        options = [Option(axis.name, axis.title) for axis in self._tasks.axes]
        controls = [control("Over", options, "axis"), TASK]
        return {"controls": controls, "views": views, "scale": SCALE} | self._thinned

    def _finals(self) -> Chart:
        views = {}
        when = ", at the end of the budget" if self.data.analysis.has_course else ""
        for task, values in self._tasks.finals.items():
            row = row_of(self.data.analysis.results.tasks, task)
            measured = _Measured(row)
            ordered = self._tasks.best_first(task)
            medians = np.array([self._tasks.median(task, name) for name in ordered])
            views[task] = {
                "kind": "points",
                "x": {"label": objective_label(row), "scale": "linear"},
                "y": measured.axis(np.concatenate(list(values.values()))),
                "optimizers": [self.data.numbers[name] for name in ordered],
                "points": [measured.listed(values[name]) for name in ordered],
                "mid": measured.listed(medians),
                "low": None,
                "high": None,
                "note": f"One mark per seed{when}.",
            } | measured.origin
        return {"controls": [TASK], "views": views, "scale": SCALE} | self._thinned

    def _fronts(self) -> Chart:
        views = {}
        for task, front in self._tasks.fronts.items():
            objectives = row_of(self.data.analysis.results.tasks, task)["objectives"]
            first, second = (f"{each['name']} {'↑' if each['direction'] == 'maximize' else '↓'}" for each in objectives)
            views[task] = {
                "kind": "lines",
                "x": {"label": first, "scale": "linear", "values": rounded(front.points)},
                "y": {
                    "label": second,
                    "scale": "linear",
                    "best": "high" if objectives[1]["direction"] == "maximize" else "low",
                },
                "shape": "linear",
                "optimizers": [self.data.numbers[name] for name in front.optimizers],
                "mid": pack(front.surface),
                "low": None,
                "high": None,
                "note": "Median attainment: what at least half of the runs reached in both objectives at once.",
            }
        return {"controls": [TASK], "views": views, "absence": _ONE_OBJECTIVE} | self._thinned

    @property
    def _thinned(self) -> dict[str, str]:
        """What to say where a task is not shown, if some are left out."""
        if self._tasks.stride == 1:
            return {}
        share = f"this page draws one of {self._tasks.stride} tasks, to stay small"
        return {"absence": f"Nothing is drawn of this task: {share}. “All results”, below, has every one."}


class _Measured:
    """What the page is given of a task's values: their distance to the optimum where it is known, else they themselves.

    The distance keeps its digits however large the values are; the page makes values of it.
    """

    def __init__(self, task: pd.Series) -> None:
        self._task = task
        self._sign = -1.0 if is_maximised(task) else 1.0
        self._optimum = optimum_of(task)
        self._is_known = math.isfinite(self._optimum)

    def packed(self, values: np.ndarray) -> dict[str, Any]:
        """Many of them, with as many bits as it takes to tell them apart, and to make values of distances again."""
        numbers = self._measured(values)
        return pack(numbers, self._bits(numbers, values))

    def _bits(self, numbers: np.ndarray, values: np.ndarray) -> Bits:
        if not self._is_known:
            return 24 if _are_far_apart(values) else 32
        for bits in _SINGLE:
            again = self._optimum + self._sign * as_read(numbers, bits)
            if np.allclose(again, values, rtol=_PRECISION, atol=0, equal_nan=True):
                return bits
        return 64

    def band(self, lower: np.ndarray, upper: np.ndarray) -> dict[str, Any]:
        """The ends of a band."""
        low, high = (upper, lower) if self._is_known and self._sign < 0 else (lower, upper)
        return {"low": self.packed(low), "high": self.packed(high)}

    def listed(self, values: np.ndarray) -> list[float | None]:
        """A few of them."""
        return [short(float(number), _DIGITS) for number in self._measured(values)]

    def _measured(self, values: np.ndarray) -> np.ndarray:
        return self._sign * (values - self._optimum) if self._is_known else values

    def axis(self, values: np.ndarray) -> dict[str, Any]:
        """The axis of these values, given as they are."""
        return {
            "label": objective_label(self._task),
            "scale": "log" if is_wide(values) else "linear",
            "best": "low" if self._sign > 0 else "high",
        }

    @property
    def origin(self) -> dict[str, Any]:
        """What the page needs to make values of distances."""
        return {"from": {"optimum": self._optimum, "sign": self._sign}} if self._is_known else {}


def _are_far_apart(values: np.ndarray) -> bool:
    """Whether the middle half of the values spreads over a tenth of them: then 24 bits are enough to draw them."""
    known = values[np.isfinite(values)]
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else (0.0, 0.0, 0.0)
    return bool(high - low > 0.1 * abs(middle))
