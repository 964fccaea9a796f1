"""Nearest neighbours."""

from __future__ import annotations

from typing import Any

from optathlon.tasks.trainings.datasets import Learning
from optathlon.tasks.trainings.family import Config, Family, Setting, for_learning, standardised
from optathlon.tasks.trainings.spaces import cs, make_space


def _space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Integer("n_neighbors", (1, 64), log=True, default=5),
        cs.Categorical("weights", ["uniform", "distance"]),
        cs.Float("p", (1.0, 5.0), default=2.0),
    )


def _estimator(config: Config, setting: Setting) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    kind = for_learning(setting, KNeighborsClassifier, KNeighborsRegressor)
    return standardised(kind(**{**config, "n_neighbors": min(config["n_neighbors"], setting.rows)}, n_jobs=1))


NEIGHBORS = Family(
    space=_space,
    estimator=_estimator,
    description="nearest neighbours (how many, their weights, the distance's exponent)",
    seconds=0.02,
)
