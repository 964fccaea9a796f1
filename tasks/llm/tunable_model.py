"""The model that is tuned: again and again, without loading it more than once."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from optathlon.errors import OptathlonError, UsageError
from optathlon.llm.models import checksum, load_model

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]

DType = Literal["float32", "bfloat16"]
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

    Parameters
    ----------
    model, device, downloads:
        As in `load_model`.
    dtype:
        What is computed in. For `bfloat16` the weights that are tuned are kept in `float32` (autocast).
    gradient_checkpointing:
        Compute activations again in the backward pass, which takes less memory and more time.
    """

    def __init__(
        self, model: str, device: str, dtype: DType, *, downloads: bool = False, gradient_checkpointing: bool = False
    ) -> None:
        self.device = device
        self.dtype = dtype
        self._checkpointing = gradient_checkpointing
        self._model = load_model(model, device, "float32", downloads=downloads)
        self.weights: Weights = {name: _pinned(tensor, device) for name, tensor in stored(self._model).items()}
        self.checksum = checksum(self._model)
        self._held: Weights | None = self.weights
        self._in_use = False

    @contextmanager
    def untuned(self) -> Iterator[Any]:
        """The model as it was loaded."""
        with self.with_weights(self.weights) as model:
            yield model

    @contextmanager
    def with_weights(self, weights: Weights) -> Iterator[Any]:
        """The model with these weights, which are named as in `weights`. Raises `OptathlonError` while it is in use."""
        if self._in_use:
            raise OptathlonError("the model is in use: the weights that its user works with would be lost")
        self._in_use = True
        try:
            self._hold(weights)
            yield self._model.eval()
        finally:
            self._in_use = False

    @contextmanager
    def tunable(self, adapter: Adapter | None, seed: int, start: Weights | None = None) -> Iterator[Any]:
        """The model with the weights to tune: all of them, or those of a new adapter that `seed` initialises.

        It starts from the weights `start`, or else from those that it was loaded with. Afterwards the adapter is gone,
        and what is below it as it was; raises `OptathlonError` if it isn't.
        """
        with self.with_weights(self.weights if start is None else start):
            if adapter is None:
                self._held = None
                self._model.requires_grad_(True)
                with self._trained():
                    yield self._model
                return
            before = checksum(self._model)
            tuned = _adapted(self._model, adapter, seed)
            try:
                with self._trained():
                    yield tuned
            finally:
                tuned.unload()
                _forget_adapter(self._model)
            if checksum(self._model) != before:
                self._held = None
                raise OptathlonError("an adapter has changed the base model; the process is not to be trusted any more")

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context to compute in."""
        import torch

        if self.dtype == "float32":
            return contextlib.nullcontext()
        half: contextlib.AbstractContextManager[Any] = torch.autocast(
            torch.device(self.device).type, dtype=torch.bfloat16
        )
        return half

    @contextmanager
    def _trained(self) -> Iterator[None]:
        if not self._checkpointing:
            yield
            return
        with _no_word_of_a_new_name():
            self._model.gradient_checkpointing_enable({"use_reentrant": False})
        try:
            yield
        finally:
            with _no_word_of_a_new_name():
                self._model.gradient_checkpointing_disable()

    def _hold(self, weights: Weights) -> None:
        import torch

        if self._held is weights:
            return
        self._held = None
        with torch.no_grad():
            for name, tensor in stored(self._model).items():
                tensor.copy_(weights[name], non_blocking=True)
        self._model.zero_grad(set_to_none=True)
        self._model.requires_grad_(False)
        self._held = weights


def stored(model: Any) -> dict[str, torch.Tensor]:
    """The tensors that make a model, by name; those that are tied are there once."""
    tensors: dict[int, tuple[str, torch.Tensor]] = {}
    for name, tensor in model.state_dict().items():
        tensors.setdefault(tensor.data_ptr(), (name, tensor))
    return dict(tensors.values())


def tuned_weights(model: Any) -> Weights:
    """Copies of the weights of a tuned model, any adapter merged into them, by the names that the base has for them."""
    import torch

    adapted = getattr(model, "peft_config", None) is not None
    core = model.get_base_model() if adapted else model
    with torch.no_grad():
        weights = {
            name.replace(".base_layer", ""): tensor.detach().to("cpu", copy=True)
            for name, tensor in stored(core).items()
            if ".lora_" not in name
        }
        for name, module in core.named_modules():
            if adapted and hasattr(module, "get_delta_weight"):
                for active in module.active_adapters:
                    weights[f"{name}.weight"] += module.get_delta_weight(active).cpu()
    return weights


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
            return get_peft_model(model, settings)
        except ValueError as error:  # no layer has such a name
            raise UsageError(f"the LoRA targets {adapter.targets!r}: {str(error).splitlines()[0]}") from None


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


def _pinned(tensor: torch.Tensor, device: str) -> torch.Tensor:
    """A copy in the host's memory, which a GPU can read fast."""
    copy = tensor.detach().to("cpu", copy=True)
    return copy if device == "cpu" else copy.pin_memory()
