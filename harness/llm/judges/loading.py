"""The models that judge: loaded once in a process, and kept."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from optathlon.errors import MissingDependency
from optathlon.llm.checksums import known_checksum
from optathlon.llm.models import best_device, checksum, load_model, load_tokenizer, located


@dataclass(frozen=True)
class Loaded:
    """A causal language model of transformers with its tokenizer, and the device that it lies on."""

    model: Any
    tokenizer: Any
    device: str

    @cached_property
    def checksum(self) -> str:
        """A hash of the weights."""
        return checksum(self.model)

    @property
    def context(self) -> int | None:
        """How many tokens the model can read; `None` where it doesn't say."""
        return getattr(self.model.config, "max_position_embeddings", None)


def loaded(model: str) -> Loaded:
    """A model for judging, in bfloat16 on a GPU where there is one, else in float32 on the CPU.

    Judges by the same model share its weights, however they name it.

    Parameters
    ----------
    model:
        `tiny`, a folder in the layout of transformers, or an id on the Hugging Face hub that has been fetched.

    Raises `MissingDependency` where torch or transformers is not installed, `MissingData` where the model would have to
    be fetched, and `UsageError` where it is none.
    """
    return _loaded(_place(model))


def weights_of(model: str) -> str:
    """A hash of a judging model's weights; it is loaded where its files are not those of an earlier time.

    Raises as `loaded`.
    """
    place = _place(model)
    return known_checksum(place, lambda: _loaded(place).checksum, dtype=_dtype(best_device()))


@cache
def _loaded(folder: str) -> Loaded:
    tokenizer = load_tokenizer(folder)
    device = best_device()
    return Loaded(load_model(folder, device, _dtype(device)), tokenizer, device)


def _place(model: str) -> str:
    for package in ("torch", "transformers"):
        if importlib.util.find_spec(package) is None:
            raise MissingDependency(f"judging by {model!r}", package, "pip install 'optathlon[llm]'")
    return str(located(model))


def _dtype(device: str) -> str:
    return "float32" if device == "cpu" else "bfloat16"
