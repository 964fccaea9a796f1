"""What a trial takes of the machine: what it is charged for, and what is for reports only."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SLOW_TOKEN = 0.1
"""Seconds a token: the coordinate of hypervolumes' reference points for measured latencies."""


class Usage:
    """Keeps the seconds of a trial's parts, and watches the memory from its creation on.

    Parameters
    ----------
    device:
        `cpu` or a GPU, as torch writes it.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._aside = 0.0
        if self._is_gpu:
            import torch

            torch.cuda.reset_peak_memory_stats(device)

    def add(self, what: str, seconds: float) -> None:
        """Charge seconds for `what`: `"train"`, `"answer"`, `"judge"`, …"""
        self._seconds[what] += seconds

    @contextmanager
    def spent(self, what: str, side: str = "validation") -> Iterator[None]:
        """Charge what passes within for `what`; on the `test` side, which no optimizer learns from, put it aside."""
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        if side == "test":
            self._aside += seconds
        else:
            self.add(what, seconds)

    def seconds(self, what: str) -> float:
        """What has been charged for `what`."""
        return self._seconds[what]

    def measured(self) -> dict[str, float]:
        """What the trial took.

        `seconds`, its cost, and each of its parts (`train_seconds`, …); `test/seconds`, which are not among these;
        `peak_memory` in bytes, a GPU's or the process's; and `gpu_seconds`, which are `seconds` if it had a GPU.
        """
        charged = sum(self._seconds.values())
        found = {"seconds": charged, **{f"{what}_seconds": value for what, value in self._seconds.items()}}
        if self._aside:
            found["test/seconds"] = self._aside
        if not self._is_gpu:
            return {**found, "peak_memory": float(_peak_resident())}
        import torch

        return {
            **found,
            "peak_memory": float(torch.cuda.max_memory_allocated(self._device)),
            "gpu_seconds": charged,
        }

    @property
    def _is_gpu(self) -> bool:
        return self._device.startswith("cuda")


def _peak_resident() -> int:
    """Bytes, since the harness last reset the peak."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
