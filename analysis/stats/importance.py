"""Which hyperparameters made the difference on a task, learnt from its stored trials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from optathlon.errors import MissingDependency

_FOLDS = 3
_REPEATS = 5
_TREES = 50

_ENOUGH = 30
"""With fewer different configurations there is no telling."""


def hyperparameter_importance(
    trials: pd.DataFrame, space: Mapping[str, Any], *, seed: int = 0, limit: int = 1000
) -> pd.DataFrame:
    """Permutation importance of each hyperparameter in a random forest that predicts the rank of the loss.

    The forest is scikit-learn's, cross-validated; a configuration evaluated several times enters once, with its mean
    loss. A hyperparameter's importance is how much shuffling its values among the held-out configurations that have it
    active adds to the squared error, halved and divided by the variance (Breiman 2001, section 10, and Gregorutti et
    al. 2017): of independent hyperparameters, which share of the variance it takes part in (total Sobol index). So
    interactions count for each of their hyperparameters. An inactive hyperparameter stands at its typical active value,
    so that whether it is active is credited to the hyperparameter that decides it.

    Configurations are those at which optimizers looked, and not spread evenly; correlated hyperparameters share their
    importance.

    Parameters
    ----------
    trials:
        Of one task: `config` (JSON of the active hyperparameters) and `loss` (lower is better; NaN are left out).
    space:
        ConfigSpace's dictionary, as stored.
    seed:
        Seeds the drawing of configurations, the folds, the forests and the shuffling.
    limit:
        If there are more configurations, so many are drawn.

    Returns
    -------
    Index `hyperparameter` (those that can vary), the most important first; `importance` (about 0 … 1; chance can
    make it slightly negative), `std` (of that over folds and shuffles), `score` (the same in all rows: the share of the
    variance, R², that the forests explain of those held out; at 0 or less the importances mean nothing). All NaN
    where there are fewer than 30 different configurations or all losses are equal.

    Raises `MissingDependency` (a `UsageError`) without scikit-learn.
    """
    rng = np.random.default_rng(seed)
    configs, losses = _drawn(trials, limit, rng)
    values, active = _encoded(configs, space)
    if values.empty or len(configs) < _ENOUGH or np.ptp(losses) == 0:
        score, rises = np.nan, np.full((1, values.shape[1]), np.nan)
    else:
        fold = rng.permutation(len(configs)) % _FOLDS
        score, rises = _cross_validated(values.to_numpy(), active, rankdata(losses) / len(losses), fold, rng)
    table = pd.DataFrame({"importance": rises.mean(axis=0), "std": rises.std(axis=0), "score": score}, values.columns)
    return table.rename_axis("hyperparameter").sort_values("importance", ascending=False, kind="stable")


def _drawn(trials: pd.DataFrame, limit: int, rng: np.random.Generator) -> tuple[list[dict[str, Any]], np.ndarray]:
    """At most `limit` different configurations, and the mean loss of each."""
    known = trials.loc[trials["loss"].notna(), ["config", "loss"]].sort_values(["config", "loss"])
    losses = known["loss"].astype(float).groupby(known["config"].astype(str).map(_canonical)).mean()
    if len(losses) > limit:
        losses = losses.iloc[np.sort(rng.choice(len(losses), limit, replace=False))]
    return [json.loads(config) for config in losses.index], losses.to_numpy()


def _canonical(config: str) -> str:
    return json.dumps(json.loads(config), sort_keys=True)


def _encoded(configs: list[dict[str, Any]], space: Mapping[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Configurations as numbers, one column per hyperparameter by name; and where each is active."""
    columns = {}
    for hyperparameter in space.get("hyperparameters", []):
        name, choices = hyperparameter["name"], hyperparameter.get("choices", hyperparameter.get("sequence"))
        if hyperparameter["type"] != "constant":
            given = [config.get(name) for config in configs]
            codes = given if choices is None else [_position(value, choices) for value in given]
            columns[name] = pd.Series(codes, dtype=float)
    frame = pd.DataFrame(columns, index=range(len(configs))).sort_index(axis=1)
    typical = frame.quantile(interpolation="lower") if len(frame) else pd.Series(dtype=float)
    return frame.fillna(typical).fillna(0.0), frame.notna().to_numpy()


def _position(value: Any, choices: list[Any]) -> float:
    return float(choices.index(value)) if value in choices else np.nan


def _cross_validated(
    values: np.ndarray, active: np.ndarray, target: np.ndarray, fold: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """R² of what is held out; and shape (folds x repeats, hyperparameters): the halved rise of the error."""
    errors = np.empty(len(target))
    rises = []
    for held_out in range(_FOLDS):
        judged = fold == held_out
        forest = _forest(int(rng.integers(2**31))).fit(values[~judged], target[~judged])
        errors[judged] = (forest.predict(values[judged]) - target[judged]) ** 2
        shuffled = _shuffled(values[judged], active[judged], rng)
        predicted = forest.predict(shuffled.reshape(-1, values.shape[1])).reshape(shuffled.shape[:3])
        rises.append(((predicted - target[judged]) ** 2).mean(axis=2) - errors[judged].mean())
    variance = target.var()
    return float(1 - errors.mean() / variance), np.concatenate(rises) / (2 * variance)


def _shuffled(values: np.ndarray, active: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shape (repeats, hyperparameters, trials, hyperparameters): copies with one hyperparameter shuffled in each."""
    copies = np.tile(values, (_REPEATS, values.shape[1], 1, 1))
    for column, rows in enumerate(active.T):
        for repeat in range(_REPEATS):
            copies[repeat, column, rows, column] = rng.permutation(values[rows, column])
    return copies


def _forest(seed: int) -> Any:
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        install = "pip install 'optathlon[sklearn]'"
        raise MissingDependency("the importance of hyperparameters", "scikit-learn", install) from None
    return RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=seed)
