"""What a model's files say of it, before it is loaded: whether it can be, and whether it fits."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optathlon.errors import UsageError
from optathlon.foreign_file import is_pointer, parse_json, read_text
from optathlon.llm.memory import free_memory

_LARGEST_CONFIG, _LARGEST_HEADER, _LARGEST_INDEX = 16 * 2**20, 100 * 2**20, 64 * 2**20
"""Bytes of `config.json`, of what a file of weights begins with, and of an index of such files."""
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


@dataclass(frozen=True)
class Weights:
    """The tensors of a model, by name."""

    shapes: Mapping[str, tuple[int, ...]]

    @property
    def tensors(self) -> int:
        """How many there are."""
        return len(self.shapes)

    @property
    def numbers(self) -> int:
        """How many numbers are in all of them together."""
        return sum(map(math.prod, self.shapes.values()))


def refuse_what_is_no_file(model: str, folder: Path) -> None:
    """Raise `UsageError` for what Git LFS puts in the place of a large file, and for pipes and devices."""
    for path in sorted(folder.iterdir()):
        if not (path.is_file() or path.is_dir()):
            raise UsageError(f"{path.name} of {model!r} is not a file: fetch it again")
        if path.is_file() and is_pointer(path):
            raise UsageError(f"{path.name} of {model!r} is a Git-LFS pointer, not the file: run `git lfs pull`")


def weights_in(model: str, folder: Path) -> Weights:
    """What the headers of a model's safetensors files say.

    Raises `UsageError` where there are none or they can't be read, where an index names others, and where the
    configuration asks for more layers than there are tensors, or for something else than a causal language model.
    """
    _refuse_files_elsewhere(model, folder)
    if (folder / "adapter_config.json").exists():
        raise UsageError(f"{model!r} is an adapter of another model (adapter_config.json): merge it into that one")
    config = read_config(model, folder)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = [path.name for pattern in _PICKLED for path in folder.glob(pattern)]
        what = f"only pickled ones ({min(pickled)}), which can run code" if pickled else "none"
        raise UsageError(f"{model!r} has no weights in safetensors files, {what}: convert or fetch them")
    weights = Weights({name: shape for path in files for name, shape in _shapes_in(model, path).items()})
    _refuse_another_kind(model, config)
    _refuse_unknown_quantisation(model, config)
    layers = [config[name] for name in _LAYERS if isinstance(config.get(name), int)]
    if layers and max(layers) > weights.tensors:
        raise UsageError(
            f"config.json of {model!r} asks for {max(layers):,} layers, and its files have {weights.tensors:,} tensors"
        )
    return weights


def read_config(model: str, folder: Path) -> Mapping[str, Any]:
    """What `config.json` holds. Raises `UsageError` where it can't be read."""
    path = folder / "config.json"
    if not path.is_file():
        raise UsageError(f"{model!r} is not a model in the layout of transformers: it has no config.json")
    config = parse_json(read_text(path, "configuration", most_bytes=_LARGEST_CONFIG), f"config.json of {model!r}")
    if not isinstance(config, dict):
        raise UsageError(f"config.json of {model!r} holds no object")
    return config


def refuse_what_is_too_large(model: str, weights: Weights, bytes_each: int, device: str) -> None:
    """Raise `UsageError` where the weights alone take more memory than there is, in the host or on a GPU."""
    needed, free = weights.numbers * bytes_each, {"of memory": free_memory("cpu")}
    if device.startswith("cuda"):
        free[f"on {device}"] = free_memory(device)
    for place, available in free.items():
        if needed > available:
            raise UsageError(
                f"{model!r} has {weights.numbers:,} weights, which take {needed / 1e9:,.1f} GB; {available / 1e9:,.1f} "
                f"GB {place} are free: take a smaller model, or a larger machine"
            )


def _shapes_in(model: str, path: Path) -> dict[str, tuple[int, ...]]:
    """By the header of a safetensors file: its length in eight bytes, and JSON."""
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
            (length,) = struct.unpack("<Q", start)
            header = stream.read(length) if length <= _LARGEST_HEADER else b""
        tensors = json.loads(header)
        shapes = {
            name: tuple(int(extent) for extent in one["shape"])
            for name, one in tensors.items()
            if name != "__metadata__"
        }
        ends = [int(one["data_offsets"][1]) for name, one in tensors.items() if name != "__metadata__"]
    except OSError as error:
        raise UsageError(f"can't read {path.name} of {model!r}: {error.strerror}") from None
    except (struct.error, ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise UsageError(f"{path.name} of {model!r} is not a safetensors file: fetch it again") from None
    if path.stat().st_size != 8 + length + max(ends, default=0):
        raise UsageError(f"{path.name} of {model!r} is cut short, or has more than it says: fetch it again")
    return shapes


def _refuse_another_kind(model: str, config: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a configuration names architectures none of which is a causal language model's."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    named = config.get("architectures") or []
    if not isinstance(named, list):
        raise UsageError(f"the configuration of {model!r} has no list of architectures, but {str(named)[:60]!r}")
    known = {
        name for one in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values() for name in ([one] if isinstance(one, str) else one)
    }
    if named and not known & {name for name in named if isinstance(name, str)}:
        raise UsageError(
            f"{model!r} is a {str(named[0])[:60]}, not a causal language model, which answers word by word"
        )


def _refuse_unknown_quantisation(model: str, config: Mapping[str, Any]) -> None:
    """Raise `UsageError` where weights are said to be quantised by what transformers would pass over."""
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    quantised = config.get("quantization_config")
    method = quantised.get("quant_method") if isinstance(quantised, Mapping) else quantised
    if method is not None and not (isinstance(method, str) and method in AUTO_QUANTIZER_MAPPING):
        raise UsageError(f"{model!r} is quantised by {str(method)[:60]!r}, which transformers doesn't know")


def _refuse_files_elsewhere(model: str, folder: Path) -> None:
    """Raise `UsageError` where an index of weights names a file that is not in the folder."""
    for index in folder.glob("*.index.json"):
        content = parse_json(read_text(index, "index of weights", most_bytes=_LARGEST_INDEX), str(index))
        weights = content.get("weight_map") if isinstance(content, dict) else None
        if not isinstance(weights, dict):
            raise UsageError(f"{index.name} of {model!r} has no weight_map")
        for name in weights.values():
            if not isinstance(name, str) or Path(name).name != name:
                raise UsageError(f"{index.name} of {model!r} names {name!r}, which is not a file in its folder")
