"""Language models: loading them, and tuning one again and again without loading it anew."""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from optathlon.errors import MissingData, OptathlonError, UsageError
from optathlon.llm.tiny.pretraining import tiny_model

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]

DType = Literal["float32", "bfloat16"]

TINY = "tiny"
"""The name of the model that is made, not loaded."""
_NEEDED_FILES = ("*.json", "*.jinja", "*.model", "*.safetensors", "*.txt")


@dataclass(frozen=True, slots=True)
class Adapter:
    """A low-rank adapter (LoRA, Hu et al. 2022) of every linear layer: rank >= 1, α / rank > 0, dropout in [0, 1)."""

    rank: Annotated[int, Field(ge=1)]
    alpha_over_rank: Annotated[float, Field(gt=0.0)]
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)]


def load_tokenizer(model: str, *, downloads: bool = False) -> Any:
    """The tokenizer of a model, with a padding token."""
    from transformers import AutoTokenizer

    folder = _folder(model, downloads)
    with _layout_errors(model):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(model: str, device: str, dtype: str, *, downloads: bool = False) -> Any:
    """A causal language model for inference.

    Parameters
    ----------
    model:
        `tiny`, a folder in the layout of transformers, or an id on the Hugging Face hub.
    device:
        As torch writes it: `cpu`, `cuda`, `cuda:1`.
    dtype:
        Of the weights.
    downloads:
        Whether what is not on this machine may be fetched.

    Raises `MissingData` where the model is not here.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = _folder(model, downloads)
    with _layout_errors(model):
        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype), local_files_only=True)
    return loaded.to(device).eval()


def best_device() -> str:
    """`cuda` where there is a GPU, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def existing_device(name: str) -> str:
    """A device as torch writes it, `name`. Raises `UsageError` where there is no such one."""
    import torch

    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"can't compute on the device {name!r} ({_first_line(error)}): write auto, cpu, cuda or cuda:1"
        ) from None
    return name


class Base:
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
        return torch.autocast(torch.device(self.device).type, dtype=torch.bfloat16)

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


def checksum(model: torch.nn.Module) -> str:
    """The first 16 hexadecimal digits of a hash of all weights, which are summed as integers where they lie."""
    import torch

    sums = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        bits = tensor.detach().contiguous().view(torch.int32 if tensor.element_size() == 4 else torch.int16).flatten()
        places = torch.arange(len(bits), device=bits.device) % 8191 + 1
        sums.update(f"{name} {int((bits * places).sum())}".encode())
    return sums.hexdigest()[:16]


def _adapted(model: Any, adapter: Adapter, seed: int) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model

    settings = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha_over_rank * adapter.rank,
        lora_dropout=adapter.dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    model.requires_grad_(False)
    with torch.random.fork_rng(), _no_word_of_a_new_name():
        torch.manual_seed(seed)
        return get_peft_model(model, settings)


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


def _folder(model: str, downloads: bool) -> Path:
    """Where a model lies; it is made or fetched if it may be. Raises `MissingData` or `UsageError`."""
    if model == TINY:
        return tiny_model()
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if path.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
        raise UsageError(f"no model folder {model!r}")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, local_files_only=not downloads, allow_patterns=list(_NEEDED_FILES)))
    except HFValidationError as error:
        raise UsageError(f"{model!r} is neither a folder nor an id on the hub: {_first_line(error)}") from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        remedy = (
            f"check its name and the network ({_first_line(error)})"
            if downloads
            else f"fetch it with `hf download {model}`"
        )
        raise MissingData(f"the model {model!r} is not on this machine: {remedy}") from None


@contextmanager
def _layout_errors(model: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise UsageError(f"{model!r} is no model in the layout of transformers: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
