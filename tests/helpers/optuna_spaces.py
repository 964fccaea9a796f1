"""Search spaces as Optuna's users write them."""

from __future__ import annotations

from typing import Any


def suggest_conditional(trial: Any) -> Any:
    """The conditional space as an Optuna user writes it."""
    config = {"model": trial.suggest_categorical("model", ["svm", "forest"])}
    if config["model"] == "svm":
        config["cost"] = trial.suggest_float("cost", 1e-3, 1e3, log=True)
        config["kernel"] = trial.suggest_categorical("kernel", ["rbf", "poly"])
        if config["kernel"] == "poly":
            config["degree"] = trial.suggest_int("degree", 2, 5)
    else:
        config["trees"] = trial.suggest_int("trees", 10, 500, log=True)
        if config["trees"] > 50:
            config["depth"] = trial.suggest_int("depth", 1, 20)
    return config
