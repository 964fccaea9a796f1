"""The best configurations that a results folder holds, task by task."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from optathlon.best import best_first
from optathlon.problem import Objective
from optathlon.redaction import redacted_id
from optathlon.results import arrow
from optathlon.results.flat import Floats, by_key, spread
from optathlon.results.folder import ResultsFolder
from optathlon.results.frames import Results, described_tasks, stored_columns, wanted_runs
from optathlon.results.schema import TRIALS

NEEDED = ("config", "fidelity", "status", "value", "constraint_1", "metrics")
"""The columns of trials that are looked at, for `optathlon.load`."""

_LABELS = {"optimizer", "task", "collection", "seed"}
_METRIC = "metric:"
"""Begins the columns of metrics that are called like another column."""


@dataclass(frozen=True)
class BestConfiguration:
    """A configuration, with what its trials gave.

    Attributes
    ----------
    config:
        Its active hyperparameters.
    values, constraints, metrics:
        By name; the mean over its trials where there are several.
    fidelity:
        The level of these trials; `None` of a task without.
    times:
        How many trials there are.
    optimizer, seed, trial:
        Whose the first of these trials is.
    """

    config: dict[str, Any]
    values: dict[str, float]
    constraints: dict[str, float]
    metrics: dict[str, float]
    fidelity: float | None
    times: int
    optimizer: str
    seed: int
    trial: int


@dataclass(frozen=True)
class BestOfTask:
    """The best configurations of one version of a task.

    Attributes
    ----------
    task, version:
        Which it is.
    directions:
        `"minimize"` or `"maximize"`, by objective.
    best:
        The best first; of several objectives the Pareto set, by the first objective.
    of:
        How many there are, of which `best` may be a part: all feasible configurations, or the whole Pareto set.
    note:
        What should be known: why there is none, or which level counts. Empty where all is as usual.
    """

    task: str
    version: str
    directions: dict[str, str]
    best: list[BestConfiguration]
    of: int
    note: str


@dataclass(frozen=True)
class _Run:
    task: str
    version: str
    optimizer: str
    seed: int


@dataclass(frozen=True)
class _Trials:
    """Columns of trials, each with an entry per trial.

    Attributes
    ----------
    run, config:
        Which of `runs` and `configs` they are; negative of a trial whose configuration is not known.
    trial, fidelity, ok:
        As stored, and whether it succeeded.
    numbers, metrics:
        By column, and by name; NaN where one is missing.
    runs, configs:
        Ids, and JSON.
    """

    run: npt.NDArray[np.integer]
    config: npt.NDArray[np.integer]
    trial: npt.NDArray[np.integer]
    fidelity: Floats
    ok: npt.NDArray[np.bool_]
    numbers: dict[str, Floats]
    metrics: dict[str, Floats]
    runs: Sequence[str]
    configs: Sequence[str]

    def at(self, rows: npt.NDArray[Any]) -> _Trials:
        """Those at these places."""
        return replace(
            self,
            run=self.run[rows],
            config=self.config[rows],
            trial=self.trial[rows],
            fidelity=self.fidelity[rows],
            ok=self.ok[rows],
            numbers={name: column[rows] for name, column in self.numbers.items()},
            metrics={name: column[rows] for name, column in self.metrics.items()},
        )


def best_of_folder(
    path: Path,
    top: int | None = None,
    *,
    optimizers: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
) -> list[BestOfTask]:
    """As `best_configurations` of what `optathlon.load` would read, without pandas, which is slow to load."""
    folder = ResultsFolder.open(path)
    runs, trials = folder.read(wanted_runs(optimizers=optimizers, tasks=tasks), stored_columns(NEEDED))
    described = {(str(row["task"]), str(row["version"])): row for row in described_tasks(folder, runs)}
    columns = (runs[name].to_pylist() for name in ("run", "task", "task_version", "optimizer", "seed"))
    ran = {
        run: _Run(task, version, redacted_id(optimizer), seed)
        for run, task, version, optimizer, seed in zip(*columns, strict=True)
    }
    return _best(ran, _of_tables(trials), described, top)


def best_configurations(results: Results, top: int | None = None) -> list[BestOfTask]:
    """The `top` best configurations of each task; by default one, or the whole Pareto set.

    What counts are trials that succeeded at the full level, or at the highest one where none did, those over the budget
    included. Trials of the same configuration, by whatever optimizer, are one: the means of its values count, and those
    of its constraints, which must not be positive.
    """
    labels = results.runs[["run", "task", "task_version", "optimizer"]].astype(str)
    columns = (*(labels[name] for name in labels), results.runs["seed"])
    ran = {run: _Run(*rest) for run, *rest in zip(*columns, strict=True)}
    rows = results.tasks.reset_index().to_dict("records")
    described = {(str(row["task"]), str(row["version"])): row for row in rows}
    return _best(ran, _of_frame(results), described, top)


def _of_tables(trials: pa.Table) -> _Trials:
    run, runs = arrow.labels(trials["run"])
    config, configs = arrow.codes(trials["config"])
    status, statuses = arrow.labels(trials["status"])
    texts = configs.to_pylist()
    known = np.array([text is not None for text in texts], bool)
    return _Trials(
        run=run,
        config=np.where(known[config], config, -1) if len(config) else config,
        trial=arrow.numbers(trials["trial"]),
        fidelity=arrow.floats(trials["fidelity"]),
        ok=np.isin(status, [place for place, name in enumerate(statuses) if name == "ok"]),
        numbers={
            **{_value(place): column for place, column in enumerate(spread(trials["values"]))},
            **{_limit(place): column for place, column in enumerate(spread(trials["constraints"]))},
        },
        metrics=by_key(trials["metrics"]),
        runs=runs,
        configs=texts,
    )


def _of_frame(results: Results) -> _Trials:
    trials = results.trials
    run, config = trials["run"].astype("category").cat, trials["config"].astype("category").cat
    names = [name for name in trials.columns if _is_metric(name)]
    numbers = [name for name in trials.columns if re.fullmatch(r"value(_\d+)?|constraint_\d+", name)]
    return _Trials(
        run=run.codes.to_numpy(),
        config=config.codes.to_numpy(),
        trial=trials["trial"].to_numpy(),
        fidelity=trials["fidelity"].to_numpy(float),
        ok=(trials["status"] == "ok").to_numpy(bool),
        numbers={name: trials[name].to_numpy(float) for name in numbers},
        metrics={name.removeprefix(_METRIC): trials[name].to_numpy(float) for name in names},
        runs=run.categories.astype(str).tolist(),
        configs=config.categories.astype(str).tolist(),
    )


def _best(
    ran: Mapping[str, _Run],
    trials: _Trials,
    described: Mapping[tuple[str, str], Mapping[Any, Any]],
    top: int | None,
) -> list[BestOfTask]:
    tasks = sorted({(run.task, run.version) for run in ran.values()})
    places = {task: place for place, task in enumerate(tasks)}
    of_run = np.array([places[ran[id].task, ran[id].version] if id in ran else -1 for id in trials.runs], np.intp)
    of_trial = of_run[trials.run]
    order = np.argsort(of_trial, kind="stable")
    bounds = np.searchsorted(of_trial[order], np.arange(len(tasks) + 1))
    return [
        _best_of(task, described[task], trials.at(order[begin:end]), ran, top)
        for task, begin, end in zip(tasks, bounds[:-1], bounds[1:], strict=True)
    ]


def _best_of(
    task: tuple[str, str],
    described: Mapping[Any, Any],
    trials: _Trials,
    ran: Mapping[str, _Run],
    top: int | None,
) -> BestOfTask:
    objectives = [Objective(one["name"], one["direction"]) for one in described["objectives"]]
    limits = list(described["constraints"] or ())
    columns = [*map(_value, range(len(objectives))), *map(_limit, range(len(limits)))]
    succeeded, note = _succeeded(trials, described["fidelity"])
    groups = _groups(succeeded.config)
    means = _means(succeeded, groups, columns)
    violations = np.nansum(means[:, len(objectives) :].clip(min=0), axis=1)
    feasible = np.flatnonzero(violations == 0)
    if len(means) and not len(feasible):
        note = f"no configuration is feasible: constraints are violated by {violations.min():.3g} at least"
    signs = [one.loss(1.0) for one in objectives]
    order = best_first(means[feasible, : len(objectives)] * signs)
    shown = order if top is None and len(objectives) > 1 else order[: top or 1]
    names = [one.name for one in objectives]
    found = [_configuration(succeeded.at(groups[place]), means[place], names, limits, ran) for place in feasible[shown]]
    directions = {one.name: str(one.direction) for one in objectives}
    return BestOfTask(*task, directions, found, len(order), note)


def _succeeded(trials: _Trials, fidelity: Mapping[str, Any] | None) -> tuple[_Trials, str]:
    """The trials that may be the best, and what should be known of that."""
    count = len(trials.run)
    known = trials.numbers.get(_value(0), np.full(count, np.nan))
    succeeded = trials.at(np.flatnonzero(trials.ok & ~np.isnan(known) & (trials.config >= 0)))
    if not len(succeeded.run):
        return succeeded, f"none of {count} trials has a result" if count else "no trial was stored"
    if fidelity is None:
        return succeeded, ""
    highest, full, name = np.fmax.reduce(succeeded.fidelity), fidelity["upper"], fidelity["name"]
    note = f"no result at the full level, {name} {full:g}: these are at {name} {highest:g}" if highest < full else ""
    return succeeded.at(np.flatnonzero(succeeded.fidelity == highest)), note


def _groups(config: npt.NDArray[np.integer]) -> list[npt.NDArray[np.intp]]:
    """The places of each configuration's trials, in the order of its first one."""
    if not len(config):
        return []
    order = np.argsort(config, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(config[order])) + 1)
    return sorted(groups, key=lambda places: int(places[0]))


def _means(trials: _Trials, groups: Sequence[npt.NDArray[np.intp]], columns: Sequence[str]) -> Floats:
    """Shape (configurations, columns): the means over trials; exact where all are equal, NaN where none is known."""
    means = np.full((len(groups), len(columns)), np.nan)
    for place, name in enumerate(columns):
        if (column := trials.numbers.get(name)) is not None:
            means[:, place] = [column[rows[0]] if len(rows) == 1 else _mean(column[rows]) for rows in groups]
    return means


def _mean(values: Floats) -> float:
    """The mean of those that are not NaN, by compensated summation (Kahan 1965)."""
    known = values[~np.isnan(values)].tolist()
    if not known or min(known) == max(known):
        return known[0] if known else math.nan
    total = lost = 0.0
    for value in known:
        term = value - lost
        before, total = total, total + term
        lost = total - before - term
    return total / len(known)


def _configuration(
    same: _Trials, means: Floats, names: Sequence[str], limits: Sequence[str], ran: Mapping[str, _Run]
) -> BestConfiguration:
    """The configuration of these trials, with these means."""
    known = {name: column[~np.isnan(column)].tolist() for name, column in same.metrics.items()}
    metrics = {name: fmean(values) for name, values in known.items() if values}
    run, values = ran[same.runs[same.run[0]]], means.tolist()
    return BestConfiguration(
        config=json.loads(same.configs[same.config[0]]),
        values=dict(zip(names, values, strict=False)),
        constraints=dict(zip(limits, values[len(names) :], strict=True)),
        metrics={name: mean for name, mean in metrics.items() if math.isfinite(mean)},
        fidelity=None if math.isnan(same.fidelity[0]) else float(same.fidelity[0]),
        times=len(same.run),
        optimizer=run.optimizer,
        seed=int(run.seed),
        trial=int(same.trial[0]),
    )


def _is_metric(column: str) -> bool:
    return not (column in _LABELS or column in TRIALS.names or re.fullmatch(r"value(_\d+)?|constraint_\d+", column))


def _value(place: int) -> str:
    return f"value_{place + 1}" if place else "value"


def _limit(place: int) -> str:
    return f"constraint_{place + 1}"
