"""Language models: loading them, and telling them apart by their weights."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from optathlon.errors import MissingData, UsageError
from optathlon.llm import gguf
from optathlon.llm.smol import smol_file
from optathlon.llm.tiny.pretraining import tiny_model
from optathlon.llm.weight_files import (
    Weights,
    read_config,
    refuse_what_is_no_file,
    refuse_what_is_too_large,
    weights_in,
)

if TYPE_CHECKING:
    import torch

TINY, SMOL = "tiny", "smol"
"""The names of the model that is made, and of the one that comes from the package index."""
_TIMES_TOO_MANY = 4
"""A model whose configuration asks for so many times the weights that there are is not made; others are compared."""
_NEEDED_FILES = ("*.json", "*.jinja", "*.model", "*.safetensors", "*.txt")


def load_tokenizer(model: str, *, downloads: bool = False) -> Any:
    """The tokenizer of a model, with a padding token."""
    from transformers import AutoTokenizer

    folder = _present(model, downloads)
    with _layout_errors(model):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(model: str, device: str, dtype: str, *, downloads: bool = False) -> Any:
    """A causal language model for inference, with all of its weights and none of its code.

    Parameters
    ----------
    model:
        `tiny`, `smol`, a folder in the layout of transformers, a GGUF file, or an id on the Hugging Face hub.
    device:
        As torch writes it: `cpu`, `cuda`, `cuda:1`.
    dtype:
        Of the weights.
    downloads:
        Whether what is not on this machine may be fetched.

    Raises `MissingData` where the model is not here, and `UsageError` where its weights are not those that its
    configuration asks for.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = _present(model, downloads)
    weights = weights_in(model, folder)
    refuse_what_is_too_large(model, weights, getattr(torch, dtype).itemsize, device)
    _refuse_a_larger_configuration(model, folder, weights)
    with _layout_errors(model):
        loaded, found = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    _refuse_other_weights(model, found)
    _refuse_not_finite(model, loaded)
    return loaded.to(device).eval()


class Reading(NamedTuple):
    """How many tokens a model can read at once, `None` where it doesn't say, and how many different ones."""

    tokens: int | None
    vocabulary: int | None


def reading(model: str, *, downloads: bool = False) -> Reading:
    """What a model can read, by its configuration. Raises as `load_model`."""
    from transformers import AutoConfig

    folder = _present(model, downloads)
    read_config(model, folder)
    with _layout_errors(model):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        text = config.get_text_config()
    return Reading(*(_count(getattr(text, name, None)) for name in ("max_position_embeddings", "vocab_size")))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def described(model: str, *, downloads: bool = False) -> tuple[Weights, Any]:
    """What a model's files say of its weights, and its configuration for text. Raises as `load_model`."""
    from transformers import AutoConfig

    folder = _present(model, downloads)
    weights = weights_in(model, folder)
    with _layout_errors(model):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return weights, config.get_text_config()


def files_of(model: str, *, downloads: bool = False) -> list[tuple[str, int, int]]:
    """Where a model lies, and its files with their sizes and times. Raises as `load_model`."""
    folder = _folder(model, downloads).resolve()
    states = ((path, path.stat()) for path in sorted(folder.iterdir()) if path.is_file())
    return [(str(folder), 0, 0), *((path.name, state.st_size, state.st_mtime_ns) for path, state in states)]


def same_folder(first: str, second: str) -> bool:
    """Whether two models that are here are one. Raises as `load_model`."""
    return located(first) == located(second)


def located(model: str) -> Path:
    """Where a model that is here lies: one place, however it is named. Raises as `load_model`."""
    return _folder(model, downloads=False).resolve()


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
        bits = tensor.detach().contiguous().flatten()
        if bits.element_size() > 1:
            bits = bits.view(torch.int32 if bits.element_size() == 4 else torch.int16)
        places = torch.arange(len(bits), device=bits.device) % 8191 + 1
        sums.update(f"{name} {int((bits * places).sum())}".encode())
    return sums.hexdigest()[:16]


def _present(model: str, downloads: bool) -> Path:
    """As `_folder`; raises `UsageError` too where files of it have not been fetched."""
    folder = _folder(model, downloads)
    refuse_what_is_no_file(model, folder)
    return folder


def _folder(model: str, downloads: bool) -> Path:
    """Where a model lies; it is made or fetched if it may be. Raises `MissingData` or `UsageError`."""
    if model == TINY:
        return tiny_model()
    path = smol_file() if model == SMOL else Path(model).expanduser()
    if path.is_dir():
        return path
    if path.suffix == gguf.SUFFIX:
        return gguf.unpacked(path)
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


def _refuse_a_larger_configuration(model: str, folder: Path, weights: Weights) -> None:
    """Raise `UsageError` where a configuration asks for far more weights than there are: room would be made for them.

    The model is made without memory, on torch's device `meta`.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with _layout_errors(model), torch.device("meta"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        made = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        asked = sum(tensor.numel() for tensor in (*made.parameters(), *made.buffers()))
    if asked > _TIMES_TOO_MANY * weights.numbers:
        raise UsageError(
            f"config.json of {model!r} asks for {asked:,} weights, and its files have {weights.numbers:,}: they are "
            "not of one model"
        )


def _refuse_other_weights(model: str, found: Mapping[str, Any]) -> None:
    """Raise `UsageError` for tensors that are missing (transformers draws them at random), left over,or misshaped."""
    complaints = {
        "lacks": found["missing_keys"],
        "has other shapes of": [name for name, *_ in found["mismatched_keys"]],
        "has besides": found["unexpected_keys"],
    }
    for verb, names in complaints.items():
        if names:
            raise UsageError(
                f"the checkpoint of {model!r} {verb} {len(names)} tensors of the model in its config.json, the first "
                f"is {min(names)!r}: its weights and its configuration are not of one model"
            )


def _refuse_not_finite(model: str, loaded: torch.nn.Module) -> None:
    import torch

    for name, tensor in loaded.named_parameters():
        if not bool(torch.isfinite(tensor).all()):
            raise UsageError(f"the weights {name!r} of {model!r} are not all finite numbers: it can't be used")


@contextmanager
def _layout_errors(model: str) -> Iterator[None]:
    """What the library stumbles over as a `UsageError` in one line, without what it logs of it before."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MemoryError:
        raise
    except Exception as error:  # foreign files: whatever it is that the library stumbles over
        what = _first_line(error) or type(error).__name__
        raise UsageError(f"{model!r} is not a model in the layout of transformers: {what}") from None
    finally:
        logging.set_verbosity(verbosity)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
