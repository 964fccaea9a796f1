"""The grids that were trained for the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optathlon.tasks.trainings.spaces import cs, make_space


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid with conditions.

    Parameters
    ----------
    values:
        Of each hyperparameter; parents stand before their children. Numbers are ordered, texts and booleans are not.
    when:
        The parent and its values that make a hyperparameter active, by its name.
    """

    values: Mapping[str, Sequence[Any]]
    when: Mapping[str, tuple[str, Sequence[Any]]]

    def space(self) -> cs.ConfigurationSpace:
        """The grid as a search space."""
        return make_space(*(_hyperparameter(name, values) for name, values in self.values.items()), when=self.when)

    def configurations(self) -> list[dict[str, Any]]:
        """All of them, with active hyperparameters only."""
        found: list[dict[str, Any]] = [{}]
        for name in self.values:
            found = [{**config, **more} for config in found for more in self._choices(name, config)]
        return found

    def _choices(self, name: str, config: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        """What a configuration may have for a hyperparameter: nothing where it is not active."""
        if name in self.when:
            parent, active = self.when[name]
            if config.get(parent) not in active:
                return [{}]
        return [{name: value} for value in self.values[name]]


def _hyperparameter(name: str, values: Sequence[Any]) -> Any:
    if isinstance(values[0], str | bool):
        return cs.CategoricalHyperparameter(name, values)
    return cs.OrdinalHyperparameter(name, values, default_value=values[len(values) // 2])


PIPELINES = Grid(
    values={
        "scaler": ("standard", "none"),
        "reduction": ("none", "pca", "selection"),
        "variance": (0.5, 0.8, 0.95),
        "kept": (0.2, 0.5),
        "model": ("forest", "knn", "linear", "svm", "tree"),
        "forest:max_features": (0.1, 0.3, 1.0),
        "forest:min_samples_leaf": (1, 4),
        "knn:n_neighbors": (1, 3, 9, 27),
        "knn:weights": ("uniform", "distance"),
        "linear:alpha": (1e-4, 1e-3, 1e-2, 1e-1),
        "linear:penalty": ("l1", "l2"),
        "svm:C": (0.1, 1.0, 10.0, 100.0),
        "svm:kernel": ("linear", "rbf"),
        "svm:gamma": (0.001, 0.01, 0.1),
        "tree:max_depth": (2, 4, 8, 16),
        "tree:min_samples_leaf": (1, 4, 16),
    },
    when={
        "variance": ("reduction", ["pca"]),
        "kept": ("reduction", ["selection"]),
        "forest:max_features": ("model", ["forest"]),
        "forest:min_samples_leaf": ("model", ["forest"]),
        "knn:n_neighbors": ("model", ["knn"]),
        "knn:weights": ("model", ["knn"]),
        "linear:alpha": ("model", ["linear"]),
        "linear:penalty": ("model", ["linear"]),
        "svm:C": ("model", ["svm"]),
        "svm:kernel": ("model", ["svm"]),
        "svm:gamma": ("svm:kernel", ["rbf"]),
        "tree:max_depth": ("model", ["tree"]),
        "tree:min_samples_leaf": ("model", ["tree"]),
    },
)
"""Of the space of `sklearn/cash`; what it doesn't vary has its default there."""

PERCEPTRONS = Grid(
    values={
        "learning_rate": (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
        "batch_size": (64, 256),
        "optimizer": ("adamw", "sgd"),
        "momentum": (0.0, 0.9),
        "n_layers": (1, 2),
        "n_units": (32, 128),
        "batch_norm": (False, True),
    },
    when={"momentum": ("optimizer", ["sgd"])},
)
"""Of the space of `networks/mlp`; what it doesn't vary has its default there."""
