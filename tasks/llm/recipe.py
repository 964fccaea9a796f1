"""How weights are optimised: the learning rate of each step, and the optimizer."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from optathlon.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    import torch

OptimizerName = Literal["adamw", "adamw-8bit", "sgd"]


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
        AdamW, stochastic gradient descent with momentum, or on a GPU AdamW whose moments have 8 bits.
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
    optimizer: OptimizerName = "adamw"
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


def make_optimizer(weights: Sequence[torch.nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """What a recipe says, with decay of matrices only. Raises as `require_bitsandbytes`."""
    import torch

    groups = [
        {"params": [weight for weight in weights if weight.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]
    rate, of_adam = recipe.learning_rate, {"betas": (recipe.beta1, recipe.beta2), "eps": recipe.epsilon}
    match recipe.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, fused=True, **of_adam)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=recipe.momentum, fused=True)
        case "adamw-8bit":
            eight_bit: torch.optim.Optimizer = require_bitsandbytes(
                "adamw-8bit", weights[0].device.type
            ).optim.AdamW8bit(groups, lr=rate, **of_adam)
            return eight_bit


def require_bitsandbytes(what: str, device: str) -> Any:
    """The package. Raises `UsageError` where there is no GPU for it, `MissingDependency` where it is not installed."""
    if not device.startswith("cuda"):
        raise UsageError(f"{what} needs a GPU, and computes on {device!r} here: leave it out, or write `device: cuda`")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingDependency(what, "bitsandbytes", "pip install bitsandbytes")
    import bitsandbytes

    return bitsandbytes
