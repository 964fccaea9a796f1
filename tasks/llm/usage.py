"""What a trial takes of the machine."""

from __future__ import annotations

from pathlib import Path

SLOW_TOKEN = 0.1
"""Seconds a token: the coordinate of hypervolumes' reference points for measured latencies."""


class Usage:
    """Watches the memory from its creation on.

    Parameters
    ----------
    device:
        `cpu` or a GPU, as torch writes it.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        if self._is_gpu:
            import torch

            torch.cuda.reset_peak_memory_stats(device)

    def measured(self, seconds: float) -> dict[str, float]:
        """`peak_memory` in bytes, a GPU's or the process's; and `gpu_seconds`, if the trial had a GPU for `seconds`."""
        if not self._is_gpu:
            return {"peak_memory": float(_peak_resident())}
        import torch

        return {"peak_memory": float(torch.cuda.max_memory_allocated(self._device)), "gpu_seconds": seconds}

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
