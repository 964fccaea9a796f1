"""The model families: their search spaces, and the scikit-learn estimators that configurations stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer

from optathlon.problem import Fidelity
from optathlon.tasks.sklearn.data import Problem

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

TRAIN_SIZE = Fidelity("train_size", 1 / 9, 1.0, log=True)
"""The fraction of the training rows; nine rows in ten of the smallest data set are left out at the lowest level."""
EPOCHS = Fidelity("epochs", 1, 81, kind="int", log=True)
"""Passes over the training rows. Not resumable: networks are trained from the beginning at each level."""

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """A model family.

    Parameters
    ----------
    space:
        Makes the search space.
    estimator:
        Makes the estimator of (configuration, problem, number of training rows, epochs, random state).
    fidelity:
        What trades cost for accuracy.
    """

    space: Callable[[], ConfigurationSpace]
    estimator: Callable[[Config, Problem, int, int, int], BaseEstimator]
    fidelity: Fidelity = TRAIN_SIZE


def _forest_space() -> ConfigurationSpace:
    space = ConfigurationSpace()
    bootstrap = Categorical("bootstrap", [True, False])
    max_samples = Float("max_samples", (0.1, 1.0), default=1.0)
    space.add(
        Integer("n_estimators", (8, 256), log=True, default=64),
        Integer("max_depth", (1, 32), log=True, default=32),
        Integer("min_samples_split", (2, 64), log=True, default=2),
        Integer("min_samples_leaf", (1, 32), log=True, default=1),
        Float("max_features", (0.05, 1.0), default=0.5),
        bootstrap,
        max_samples,
    )
    space.add(EqualsCondition(max_samples, bootstrap, True))
    return space


def _forest(config: Config, problem: Problem, rows: int, epochs: int, seed: int) -> BaseEstimator:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if problem == "classification" else RandomForestRegressor
    options = dict(config)
    if config["bootstrap"]:
        options["max_samples"] = max(1, round(config["max_samples"] * rows))
    return kind(**options, n_jobs=1, random_state=seed)


def _boosting_space() -> ConfigurationSpace:
    return ConfigurationSpace(
        space=[
            Float("learning_rate", (0.01, 1.0), log=True, default=0.1),
            Integer("max_iter", (8, 128), log=True, default=64),
            Integer("max_leaf_nodes", (2, 64), log=True, default=31),
            Integer("min_samples_leaf", (1, 64), log=True, default=20),
            Float("l2_regularization", (1e-6, 100.0), log=True, default=1e-6),
            Float("max_features", (0.1, 1.0), default=1.0),
        ]
    )


def _boosting(config: Config, problem: Problem, rows: int, epochs: int, seed: int) -> BaseEstimator:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if problem == "classification" else HistGradientBoostingRegressor
    return kind(**config, early_stopping=False, random_state=seed)


def _svm_space() -> ConfigurationSpace:
    space = ConfigurationSpace()
    kernel = Categorical("kernel", ["linear", "rbf", "poly", "sigmoid"], default="rbf")
    gamma = Float("gamma", (1e-5, 10.0), log=True, default=0.1)
    degree = Integer("degree", (2, 5), default=3)
    coef0 = Float("coef0", (-1.0, 1.0), default=0.0)
    space.add(Float("C", (1e-3, 1e3), log=True, default=1.0), kernel, gamma, degree, coef0)
    space.add(
        InCondition(gamma, kernel, ["rbf", "poly", "sigmoid"]),
        EqualsCondition(degree, kernel, "poly"),
        InCondition(coef0, kernel, ["poly", "sigmoid"]),
    )
    return space


def _svm(config: Config, problem: Problem, rows: int, epochs: int, seed: int) -> BaseEstimator:
    from sklearn.svm import SVC, SVR

    kind = SVC if problem == "classification" else SVR
    return kind(**config, max_iter=100_000)


def _mlp_space() -> ConfigurationSpace:
    space = ConfigurationSpace()
    solver = Categorical("solver", ["adam", "sgd"], default="adam")
    momentum = Float("momentum", (0.0, 0.99), default=0.9)
    nesterov = Categorical("nesterovs_momentum", [True, False])
    beta = Float("beta_1", (0.5, 0.99), default=0.9)
    space.add(
        Integer("n_layers", (1, 3), default=1),
        Integer("n_units", (8, 128), log=True, default=32),
        Categorical("activation", ["relu", "tanh", "logistic"], default="relu"),
        Float("alpha", (1e-7, 1.0), log=True, default=1e-4),
        Float("learning_rate_init", (1e-4, 0.1), log=True, default=1e-3),
        Integer("batch_size", (8, 128), log=True, default=32),
        *(solver, momentum, nesterov, beta),
    )
    space.add(
        EqualsCondition(momentum, solver, "sgd"),
        EqualsCondition(nesterov, solver, "sgd"),
        EqualsCondition(beta, solver, "adam"),
    )
    return space


def _mlp(config: Config, problem: Problem, rows: int, epochs: int, seed: int) -> BaseEstimator:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPClassifier if problem == "classification" else MLPRegressor
    options = {name: value for name, value in config.items() if name not in ("n_layers", "n_units")}
    return kind(
        **{**options, "batch_size": min(config["batch_size"], rows)},
        hidden_layer_sizes=(config["n_units"],) * config["n_layers"],
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        random_state=seed,
    )


def _linear_space() -> ConfigurationSpace:
    space = ConfigurationSpace()
    penalty = Categorical("penalty", ["l2", "l1", "elasticnet"], default="l2")
    l1_ratio = Float("l1_ratio", (0.0, 1.0), default=0.15)
    schedule = Categorical("learning_rate", ["invscaling", "constant", "adaptive"], default="invscaling")
    power = Float("power_t", (0.1, 1.0), default=0.25)
    space.add(
        Float("alpha", (1e-7, 1.0), log=True, default=1e-4),
        Float("eta0", (1e-5, 0.1), log=True, default=0.01),
        *(penalty, l1_ratio, schedule, power),
    )
    space.add(EqualsCondition(l1_ratio, penalty, "elasticnet"), EqualsCondition(power, schedule, "invscaling"))
    return space


def _linear(config: Config, problem: Problem, rows: int, epochs: int, seed: int) -> BaseEstimator:
    from sklearn.linear_model import SGDClassifier, SGDRegressor

    if problem == "classification":
        return SGDClassifier(loss="log_loss", **config, n_jobs=1, random_state=seed)
    return SGDRegressor(**config, random_state=seed)


def _knn_space() -> ConfigurationSpace:
    return ConfigurationSpace(
        space=[
            Integer("n_neighbors", (1, 64), log=True, default=5),
            Categorical("weights", ["uniform", "distance"]),
            Float("p", (1.0, 5.0), default=2.0),
        ]
    )


def _knn(config: Config, problem: Problem, rows: int, epochs: int, seed: int) -> BaseEstimator:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    kind = KNeighborsClassifier if problem == "classification" else KNeighborsRegressor
    return kind(**{**config, "n_neighbors": min(config["n_neighbors"], rows)}, n_jobs=1)


FAMILIES: Mapping[str, Family] = {
    "boosting": Family(_boosting_space, _boosting),
    "forest": Family(_forest_space, _forest),
    "knn": Family(_knn_space, _knn),
    "linear": Family(_linear_space, _linear),
    "mlp": Family(_mlp_space, _mlp, EPOCHS),
    "svm": Family(_svm_space, _svm),
}
"""Model families by name.

| family | scikit-learn's | note |
|---|---|---|
| boosting | histogram gradient boosting | without early stopping |
| forest | random forest | |
| knn | nearest neighbours | at most as many neighbours as training rows |
| linear | `SGDClassifier` (logistic loss), `SGDRegressor` (squared loss) | |
| mlp | multi-layer perceptron | without early stopping; batches of at most the training rows |
| svm | `SVC`, `SVR` | at most 100,000 iterations |
"""
