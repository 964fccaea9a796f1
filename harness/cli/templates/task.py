"""A training of one's own; `optathlon check train.py` says whether it does what is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

from optathlon import Objective, as_task

EPOCHS, BATCH = 20, 32


def search_space() -> ConfigurationSpace:
    """The hyperparameters; the momentum is active with one optimizer only."""
    optimizer = Categorical("optimizer", ["sgd", "rmsprop"])
    momentum = Float("momentum", (0.0, 0.99))
    space = ConfigurationSpace()
    space.add(optimizer, momentum)
    space.add(Float("learning_rate", (1e-4, 1.0), log=True, default=0.01), Integer("units", (2, 64), log=True))
    space.add(EqualsCondition(momentum, optimizer, "sgd"))
    return space


def rings(points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two noisy rings, one within the other: replace this by your data."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, points)
    angle, radius = random.uniform(0, 2 * np.pi, points), 1 + labels + random.normal(0, 0.3, points)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), labels


@as_task(
    "mine/train",
    space=search_space(),
    objectives=Objective("error", "minimize"),  # or several; {"error": "minimize", "seconds": "minimize"} does as well
    budget=40,  # full evaluations; 40 trials without fidelities
    # fidelity=Fidelity("epochs", 1, 20, kind="int"),  # then train(config, fidelity, seed), and a trial may cost less
    # constraints=["weights"],                         # then return it, too: a trial is feasible where it is <= 0
    # resources=Resources(isolated=True, seconds=600, memory=4 * 2**30, cpus=4, gpus=1),  # a process for each trial
    # data=["train.csv"],                              # files that the values come from
)
def train(config: dict[str, Any], seed: int) -> dict[str, float]:
    """Train a small network, and measure its errors. The hyperparameters are the active ones, as plain values."""
    random = np.random.default_rng(seed)  # all randomness comes from the seed
    inputs, labels = rings(400, seed=0)
    weights = [random.normal(0, 0.5, (3, config["units"])), random.normal(0, 0.5, (config["units"] + 1, 1))]
    state = [np.zeros_like(weight) for weight in weights]
    for _ in range(EPOCHS):
        for batch in np.array_split(random.permutation(len(inputs)), len(inputs) // BATCH):
            for place, gradient in enumerate(gradients(weights, inputs[batch], labels[batch])):
                if config["optimizer"] == "sgd":
                    state[place] = config["momentum"] * state[place] + gradient
                    weights[place] -= config["learning_rate"] * state[place]
                else:
                    state[place] = 0.9 * state[place] + 0.1 * gradient**2
                    weights[place] -= config["learning_rate"] * gradient / (np.sqrt(state[place]) + 1e-8)
    # A number will do as well. What the report should score, but the optimizer must not see, is a metric.
    return {"error": error(weights, *rings(200, seed=1)), "test/error": error(weights, *rings(200, seed=2))}


def gradients(weights: list[np.ndarray], inputs: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Of the mean cross-entropy of a network with one hidden layer."""
    inner = with_ones(inputs)
    hidden = np.tanh(inner @ weights[0])
    outer = with_ones(hidden)
    slope = (probability(outer @ weights[1]) - labels[:, None]) / len(labels)
    return [inner.T @ ((slope @ weights[1][:-1].T) * (1 - hidden**2)), outer.T @ slope]


def error(weights: list[np.ndarray], inputs: np.ndarray, labels: np.ndarray) -> float:
    """The share of points that are classified wrongly."""
    logits = with_ones(np.tanh(with_ones(inputs) @ weights[0])) @ weights[1]
    return float(np.mean((logits[:, 0] > 0) != labels))


def probability(logits: np.ndarray) -> np.ndarray:
    """The logistic function, which does not overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def with_ones(inputs: np.ndarray) -> np.ndarray:
    """The inputs, and a column for the bias."""
    return np.column_stack([inputs, np.ones(len(inputs))])
