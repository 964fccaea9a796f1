"""How much memory a model's work takes at least, by what its files say: told before the model is loaded.

Only what can't be done without is counted, for the longest example alone. Copies that libraries make for a moment are
not, nor what a layer computes within itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from optathlon.errors import UsageError
from optathlon.llm.chat import Encoded
from optathlon.llm.head import LOGITS_BYTES
from optathlon.llm.memory import free_memory
from optathlon.llm.weight_files import Weights
from optathlon.tasks.llm.hyperparameters import adapter, recipe
from optathlon.tasks.llm.recipe import OptimizerName
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.spaces import possible
from optathlon.tasks.llm.tunable_model import ALL_LINEAR, DType

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

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


class Extent(NamedTuple):
    """How long an example is: its tokens, and those of them that are trained on."""

    tokens: int
    learnt: int

    @classmethod
    def of(cls, *together: Encoded) -> Extent:
        """Of an example that is trained on, or of several that are only trained on together."""
        return cls(sum(len(one.tokens) for one in together), sum(one.learnt for one in together))


def longest(examples: Iterable[Encoded]) -> Extent:
    """Of some examples, the extent of the longest."""
    return max(map(Extent.of, examples))


class Work(Protocol):
    """What a model has to do, with the least memory that it takes."""

    @property
    def named(self) -> str:
        """What it is, as the subject of a sentence."""

    @property
    def remedy(self) -> str:
        """What takes less of it, followed by a comma or "or"; empty where nothing does."""

    def host(self, size: ModelSize) -> dict[str, int]:
        """Bytes of the host's memory, by what they are for."""

    def device(self, size: ModelSize) -> dict[str, int]:
        """Bytes of the memory of the device that computes, by what they are for; on a CPU that is the host's, too."""


@dataclass(frozen=True, slots=True)
class Tuning(Work):
    """The least that tuning does.

    Parameters
    ----------
    rank:
        Of the adapter; `None`: all weights are tuned.
    targets:
        Of the adapter (see `Adapter`).
    optimizer, dtype:
        As in a recipe and in a setup.
    longest:
        Of the examples.
    from_reference:
        Whether the tuning starts from another one, whose weights the host keeps too.
    named:
        What it is, as the subject of a sentence.
    key:
        Of a setup, by which it can be a low-rank tuning.
    """

    rank: int | None
    targets: str
    optimizer: OptimizerName
    dtype: DType
    longest: Extent
    from_reference: bool = False
    named: str = "a trial"
    key: str = "methods"

    @classmethod
    def by(cls, config: Mapping[str, Any], setup: Setup, longest: Extent, *, named: str, key: str) -> Tuning:
        """That by a configuration; other parameters as in `Tuning`."""
        complete = {**setup.fixed, **config}
        how, low_rank = recipe(complete), adapter(complete)
        rank, targets = (None, ALL_LINEAR) if low_rank is None else (low_rank.rank, low_rank.targets)
        return cls(rank, targets, how.optimizer, setup.dtype, longest, named=named, key=key)

    @property
    def remedy(self) -> str:
        """Low-rank tuning."""
        return f"low-rank tuning (`lora` in `{self.key}`) " if self.rank is None else ""

    def host(self, size: ModelSize) -> dict[str, int]:
        """Bytes of the host's memory, by what they are for."""
        return _on_host(size, from_reference=self.from_reference)

    def device(self, size: ModelSize) -> dict[str, int]:
        """Bytes of the memory of the device that computes, by what they are for; on a CPU that is the host's, too."""
        tuned = size.numbers if self.rank is None else size.adapted(self.rank, self.targets)
        below = _FULL * size.numbers if self.rank is None else _computed(size, self.dtype) + _FULL * tuned
        each = _BYTES[self.dtype]
        answering = each * size.numbers if self.rank is None and self.dtype != "float32" else 0
        logits = min(LOGITS_BYTES, _FULL * self.longest.learnt * size.vocabulary)
        training = each * self.longest.tokens * size.layers * size.width + _LOGITS_COPIES * logits
        parts = {
            "weights": below,
            "weights to answer with": answering,
            "gradients": _FULL * tuned,
            f"states of {self.optimizer}": _STATES[self.optimizer] * tuned,
            "activations and logits of an example": max(training, _cache(size, self.dtype, self.longest.tokens)),
        }
        return _rounded(parts)


@dataclass(frozen=True, slots=True)
class Answering(Work):
    """The least that answering does, where nothing is tuned for it.

    Parameters
    ----------
    dtype:
        As in a setup.
    tokens:
        Of the longest prompt.
    from_reference:
        Whether the weights are those of a tuning, which the host keeps beside the model's own.
    experts:
        Of how many other models the host keeps all weights.
    copies:
        Of the weights beside those that lie on the device.
    """

    dtype: DType
    tokens: int
    from_reference: bool = False
    experts: int = 0
    copies: int = 0

    @property
    def named(self) -> str:
        """A trial."""
        return "a trial"

    @property
    def remedy(self) -> str:
        """Nothing."""
        return ""

    def host(self, size: ModelSize) -> dict[str, int]:
        """Bytes of the host's memory, by what they are for."""
        parts = _on_host(size, from_reference=self.from_reference)
        return parts | _rounded({"experts": _FULL * size.numbers * self.experts})

    def device(self, size: ModelSize) -> dict[str, int]:
        """Bytes of the memory of the device that computes, by what they are for; on a CPU that is the host's, too."""
        weights = _computed(size, self.dtype)
        parts = {
            "weights": weights,
            "a copy to serve with": weights * self.copies,
            "cache of a prompt": _cache(size, self.dtype, self.tokens),
        }
        return _rounded(parts)


def least_tunings(
    space: ConfigurationSpace, setup: Setup, longest: Extent, *, from_reference: bool = False
) -> list[Tuning]:
    """The least that a tuning takes by each method of a space, with an example that is to have room."""
    optimizers = possible(space, setup, "optimizer", "adamw")
    return [
        Tuning(
            rank=None if method == "full" else min(possible(space, setup, "rank", 1)),
            targets=str(setup.fixed.get("targets", ALL_LINEAR)),
            optimizer=min(optimizers, key=lambda name: _STATES[name]),
            dtype=setup.dtype,
            longest=longest,
            from_reference=from_reference,
        )
        for method in possible(space, setup, "method", "full")
    ]


def refuse_what_has_no_room(model: str, size: ModelSize, ways: Sequence[Work], device: str) -> None:
    """Raise `UsageError` where none of these ways to do something has room in the memory that is free."""
    least = min(ways, key=lambda way: sum(way.device(size).values()))
    shares = {"cpu": _joined(least.host(size), least.device(size))}
    if device != "cpu":
        shares = {"cpu": least.host(size), device: least.device(size)}
    for place, parts in shares.items():
        needed, free = sum(parts.values()), free_memory(place)
        if needed > free:
            listed = ", ".join(f"{name} {_gigabytes(count)}" for name, count in parts.items())
            where = "of memory" if place == "cpu" else f"on {place}"
            raise UsageError(
                f"{model!r} has {size.numbers:,} weights, and {least.named} takes {_gigabytes(needed)} {where} at "
                f"least ({listed}); {_gigabytes(free)} are free: take a smaller model, {least.remedy}or a larger "
                "machine"
            )


def _on_host(size: ModelSize, *, from_reference: bool) -> dict[str, int]:
    parts = {"the model as it was loaded": _FULL * size.numbers}
    return parts | ({"the reference": _FULL * _linear(size)} if from_reference else {})


def _computed(size: ModelSize, dtype: DType) -> float:
    """Bytes of the weights that are computed with, and not tuned."""
    if dtype != "nf4":
        return _BYTES[dtype] * size.numbers
    return FOUR_BITS * _linear(size) + _BYTES[dtype] * (size.numbers - _linear(size))


def _cache(size: ModelSize, dtype: DType, tokens: int) -> float:
    """Bytes of the keys and values of so many tokens."""
    return _BYTES[dtype] * tokens * size.layers * size.cached


def _linear(size: ModelSize) -> int:
    return sum(map(math.prod, size.linear.values()))


def _rounded(parts: Mapping[str, float]) -> dict[str, int]:
    """Those that take something."""
    return {name: round(count) for name, count in parts.items() if count}


def _number(config: Any, name: str) -> int:
    """What a configuration says; 0 where it doesn't."""
    value = getattr(config, name, None)
    return value if isinstance(value, int) and value > 0 else 0


def _joined(*parts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for some in parts for name, count in some.items()}


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 5e7 else f"{count / 1e6:,.1f} MB"
