"""Whatever is lost or damaged of a results folder, the same command does again, and reports say so in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from optathlon import load
from optathlon.results.frames import Results
from optathlon.task import agree

Timeless = Callable[[Results], dict[str, list[dict[str, object]]]]
InProcess = Callable[..., SimpleNamespace]

PLUGIN = """
from optathlon import as_task

@as_task("rot/one", space={"x": (0.0, 1.0)}, budget=3)
def one(config):
    return config["x"]

@as_task("rot/two", space={"x": (0.0, 1.0)}, objectives="maximize", budget=3)
def two(config):
    return config["x"]
"""


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)


def garble(path: Path) -> None:
    path.write_bytes(b"\xa5" * path.stat().st_size)


@pytest.mark.parametrize(
    ("file", "damage", "amends"),
    [
        ("trials/*", flip, "is set aside; its runs were done again"),
        ("trials/*", Path.unlink, "is set aside; its runs were done again"),
        ("runs/*", flip, "is set aside; its runs were done again"),
        ("runs/*", Path.unlink, None),
        ("tasks/*", flip, "is set aside; its tasks are described again"),
        ("tasks/*", Path.unlink, None),
        ("tasks", shutil.rmtree, None),
        ("trials", shutil.rmtree, "is set aside; its runs were done again"),
        ("provenance/*", cut, "is set aside"),
        ("provenance/*", garble, "is set aside"),
        ("optathlon.json", cut, "is written again"),
        ("optathlon.json", garble, "is written again"),
        ("optathlon.json", Path.unlink, "is written again"),
    ],
)
def test_the_same_command_does_again_what_was_damaged(
    in_process: InProcess, tmp_path: Path, timeless: Timeless, file: str, damage: Callable[[Path], None], amends: str
) -> None:
    plugin, out = tmp_path / "rot.py", tmp_path / "out"
    plugin.write_text(PLUGIN)
    command = ("run", "-o", "random", "-t", "rot/*", "--seeds", 2, "--plugin", plugin, "--out", out)
    assert in_process(*command).returncode == 0
    whole = load(out)
    paths = list(out.glob(file))
    assert paths
    damage(paths[0])
    for reader in (("status", out), ("report", out, "--out", tmp_path / "page.html")):
        done = in_process(*reader)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 2)
        if done.returncode:
            assert len(done.stderr.strip().splitlines()) == 1
    again = in_process(*command)
    assert again.returncode == 0, again.stderr
    assert "Traceback" not in again.stderr
    if amends is not None:
        assert f"was damaged and {amends}" in again.stderr
        assert paths[0].name in again.stderr or not paths[0].suffix
    found = load(out)
    assert timeless(found) == timeless(whole)
    described = [results.tasks.drop(columns="fingerprint") for results in (found, whole)]
    assert described[0].equals(described[1])
    assert all(map(agree, found.tasks["fingerprint"], whole.tasks["fingerprint"]))
    assert set(found.provenance.index) <= set(found.runs["provenance"].unique()) | set(whole.provenance.index)
    assert in_process(*command).stdout.count("(0 new)") == 1
