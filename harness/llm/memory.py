"""Doing as much at once as the memory holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")
Made = TypeVar("Made")

_NO_MEMORY_ON_CPU = "can't allocate memory"
"""In the text of the `RuntimeError` that torch raises where the host's memory is full."""


def in_batches(work: Callable[[Sequence[Item]], Sequence[Made]], items: Sequence[Item], size: int) -> list[Made]:
    """What `work` makes of all items, `size` at once, or half as many as often as the memory is too small.

    Raises `MemoryError` where one is too much.
    """
    made: list[Made] = []
    while len(made) < len(items):
        batch = items[len(made) : len(made) + size]
        try:
            made += work(batch)
        except (MemoryError, RuntimeError) as error:
            size = halved(len(batch), error)
    return made


def total_memory(device: torch.device) -> int:
    """Bytes of a GPU's memory, or of the host's."""
    import psutil
    import torch

    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return int(psutil.virtual_memory().total)


def free_memory(device: str) -> int:
    """Bytes that are free on a GPU, or in the host's memory for `cpu`."""
    import psutil

    if not device.startswith("cuda"):
        return int(psutil.virtual_memory().available)
    import torch

    return int(torch.cuda.mem_get_info(device)[0])


def halved(size: int, error: BaseException) -> int:
    """Half of a size that was too much for the memory; raises `error` if it is another one, `MemoryError` for 1."""
    import torch

    if not _is_out_of_memory(error):
        raise error
    if size == 1:
        raise MemoryError(f"one at a time is too much: {str(error).partition(chr(10))[0]}") from None
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return -(-size // 2)


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory, a GPU's or the host's, was too small."""
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or _NO_MEMORY_ON_CPU in str(error)
