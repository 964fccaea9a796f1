"""Training a network epoch by epoch, so that it can go on later."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from optathlon.lazy import lazy_module
from optathlon.tasks.trainings.datasets import DATASETS
from optathlon.tasks.trainings.networks.architectures import ARCHITECTURES, Config
from optathlon.tasks.trainings.splits import Part, load_split

if TYPE_CHECKING:
    import torch
else:
    torch = lazy_module("torch")

HORIZON = 27
"""The schedule of the learning rate ends after so many epochs, whatever the level."""
KEPT = 64
"""How many trainings a process keeps, those of its last trials; each takes at most 3 MB, and mostly far less."""

Key = tuple[str, str, tuple[tuple[str, Any], ...], int]


@dataclass(frozen=True, slots=True)
class Data:
    """A part of a data set on the scale of the network: features (n, features) and targets (n,)."""

    x: torch.Tensor
    y: torch.Tensor


@dataclass(frozen=True, slots=True)
class Parts:
    """The three parts, standardised on the training rows; targets of a regression too."""

    train: Data
    validation: Data
    test: Data


class Training:
    """A training that has come so far.

    Attributes
    ----------
    epochs:
        How many are done.
    seconds:
        How long they took.
    diverged:
        Whether a loss was not finite; the training has ended there.
    resumed:
        Whether the last call of `until` went on from earlier epochs.
    """

    def __init__(self, architecture: str, dataset: str, config: Config, seed: int) -> None:
        self.epochs, self.seconds, self.diverged, self.resumed = 0, 0.0, False, False
        self._parts = standardised_parts(dataset)
        self._classes = DATASETS[dataset].classes
        self._config = config
        self._seed = seed
        self._loss = torch.nn.CrossEntropyLoss() if self._classes else torch.nn.MSELoss()
        with _single_thread(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            inputs = self._parts.train.x.shape[1]
            self._network = ARCHITECTURES[architecture].network(config, inputs, max(1, self._classes))
        self._optimizer = _optimizer(config, self._network)

    def until(self, epochs: int) -> None:
        """Train up to that epoch."""
        self.resumed = self.epochs > 0
        with _single_thread():
            start = time.perf_counter()
            while self.epochs < epochs and not self.diverged:
                self._epoch()
            self.seconds += time.perf_counter() - start

    def measured(self) -> dict[str, float]:
        """The errors on validation and test rows, the number of weights, and the seconds."""
        return {
            "error": self._error(self._parts.validation),
            "test/error": self._error(self._parts.test),
            "log10_weights": math.log10(sum(weights.numel() for weights in self._network.parameters())),
            "fit_seconds": self.seconds,
        }

    def _epoch(self) -> None:
        """One pass over the training rows, its randomness drawn from the seed and the epoch alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed * HORIZON + self.epochs)
            for group in self._optimizer.param_groups:
                group["lr"] = _learning_rate(self._config, self.epochs)
            self._network.train()
            order = torch.randperm(len(self._parts.train.x))
            for batch in order.split(self._config["batch_size"]):
                if len(batch) > 1:  # batch norm needs two rows
                    self._step(self._parts.train.x[batch], self._parts.train.y[batch])
        self.epochs += 1

    def _step(self, x: torch.Tensor, y: torch.Tensor) -> None:
        loss = self._loss(self._outputs(x), y)
        if not torch.isfinite(loss):
            self.diverged = True
            return
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def _outputs(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self._network(x)
        return outputs if self._classes else outputs[:, 0]

    def _error(self, data: Data) -> float:
        self._network.eval()
        with _single_thread(), torch.no_grad():
            outputs = self._outputs(data.x)
        if self._classes:
            return float((outputs.argmax(dim=1) != data.y).double().mean())
        return float(((outputs - data.y).double() ** 2).sum() / ((data.y - data.y.mean()).double() ** 2).sum())


_kept: OrderedDict[Key, Training] = OrderedDict()


def trained(architecture: str, dataset: str, config: Mapping[str, Any], seed: int, *, until: int) -> Training:
    """The training after that many epochs; it goes on where this process has come before.

    A training that is beyond that epoch is begun again.
    """
    key = (architecture, dataset, tuple(sorted(config.items())), seed)
    training = _kept.pop(key, None)
    if training is None or training.epochs > until:
        training = Training(architecture, dataset, config, seed)
    training.until(until)
    _kept[key] = training
    if len(_kept) > KEPT:
        _kept.popitem(last=False)
    return training


@lru_cache
def standardised_parts(dataset: str) -> Parts:
    """The data set as tensors, standardised on the training rows."""
    split, classes = load_split(dataset), DATASETS[dataset].classes
    mean, deviation = split.train.x.mean(axis=0), split.train.x.std(axis=0)
    deviation[deviation == 0] = 1.0
    middle, spread = (0.0, 1.0) if classes else (split.train.y.mean(), split.train.y.std())

    def data(part: Part) -> Data:
        x = torch.tensor((part.x - mean) / deviation, dtype=torch.float32)
        y = torch.tensor((part.y - middle) / spread, dtype=torch.int64 if classes else torch.float32)
        return Data(x, y)

    return Parts(data(split.train), data(split.validation), data(split.test))


def _optimizer(config: Config, network: torch.nn.Module) -> torch.optim.Optimizer:
    rate, decay = config["learning_rate"], config["weight_decay"]
    if config["optimizer"] == "adamw":
        return torch.optim.AdamW(network.parameters(), rate, betas=(config["beta"], 0.999), weight_decay=decay)
    return torch.optim.SGD(network.parameters(), rate, momentum=config["momentum"], weight_decay=decay)


def _learning_rate(config: Config, epoch: int) -> float:
    if config["schedule"] == "constant":
        return float(config["learning_rate"])
    return float(config["learning_rate"]) * (1 + math.cos(math.pi * epoch / HORIZON)) / 2


@contextmanager
def _single_thread() -> Iterator[None]:
    """One thread: several are slower on such networks, and the sums of each are others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
