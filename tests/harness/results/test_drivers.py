"""Files of drivers are for people: whatever stands in one, nobody stumbles over it."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from optathlon.results.drivers import Driver, DriverRecord, drivers, start_of
from optathlon.results.folder import ResultsFolder


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    folder = ResultsFolder.create(tmp_path / "out")
    (folder.path / "drivers").mkdir()
    return folder


def alive() -> dict[str, Any]:
    return asdict(Driver(platform.node(), os.getpid(), start_of(psutil.Process()), "local", 1, 5, 2, ["a on b"]))


def test_a_driver_is_read_as_it_was_written(folder: ResultsFolder) -> None:
    (folder.path / "drivers" / "a.json").write_text(json.dumps(alive()))
    assert asdict(drivers(folder)["a"]) == alive()


@pytest.mark.skipif(not psutil.LINUX, reason="others don't count from boot")
@pytest.mark.parametrize("seconds", [-3600, -1, 1, 20, 86400])
def test_a_driver_is_alive_after_the_clock_was_set(
    folder: ResultsFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    """Then Linux tells another time of its boot, as after a slow clock was put right bit by bit."""
    before = Path("/proc/stat").read_text()
    booted = int(before.partition("btime ")[2].split()[0])
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "stat").write_text(before.replace(f"btime {booted}", f"btime {booted + seconds}"))
    (tmp_path / "proc" / str(os.getpid())).symlink_to("/proc/self")
    with DriverRecord(folder, "local", 1, 5) as record:
        monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))
        assert [*drivers(folder)] == [record.id]


def test_a_driver_whose_process_is_another_one_now_is_dead(folder: ResultsFolder) -> None:
    said = alive()
    (folder.path / "drivers" / "a.json").write_text(json.dumps({**said, "began": said["began"] - 60}))
    assert drivers(folder) == {}


@pytest.mark.parametrize(
    "change",
    [
        *({"host": 5}, {"host": None}, {"pid": "1"}, {"began": "x"}, {"left": "many"}, {"left": float("nan")}),
        *({"running": 5}, {"running": [1, {}]}, {"codes": [1]}, {"codes": {"a": 1}}, {"jobs": None}, {"total": {}}),
    ],
)
@pytest.mark.parametrize("host", [platform.node(), "elsewhere"])
def test_a_file_with_values_of_other_kinds_is_no_driver(
    folder: ResultsFolder, change: dict[str, Any], host: str
) -> None:
    (folder.path / "drivers" / "a.json").write_text(json.dumps({**alive(), "host": host, **change}))
    assert drivers(folder) == {}


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000, "\0"])
def test_other_text_is_no_driver(folder: ResultsFolder, text: str) -> None:
    (folder.path / "drivers" / "a.json").write_text(text)
    os.mkfifo(folder.path / "drivers" / "pipe.json")
    assert drivers(folder) == {}
