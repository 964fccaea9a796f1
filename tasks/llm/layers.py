"""The layers of a language model: their number, how often they are called, and leaving after the first of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from optathlon.errors import UsageError
from optathlon.llm.head import without_wrapper


def depth(model: Any) -> int:
    """The number of layers."""
    return len(layers_of(model))


def share_of_layers(share: float, layers: int) -> int:
    """The number of layers that a share of them is, rounded: at least one."""
    return max(1, round(share * layers))


@contextmanager
def leaving_after(model: Any, layers: int) -> Iterator[None]:
    """Within this block, the model's head reads what the first `layers` layers have made."""
    layers_of(model)
    config = without_wrapper(model).get_decoder().config
    before = config.num_hidden_layers
    config.num_hidden_layers = layers
    try:
        yield
    finally:
        config.num_hidden_layers = before


class LayerCalls:
    """Counts calls of layers, each on any number of tokens: where memory is the bottleneck, the cost of decoding.

    `count` is that of layers, `passes` that of the model as a whole, be it left early or not.
    """

    def __init__(self) -> None:
        self.count = 0
        self.passes = 0

    @contextmanager
    def of(self, model: Any) -> Iterator[None]:
        """Count within this block."""
        hooks = [layer.register_forward_hook(self._called) for layer in layers_of(model)]
        hooks.append(without_wrapper(model).get_decoder().register_forward_hook(self._passed))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _called(self, *_: object) -> None:
        self.count += 1

    def _passed(self, *_: object) -> None:
        self.passes += 1


def layers_of(model: Any) -> Any:
    """The layers in their order. Raises `UsageError` for architectures that can't be left early."""
    decoder = without_wrapper(model).get_decoder()
    if not (hasattr(decoder, "layers") and hasattr(decoder, "norm") and hasattr(decoder.config, "num_hidden_layers")):
        raise UsageError(
            f"the architecture {type(decoder).__name__} can't be left after some of its layers: use one like Llama"
        )
    return decoder.layers
