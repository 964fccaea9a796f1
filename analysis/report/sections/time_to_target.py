"""Who reaches each task's own target first, and who is how far behind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.axes import AXES, BUDGET, Axis
from optathlon.analysis.metrics.targets import first_hits
from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.report.charts import GROUP, Chart, Option, control, lines, rounded
from optathlon.analysis.report.figures import ReportFigure, suffix
from optathlon.analysis.report.groups import Group, once_per_block
from optathlon.analysis.report.section import Section
from optathlon.analysis.stats.time_to_target import (
    MOST_TIMES,
    targets_of_tasks,
    time_ratios,
    time_to_target_profiles,
    time_to_target_scores,
)

_FACTORS = tuple(np.geomspace(1, 16, 33).round(6).tolist())
_TIMES = ("evaluations", "compute", "simulated", "wall_clock")
_NOTE = (
    "The target of a task is the result with which the median run ends there. Shown is the share of tasks on which an "
    "optimizer takes at most so many times as long to it as the quickest one, half of its seeds having got there "
    "(performance profiles of Dolan and Moré, as in AlgoPerf). Score: the mean height up to {:g} times."
)


class TimeToTarget(Section):
    """Performance profiles of the time to a target, in evaluations and, where known, in seconds."""

    heading = "Time to each task’s own target"
    needs_course = True

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """The scores of each main comparison."""
        for name in self.data.ranked:
            scores = {
                axis: time_to_target_scores(ratios, seed=self.data.analysis.seed)
                for (title, axis), ratios in self._ratios.items()
                if title == name
            }
            if scores:
                yield f"time_to_target_scores{suffix(name)}", pd.concat(scores, names=["time"])

    def figures(self) -> Iterator[ReportFigure]:
        """The profiles in evaluations, of each main comparison."""
        for name in self.data.ranked:
            if (name, "evaluations") in self._profiles:
                data = self._profiles[name, "evaluations"]
                figure = plot_curves(
                    data,
                    self.data.looks,
                    x_title="full evaluations / those of the quickest",
                    y_title="share of tasks whose target is reached",
                    x_scale="log",
                    y_scale="percent",
                    best="high",
                    shape="step",
                )
                yield ReportFigure(f"time_to_target{suffix(name)}", f"Time to target, {name}", figure, data)

    def charts(self) -> dict[str, Chart]:
        """Of each group of tasks, and each way to measure time."""
        titles = {axis.name: axis.title for axis in AXES}
        views = {
            f"{axis}|{title}": {
                "kind": "lines",
                "x": {
                    "label": f"times as much as the quickest, {titles[axis]}",
                    "scale": "log",
                    "values": rounded(_FACTORS),
                },
                "y": {"label": "share of tasks whose target is reached", "scale": "percent", "best": "high"},
                "shape": "step",
                "note": _NOTE.format(MOST_TIMES),
                **lines(profile, "share", self.data.numbers),
            }
            for (title, axis), profile in self._profiles.items()
        }
        shown = [axis for axis in _TIMES if any(key[1] == axis for key in self._profiles)]
        options = [Option(axis, titles[axis]) for axis in shown]
        controls = [control("Time", options, "time"), GROUP]
        absence = "Parts of the tasks are compared in full evaluations."
        return {"time_to_target": {"controls": controls, "views": views, "absence": absence}}

    @cached_property
    def _ratios(self) -> dict[tuple[str, str], pd.DataFrame]:
        axes = {axis.name: axis for axis in self.data.analysis.curves.axes}
        axes.setdefault("evaluations", next(axis for axis in AXES if axis.name == "evaluations"))
        ratios_in = {name: once_per_block(partial(ratios, axis=axes[name])) for name in _TIMES if name in axes}
        found = {
            (title, name): ratios_in[name](group)
            for title, group in self.data.groups.items()
            for name in ratios_in
            if name == "evaluations" or group.is_main
        }
        return {key: table for key, table in found.items() if table is not None}

    @cached_property
    def _profiles(self) -> dict[tuple[str, str], pd.DataFrame]:
        seed = self.data.analysis.seed
        return {key: time_to_target_profiles(table, _FACTORS, seed=seed) for key, table in self._ratios.items()}


def ratios(group: Group, axis: Axis) -> pd.DataFrame | None:
    """Tasks x optimizers: times to the task's target over the quickest one's; `None` where no task has both."""
    analysis = group.analysis
    losses = group.rows(analysis.final_losses)
    targets = targets_of_tasks(losses)
    known = analysis.curves.ends[axis.name].reindex(targets.index).notna()
    targets = targets[known]
    here = losses.index.get_level_values("task").isin(targets.index)
    if axis == BUDGET or not here.any():
        return None
    runs = group.comparison.runs[here]
    pairs = pd.MultiIndex.from_arrays([runs.get_level_values("task"), runs.get_level_values("seed")]).unique()
    by_run = pd.Series(targets.reindex(pairs.get_level_values(0)).to_numpy(), index=pairs)
    reached = first_hits(analysis.trajectories, by_run, axis.name).reindex(runs).fillna(np.inf)
    return time_ratios(reached.set_axis(losses.index[here]))
