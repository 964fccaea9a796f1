"""The report so far: built when it is asked for, in a process of its own, in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from optathlon.redaction import redacted
from optathlon.text import clean

_NICE = 5
_LAST_CHARACTERS = 500


@dataclass(frozen=True)
class Built:
    """A finished report: its number, its folder, when it was begun (seconds since 1970), and what that took."""

    number: int
    folder: Path
    began: float
    seconds: float


class ReportBuilder:
    """Builds reports of a results folder, one at a time. The last one stays until the next one is finished.

    Use as an asynchronous context manager: at its end a report that is being built is given up, and all are deleted.
    """

    def __init__(self, results: Path) -> None:
        self.built: Built | None = None
        self._results = results
        self._began = 0.0
        self._complaint = ""
        self._count = 0
        self._building: asyncio.Task[None] | None = None
        self._places = TemporaryDirectory(prefix="optathlon-view-", ignore_cleanup_errors=True)

    async def __aenter__(self) -> ReportBuilder:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._building is not None:
            self._building.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._building
        self._places.cleanup()

    def begin(self) -> None:
        """Begin to build a report, unless that goes on already."""
        if self._building is None:
            self._began, self._complaint = time.time(), ""
            self._building = asyncio.create_task(self._build())

    def state(self) -> dict[str, Any]:
        """How it stands, as JSON values."""
        return {
            "number": self.built.number if self.built else None,
            "began": self.built.began if self.built else None,
            "seconds": self.built.seconds if self.built else None,
            "building": None if self._building is None else time.time() - self._began,
            "complaint": self._complaint,
        }

    async def _build(self) -> None:
        self._count += 1
        place = Path(self._places.name) / str(self._count)
        try:
            self._complaint = await _report(self._results, place)
        except OSError as error:
            self._complaint = f"can't build the report: {error.strerror or error}"
        finally:
            self._building = None
        if not self._complaint:
            before, self.built = self.built, Built(self._count, place, self._began, time.time() - self._began)
            if before:
                await asyncio.to_thread(shutil.rmtree, before.folder, ignore_errors=True)


async def _report(results: Path, place: Path) -> str:
    """Write a report in a process of its own, which lets others go first; its last words where it fails."""
    command = (sys.executable, "-P", "-m", "optathlon", "report", str(results), "--out", str(place))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        with contextlib.suppress(psutil.Error):
            psutil.Process(process.pid).nice(_NICE)
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == 0:
        return ""
    lines = said.decode(errors="replace").strip().splitlines()
    reason = lines[-1].removeprefix("optathlon: ") if lines else f"it ended with {process.returncode}"
    return clean(redacted(reason))[-_LAST_CHARACTERS:]
