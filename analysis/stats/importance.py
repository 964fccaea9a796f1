"""Which hyperparameters made the difference on a task, learnt from its stored trials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from optathlon.analysis.stats.encoding import Encoded, encoded
from optathlon.errors import MissingDependency

_FOLDS = 3
_REPEATS = 5
_TREES = 50

ENOUGH = 30
"""With fewer different configurations there is no telling."""


def hyperparameter_importance(
    trials: pd.DataFrame, space: Mapping[str, Any], *, seed: int = 0, limit: int = 1000
) -> pd.DataFrame:
    """Permutation importance of each hyperparameter in a random forest that predicts the rank of the loss.

    The forest is scikit-learn's, cross-validated; a configuration evaluated several times enters once, with its mean
    loss. A hyperparameter's importance is how much shuffling its values among the held-out configurations that have it
    active adds to the squared error, halved and divided by the variance (Breiman 2001, section 10, and Gregorutti et
    al. 2017). Where hyperparameters are independent, that is the forest's estimate of the total Sobol index, the share
    of the variance that it takes part in, interactions counted for each of theirs. The estimate is usually below it:
    a forest shrinks effects, weak ones most.

    Shuffling is a structured swap. Where the value that a configuration takes from another switches conditional
    hyperparameters on, it takes these along; those that it switches off become inactive (as groups of variables are
    shuffled together by Gregorutti et al. 2015). So the choice of a kernel is not judged with the parameters of another
    kernel, and what decides whether a hyperparameter is active has the credit for that.

    Configurations are those at which optimizers looked, and not spread evenly; correlated hyperparameters share their
    importance.

    Parameters
    ----------
    trials:
        Of one task: `config` (JSON of the active hyperparameters) and `loss` (lower is better; NaN are left out).
    space:
        ConfigSpace's dictionary, as stored.
    seed:
        Seeds the choice of configurations, the folds, the forests and the shuffling.
    limit:
        If there are more configurations, so many are drawn.

    Returns
    -------
    Index `hyperparameter` (those that can vary), the most important first; `importance` (about 0 … 1; chance can
    make it slightly negative), `std` (of that over folds and shuffles: not its error, which the forest has its part
    in) and, the same in all rows, `score` (the share of the variance, R², that the forests explain of those held out;
    at 0 or less the importances mean nothing) and `configurations` (different ones that were learnt from). The
    others are NaN where there are fewer than 30 different configurations or all losses are equal.

    Raises `MissingDependency` (a `UsageError`) without scikit-learn.
    """
    rng = np.random.default_rng(seed)
    configs, losses = _drawn(trials, limit, rng)
    known = encoded(configs, space)
    if not known.names or len(configs) < ENOUGH or np.ptp(losses) == 0:
        score, rises = np.nan, np.full((1, len(known.names)), np.nan)
    else:
        fold = rng.permutation(len(configs)) % _FOLDS
        score, rises = _cross_validated(known, rankdata(losses) / len(losses), fold, rng)
    columns = {"importance": rises.mean(axis=0), "std": rises.std(axis=0), "score": score}
    table = pd.DataFrame(columns | {"configurations": len(configs)}, known.names)
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


def _cross_validated(
    known: Encoded, target: np.ndarray, fold: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """R² of what is held out; and shape (folds x repeats, hyperparameters): the halved rise of the error."""
    errors = np.empty(len(target))
    rises = []
    for held_out in range(_FOLDS):
        judged = fold == held_out
        forest = _forest(int(rng.integers(2**31))).fit(known.values[~judged], target[~judged])
        unseen = known.of(judged)
        errors[judged] = (forest.predict(unseen.values) - target[judged]) ** 2
        copies = [unseen.shuffled(name, rng) for _ in range(_REPEATS) for name in known.names]
        predicted = forest.predict(np.concatenate(copies)).reshape(_REPEATS, len(known.names), -1)
        rises.append(((predicted - target[judged]) ** 2).mean(axis=2) - errors[judged].mean())
    variance = target.var()
    return float(1 - errors.mean() / variance), np.concatenate(rises) / (2 * variance)


def _forest(seed: int) -> Any:
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        install = "pip install 'optathlon[sklearn]'"
        raise MissingDependency("the importance of hyperparameters", "scikit-learn", install) from None
    return RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=seed)
