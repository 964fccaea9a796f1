"""A function that is tried out leaves no trace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.probing import without_trace
from optathlon.task import agree

LONG_S = 30.0


def test_what_a_function_returns_comes_back() -> None:
    texts = ["x" * 200_000, "", "\n\n", "ä"]
    assert without_trace(lambda: texts, LONG_S) == texts
    assert without_trace(lambda: [Path(__file__).read_text()[:3]], LONG_S) == ['"""'], "it may read"
    assert without_trace(lambda: [], LONG_S) == []


TRACES: dict[str, Callable[[Path], object]] = {
    "writes": lambda folder: (folder / "new").write_text("x"),
    "appends": lambda folder: (folder / "old").open("a").write("x"),
    "opens": lambda folder: os.open(folder / "new", os.O_WRONLY | os.O_CREAT),
    "removes": lambda folder: (folder / "old").unlink(),
    "renames": lambda folder: (folder / "old").rename(folder / "new"),
    "makes a folder": lambda folder: (folder / "new").mkdir(),
    "cuts": lambda folder: os.truncate(folder / "old", 0),
    "touches": lambda folder: (folder / "new").touch(),
    "links": lambda folder: (folder / "new").symlink_to(folder / "old"),
    "copies": lambda folder: shutil.copy(folder / "old", folder / "new"),
    "makes temporary files": lambda folder: tempfile.mkstemp(dir=folder),
    "starts a process": lambda folder: subprocess.run(["touch", folder / "new"], check=False),
    "calls the shell": lambda folder: os.system(f"touch {folder}/new"),
    "forks": lambda folder: os.fork() or os.write(1, b""),
    "connects": lambda folder: socket.create_connection(("127.0.0.1", 9)),
    "binds": lambda folder: socket.socket().bind(("127.0.0.1", 0)),
    "kills": lambda folder: os.kill(os.getppid(), signal.SIGUSR1),
}


@pytest.mark.parametrize("trace", TRACES)
def test_traces_are_refused_before_they_are_left(tmp_path: Path, trace: str) -> None:
    (tmp_path / "old").write_text("old")

    def swallowing() -> list[str]:
        with contextlib.suppress(OSError):
            TRACES[trace](tmp_path)
        return ["done"]

    assert without_trace(swallowing, LONG_S) == []
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old": "old"}


@pytest.mark.parametrize("end", [lambda: 1 / 0, lambda: os._exit(0), sys.exit, os.abort])
def test_nothing_comes_of_a_function_that_fails(end: Callable[[], object]) -> None:
    def fail() -> Iterator[str]:
        yield "begun"
        yield str(end())

    assert without_trace(fail, LONG_S) == []


def test_a_function_that_takes_long_is_ended() -> None:
    def sleep() -> Iterator[str]:
        time.sleep(600)
        yield "awake"

    assert without_trace(sleep, 0.1) == []


def test_nothing_of_this_process_changes(capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []

    def shout() -> list[str]:
        seen.append(1)
        print("loud", file=sys.stderr, flush=True)
        return ["done"]

    children = psutil.Process().children()
    assert without_trace(shout, LONG_S) == ["done"]
    assert (seen, capfd.readouterr().err) == ([], "")
    assert {*psutil.Process().children()} <= {*children}


fingerprints = st.lists(st.sampled_from("ab"), max_size=3).map(".".join)


@given(fingerprints, fingerprints)
def test_fingerprints_agree_as_far_as_both_tell(one: str, other: str) -> None:
    assert agree(one, other) == agree(other, one)
    assert agree(one, one)
    assert agree(one, f"{one}.a".strip("."))
    assert not agree(f"a.{one}", f"b.{other}")
