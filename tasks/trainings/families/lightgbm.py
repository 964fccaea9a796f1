"""LightGBM: boosted trees, and its other ways to boost and to sample."""

from __future__ import annotations

import math
from typing import Any

from optathlon.tasks.trainings.datasets import Dataset, Learning
from optathlon.tasks.trainings.family import (
    TREES,
    Config,
    Family,
    Setting,
    Size,
    for_learning,
    standardised,
)
from optathlon.tasks.trainings.spaces import cs, make_space

_MOST_LEAVES = 128


def _of_all() -> list[Any]:
    return [
        cs.Float("learning_rate", (0.01, 1.0), log=True, default=0.1),
        cs.Integer("num_leaves", (2, _MOST_LEAVES), log=True, default=31),
        cs.Integer("min_child_samples", (1, 64), log=True, default=20),
        cs.Float("colsample_bytree", (0.1, 1.0), default=1.0),
        cs.Float("reg_alpha", (1e-6, 10.0), log=True, default=1e-6),
        cs.Float("reg_lambda", (1e-6, 100.0), log=True, default=1e-6),
    ]


def _trees_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        *_of_all(),
        cs.Float("subsample", (0.2, 1.0), default=1.0),
        cs.Integer("max_bin", (15, 255), log=True, default=255),
        cs.Categorical("extra_trees", [False, True]),
        cs.Float("path_smooth", (0.0, 10.0), default=0.0),
    )


def _boosters_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Categorical("boosting_type", ["gbdt", "dart", "rf"]),
        *_of_all(),
        cs.Categorical("data_sample_strategy", ["bagging", "goss"]),
        cs.Float("subsample", (0.2, 0.95), default=0.8),
        cs.Float("top_rate", (0.05, 0.5), default=0.2),
        cs.Float("other_rate", (0.05, 0.5), default=0.1),
        cs.Float("drop_rate", (0.0, 0.5), default=0.1),
        cs.Float("skip_drop", (0.0, 0.9), default=0.5),
        cs.Categorical("uniform_drop", [False, True]),
        when={
            "data_sample_strategy": ("boosting_type", ["gbdt", "dart"]),
            "top_rate": ("data_sample_strategy", ["goss"]),
            "other_rate": ("data_sample_strategy", ["goss"]),
            "drop_rate": ("boosting_type", ["dart"]),
            "skip_drop": ("boosting_type", ["dart"]),
            "uniform_drop": ("boosting_type", ["dart"]),
        },
    )


def _estimator(config: Config, setting: Setting) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = for_learning(setting, LGBMClassifier, LGBMRegressor)
    options = {**config, "subsample_freq": 0 if config.get("data_sample_strategy") == "goss" else 1}
    return standardised(
        kind(
            **options,
            n_estimators=setting.level,
            deterministic=True,
            force_row_wise=True,
            n_jobs=1,
            verbosity=-1,
            random_state=setting.seed,
        )
    )


def _log10_nodes(model: Any, rows: int) -> float:
    return math.log10(sum(2 * tree["num_leaves"] - 1 for tree in model.booster_.dump_model()["tree_info"]))


def _largest(data: Dataset) -> float:
    return math.log10(TREES.upper * max(1, data.classes) * 2 * _MOST_LEAVES)


GRADIENT_TREES = Family(
    space=_trees_space,
    estimator=_estimator,
    description="boosted trees that grow by leaves (learning rate, leaves, shares of rows and features, bins, "
    "regularisation)",
    seconds=0.3,
    fidelity=TREES,
    size=Size("log10_nodes", "the decimal logarithm of the number of nodes of all trees", _log10_nodes, _largest),
)
ANY_BOOSTER = Family(
    space=_boosters_space,
    estimator=_estimator,
    description="the choice among boosted trees, boosted trees with dropout, and a random forest, and among two ways "
    "to sample rows, with the hyperparameters of each",
    seconds=0.3,
    fidelity=TREES,
)
