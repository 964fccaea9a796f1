"""How much memory a trial takes at least, by what a model's files say: told before the model is loaded.

Only what no trial can do without is counted, for the longest example alone. Copies that libraries make for a moment are
not, nor what a layer computes within itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optathlon.errors import UsageError
from optathlon.llm.chat import Encoded
from optathlon.llm.head import LOGITS_BYTES
from optathlon.llm.memory import free_memory
from optathlon.llm.weight_files import Weights
from optathlon.tasks.llm.recipe import OptimizerName
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.tunable_model import ALL_LINEAR, DType

FOUR_BITS = 0.5 + 4 / 64
"""Bytes of a weight of 4 bits, with its part of the scale of 64 in `float32`."""

_FULL = 4
"""Bytes of a number in `float32`."""
_STATES: Mapping[OptimizerName, float] = {"adamw": 8.0, "adamw-8bit": 2.0, "sgd": 4.0}
"""Bytes that an optimizer keeps for each weight that it tunes."""
_BYTES: Mapping[DType, float] = {"float32": 4.0, "bfloat16": 2.0, "nf4": 2.0}
"""Of what is computed with."""
_LOGITS_COPIES = 2
"""The logits in `float32`, and their gradients."""


@dataclass(frozen=True)
class ModelSize:
    """What memory depends on, of a model.

    Attributes
    ----------
    numbers:
        All weights together.
    linear:
        The shapes of its matrices by name, but for those of its vocabulary.
    layers, width, cached, vocabulary:
        Their number; the numbers between two of them for each token, and those that each caches; different tokens.
    """

    numbers: int
    linear: Mapping[str, tuple[int, ...]]
    layers: int
    width: int
    cached: int
    vocabulary: int

    @classmethod
    def of(cls, weights: Weights, config: Any) -> ModelSize:
        """By its files' headers and its configuration (for text, of transformers)."""
        width, vocabulary = _number(config, "hidden_size"), _number(config, "vocab_size")
        heads = _number(config, "num_attention_heads")
        per_head = _number(config, "head_dim") or width // max(1, heads)
        return cls(
            numbers=weights.numbers,
            linear={
                name: shape for name, shape in weights.shapes.items() if len(shape) == 2 and vocabulary not in shape
            },
            layers=_number(config, "num_hidden_layers"),
            width=width,
            cached=2 * per_head * (_number(config, "num_key_value_heads") or heads),
            vocabulary=vocabulary,
        )

    def adapted(self, rank: int, targets: str) -> int:
        """The numbers of an adapter of a rank."""
        named = None if targets == ALL_LINEAR else {name.strip() for name in targets.split(",")}
        shapes = (shape for name, shape in self.linear.items() if named is None or name.split(".")[-2:-1][0] in named)
        return rank * sum(map(sum, shapes))


@dataclass(frozen=True, slots=True)
class Trial:
    """The least that a trial does.

    Parameters
    ----------
    rank:
        Of the adapter; `None`: all weights are tuned.
    targets:
        Of the adapter (see `Adapter`).
    optimizer, dtype:
        As in a recipe and in a setup.
    tokens, learnt:
        Those of an example, and those of them that are trained on.
    from_reference:
        Whether the tuning starts from another one, whose weights the host keeps too.
    """

    rank: int | None
    targets: str
    optimizer: OptimizerName
    dtype: DType
    tokens: int
    learnt: int
    from_reference: bool = False

    def host(self, size: ModelSize) -> dict[str, int]:
        """Bytes of the host's memory, by what they are for."""
        parts = {"the model as it was loaded": _FULL * size.numbers}
        if self.from_reference:
            parts["the reference"] = _FULL * sum(map(math.prod, size.linear.values()))
        return parts

    def device(self, size: ModelSize) -> dict[str, int]:
        """Bytes of the memory of the device that computes, by what they are for; on a CPU that is the host's, too."""
        tuned = size.numbers if self.rank is None else size.adapted(self.rank, self.targets)
        below = self._below(size)
        each = _BYTES[self.dtype]
        answering = each * size.numbers if self.rank is None and self.dtype != "float32" else 0
        logits = min(LOGITS_BYTES, _FULL * self.learnt * size.vocabulary)
        training = each * self.tokens * size.layers * size.width + _LOGITS_COPIES * logits
        parts = {
            "weights": below + (_FULL * tuned if self.rank is not None else 0),
            "weights to answer with": answering,
            "gradients": _FULL * tuned,
            f"states of {self.optimizer}": _STATES[self.optimizer] * tuned,
            "activations and logits of an example": max(training, each * self.tokens * size.layers * size.cached),
        }
        return {name: round(count) for name, count in parts.items() if count}

    def _below(self, size: ModelSize) -> float:
        """Bytes of what is tuned in full, or lies below an adapter."""
        if self.rank is None:
            return _FULL * size.numbers
        if self.dtype != "nf4":
            return _BYTES[self.dtype] * size.numbers
        quantised = sum(map(math.prod, size.linear.values()))
        return FOUR_BITS * quantised + _BYTES[self.dtype] * (size.numbers - quantised)


def least_trials(setup: Setup, example: Encoded, *, from_reference: bool = False) -> list[Trial]:
    """The least that a tuning takes by each of a setup's methods, with an example that is to have room."""
    fixed = setup.fixed
    optimizers: Sequence[Any] = [fixed["optimizer"]] if "optimizer" in fixed else setup.optimizers
    return [
        Trial(
            rank=None if method == "full" else int(fixed.get("rank", setup.ranks[0])),
            targets=str(fixed.get("targets", ALL_LINEAR)),
            optimizer=min(optimizers, key=lambda name: _STATES[name]),
            dtype=setup.dtype,
            tokens=len(example.tokens),
            learnt=example.learnt,
            from_reference=from_reference,
        )
        for method in setup.methods
    ]


def refuse_what_has_no_room(model: str, size: ModelSize, trials: Sequence[Trial], device: str) -> None:
    """Raise `UsageError` where none of these trials has room in the memory that is free."""
    least = min(trials, key=lambda trial: sum(trial.device(size).values()))
    shares = {"cpu": _joined(least.host(size), least.device(size))}
    if device != "cpu":
        shares = {"cpu": least.host(size), device: least.device(size)}
    for place, parts in shares.items():
        needed, free = sum(parts.values()), free_memory(place)
        if needed > free:
            listed = ", ".join(f"{name} {_gigabytes(count)}" for name, count in parts.items())
            where = "of memory" if place == "cpu" else f"on {place}"
            raise UsageError(
                f"{model!r} has {size.numbers:,} weights, and a trial takes {_gigabytes(needed)} {where} at least "
                f"({listed}); {_gigabytes(free)} are free: take a smaller model, `methods: [lora]` or a larger machine"
            )


def _number(config: Any, name: str) -> int:
    """What a configuration says; 0 where it doesn't."""
    value = getattr(config, name, None)
    return value if isinstance(value, int) and value > 0 else 0


def _joined(*parts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for some in parts for name, count in some.items()}


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 5e7 else f"{count / 1e6:,.1f} MB"
