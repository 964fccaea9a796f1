"""Other models than the tiny one, made of it."""

from __future__ import annotations

import shutil
from pathlib import Path


def copied_tiny(llm_cache: Path, to: Path) -> Path:
    """A copy of the tiny model's folder."""
    shutil.copytree(next(path for path in (llm_cache / "llm").glob("tiny-*") if path.is_dir()), to)
    return to


def change_weights(model: Path) -> None:
    """Write other weights into a model's folder."""
    import torch
    from safetensors.torch import load_file, save_file

    weights = load_file(model / "model.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.ndim == 2)
    changed = {**weights, name: weights[name] + torch.ones_like(weights[name])}
    save_file(changed, model / "model.safetensors", {"format": "pt"})
