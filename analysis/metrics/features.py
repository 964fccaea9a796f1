"""What tells tasks apart, read from the stored tasks and trials: by this they are grouped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.countable import at_full_fidelity
from optathlon.analysis.metrics.objectives import number

_UNORDERED = "categorical"
_FIXED = "constant"


def task_features(tasks: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """What tells tasks apart.

    Parameters
    ----------
    tasks, trials:
        As in `optathlon.results.Results`, with the labels of `comparable`. A task whose `space` is `{}`, as results of
        other programs have it, misses what is read from there.

    Returns
    -------
    Index `task`, sorted; `collection`; `type`; `dimension` (the number of hyperparameters that can vary);
    `hyperparameters` (`"numerical"`, where all have ordered values, `"categorical"`, where none has, or `"mixed"`);
    `conditional` (whether some hyperparameter is active only under a condition); `fidelity` (whether there is one);
    `objectives`, `constraints` (their number); `noisy` (whether the metadata give a noise above 0 or else, judged by
    the trials that succeeded, whether one configuration at one fidelity got different values; missing where none was
    evaluated twice); `cost` (median seconds of a full evaluation that succeeded: as reported or, where not, measured).
    Missing is None, or NaN of numbers.
    """
    tasks = tasks.sort_index()
    succeeded = (trials["status"] == "ok").to_numpy()
    full = succeeded & at_full_fidelity(trials, tasks)
    seconds = trials["cost"].astype(float).fillna(trials["evaluate_s"].astype(float))[full]
    repeated_differ = _repeated_differ(trials, succeeded) if "config" in trials else {}
    noisy = [_noisy(row["metadata"], repeated_differ.get(str(name))) for name, row in tasks.iterrows()]
    features = {
        "collection": tasks["collection"].astype(str),
        "type": tasks["type"].astype(str),
        "dimension": tasks["space"].map(_dimension).astype(float),
        "hyperparameters": tasks["space"].map(_kind).astype(object),
        "conditional": tasks["space"].map(_conditional).astype(object),
        "fidelity": tasks["fidelity"].map(lambda fidelity: isinstance(fidelity, Mapping)).astype(bool),
        "objectives": tasks["objectives"].map(len).astype(int),
        "constraints": tasks["constraints"].map(_length).astype(int),
        "noisy": pd.Series(noisy, index=tasks.index, dtype=object),
        "cost": seconds.groupby(trials["task"][full], observed=True).median().reindex(tasks.index),
    }
    return pd.DataFrame(features, index=tasks.index).rename_axis("task")


def _types(space: Mapping[str, Any]) -> list[str]:
    """The types of the hyperparameters that can vary."""
    types = [str(hyperparameter["type"]) for hyperparameter in space.get("hyperparameters", [])]
    return [kind for kind in types if kind != _FIXED]


def _dimension(space: Mapping[str, Any]) -> float:
    return float(len(_types(space))) if space else np.nan


def _kind(space: Mapping[str, Any]) -> str | None:
    unordered = [kind == _UNORDERED for kind in _types(space)]
    if not unordered:
        return None
    return "categorical" if all(unordered) else "mixed" if any(unordered) else "numerical"


def _conditional(space: Mapping[str, Any]) -> bool | None:
    return bool(space.get("conditions")) if space else None


def _length(names: object) -> int:
    return len(names) if isinstance(names, list | tuple | np.ndarray) else 0


def _noisy(metadata: object, repeated_differ: bool | None) -> bool | None:
    noise = metadata.get("noise") if isinstance(metadata, Mapping) else None
    return repeated_differ if noise is None else number(noise) > 0


def _repeated_differ(trials: pd.DataFrame, succeeded: np.ndarray) -> dict[str, bool]:
    """For each task on which something was evaluated twice: whether the first objective ever differed."""
    trials = trials.loc[succeeded, ["task", "config", "fidelity", "value"]]
    keys = [trials["task"].astype(str), trials["config"].astype(str), trials["fidelity"].astype(float)]
    values = trials["value"].astype(float).groupby(keys, dropna=False)
    spread = pd.DataFrame({"count": values.count(), "differ": values.min() < values.max()})
    told = spread.index.get_level_values("config") != "{}"  # which other programs' results may leave empty
    repeated = spread.loc[told & (spread["count"] > 1), "differ"]
    return {str(task): bool(differ) for task, differ in repeated.groupby(level="task").any().items()}
