"""What each optimizer did on one task: its trajectories, where its runs ended, and the fronts they attain."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from optathlon.analysis.metrics.axes import BUDGET
from optathlon.analysis.metrics.final import is_maximised
from optathlon.analysis.metrics.objectives import objective_label, row_of
from optathlon.analysis.report.charts import TASK, Chart, Option, control, rounded
from optathlon.analysis.report.packing import is_wide, pack, short
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.task_curves import TaskCurves


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
            views[f"{axis.name}|{task}"] = {
                "kind": "lines",
                "x": {
                    "label": axis.title + (f" ({axis.unit})" if axis.unit == "s" else ""),
                    "scale": "percent" if axis == BUDGET else "linear",
                    "values": rounded(curves.points),
                },
                "y": {
                    "label": objective_label(row),
                    "scale": "log" if is_wide(np.stack([curves.median, curves.lower, curves.upper])) else "linear",
                    "best": "high" if is_maximised(row) else "low",
                },
                "shape": "step",
                "optimizers": [self.data.numbers[name] for name in curves.optimizers],
                "mid": pack(curves.median),
                "low": pack(curves.lower),
                "high": pack(curves.upper),
                "note": "Median and quartiles over seeds; a run without a result yet counts as worse than any other.",
            }
        options = [Option(axis.name, axis.title) for axis in self._tasks.axes]
        controls = [control("Over", options, "axis"), TASK]
        return {"controls": controls, "views": views} | self._thinned

    def _finals(self) -> Chart:
        views = {}
        when = ", at the end of the budget" if self.data.analysis.has_course else ""
        for task, values in self._tasks.finals.items():
            row = row_of(self.data.analysis.results.tasks, task)
            ordered = self._tasks.best_first(task)
            views[task] = {
                "kind": "points",
                "x": {"label": objective_label(row), "scale": "linear"},
                "y": {
                    "label": objective_label(row),
                    "scale": "log" if is_wide(np.concatenate(list(values.values()))) else "linear",
                    "best": "high" if is_maximised(row) else "low",
                },
                "optimizers": [self.data.numbers[name] for name in ordered],
                "points": [rounded(values[name]) for name in ordered],
                "mid": [short(self._tasks.median(task, name)) for name in ordered],
                "low": None,
                "high": None,
                "note": f"One mark per seed{when}.",
            }
        return {"controls": [TASK], "views": views} | self._thinned

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
        return {"controls": [TASK], "views": views} | self._thinned

    @property
    def _thinned(self) -> dict[str, str]:
        """What to say where a task is not shown, if some are left out."""
        if self._tasks.stride == 1:
            return {}
        share = f"this page draws one of {self._tasks.stride} tasks, to stay small"
        return {"absence": f"Nothing is drawn of this task: {share}. “All results”, below, has every one."}
