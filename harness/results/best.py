"""The best configurations that a results folder holds, task by task."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from optathlon.best import best_first
from optathlon.problem import Objective
from optathlon.results.frames import Results
from optathlon.results.schema import TRIALS

NEEDED = ("config", "fidelity", "status", "value", "constraint_1", "metrics")
"""The columns of trials that are looked at, for `optathlon.load`."""

_LABELS = {"optimizer", "task", "collection", "seed"}
_NO_TRIALS = pd.DataFrame({"config": pd.Series([], dtype="str")})


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


def best_configurations(results: Results, top: int | None = None) -> list[BestOfTask]:
    """The `top` best configurations of each task; by default one, or the whole Pareto set.

    What counts are trials that succeeded at the full level, or at the highest one where none did, those over the budget
    included. Trials of the same configuration, by whatever optimizer, are one: the means of its values count, and those
    of its constraints, which must not be positive.
    """
    runs = results.runs[["run", "task", "task_version"]].astype(str)
    versions = dict(zip(runs["run"], zip(runs["task"], runs["task_version"], strict=True), strict=True))
    of_run = results.trials["run"].astype(str).map(versions)
    described = results.tasks.reset_index().to_dict("records")
    tasks = {(str(row["task"]), str(row["version"])): row for row in described}
    trials = dict(iter(results.trials.groupby(of_run, sort=True)))
    known = sorted({*trials, *versions.values()})
    return [_best_of(task, version, tasks[task, version], trials.get((task, version)), top) for task, version in known]


def _best_of(
    task: str, version: str, described: Mapping[Any, Any], trials: pd.DataFrame | None, top: int | None
) -> BestOfTask:
    objectives = [Objective(one["name"], one["direction"]) for one in described["objectives"]]
    limits = list(described["constraints"] or ())
    columns = [*map(_value, range(len(objectives))), *map(_limit, range(len(limits)))]
    succeeded, note = _succeeded(trials, described["fidelity"])
    means = _means(succeeded, columns)
    violations = means[columns[len(objectives) :]].clip(lower=0).sum(axis="columns")
    if len(means) and not (violations == 0).any():
        note = f"no configuration is feasible: constraints are violated by {violations.min():.3g} at least"
    means = means[violations == 0]
    losses = np.column_stack([one.loss(1.0) * means[_value(place)] for place, one in enumerate(objectives)])
    order = best_first(losses)
    shown = order if top is None and len(objectives) > 1 else order[: top or 1]
    names = [one.name for one in objectives]
    found = [_configuration(succeeded, means.iloc[place], names, limits) for place in shown]
    return BestOfTask(task, version, {one.name: str(one.direction) for one in objectives}, found, len(order), note)


def _succeeded(trials: pd.DataFrame | None, fidelity: Mapping[str, Any] | None) -> tuple[pd.DataFrame, str]:
    """The trials that may be the best, and what should be known of that."""
    if trials is None:
        return _NO_TRIALS, "no trial was stored"
    succeeded = trials[(trials["status"] == "ok") & trials["value"].notna()]
    if not len(succeeded):
        return _NO_TRIALS, f"none of {len(trials)} trials has a result"
    if fidelity is None:
        return succeeded, ""
    highest, full, name = succeeded["fidelity"].max(), fidelity["upper"], fidelity["name"]
    note = f"no result at the full level, {name} {full:g}: these are at {name} {highest:g}" if highest < full else ""
    return succeeded[succeeded["fidelity"] == highest], note


def _means(trials: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The means of these columns by configuration, in the order of its first trial; exact where all are equal."""
    groups = trials.reindex(columns=["config", *columns]).groupby("config", sort=False, observed=True)
    least, most = groups.min(), groups.max()
    return least.where(least == most, groups.mean())


def _configuration(
    trials: pd.DataFrame, means: pd.Series, names: Sequence[str], limits: Sequence[str]
) -> BestConfiguration:
    """A configuration with these means, whose text is their name."""
    same = trials[trials["config"] == means.name]
    first = same.iloc[0]
    metrics = {
        name: fmean(same[name].dropna()) for name in trials.columns if _is_metric(name) and same[name].notna().any()
    }
    return BestConfiguration(
        config=json.loads(str(means.name)),
        values={name: float(means[_value(place)]) for place, name in enumerate(names)},
        constraints={name: float(means[_limit(place)]) for place, name in enumerate(limits)},
        metrics={name.removeprefix("metric:"): mean for name, mean in metrics.items() if math.isfinite(mean)},
        fidelity=None if pd.isna(first["fidelity"]) else float(first["fidelity"]),
        times=len(same),
        optimizer=str(first["optimizer"]),
        seed=int(first["seed"]),
        trial=int(first["trial"]),
    )


def _is_metric(column: str) -> bool:
    return not (column in _LABELS or column in TRIALS.names or re.fullmatch(r"value(_\d+)?|constraint_\d+", column))


def _value(place: int) -> str:
    return f"value_{place + 1}" if place else "value"


def _limit(place: int) -> str:
    return f"constraint_{place + 1}"
