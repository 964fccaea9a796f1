"""A plain training loop that can stop after any epoch and go on as if it never had.

The learning rate's schedule always spans the full number of epochs, so that a training of fewer is the beginning of one
of more. The order of examples comes from (seed, epoch), dropout from torch's generator, whose state is kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import Field

from optathlon.lazy import lazy_module
from optathlon.llm.chat import IGNORED, Encoded, right_padded

if TYPE_CHECKING:
    import numpy as np
    import torch
else:
    np = lazy_module("numpy")

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


class Diverged(Exception):
    """The loss or its gradient is not a number any more."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How weights are optimised.

    Parameters
    ----------
    learning_rate:
        Its peak, more than 0.
    batch_size:
        Examples per step, at least 1.
    optimizer:
        AdamW, or stochastic gradient descent with momentum.
    schedule:
        How the learning rate falls after the warm-up: not at all, or linearly or by half a cosine.
    warmup:
        The share of steps, in [0, 1), over which it rises linearly from 0.
    weight_decay:
        Decoupled for AdamW; of matrices only; at least 0.
    minimum_rate:
        What the learning rate falls to, as a share of its peak, in [0, 1].
    warmup_from:
        `"above-zero"`: the first step already has a part of the peak, and the warm-up may end between two steps.
        `"zero"`: as in transformers, the first step has the rate 0, and the warm-up takes a whole number of steps,
        rounded up. With few steps the sums of all rates differ by up to a half.
    beta1, beta2, epsilon:
        Of AdamW.
    momentum:
        Of stochastic gradient descent.
    clip:
        Gradients of a larger norm are scaled down to it; more than 0.
    """

    learning_rate: Annotated[float, Field(gt=0.0)]
    batch_size: Annotated[int, Field(ge=1)]
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warmup: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0
    minimum_rate: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    warmup_from: Literal["above-zero", "zero"] = "above-zero"
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-8
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    clip: Annotated[float, Field(gt=0.0)] = 1.0

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of step `step`, from 0, of `steps`."""
        from_zero = self.warmup_from == "zero"
        rising = math.ceil(self.warmup * steps) if from_zero else self.warmup * steps
        if step < rising:
            return self.learning_rate * (step / rising if from_zero else (step + 1) / (rising + 1))
        left = self._left((step - rising) / max(1.0, steps - rising))
        return self.learning_rate * (self.minimum_rate + (1.0 - self.minimum_rate) * left)

    def _left(self, done: float) -> float:
        """How much of the fall is left when a share `done` of the steps after the warm-up is done, in [0, 1]."""
        match self.schedule:
            case "constant":
                return 1.0
            case "linear":
                return 1.0 - done
            case "cosine":
                return 0.5 * (1.0 + math.cos(math.pi * done))


class Loss(Protocol[Item_contra]):
    """What is minimised: a mean over the weights of all items of a batch, however they are split to be computed."""

    def weight(self, items: Sequence[Item_contra]) -> float:
        """What the items count, e.g. their tokens."""

    def total(self, model: Any, items: Sequence[Item_contra]) -> torch.Tensor:
        """The sum of the items' losses, not divided by anything; a scalar."""


@dataclass(frozen=True, slots=True)
class ResponseLoss(Loss[Encoded]):
    """Cross-entropy of the responses' tokens, in nats a token."""

    pad: int
    device: str

    def weight(self, items: Sequence[Encoded]) -> float:
        """The number of the responses' tokens."""
        return float(sum(item.learnt for item in items))

    def total(self, model: Any, items: Sequence[Encoded]) -> torch.Tensor:
        """Their cross-entropy, summed."""
        batch = right_padded(items, self.pad, self.device)
        labels = batch.pop("labels")
        return cross_entropy(model(**batch, use_cache=False).logits, labels)


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Summed over the tokens that bear a loss; `logits` (examples, tokens, vocabulary) predict the next token."""
    import torch

    following = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)  # to move the logits would copy them
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), following.flatten(), reduction="sum")


class Training(Generic[Item]):
    """Optimises a model's trainable weights.

    Parameters
    ----------
    model:
        Those of its weights that require a gradient are optimised.
    items:
        What to train on.
    loss:
        What to minimise.
    recipe:
        How.
    epochs:
        What the schedule spans.
    seed:
        Of the order of items, and of dropout.
    autocast:
        Makes the context to compute in.
    """

    def __init__(
        self,
        model: Any,
        items: Sequence[Item],
        loss: Loss[Item],
        recipe: Recipe,
        *,
        epochs: int,
        seed: int,
        autocast: Callable[[], Any],
    ) -> None:
        self._model = model
        self._items = items
        self._loss = loss
        self._recipe = recipe
        self._seed = seed
        self._autocast = autocast
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._optimizer = _optimizer(self._weights, recipe)
        self._steps_per_epoch = math.ceil(len(items) / recipe.batch_size)
        self._steps = epochs * self._steps_per_epoch
        self._generator_state = _seeded_generators(self._device, seed)
        self.epoch = 0
        self.seconds = 0.0
        self.losses: list[float] = []
        """The mean loss of each epoch so far."""

    def run(self, until: int, micro_batch: int) -> None:
        """Train up to the end of epoch `until`, `micro_batch` items at a time.

        Raises `Diverged` where the loss or gradient is not finite, and `torch.OutOfMemoryError` or `MemoryError` where
        so many items don't fit; the training can't be used any more then.
        """
        import torch

        began = time.perf_counter()
        with torch.random.fork_rng(devices=_cuda_devices(self._device)):
            _set_generators(self._device, self._generator_state)
            self._model.train()
            while self.epoch < until:
                self._run_epoch(micro_batch)
            self._model.eval()
            self._generator_state = _generators(self._device)
        self.seconds += time.perf_counter() - began

    def state(self) -> dict[str, Any]:
        """All that `load` needs to go on in a training that was made alike."""
        return {
            "weights": [weight.detach().cpu() for weight in self._weights],
            "optimizer": self._optimizer.state_dict(),
            "generators": self._generator_state,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "losses": list(self.losses),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        import torch

        with torch.no_grad():
            for weight, saved in zip(self._weights, state["weights"], strict=True):
                weight.copy_(saved)
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator_state = state["generators"]
        self.epoch, self.seconds, self.losses = state["epoch"], state["seconds"], list(state["losses"])

    @property
    def _device(self) -> torch.device:
        device: torch.device = self._weights[0].device
        return device

    def _run_epoch(self, micro_batch: int) -> None:
        order = np.random.default_rng([self._seed, self.epoch]).permutation(len(self._items))
        size = self._recipe.batch_size
        total = 0.0
        for number in range(self._steps_per_epoch):
            batch = [self._items[index] for index in order[number * size : (number + 1) * size]]
            step = self.epoch * self._steps_per_epoch + number
            total += self._step(batch, step, micro_batch) * len(batch)
        self.epoch += 1
        self.losses.append(total / len(self._items))

    def _step(self, batch: Sequence[Item], step: int, micro_batch: int) -> float:
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.rate(step, self._steps)
        self._optimizer.zero_grad(set_to_none=True)
        weight = self._loss.weight(batch)
        parts = []
        for start in range(0, len(batch), micro_batch):
            with self._autocast():
                part = self._loss.total(self._model, batch[start : start + micro_batch]) / weight
            part.backward()
            parts.append(part.detach())
        norm = torch.nn.utils.clip_grad_norm_(self._weights, self._recipe.clip)
        loss, size = torch.stack([torch.stack(parts).sum(), norm]).tolist()
        if not (math.isfinite(loss) and math.isfinite(size)):
            raise Diverged(f"the loss is {loss:g} and its gradient's norm {size:g} at step {step + 1} of {self._steps}")
        self._optimizer.step()
        return float(loss)


def _optimizer(weights: Sequence[torch.nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    import torch

    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        betas = (recipe.beta1, recipe.beta2)
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=betas, eps=recipe.epsilon, fused=True)
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, fused=True)


def _cuda_devices(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []


def _seeded_generators(device: torch.device, seed: int) -> list[torch.Tensor]:
    import torch

    with torch.random.fork_rng(devices=_cuda_devices(device)):
        torch.manual_seed(seed)
        return _generators(device)


def _generators(device: torch.device) -> list[torch.Tensor]:
    import torch

    cuda = [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []
    return [torch.get_rng_state(), *cuda]


def _set_generators(device: torch.device, states: Sequence[torch.Tensor]) -> None:
    import torch

    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
