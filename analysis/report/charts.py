"""The interactive charts of the page, as the data that its scripts draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optathlon.analysis.curves import MEASURES, RANK, Curve, grid_of
from optathlon.analysis.metrics.final import is_maximised
from optathlon.analysis.metrics.objectives import measure as measure_of
from optathlon.analysis.metrics.objectives import row_of
from optathlon.analysis.metrics.progress import BUDGET
from optathlon.analysis.plots.style import Look
from optathlon.analysis.report.evidence import ROPE, Evidence
from optathlon.analysis.report.packing import is_wide, pack, pack_on_a_scale, short
from optathlon.analysis.report.task_curves import TaskCurves
from optathlon.analysis.study import Study

View = dict[str, Any]

GROUP, TASK = "group", "task"
"""Controls that several charts share."""

_MOST_ALIKE = 200
"""Tasks of which a matrix can still be seen."""


@dataclass(frozen=True)
class PairStatistic:
    """A column of `Evidence.pairs`: its name, title, meaning, scale, and the lowest, neutral and highest value."""

    name: str
    title: str
    explanation: str
    scale: str
    range: tuple[float, float, float]


PAIRS = (
    PairStatistic(
        "won",
        "tasks won less tasks lost",
        "On how many tasks the row has the better mean rank, less those on which the column has.",
        "whole",
        (-1, 0, 1),
    ),
    PairStatistic(
        "improvement",
        "probability of improvement",
        "How probable it is that a run of the row is better than one of the column on the same task; ties count half "
        "(Agarwal et al. 2021). It says how often, not by how much.",
        "percent",
        (0, 0.5, 1),
    ),
    PairStatistic(
        "rank_biserial",
        "effect size over tasks",
        "Matched-pairs rank-biserial correlation of mean regrets: 1 where the row wins every task.",
        "linear",
        (-1, 0, 1),
    ),
    PairStatistic(
        "bayes_better",
        "probability of being better",
        f"Bayesian signed-rank test: the posterior probability that the row is better than the column by more than "
        f"{ROPE:g} of regret, which is taken to make no practical difference (Benavoli et al. 2017). It is no test: "
        "without any true difference, one in eight pairs passes 95 %.",
        "percent",
        (0, 0.5, 1),
    ),
    PairStatistic(
        "bayes_equivalent",
        "probability of equivalence",
        f"Bayesian signed-rank test: the posterior probability that the two differ by less than {ROPE:g} of regret.",
        "percent",
        (-1, 0, 1),
    ),
    PairStatistic(
        "new_task_better",
        "better on a new task",
        f"Bayesian hierarchical model: the probability that on a task not seen here the row is better on average by "
        f"more than {ROPE:g} of regret (Corani et al. 2017).",
        "percent",
        (0, 0.5, 1),
    ),
)
"""What is shown of pairs."""


@dataclass(frozen=True)
class Option:
    """One choice of a control; `group` is a heading above some of them."""

    name: str
    label: str
    group: str | None = None

    @property
    def data(self) -> dict[str, str]:
        """For the page."""
        return {"name": self.name, "label": self.label} | ({"group": self.group} if self.group else {})


class Charts:
    """All charts of a study.

    Parameters
    ----------
    study:
        What is shown.
    evidence:
        By the title of a group of tasks, in the order of `study.groups`.
    looks:
        Of all optimizers.
    """

    def __init__(self, study: Study, evidence: Mapping[str, Evidence], looks: Mapping[str, Look]) -> None:
        self._study = study
        self._evidence = evidence
        self._looks = looks
        self._numbers = {name: number for number, name in enumerate(looks)}
        self._tasks = TaskCurves(study)

    def data(self) -> dict[str, Any]:
        """The page's data, as described in `assets/page.js`."""
        controls = {TASK: _control("Task", self._task_options())}
        if self._evidence:
            controls[GROUP] = _control("Tasks", [Option(name, name) for name in self._evidence])
        drawn = {
            "anytime": self._anytime(),
            "aggregates": self._aggregates(),
            "profiles": self._profiles(),
            "pairs": self._pairs(),
            "alike": self._alike(),
            "runtimes": self._runtimes(),
            "trajectories": self._trajectories(),
            "finals": self._finals(),
            "fronts": self._fronts(),
        }
        return {
            "optimizers": [
                {"name": name, "color": look.color, "marker": look.marker, "dashed": look.line == "--"}
                for name, look in self._looks.items()
            ],
            "controls": controls,
            "charts": {name: chart for name, chart in drawn.items() if chart["views"]},
        }

    def _anytime(self) -> dict[str, Any]:
        views, measures, axes = {}, [], []
        for title, comparison in self._study.groups.items():
            for curve in self._study.curves.all(comparison):
                key = f"{curve.measure.name}|{curve.axis.name}|{title}"
                views[key] = self._curve(curve, len(comparison.tasks))
                measures.append(curve.measure)
                axes.append(curve.axis)
        shown = [Option(each.name, each.title) for each in MEASURES if each in measures]
        over = [Option(each.name, each.title) for each in self._study.curves.axes if each in axes]
        controls = [_control("Measure", shown, "measure"), _control("Over", over, "axis"), GROUP]
        return {"controls": controls, "views": views}

    def _curve(self, curve: Curve, tasks: int) -> View:
        measure, axis, bands = curve.measure, curve.axis, curve.bands
        part = f" Only {curve.tasks} of the {tasks} tasks have this." if curve.tasks < tasks else ""
        if axis == BUDGET:
            words = "The share of its budget that a run has spent."
        else:
            words = f"100 % is the most {axis.title} of any run on the task; a run that has ended keeps its incumbent."
        label = axis.title if axis == BUDGET else f"{axis.title}, share of the longest run's"
        y = {"label": measure.title, "scale": "linear", "best": "low"} | ({"top": "best"} if measure == RANK else {})
        if measure.logarithmic:
            bands = 10.0**bands
            y["scale"] = "log"
        return {
            "kind": "lines",
            "x": {"label": label, "scale": "percent", "values": list(grid_of(axis))},
            "y": y,
            "shape": "step",
            "note": f"{measure.explanation} {words}{part}",
            **self._bands(bands, "mean"),
        }

    def _aggregates(self) -> dict[str, Any]:
        views, statistics = {}, []
        for title, evidence in self._evidence.items():
            for statistic, table in evidence.summaries.items():
                statistics.append(statistic)
                ordered = table.sort_values("estimate", kind="stable")
                views[f"{statistic.name}|{title}"] = {
                    "kind": "intervals",
                    "x": {"label": statistic.title, "scale": "linear"},
                    "y": {"label": statistic.title, "scale": "linear", "best": "low"},
                    "optimizers": [self._numbers[str(name)] for name in ordered.index],
                    "mid": _rounded(ordered["estimate"]),
                    "low": _rounded(ordered["low"]),
                    "high": _rounded(ordered["high"]),
                    "note": statistic.explanation,
                }
        options = [Option(each.name, each.title) for each in dict.fromkeys(statistics)]
        return {"controls": [_control("Statistic", options, "statistic"), GROUP], "views": views}

    def _profiles(self) -> dict[str, Any]:
        views = {}
        for title, evidence in self._evidence.items():
            bands = evidence.profiles
            views[title] = {
                "kind": "lines",
                "x": {
                    "label": "regret, best to worst",
                    "scale": "log",
                    "values": _rounded(bands.index.unique("threshold")),
                },
                "y": {"label": "share of runs at or below", "scale": "percent", "best": "high"},
                "shape": "step",
                "note": "For each regret the share of runs that end at or below it, tasks weighing the same: the "
                "higher the curve, the better (Agarwal et al. 2021).",
                **self._bands(bands, "share"),
            }
        return {"controls": [GROUP], "views": views}

    def _runtimes(self) -> dict[str, Any]:
        views = {}
        for title, evidence in self._evidence.items():
            shares = evidence.runtime_distribution
            unit = "full evaluations / dimension" if evidence.has_dimensions else "full evaluations"
            views[title] = {
                "kind": "lines",
                "x": {"label": unit, "scale": "log", "values": _rounded(shares.index.unique("evaluations"))},
                "y": {"label": "share of targets reached", "scale": "percent", "best": "high"},
                "shape": "step",
                "note": "COCO's runtime distribution: the share of pairs of task and target reached within so many "
                "evaluations, runs that fail being restarted in simulation. 51 targets per task: 10² to 10⁻⁸ above the "
                "known optimum or, where that is unknown, 1 to 10⁻⁴ of the way from the best final loss to the worst.",
                **self._bands(shares, "share"),
            }
        return {"controls": [GROUP], "views": views}

    def _pairs(self) -> dict[str, Any]:
        views = {}
        for title, evidence in self._evidence.items():
            order = evidence.task_ranks.mean().sort_index().sort_values(kind="stable").index
            pairs = evidence.pairs.assign(won=evidence.pairs["wins"] - evidence.pairs["losses"])
            for statistic in PAIRS:
                if statistic.name in pairs:
                    values = pairs[statistic.name].unstack("second").reindex(index=order, columns=order)
                    tasks = len(evidence.comparison.tasks)
                    views[f"{statistic.name}|{title}"] = {
                        "kind": "matrix",
                        "y": {"label": f"{statistic.title}: row against column", "scale": statistic.scale},
                        "optimizers": [self._numbers[str(name)] for name in order],
                        "mid": pack(values.to_numpy(dtype=float)),
                        "range": [-tasks, 0, tasks] if statistic.name == "won" else statistic.range,
                        "note": statistic.explanation,
                    }
        options = [
            Option(each.name, each.title) for each in PAIRS if any(key.startswith(f"{each.name}|") for key in views)
        ]
        return {"controls": [_control("Statistic", options, "statistic"), GROUP], "views": views}

    def _alike(self) -> dict[str, Any]:
        views = {}
        for title, evidence in self._evidence.items():
            tasks = len(evidence.comparison.tasks)
            if 2 < tasks <= _MOST_ALIKE and len(evidence.comparison.optimizers) > 2:
                matrix = evidence.task_correlation
                views[title] = {
                    "kind": "matrix",
                    "y": {"label": "Kendall’s τ between the rankings on two tasks", "scale": "linear"},
                    "labels": [str(name) for name in matrix.index],
                    "mid": pack(matrix.to_numpy(dtype=float)),
                    "range": [-1, 0, 1],
                    "note": "Tasks are ordered by how alike they rank the optimizers (hierarchical clustering): blocks "
                    "along the diagonal are kinds of tasks, of which a few may stand for all.",
                }
        absence = f"Shown for 3 to {_MOST_ALIKE} tasks and 3 optimizers or more; see figures/task_correlation beyond."
        return {"controls": [GROUP], "views": views, "absence": absence}

    def _trajectories(self) -> dict[str, Any]:
        views = {}
        for (task, axis), curves in self._tasks.curves.items():
            row = row_of(self._study.results.tasks, task)
            views[f"{axis.name}|{task}"] = {
                "kind": "lines",
                "x": {
                    "label": axis.title + (f" ({axis.unit})" if axis.unit == "s" else ""),
                    "scale": "percent" if axis == BUDGET else "linear",
                    "values": _rounded(curves.points),
                },
                "y": {
                    "label": measure_of(row),
                    "scale": "log" if is_wide(np.stack([curves.median, curves.lower, curves.upper])) else "linear",
                    "best": "high" if is_maximised(row) else "low",
                },
                "shape": "step",
                "optimizers": [self._numbers[name] for name in curves.optimizers],
                "mid": pack(curves.median),
                "low": pack(curves.lower),
                "high": pack(curves.upper),
                "note": "Median and quartiles over seeds; a run without a result yet counts as worse than any other.",
            }
        options = [Option(axis.name, axis.title) for axis in self._tasks.axes]
        return {"controls": [_control("Over", options, "axis"), TASK], "views": views} | self._thinned

    def _finals(self) -> dict[str, Any]:
        views = {}
        for task, values in self._tasks.finals.items():
            row = row_of(self._study.results.tasks, task)
            ordered = self._tasks.best_first(task)
            views[task] = {
                "kind": "points",
                "x": {"label": measure_of(row), "scale": "linear"},
                "y": {
                    "label": measure_of(row),
                    "scale": "log" if is_wide(np.concatenate(list(values.values()))) else "linear",
                    "best": "high" if is_maximised(row) else "low",
                },
                "optimizers": [self._numbers[name] for name in ordered],
                "points": [_rounded(values[name]) for name in ordered],
                "mid": [short(self._tasks.median(task, name)) for name in ordered],
                "low": None,
                "high": None,
                "note": "One mark per seed, at the end of the budget.",
            }
        return {"controls": [TASK], "views": views} | self._thinned

    def _fronts(self) -> dict[str, Any]:
        views = {}
        for task, front in self._tasks.fronts.items():
            objectives = row_of(self._study.results.tasks, task)["objectives"]
            first, second = (f"{each['name']} {'↑' if each['direction'] == 'maximize' else '↓'}" for each in objectives)
            views[task] = {
                "kind": "lines",
                "x": {"label": first, "scale": "linear", "values": _rounded(front.points)},
                "y": {
                    "label": second,
                    "scale": "linear",
                    "best": "high" if objectives[1]["direction"] == "maximize" else "low",
                },
                "shape": "linear",
                "optimizers": [self._numbers[name] for name in front.optimizers],
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

    def _bands(self, bands: pd.DataFrame, middle: str) -> View:
        optimizers = bands.index.unique("optimizer")
        ends = {name: pack_on_a_scale(bands[name].to_numpy()) if name in bands else None for name in ("low", "high")}
        return {
            "optimizers": [self._numbers[str(name)] for name in optimizers],
            "mid": pack_on_a_scale(bands[middle].to_numpy()),
        } | ends

    def _task_options(self) -> list[Option]:
        tasks = self._study.results.tasks
        return [Option(str(name), str(name), str(row["collection"])) for name, row in tasks.iterrows()]


def _control(label: str, options: Sequence[Option], name: str | None = None) -> dict[str, Any]:
    control: dict[str, Any] = {"label": label, "options": [option.data for option in options]}
    return control | ({"name": name} if name else {})


def _rounded(values: Iterable[float]) -> list[float | None]:
    return [short(float(value)) for value in values]
