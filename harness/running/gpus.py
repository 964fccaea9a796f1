"""Which GPUs there are, and who may use which."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable

_TOLERANCE = 1e-9


def visible_gpus() -> list[str]:
    """The GPUs that a process started here may use: those of `CUDA_VISIBLE_DEVICES`, else all that the driver knows."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return ask_gpus("index")
    return [gpu for gpu in map(str.strip, visible.split(",")) if gpu not in ("", "-1")]


def ask_gpus(what: str) -> list[str]:
    """A line for each NVIDIA GPU, as their driver's tool tells; none where there is no such tool."""
    command = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.split("\n")[:-1]


def gpu_shortage(amount: float, count: int, gpus: float) -> str:
    """Why `count` processes that need `amount` GPUs each find no room on so many GPUs; empty where they do."""
    per_gpu = int(1 / amount + _TOLERANCE) if 0 < amount <= 1 else 1
    needed = 0 if amount == 0 else amount * count if amount > 1 else -(-count // per_gpu)
    if needed <= gpus:
        return ""
    trials = f"{count} trials at once that need {amount:g} each" if count > 1 else f"trials need {amount:g}"
    return f"{trials} of a GPU, and {f'there are {gpus:g}' if gpus else 'there is none'}"


class GpuPool:
    """Lends GPUs, whole or in shares, to processes; a process with a share sees one GPU.

    Parameters
    ----------
    gpus:
        Their names, as in `CUDA_VISIBLE_DEVICES`.
    """

    def __init__(self, gpus: Iterable[str]) -> None:
        self._free = dict.fromkeys(gpus, 1.0)

    def take(self, amount: float, count: int) -> list[str] | None:
        """What each of `count` processes sees that needs `amount` GPUs; `None` where so much is not free now.

        Shares go to the fullest GPU that has room, so that whole ones stay free for those that need them.
        """
        taken: list[str] = []
        for _ in range(count):
            mask = self._share(amount) if amount <= 1 else self._whole(int(amount))
            if mask is None:
                self.give_back(amount, taken)
                return None
            taken.append(mask)
        return taken

    def give_back(self, amount: float, masks: Iterable[str]) -> None:
        """Take back what `take` has lent."""
        for mask in masks:
            for gpu in mask.split(","):
                self._free[gpu] = min(1.0, self._free[gpu] + min(amount, 1.0))

    def _share(self, amount: float) -> str | None:
        roomy = [gpu for gpu, free in self._free.items() if free >= amount - _TOLERANCE]
        gpu = min(roomy, key=self._free.__getitem__, default=None)
        if gpu is not None:
            self._free[gpu] -= amount
        return gpu

    def _whole(self, number: int) -> str | None:
        unused = [gpu for gpu, free in self._free.items() if free >= 1.0 - _TOLERANCE][:number]
        if len(unused) < number:
            return None
        self._free |= dict.fromkeys(unused, 0.0)
        return ",".join(unused)
