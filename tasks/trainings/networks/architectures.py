"""The architectures: their search spaces, and the networks that configurations stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optathlon.tasks.trainings.spaces import cs, make_space

if TYPE_CHECKING:
    from torch import nn

Config = Mapping[str, Any]

SIDE = 8
"""Pixels of an image's side."""
LARGEST = 6.0
"""No network has more than ten to this many weights."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """A kind of network.

    Parameters
    ----------
    space:
        Makes the search space.
    network:
        Makes the network of (configuration, inputs, outputs).
    datasets:
        What it is trained on.
    description:
        What is tuned, in words that follow "tunes".
    """

    space: Callable[[], cs.ConfigurationSpace]
    network: Callable[[Config, int, int], nn.Module]
    datasets: Sequence[str]
    description: str


def _training() -> list[Any]:
    """The hyperparameters of every training."""
    return [
        cs.Float("learning_rate", (1e-4, 0.3), log=True, default=1e-3),
        cs.Integer("batch_size", (16, 256), log=True, default=32),
        cs.Categorical("optimizer", ["adamw", "sgd"]),
        cs.Float("beta", (0.5, 0.99), default=0.9),
        cs.Float("momentum", (0.0, 0.99), default=0.9),
        cs.Float("weight_decay", (1e-6, 0.1), log=True, default=1e-4),
        cs.Categorical("schedule", ["constant", "cosine"]),
    ]


_WHEN = {"beta": ("optimizer", ["adamw"]), "momentum": ("optimizer", ["sgd"])}


def _mlp_space() -> cs.ConfigurationSpace:
    return make_space(
        *_training(),
        cs.Integer("n_layers", (1, 3), default=2),
        cs.Integer("n_units", (16, 256), log=True, default=64),
        cs.Categorical("activation", ["relu", "tanh", "gelu"]),
        cs.Categorical("batch_norm", [False, True]),
        cs.Float("dropout", (0.0, 0.6), default=0.0),
        when=_WHEN,
    )


def _mlp(config: Config, inputs: int, outputs: int) -> nn.Module:
    from torch import nn

    layers: list[nn.Module] = []
    for width in (inputs, *(config["n_units"],) * (config["n_layers"] - 1)):
        layers += [nn.Linear(width, config["n_units"]), *_between(config, nn.BatchNorm1d(config["n_units"]))]
    return nn.Sequential(*layers, nn.Linear(config["n_units"], outputs))


def _cnn_space() -> cs.ConfigurationSpace:
    return make_space(
        *_training(),
        cs.Integer("n_blocks", (1, 2), default=1),
        cs.Integer("channels", (4, 32), log=True, default=16),
        cs.Categorical("kernel_size", [3, 5]),
        cs.Categorical("pooling", ["max", "average"]),
        cs.Categorical("activation", ["relu", "tanh", "gelu"]),
        cs.Categorical("batch_norm", [False, True]),
        cs.Float("dropout", (0.0, 0.6), default=0.0),
        when=_WHEN,
    )


def _cnn(config: Config, inputs: int, outputs: int) -> nn.Module:
    from torch import nn

    pooling = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[config["pooling"]]
    layers: list[nn.Module] = [nn.Unflatten(1, (1, SIDE, SIDE))]
    depth = 1
    for block in range(config["n_blocks"]):
        wider = config["channels"] * 2**block
        convolution = nn.Conv2d(depth, wider, config["kernel_size"], padding=config["kernel_size"] // 2)
        layers += [convolution, *_between(config, nn.BatchNorm2d(wider)), pooling(2)]
        depth = wider
    left = SIDE // 2 ** config["n_blocks"]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(depth * left * left, outputs))


def _between(config: Config, norm: nn.Module) -> list[nn.Module]:
    """What follows the weights of a layer."""
    from torch import nn

    activation = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}[config["activation"]]()
    norms = [norm] if config["batch_norm"] else []
    return [*norms, activation, nn.Dropout(config["dropout"])]


_COMMON = (
    "activation, batch norm, dropout, optimizer and its momentum, learning rate and schedule, batches, weight decay"
)

ARCHITECTURES: Mapping[str, Architecture] = {
    "mlp": Architecture(
        _mlp_space,
        _mlp,
        ("digits", "quantiles", "clusters_overlapping", "friedman1", "swiss_roll"),
        f"a multi-layer perceptron (layers, units, {_COMMON})",
    ),
    "cnn": Architecture(
        _cnn_space,
        _cnn,
        ("digits",),
        f"a convolutional network (blocks, channels, kernel size, pooling, {_COMMON})",
    ),
}
"""Architectures by name."""
