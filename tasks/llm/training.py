"""A plain training loop that can stop after any epoch and go on as if it never had.

The learning rate's schedule always spans the full number of epochs, so that a training of fewer is the beginning of one
of more. The order of examples comes from (seed, epoch), dropout from torch's generator, whose state is kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from optathlon.lazy import lazy_module
from optathlon.llm.batches import packed, padded
from optathlon.llm.chat import Encoded
from optathlon.llm.head import token_losses
from optathlon.tasks.llm.micro_batches import by_length, by_rows, in_rows
from optathlon.tasks.llm.recipe import Recipe, make_optimizer

if TYPE_CHECKING:
    import numpy as np
    import torch

    from optathlon.llm.batches import Batch
else:
    np = lazy_module("numpy")

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)


_GPU_STEPS_UNCHECKED = 16
"""After so many steps a GPU's losses are looked at: to look at each, the host would have to wait for it."""


class Diverged(Exception):
    """The loss or its gradient is not a number any more."""


class Loss(Protocol[Item_contra]):
    """What is minimised: a mean over the weights of all items of a batch, however they are split to be computed."""

    def weight(self, items: Sequence[Item_contra]) -> float:
        """What the items count, e.g. their tokens."""

    def tokens(self, items: Sequence[Item_contra]) -> int:
        """How many tokens are computed for these items at once, padding included."""

    def total(self, model: Any, items: Sequence[Item_contra]) -> torch.Tensor:
        """The sum of the items' losses, not divided by anything; a scalar."""

    def parts(self, items: Sequence[Item_contra], budget: int) -> list[list[int]]:
        """The numbers of the items that are computed at once, of `budget` tokens at most or a single one."""
        return by_length([self.tokens([item]) for item in items], budget)


@dataclass(frozen=True, slots=True)
class ResponseLoss(Loss[Encoded]):
    """Cross-entropy of the responses' tokens, in nats a token.

    Parameters
    ----------
    pad:
        The token that fills rows up.
    device:
        Where the model is.
    packing:
        Whether a row holds several examples, which don't see each other.
    """

    pad: int
    device: str
    packing: bool = False

    def weight(self, items: Sequence[Encoded]) -> float:
        """The number of the responses' tokens."""
        return float(sum(item.learnt for item in items))

    def tokens(self, items: Sequence[Encoded]) -> int:
        """Those of all rows, which are as wide as the longest example."""
        width = max(len(item.tokens) for item in items)
        return width * (len(_rows(items)) if self.packing else len(items))

    def total(self, model: Any, items: Sequence[Encoded]) -> torch.Tensor:
        """Their cross-entropy, summed."""
        return token_losses(model, self.batch(items)).sum()

    def parts(self, items: Sequence[Encoded], budget: int) -> list[list[int]]:
        """Items of like length, or those that fill rows."""
        split = by_rows if self.packing else by_length
        return split([len(item.tokens) for item in items], budget)

    def batch(self, items: Sequence[Encoded]) -> Batch:
        """The items as tensors."""
        if self.packing:
            return packed(items, _rows(items), self.pad, self.device)
        return padded(items, self.pad, self.device)


def _rows(items: Sequence[Encoded]) -> list[list[int]]:
    lengths = [len(item.tokens) for item in items]
    return in_rows(lengths, max(lengths))


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
        self.model = model
        self._items = items
        self._loss = loss
        self._recipe = recipe
        self._seed = seed
        self._autocast = autocast
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]
        self._optimizer = make_optimizer(self._weights, recipe)
        self._steps_per_epoch = math.ceil(len(items) / recipe.batch_size)
        self._epochs = epochs
        self._steps = epochs * self._steps_per_epoch
        self._tried: Sequence[Item] = ()
        self._unchecked: list[torch.Tensor] = []
        self._generator_state = _seeded_generators(self._device, seed)
        self.epoch = 0
        self.seconds = 0.0
        self.losses: list[float] = []
        """The mean loss of each epoch so far."""

    def run(self, until: int, budget: int) -> None:
        """Train up to the end of epoch `until`, with at most `budget` tokens at once or one item.

        Raises `Diverged` where the loss or gradient is not finite, and `torch.OutOfMemoryError` or `MemoryError` where
        so much doesn't fit (`tried` tells what); the training can't be used any more then.
        """
        import torch

        began = time.perf_counter()
        with torch.random.fork_rng(devices=_cuda_devices(self._device)):
            _set_generators(self._device, self._generator_state)
            self.model.train()
            while self.epoch < until:
                self._run_epoch(budget)
            self.model.eval()
            self._generator_state = _generators(self._device)
        self.seconds += time.perf_counter() - began

    def tried(self) -> tuple[int, int]:
        """The number of items that were last computed at once, and their tokens; one each before the first."""
        return (len(self._tried), self._loss.tokens(self._tried)) if self._tried else (1, 1)

    def state(self) -> dict[str, Any]:
        """All that `load` needs to go on in a training that was made alike; of one that is over, its weights alone."""
        state = {
            "weights": [weight.detach().cpu() for weight in self._weights],
            "epoch": self.epoch,
            "seconds": self.seconds,
            "losses": list(self.losses),
        }
        if self.epoch < self._epochs:
            state |= {"optimizer": self._optimizer.state_dict(), "generators": self._generator_state}
        return state

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        import torch

        with torch.no_grad():
            for weight, saved in zip(self._weights, state["weights"], strict=True):
                weight.copy_(saved)
        if "optimizer" in state:
            self._optimizer.load_state_dict(state["optimizer"])
            self._generator_state = state["generators"]
        self.epoch, self.seconds, self.losses = state["epoch"], state["seconds"], list(state["losses"])

    @property
    def _device(self) -> torch.device:
        device: torch.device = self._weights[0].device
        return device

    def _run_epoch(self, budget: int) -> None:
        order = np.random.default_rng([self._seed, self.epoch]).permutation(len(self._items))
        size = self._recipe.batch_size
        every = _GPU_STEPS_UNCHECKED if self._device.type == "cuda" else 1
        losses: list[float] = []
        for number in range(self._steps_per_epoch):
            batch = [self._items[index] for index in order[number * size : (number + 1) * size]]
            self._step(batch, self.epoch * self._steps_per_epoch + number, budget)
            if len(self._unchecked) == every or number == self._steps_per_epoch - 1:
                losses += self._checked(self.epoch * self._steps_per_epoch + number + 1)
        sizes = [min(size, len(order) - start) for start in range(0, len(order), size)]
        self.epoch += 1
        self.losses.append(sum(loss * count for loss, count in zip(losses, sizes, strict=True)) / len(order))

    def _step(self, batch: Sequence[Item], step: int, budget: int) -> None:
        import torch

        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.rate(step, self._steps)
        self._optimizer.zero_grad(set_to_none=True)
        weight = self._loss.weight(batch)
        parts = []
        for numbers in self._loss.parts(batch, budget):
            self._tried = [batch[number] for number in numbers]
            with self._autocast():
                part = self._loss.total(self.model, self._tried) / weight
            part.backward()
            parts.append(part.detach())
        norm = torch.nn.utils.clip_grad_norm_(self._weights, self._recipe.clip)
        self._unchecked.append(torch.stack([torch.stack(parts).sum(), norm]))
        self._optimizer.step()

    def _checked(self, done: int) -> list[float]:
        """The losses of the last steps of those that are `done`. Raises `Diverged` where one is not a number."""
        import torch

        first = done - len(self._unchecked) + 1
        found = torch.stack(self._unchecked).tolist()
        self._unchecked.clear()
        for step, (loss, norm) in enumerate(found, start=first):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise Diverged(f"the loss is {loss:g} and its gradient's norm {norm:g} at step {step} of {self._steps}")
        return [loss for loss, _ in found]


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
