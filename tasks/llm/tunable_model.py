"""The model that is tuned: again and again, without loading it more than once."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from optathlon.errors import OptathlonError, UsageError
from optathlon.llm.head import has_plain_head
from optathlon.llm.models import checksum, load_model
from optathlon.tasks.llm.layers import layers_of
from optathlon.tasks.llm.placed import Placed, Quantised, copied, stored
from optathlon.tasks.llm.recipe import require_bitsandbytes

if TYPE_CHECKING:
    import torch

    from optathlon.tasks.llm.placed import Weights

DType = Literal["float32", "bfloat16", "nf4"]
ALL_LINEAR = "all-linear"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A low-rank adapter (LoRA, Hu et al. 2022).

    Parameters
    ----------
    rank:
        At least 1.
    alpha_over_rank:
        The adapter's weight, α / rank, more than 0.
    dropout:
        Of the adapter's inputs, in [0, 1).
    targets:
        The names of the layers that have one, such as `q_proj, v_proj`; `all-linear`: every linear layer but the head.
    """

    rank: Annotated[int, Field(ge=1)]
    alpha_over_rank: Annotated[float, Field(gt=0.0)]
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]
    targets: str = ALL_LINEAR


class TunableModel:
    """A model that is tuned again and again: what a tuning has changed is taken back by the next.

    It lies on the device at most twice, when it is needed: with weights in `float32`, all of which are tuned, and with
    weights of the type that is computed in, to which adapters are attached and which answer. For `float32` these are
    one.

    Parameters
    ----------
    model, device, downloads:
        As in `load_model`.
    dtype:
        What is computed in. For `bfloat16` the weights that are tuned are kept in `float32` (autocast). For `nf4` those
        below adapters have 4 bits (QLoRA, Dettmers et al. 2023, arXiv 2305.14314), and not all can be tuned.
    gradient_checkpointing:
        Compute activations again in the backward pass, which takes less memory and more time.
    compiled:
        Compile each layer for training (`torch.compile`): see `compiled`.
    """

    def __init__(
        self,
        model: str,
        device: str,
        dtype: DType,
        *,
        downloads: bool = False,
        gradient_checkpointing: bool = False,
        compiled: bool = False,
    ) -> None:
        if dtype == "nf4":
            require_bitsandbytes("dtype: nf4", device)
        self.device = device
        self.dtype = dtype
        self._checkpointing = gradient_checkpointing
        self._compiled = compiled
        self._host = load_model(model, "cpu", "float32", downloads=downloads)
        if device != "cpu":
            _pin(self._host)
        self.weights: Weights = stored(self._host)
        self.checksum = checksum(self._host)
        self._in_use = False

    @contextmanager
    def untuned(self) -> Iterator[Any]:
        """The model as it was loaded."""
        with self.with_weights(self.weights) as model:
            yield model

    @contextmanager
    def with_weights(self, weights: Weights) -> Iterator[Any]:
        """The model with these weights, which are named as in `weights`. Raises `OptathlonError` while it is in use."""
        with self._used(self._computed, weights) as model:
            yield model

    @contextmanager
    def tunable(self, adapter: Adapter | None, seed: int, start: Weights | None = None) -> Iterator[Any]:
        """The model with the weights to tune: all of them, or those of a new adapter that `seed` initialises.

        It starts from the weights `start`, or else from those that it was loaded with. Afterwards the adapter is gone,
        and what is below it as it was; raises `OptathlonError` if it isn't.
        """
        placed = self._full if adapter is None else self._computed
        with self._used(placed, self.weights if start is None else start) as model:
            if adapter is None:
                placed.held = None
                model.requires_grad_(True)
                with self._trained(model):
                    yield model
                return
            before = placed.checksum()
            tuned = _adapted(model, adapter, seed)
            try:
                with self._trained(model):
                    yield tuned
            finally:
                tuned.unload()
                _forget_adapter(model)
            if placed.checksum() != before:
                placed.held = None
                raise OptathlonError("an adapter has changed the base model; the process is not to be trusted any more")

    @contextmanager
    def answering(self, tuned: Any) -> Iterator[Any]:
        """A tuned model as it answers fastest: its adapter merged, its weights in the type that is computed in.

        Within this block it can't be trained.
        """
        if self.dtype == "nf4":  # to merge would round again
            yield tuned
        elif hasattr(tuned, "merge_adapter"):
            tuned.merge_adapter()
            try:
                yield tuned
            finally:
                self._take_out(tuned)
        elif self._full is self._computed:
            yield tuned
        else:
            self._computed.hold(stored(tuned))
            try:
                yield self._computed.model.eval()
            finally:
                self._computed.held = None

    def tuned_weights(self, tuned: Any) -> Weights:
        """The weights of a tuned model in `float32`, any adapter added to what is below it; named as in `weights`."""
        if not hasattr(tuned, "merge_adapter"):
            return {name: tensor.detach().to("cpu", copy=True) for name, tensor in stored(tuned).items()}
        below = self._computed.held or {}
        return {**below, **{name: below[name] + delta(module).to("cpu") for name, module in _adapted_layers(tuned)}}

    def compiled(self) -> contextlib.AbstractContextManager[Any]:
        """The context in which layers are compiled when they are first computed, if they are to be.

        Elsewhere they are not. Answers have too many shapes: a cache that grows, one token or many, each layer its own.
        """
        import torch

        if not self._compiled:
            return contextlib.nullcontext()
        stance: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("default")
        return stance

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context to train in."""
        import torch

        if self.dtype == "float32":
            return contextlib.nullcontext()
        half: contextlib.AbstractContextManager[Any] = torch.autocast(
            torch.device(self.device).type, dtype=torch.bfloat16
        )
        return half

    @cached_property
    def _full(self) -> Placed:
        """All of whose weights are tuned. Raises `UsageError` where these have 4 bits."""
        if self.dtype == "nf4":
            raise UsageError(
                "weights of 4 bits can't be tuned in full: write `methods: [lora]`, also for the reference"
            )
        return self._placed("float32")

    @cached_property
    def _computed(self) -> Placed:
        """Whose weights are of the type that is computed in."""
        match self.dtype:
            case "float32":
                return self._full
            case "bfloat16":
                return self._placed("bfloat16")
            case "nf4":
                return Quantised(self._host, self.device)

    def _placed(self, dtype: str) -> Placed:
        model = copied(self._host, self.device, dtype)
        if self._compiled:
            has_plain_head(model)  # tries it out, in ways for which nothing is to be compiled
            for layer in layers_of(model):
                layer.compile(dynamic=True)
        return Placed(model, self.weights)

    @contextmanager
    def _used(self, placed: Placed, weights: Weights) -> Iterator[Any]:
        if self._in_use:
            raise OptathlonError("the model is in use: the weights that its user works with would be lost")
        self._in_use = True
        try:
            placed.hold(weights)
            with self._not_compiled():
                yield placed.model.eval()
        finally:
            self._in_use = False

    def _not_compiled(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        if not self._compiled:
            return contextlib.nullcontext()
        stance: contextlib.AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
        return stance

    @contextmanager
    def _trained(self, model: Any) -> Iterator[None]:
        if not self._checkpointing:
            yield
            return
        with _no_word_of_a_new_name():
            model.gradient_checkpointing_enable({"use_reentrant": False})
        try:
            yield
        finally:
            with _no_word_of_a_new_name():
                model.gradient_checkpointing_disable()

    def _take_out(self, tuned: Any) -> None:
        """Undo a merge exactly: subtraction would leave rounding errors behind."""
        import torch

        below = self._computed.held or {}
        with torch.no_grad():
            for name, module in _adapted_layers(tuned):
                module.weight.copy_(below[name])
                module.merged_adapters.clear()


def delta(module: Any) -> torch.Tensor:
    """What the adapter of a layer adds to its weights."""
    import torch

    with torch.no_grad():
        return torch.stack([module.get_delta_weight(name) for name in module.active_adapters]).sum(dim=0)


def _adapted_layers(tuned: Any) -> Iterator[tuple[str, Any]]:
    """The layers that have an adapter, by the names of their weights in the base."""
    for name, module in tuned.get_base_model().named_modules():
        if hasattr(module, "get_delta_weight"):
            yield f"{name}.weight", module


def _adapted(model: Any, adapter: Adapter, seed: int) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha_over_rank * adapter.rank,
        lora_dropout=adapter.dropout,
        target_modules=_target_modules(adapter.targets),
        task_type="CAUSAL_LM",
    )
    model.requires_grad_(False)
    with torch.random.fork_rng(), _no_word_of_a_new_name():
        torch.manual_seed(seed)
        try:
            adapted = get_peft_model(model, settings)
        except ValueError as error:  # no layer has such a name
            raise UsageError(f"the LoRA targets {adapter.targets!r}: {str(error).splitlines()[0]}") from None
    _refuse_shared_weights(adapted, adapter.targets)
    return adapted


def _refuse_shared_weights(adapted: Any, targets: str) -> None:
    """Raise `UsageError` for an adapter of a head that reads its weights from the input, where it can't be merged."""
    own = stored(adapted.get_base_model())
    for name, _ in _adapted_layers(adapted):
        layer = name.removesuffix(".weight")
        if f"{layer}.base_layer.weight" not in own:
            adapted.unload()
            raise UsageError(f"the LoRA targets {targets!r}: {layer} has no weights of its own: leave it out")


def _target_modules(targets: str) -> str | list[str]:
    """As peft expects them."""
    return targets if targets == ALL_LINEAR else [name.strip() for name in targets.split(",")]


@contextmanager
def _no_word_of_a_new_name() -> Iterator[None]:
    """Without the warning that gradient checkpointing will be called activation checkpointing."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing.* is deprecated", category=FutureWarning)
        yield


def _forget_adapter(model: Any) -> None:
    """Remove the marks that peft leaves on a model whose adapter is gone."""
    for mark in ("peft_config", "_hf_peft_config_loaded"):
        with contextlib.suppress(AttributeError):
            delattr(model, mark)


def _pin(model: Any) -> None:
    """Keep a model's weights where a GPU can read them fast."""
    for weight in model.parameters():
        weight.data = weight.data.pin_memory()
