"""States of trainings on disk: written whole or not at all, and the oldest removed where they take too much."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from optathlon.data import cache_root

_ENDING, _UNFINISHED = ".pt", ".unfinished-"
_ABANDONED_AFTER_S = 3600.0


class Checkpoints:
    """States of trainings by key and epoch.

    Parameters
    ----------
    quota:
        Bytes that all checkpoints of the cache may take; those that were used longest ago are removed first.
    """

    def __init__(self, quota: int) -> None:
        self._folder = cache_root() / "llm" / "checkpoints"
        self._quota = quota

    def save(self, key: str, epoch: int, state: dict[str, Any]) -> None:
        """Write a state. Where there is no room, on the disk or in the quota, it is left out: it can be made again."""
        import torch

        self._folder.mkdir(parents=True, exist_ok=True)
        self._remove_abandoned()
        file, unfinished = tempfile.mkstemp(dir=self._folder, prefix=_UNFINISHED)
        try:
            with os.fdopen(file, "wb") as stream:
                torch.save(state, stream)
            if self._make_room(Path(unfinished).stat().st_size):
                Path(unfinished).replace(self._path(key, epoch))
        except OSError:
            pass
        finally:
            Path(unfinished).unlink(missing_ok=True)

    def latest(self, key: str, until: int) -> dict[str, Any] | None:
        """The state of the latest epoch up to `until`; `None` where there is none, or it can't be read."""
        import torch

        for epoch in range(until, 0, -1):
            path = self._path(key, epoch)
            with contextlib.suppress(FileNotFoundError):
                try:
                    state: dict[str, Any] = torch.load(path, weights_only=True)
                except (FileNotFoundError, MemoryError):
                    raise
                except Exception:  # a damaged file may fail in any way, and the training can begin earlier
                    path.unlink(missing_ok=True)
                    continue
                os.utime(path)
                return state
        return None

    def has(self, key: str, epoch: int) -> bool:
        """Whether a state is there."""
        return self._path(key, epoch).exists()

    def _path(self, key: str, epoch: int) -> Path:
        return self._folder / f"{key}-{epoch}{_ENDING}"

    def _make_room(self, size: int) -> bool:
        """Whether so many bytes fit, after the removal of old checkpoints."""
        if size > self._quota:
            return False
        found = []
        for path in self._folder.glob(f"*{_ENDING}"):
            with contextlib.suppress(FileNotFoundError):  # another process has removed it
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        taken = sum(bytes for _, bytes, _ in found)
        for _, bytes, path in sorted(found):
            if taken + size <= self._quota:
                break
            path.unlink(missing_ok=True)
            taken -= bytes
        return True

    def _remove_abandoned(self) -> None:
        """Remove what processes that were killed have begun to write."""
        for path in self._folder.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_AFTER_S:
                    path.unlink()
