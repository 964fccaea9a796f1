"""What tells tasks apart, read from the stored tasks and trials: by this they are grouped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.countable import at_full_fidelity

_UNORDERED = "categorical"
_FIXED = "constant"


def task_features(tasks: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """What tells tasks apart.

    Parameters
    ----------
    tasks, trials:
        As in `optathlon.Results`, with the labels of `comparable`. A task whose `space` is `{}`, as results of
        other programs have it, misses what is read from there.

    Returns
    -------
    Index `task`, sorted; `collection`; `type`; `dimension` (the number of hyperparameters that can vary);
    `hyperparameters` (`"numerical"`, where all have ordered values, `"categorical"`, where none has, or `"mixed"`);
    `conditional` (whether some hyperparameter is active only under a condition); `fidelity` (whether there is one);
    `objectives`, `constraints` (their number); `noisy` (whether the metadata give a noise above 0; missing where they
    give none: equal trials may well have drawn the same noise); `cost` (median seconds of a full evaluation that
    succeeded: as reported or, where not, measured). Missing is None, or NaN of numbers.
    """
    tasks = tasks.sort_index()
    full = (trials["status"] == "ok").to_numpy() & at_full_fidelity(trials, tasks)
    seconds = trials["cost"].astype(float).fillna(trials["evaluate_s"].astype(float))[full]
    features = {
        "collection": tasks["collection"].astype(str),
        "type": tasks["type"].astype(str),
        "dimension": tasks["space"].map(_dimension).astype(float),
        "hyperparameters": tasks["space"].map(_kind).astype(object),
        "conditional": tasks["space"].map(_conditional).astype(object),
        "fidelity": tasks["fidelity"].map(lambda fidelity: isinstance(fidelity, Mapping)).astype(bool),
        "objectives": tasks["objectives"].map(len).astype(int),
        "constraints": tasks["constraints"].map(_length).astype(int),
        "noisy": tasks["metadata"].map(_noisy).astype(object),
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


def _noisy(metadata: object) -> bool | None:
    noise = metadata.get("noise") if isinstance(metadata, Mapping) else None
    return noise > 0 if isinstance(noise, int | float) else None
