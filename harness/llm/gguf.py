"""Models in GGUF files, as llama.cpp has them: unpacked once to the layout of transformers, and kept in the cache."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from optathlon.data import cache_root
from optathlon.errors import MissingDependency, UsageError

SUFFIX = ".gguf"
_MAGIC = b"GGUF"
_QUANTISATION = ("hf_quantizer", "is_quantized", "quantization_method")
"""Marks of a quantised model, which one that is unpacked doesn't bear."""


def unpacked(path: Path) -> Path:
    """The folder of the model in a GGUF file, with weights in float32; it is made if it isn't cached.

    The same bytes give the same folder. Raises `UsageError` for a file that is none or of an unsupported kind, and
    `MissingDependency` where the package `gguf` is not installed.
    """
    from filelock import FileLock

    folder = cache_root() / "llm" / f"gguf-{_digest(path)}"
    if folder.exists():
        return folder
    if importlib.util.find_spec("gguf") is None:
        raise MissingDependency(f"the model {str(path)!r}", "gguf", "pip install 'optathlon[llm]'")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".gguf-"))
            try:
                _unpack(path, unfinished)
                unfinished.replace(folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _digest(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise UsageError(f"the model {str(path)!r} is not a file")
    try:
        with path.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise UsageError(f"{str(path)!r} is not a GGUF file")
            stream.seek(0)
            return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
    except OSError as error:
        raise UsageError(f"can't read the model {str(path)!r}: {error.strerror}") from None


def _unpack(path: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    where = {"gguf_file": path.name, "local_files_only": True, "trust_remote_code": False}
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # its bar of progress can't be turned off otherwise
            tokenizer = AutoTokenizer.from_pretrained(path.parent, **where)
            model = AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, **where)
    except Exception as error:  # foreign files: whatever it is that the libraries stumble over
        what = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UsageError(f"the GGUF file {str(path)!r} can't be used: {what}") from None
    _forget_quantisation(model)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


def _forget_quantisation(model: Any) -> None:
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    for mark in _QUANTISATION:
        if mark in vars(model):
            delattr(model, mark)
