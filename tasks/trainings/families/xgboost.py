"""XGBoost: boosted trees, and its other boosters."""

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

_DEEPEST = 10


def _of_trees() -> list[Any]:
    return [
        cs.Integer("max_depth", (1, _DEEPEST), default=6),
        cs.Float("min_child_weight", (0.01, 100.0), log=True, default=1.0),
        cs.Float("gamma", (1e-6, 10.0), log=True, default=1e-6),
        cs.Float("subsample", (0.2, 1.0), default=1.0),
        cs.Float("colsample_bytree", (0.1, 1.0), default=1.0),
    ]


def _of_all() -> list[Any]:
    return [
        cs.Float("learning_rate", (0.01, 1.0), log=True, default=0.3),
        cs.Float("reg_alpha", (1e-6, 10.0), log=True, default=1e-6),
        cs.Float("reg_lambda", (1e-6, 100.0), log=True, default=1.0),
    ]


def _trees_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        *_of_all(),
        *_of_trees(),
        cs.Categorical("grow_policy", ["depthwise", "lossguide"]),
        cs.Integer("max_leaves", (2, 128), log=True, default=32),
        when={"max_leaves": ("grow_policy", ["lossguide"])},
    )


def _boosters_space(learning: Learning) -> cs.ConfigurationSpace:
    of_trees = _of_trees()
    dropping = [
        cs.Float("rate_drop", (0.0, 0.5), default=0.1),
        cs.Float("skip_drop", (0.0, 0.9), default=0.5),
        cs.Categorical("sample_type", ["uniform", "weighted"]),
        cs.Categorical("normalize_type", ["tree", "forest"]),
    ]
    return make_space(
        cs.Categorical("booster", ["gbtree", "dart", "gblinear"]),
        *_of_all(),
        *of_trees,
        *dropping,
        cs.Categorical("feature_selector", ["cyclic", "shuffle"]),
        when={
            **{one.name: ("booster", ["gbtree", "dart"]) for one in of_trees},
            **{one.name: ("booster", ["dart"]) for one in dropping},
            "feature_selector": ("booster", ["gblinear"]),
        },
    )


def _estimator(config: Config, setting: Setting) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    options = dict(config)
    if config.get("booster") == "gblinear":
        options["updater"] = "coord_descent"  # the other one is not repeatable
    else:
        options["tree_method"] = "hist"
    kind = for_learning(setting, XGBClassifier, XGBRegressor)
    return standardised(kind(**options, n_estimators=setting.level, n_jobs=1, verbosity=0, random_state=setting.seed))


def _log10_nodes(model: Any, rows: int) -> float:
    return math.log10(sum(tree.count("\n") for tree in model.get_booster().get_dump()))


def _largest(data: Dataset) -> float:
    per_tree = min(2 ** (_DEEPEST + 1), 2 * data.rows)
    return math.log10(TREES.upper * max(1, data.classes) * per_tree)


GRADIENT_TREES = Family(
    space=_trees_space,
    estimator=_estimator,
    description="boosted trees (learning rate, depth or leaves, shares of rows and features, regularisation)",
    seconds=0.3,
    fidelity=TREES,
    size=Size("log10_nodes", "the decimal logarithm of the number of nodes of all trees", _log10_nodes, _largest),
)
ANY_BOOSTER = Family(
    space=_boosters_space,
    estimator=_estimator,
    description="the choice among boosted trees, boosted trees with dropout, and boosted linear models, with the "
    "hyperparameters of each",
    seconds=0.3,
    fidelity=TREES,
)
