"""Language models: loading them, and telling them apart by their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optathlon.errors import MissingData, UsageError
from optathlon.llm.tiny.pretraining import tiny_model

if TYPE_CHECKING:
    import torch

TINY = "tiny"
"""The name of the model that is made, not loaded."""
_NEEDED_FILES = ("*.json", "*.jinja", "*.model", "*.safetensors", "*.txt")


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


def checksum(model: torch.nn.Module) -> str:
    """The first 16 hexadecimal digits of a hash of all weights, which are summed as integers where they lie."""
    import torch

    sums = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        bits = tensor.detach().contiguous().view(torch.int32 if tensor.element_size() == 4 else torch.int16).flatten()
        places = torch.arange(len(bits), device=bits.device) % 8191 + 1
        sums.update(f"{name} {int((bits * places).sum())}".encode())
    return sums.hexdigest()[:16]


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
        raise UsageError(f"{model!r} is not a model in the layout of transformers: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
