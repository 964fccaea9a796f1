"""Decision trees, forests, and boosted trees."""

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

_MOST_TREES = 256
"""Of a forest."""


def _nodes(trees: int) -> Size:
    """The nodes of all trees of a model of at most so many trees per class."""

    def largest(data: Dataset) -> float:
        return math.log10(trees * max(1, data.classes) * 2 * data.rows)

    return Size("log10_nodes", "the decimal logarithm of the number of nodes of all trees", _log10_nodes, largest)


def _log10_nodes(model: Any, rows: int) -> float:
    import numpy as np

    trees = np.ravel(model.estimators_) if hasattr(model, "estimators_") else [model]
    return math.log10(sum(tree.tree_.node_count for tree in trees))


def _tree_space(learning: Learning) -> cs.ConfigurationSpace:
    criteria = ["gini", "entropy"] if learning == "classification" else ["squared_error", "absolute_error"]
    return make_space(
        cs.Categorical("criterion", criteria),
        cs.Categorical("splitter", ["best", "random"]),
        cs.Integer("max_depth", (1, 32), log=True, default=32),
        cs.Integer("min_samples_split", (2, 64), log=True, default=2),
        cs.Integer("min_samples_leaf", (1, 64), log=True, default=1),
        cs.Float("max_features", (0.05, 1.0), default=1.0),
        cs.Float("ccp_alpha", (1e-6, 0.1), log=True, default=1e-6),
    )


def _tree(config: Config, setting: Setting) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = for_learning(setting, DecisionTreeClassifier, DecisionTreeRegressor)
    return standardised(kind(**config, random_state=setting.seed))


def _forest_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Integer("n_estimators", (8, _MOST_TREES), log=True, default=64),
        cs.Integer("max_depth", (1, 32), log=True, default=32),
        cs.Integer("min_samples_split", (2, 64), log=True, default=2),
        cs.Integer("min_samples_leaf", (1, 32), log=True, default=1),
        cs.Float("max_features", (0.05, 1.0), default=0.5),
        cs.Categorical("bootstrap", [True, False]),
        cs.Float("max_samples", (0.1, 1.0), default=1.0),
        when={"max_samples": ("bootstrap", [True])},
    )


def _forest(config: Config, setting: Setting) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = for_learning(setting, RandomForestClassifier, RandomForestRegressor)
    options = dict(config)
    if config["bootstrap"]:
        options["max_samples"] = max(1, round(config["max_samples"] * setting.rows))
    return standardised(kind(**options, n_jobs=1, random_state=setting.seed))


def _extra_trees_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Integer("max_depth", (1, 32), log=True, default=32),
        cs.Integer("min_samples_split", (2, 64), log=True, default=2),
        cs.Integer("min_samples_leaf", (1, 32), log=True, default=1),
        cs.Float("max_features", (0.05, 1.0), default=0.5),
    )


def _extra_trees(config: Config, setting: Setting) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = for_learning(setting, ExtraTreesClassifier, ExtraTreesRegressor)
    return standardised(kind(**config, n_estimators=setting.level, n_jobs=1, random_state=setting.seed))


def _histogram_boosting_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Float("learning_rate", (0.01, 1.0), log=True, default=0.1),
        cs.Integer("max_iter", (8, 128), log=True, default=64),
        cs.Integer("max_leaf_nodes", (2, 64), log=True, default=31),
        cs.Integer("min_samples_leaf", (1, 64), log=True, default=20),
        cs.Float("l2_regularization", (1e-6, 100.0), log=True, default=1e-6),
        cs.Float("max_features", (0.1, 1.0), default=1.0),
    )


def _histogram_boosting(config: Config, setting: Setting) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = for_learning(setting, HistGradientBoostingClassifier, HistGradientBoostingRegressor)
    return standardised(kind(**config, early_stopping=False, random_state=setting.seed))


def _gradient_boosting_space(learning: Learning) -> cs.ConfigurationSpace:
    robust = [] if learning == "classification" else [cs.Categorical("loss", ["squared_error", "huber"])]
    return make_space(
        *robust,
        cs.Float("learning_rate", (0.01, 1.0), log=True, default=0.1),
        cs.Integer("max_depth", (1, 6), default=3),
        cs.Integer("min_samples_leaf", (1, 64), log=True, default=1),
        cs.Float("subsample", (0.2, 1.0), default=1.0),
        cs.Float("max_features", (0.05, 1.0), log=True, default=0.5),
    )


def _gradient_boosting(config: Config, setting: Setting) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    kind = for_learning(setting, GradientBoostingClassifier, GradientBoostingRegressor)
    return standardised(kind(**config, n_estimators=setting.level, random_state=setting.seed))


def _ada_space(learning: Learning) -> cs.ConfigurationSpace:
    losses = [] if learning == "classification" else [cs.Categorical("loss", ["linear", "square", "exponential"])]
    return make_space(
        *losses,
        cs.Float("learning_rate", (0.01, 2.0), log=True, default=1.0),
        cs.Integer("max_depth", (1, 8), default=1 if learning == "classification" else 3),
        cs.Integer("min_samples_leaf", (1, 32), log=True, default=1),
        cs.Float("max_features", (0.1, 1.0), default=1.0),
    )


def _ada(config: Config, setting: Setting) -> Any:
    from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    of_tree = {name: config[name] for name in ("max_depth", "min_samples_leaf", "max_features")}
    tree = for_learning(setting, DecisionTreeClassifier, DecisionTreeRegressor)(**of_tree)
    kind = for_learning(setting, AdaBoostClassifier, AdaBoostRegressor)
    of_boosting = {name: value for name, value in config.items() if name not in of_tree}
    return standardised(kind(tree, **of_boosting, n_estimators=setting.level, random_state=setting.seed))


HISTOGRAM_BOOSTING = Family(
    space=_histogram_boosting_space,
    estimator=_histogram_boosting,
    description="gradient boosting of histograms (learning rate, rounds, leaves, regularisation)",
    seconds=0.3,
)
FOREST = Family(
    space=_forest_space,
    estimator=_forest,
    description="a random forest (trees, their depth and leaves, features per split, bootstrap and its share)",
    seconds=0.2,
    size=_nodes(_MOST_TREES),
)
TREE = Family(
    space=_tree_space,
    estimator=_tree,
    description="a decision tree (criterion, splitter, depth, leaves, features per split, pruning)",
    seconds=0.01,
    size=_nodes(1),
)
EXTRA_TREES = Family(
    space=_extra_trees_space,
    estimator=_extra_trees,
    description="extremely randomised trees (depth, leaves, features per split)",
    seconds=0.1,
    fidelity=TREES,
    size=_nodes(int(TREES.upper)),
)
GRADIENT_BOOSTING = Family(
    space=_gradient_boosting_space,
    estimator=_gradient_boosting,
    description="gradient boosting of exact trees (learning rate, depth, leaves, shares of rows and features)",
    seconds=0.3,
    fidelity=TREES,
    size=_nodes(int(TREES.upper)),
)
ADA = Family(
    space=_ada_space,
    estimator=_ada,
    description="AdaBoost of decision trees (learning rate, and the trees' depth, leaves and features per split)",
    seconds=0.2,
    fidelity=TREES,
    size=_nodes(int(TREES.upper)),
)
