"""Linear models, also of splines."""

from __future__ import annotations

import math
from typing import Any

from optathlon.fidelity import Fidelity
from optathlon.tasks.trainings.datasets import Learning
from optathlon.tasks.trainings.family import (
    Config,
    Family,
    Setting,
    Size,
    everything,
    standardised,
)
from optathlon.tasks.trainings.spaces import cs, make_space

_ITERATIONS = Fidelity("iterations", 3, 243, kind="int", log=True)
"""Of the solver at most. Not resumable: it starts from the beginning at each level."""

_L1 = {"none": 0.0, "l2": 0.0, "l1": 1.0}
"""The share of the l1 penalty, where it is not tuned."""


def _stochastic_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Float("alpha", (1e-7, 1.0), log=True, default=1e-4),
        cs.Float("eta0", (1e-5, 0.1), log=True, default=0.01),
        cs.Categorical("penalty", ["l2", "l1", "elasticnet"], default="l2"),
        cs.Float("l1_ratio", (0.0, 1.0), default=0.15),
        cs.Categorical("learning_rate", ["invscaling", "constant", "adaptive"], default="invscaling"),
        cs.Float("power_t", (0.1, 1.0), default=0.25),
        when={"l1_ratio": ("penalty", ["elasticnet"]), "power_t": ("learning_rate", ["invscaling"])},
    )


def _stochastic(config: Config, setting: Setting) -> Any:
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    if setting.learning == "classification":
        return standardised(SGDClassifier(loss="log_loss", **config, n_jobs=1, random_state=setting.seed))
    return standardised(SGDRegressor(**config, random_state=setting.seed))


def _logistic_space(learning: Learning) -> cs.ConfigurationSpace:
    space = make_space(
        cs.Categorical("solver", ["lbfgs", "newton-cg", "saga"]),
        cs.Categorical("penalty", ["none", "l2", "l1", "elasticnet"], default="l2"),
        cs.Float("C", (1e-4, 1e4), log=True, default=1.0),
        cs.Float("l1_ratio", (0.0, 1.0), default=0.5),
        cs.Categorical("class_weight", ["none", "balanced"]),
        cs.Float("tol", (1e-6, 0.1), log=True, default=1e-4),
        when={"C": ("penalty", ["l2", "l1", "elasticnet"]), "l1_ratio": ("penalty", ["elasticnet"])},
    )
    space.add(
        cs.ForbiddenAndConjunction(
            cs.ForbiddenInClause(space["solver"], ["lbfgs", "newton-cg"]),
            cs.ForbiddenInClause(space["penalty"], ["l1", "elasticnet"]),
        )
    )
    return space


def _logistic(config: Config, setting: Setting) -> Any:
    from sklearn.linear_model import LogisticRegression

    return standardised(
        LogisticRegression(
            C=config.get("C", math.inf),
            l1_ratio=config.get("l1_ratio", _L1.get(config["penalty"])),
            solver=config["solver"],
            class_weight=None if config["class_weight"] == "none" else "balanced",
            tol=config["tol"],
            max_iter=setting.level,
            random_state=setting.seed,
        )
    )


def _elastic_net_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Integer("degree", (1, 2), default=1),
        cs.Categorical("interaction_only", [False, True]),
        cs.Float("alpha", (1e-5, 10.0), log=True, default=0.1),
        cs.Float("l1_ratio", (0.0, 1.0), default=0.5),
        cs.Categorical("selection", ["cyclic", "random"]),
        cs.Categorical("positive", [False, True]),
        when={"interaction_only": ("degree", [2])},
    )


def _elastic_net(config: Config, setting: Setting) -> Any:
    from sklearn.linear_model import ElasticNet
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    powers = PolynomialFeatures(
        config["degree"], interaction_only=config.get("interaction_only", False), include_bias=False
    )
    of_net = {name: config[name] for name in ("alpha", "l1_ratio", "selection", "positive")}
    return make_pipeline(StandardScaler(), powers, StandardScaler(), ElasticNet(**of_net, random_state=setting.seed))


def _splines_space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Integer("n_knots", (2, 32), log=True, default=5),
        cs.Integer("degree", (1, 5), default=3),
        cs.Categorical("knots", ["quantile", "uniform"]),
        cs.Categorical("extrapolation", ["constant", "linear", "continue"]),
        cs.Float("alpha", (1e-6, 1e3), log=True, default=1.0),
    )


def _splines(config: Config, setting: Setting) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    of_splines = {name: value for name, value in config.items() if name != "alpha"}
    linear = (
        LogisticRegression(C=1 / config["alpha"], max_iter=200)
        if setting.learning == "classification"
        else Ridge(alpha=config["alpha"])
    )
    return standardised(make_pipeline(SplineTransformer(**of_splines), linear))


def _share_of_coefficients(model: Any, rows: int) -> float:
    import numpy as np

    return float(np.count_nonzero(model.coef_) / np.size(model.coef_))


_COEFFICIENTS = Size("coefficients", "the share of coefficients that are not zero", _share_of_coefficients, everything)

STOCHASTIC = Family(
    space=_stochastic_space,
    estimator=_stochastic,
    description="a linear model by stochastic gradient descent (penalty, and how the learning rate falls)",
    seconds=0.05,
    size=_COEFFICIENTS,
)
LOGISTIC = Family(
    space=_logistic_space,
    estimator=_logistic,
    description="logistic regression (solver, penalty and its strength, class weights, tolerance), where not every "
    "solver has every penalty",
    seconds=0.3,
    fidelity=_ITERATIONS,
    learnings=("classification",),
    size=_COEFFICIENTS,
)
ELASTIC_NET = Family(
    space=_elastic_net_space,
    estimator=_elastic_net,
    description="an elastic net on squares and products of the features (their degree, both penalties, signs)",
    seconds=0.1,
    learnings=("regression",),
    size=_COEFFICIENTS,
)
SPLINES = Family(
    space=_splines_space,
    estimator=_splines,
    description="a linear model on splines of each feature (knots and where they are, degree, extrapolation, penalty)",
    seconds=0.1,
)
