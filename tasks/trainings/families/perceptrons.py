"""Multi-layer perceptrons."""

from __future__ import annotations

import math
from typing import Any

from optathlon.tasks.trainings.datasets import Dataset, Learning
from optathlon.tasks.trainings.family import (
    EPOCHS,
    Config,
    Family,
    Setting,
    Size,
    for_learning,
    standardised,
)
from optathlon.tasks.trainings.spaces import cs, make_space

_MOST_LAYERS = 3
_MOST_UNITS = 128


def _space(learning: Learning) -> cs.ConfigurationSpace:
    return make_space(
        cs.Integer("n_layers", (1, _MOST_LAYERS), default=1),
        cs.Integer("n_units", (8, _MOST_UNITS), log=True, default=32),
        cs.Categorical("activation", ["relu", "tanh", "logistic"], default="relu"),
        cs.Float("alpha", (1e-7, 1.0), log=True, default=1e-4),
        cs.Float("learning_rate_init", (1e-4, 0.1), log=True, default=1e-3),
        cs.Integer("batch_size", (8, 128), log=True, default=32),
        cs.Categorical("solver", ["adam", "sgd"], default="adam"),
        cs.Float("momentum", (0.0, 0.99), default=0.9),
        cs.Categorical("nesterovs_momentum", [True, False]),
        cs.Float("beta_1", (0.5, 0.99), default=0.9),
        when={
            "momentum": ("solver", ["sgd"]),
            "nesterovs_momentum": ("solver", ["sgd"]),
            "beta_1": ("solver", ["adam"]),
        },
    )


def _estimator(config: Config, setting: Setting) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    options = {name: value for name, value in config.items() if name not in ("n_layers", "n_units")}
    return standardised(
        for_learning(setting, MLPClassifier, MLPRegressor)(
            **{**options, "batch_size": min(config["batch_size"], setting.rows)},
            hidden_layer_sizes=(config["n_units"],) * config["n_layers"],
            max_iter=setting.level,
            n_iter_no_change=setting.level + 1,
            random_state=setting.seed,
        )
    )


def _log10_weights(model: Any, rows: int) -> float:
    return math.log10(sum(weights.size for weights in (*model.coefs_, *model.intercepts_)))


def _largest(data: Dataset) -> float:
    inputs, outputs = data.features + 1, max(1, data.classes)
    hidden = (_MOST_LAYERS - 1) * (_MOST_UNITS + 1) * _MOST_UNITS
    return math.log10(inputs * _MOST_UNITS + hidden + (_MOST_UNITS + 1) * outputs)


PERCEPTRONS = Family(
    space=_space,
    estimator=_estimator,
    description="a multi-layer perceptron (layers, units, activation, penalty, learning rate, batches, solver and its "
    "momentum)",
    seconds=1.0,
    fidelity=EPOCHS,
    size=Size("log10_weights", "the decimal logarithm of the number of weights", _log10_weights, _largest),
)
