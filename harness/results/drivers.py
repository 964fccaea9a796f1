"""Who is at work on a results folder: one small file per driver, written again every few seconds.

    drivers/ID.json    host, process, command, how many runs are left, and which are going on

It is for people (`optathlon status`) and for drivers that share a folder, so that they begin at different ends. Nothing
depends on it: without it, or with a stale one, runs are still stored once.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from optathlon.lazy import lazy_module
from optathlon.paths import read_bytes
from optathlon.results.folder import ResultsFolder, ShardGone
from optathlon.results.schema import RUNS

if TYPE_CHECKING:
    import psutil
    from pydantic import TypeAdapter

    from optathlon.running.runs import RunSpec
else:
    psutil = lazy_module("psutil")

_REFRESH_S = 2.0
_LOOK_EVERY_S, _LOOK_SHARE = 0.05, 0.05
"""Other drivers' results are looked for so often, but for no more than this share of the time."""
_RUNS = pa.schema([RUNS.field(name) for name in ("run", "attempt")])
_SILENT_S = 60.0
"""A driver on another machine that has been silent for so long counts as dead."""

_SAME_START_S = 1.5
"""Starts of one process differ by less: Linux tells its boot in whole seconds."""


@dataclass(frozen=True)
class Driver:
    """What a driver says of itself; `began` is its process's start (`start_of`), `running` has one line per run."""

    host: str
    pid: int
    began: float
    executor: str
    jobs: int
    total: int
    left: int
    running: list[str]
    codes: dict[str, str] = field(default_factory=dict)
    """Which code the optimizers of its runs are."""


@cache
def _adapter() -> TypeAdapter[Driver]:
    from pydantic import TypeAdapter

    return TypeAdapter(Driver)


class DriverRecord:
    """This driver's file. Use as a context manager, and `update` often."""

    def __init__(
        self,
        folder: ResultsFolder,
        executor: str,
        jobs: int,
        total: int,
        codes: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.id = uuid.uuid4().hex
        self._path = folder.path / "drivers" / f"{self.id}.json"
        began = start_of(psutil.Process())
        self._said = Driver(platform.node(), os.getpid(), began, executor, jobs, total, total, [], dict(codes))
        self._due = 0.0

    def __enter__(self) -> DriverRecord:
        self.update(self._said.left, [])
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def update(self, left: int, running: list[str]) -> None:
        """Say how many runs are left and which are going on, unless that was said a moment ago."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _REFRESH_S
        content = json.dumps(asdict(self._said) | {"left": left, "running": running})
        temporary = self._path.with_suffix(".tmp")
        with contextlib.suppress(OSError):  # if results can't be written either, that says so
            self._path.parent.mkdir(exist_ok=True)
            temporary.write_text(content)
            temporary.replace(self._path)


class OtherDrivers:
    """Other drivers at work on the same folder: what they have stored need not be done here.

    Parameters
    ----------
    folder:
        The results folder.
    own:
        The id of this driver's record.
    seen:
        The shards that were there before this driver looked at what is to do.
    """

    def __init__(self, folder: ResultsFolder, own: str, seen: set[Path]) -> None:
        self._stored: dict[str, int] = {}
        self._folder = folder
        self._own = own
        self._seen = seen
        self._due = 0.0
        self._have_been = False

    def in_order(self, runs: list[RunSpec]) -> list[RunSpec]:
        """The runs, from another one on than other drivers begin with."""
        start = int(self._own, 16) % len(runs) if self._are_there() else 0
        return runs[start:] + runs[:start]

    def have_stored(self, spec: RunSpec) -> bool:
        """Whether one of them has stored the run, as seen at most a moment ago."""
        began = time.monotonic()
        if began >= self._due:
            if self._are_there():
                self._look()
            ended = time.monotonic()
            self._due = ended + max(_LOOK_EVERY_S, (ended - began) / _LOOK_SHARE)
        return self._knows(spec)

    def have_just_stored(self, spec: RunSpec) -> bool:
        """Whether one of them has stored the run, as seen now."""
        return self._are_there() and self.is_stored(spec)

    def is_stored(self, spec: RunSpec) -> bool:
        """Whether the run is in the folder, by this driver's workers or others."""
        self._look()
        return self._knows(spec)

    def _knows(self, spec: RunSpec) -> bool:
        return self._stored.get(spec.id, 0) >= spec.attempt

    def _look(self) -> None:
        """Read the shards that are new."""
        shards = shard_files(self._folder.path)
        for path in shards - self._seen:
            with contextlib.suppress(ShardGone):  # a compaction has just replaced it
                new = self._folder.read_shard("runs", path.name, _RUNS).to_pydict()
                for run, attempt in zip(new["run"], new["attempt"], strict=True):
                    self._stored[run] = max(self._stored.get(run, 0), attempt or 1)
        self._seen = shards

    def _are_there(self) -> bool:
        """Whether there has been another driver since this one began."""
        self._have_been = self._have_been or bool(drivers(self._folder).keys() - {self._own})
        return self._have_been


def shard_files(path: Path) -> set[Path]:
    """The files of finished runs in a results folder, or in one that does not exist yet."""
    return set((path / "runs").glob("*.parquet"))


def drivers(folder: ResultsFolder) -> dict[str, Driver]:
    """The drivers that are alive, by id. Files of dead ones on this machine are removed."""
    found = {}
    for path in sorted((folder.path / "drivers").glob("*.json")):
        with contextlib.suppress(OSError, ValueError):  # such as pydantic's, for a file that is none of ours
            driver = _adapter().validate_json(read_bytes(path), strict=True)
            if _is_alive(driver, path):
                found[path.stem] = driver
            elif driver.host == platform.node():
                path.unlink()
    return found


def _is_alive(driver: Driver, path: Path) -> bool:
    if driver.host != platform.node():
        return time.time() - path.stat().st_mtime < _SILENT_S
    try:
        return abs(start_of(psutil.Process(driver.pid)) - driver.began) < _SAME_START_S
    except psutil.Error:
        return False


def start_of(process: psutil.Process) -> float:
    """When a process began, whatever was done to the clock since.

    Linux counts from its boot, and psutil adds when that was by the clock of now; others keep the time itself.
    """
    booted = psutil.boot_time() if psutil.LINUX else 0.0
    return process.create_time() - booted
