"""What the tests of several folders share: commands as a user gives them, plugin files, and comparable frames."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

from optathlon import registry
from optathlon.environment import is_pinned, pinned, pinning
from optathlon.results import Results

settings.register_profile("optathlon", deadline=None, derandomize=True, database=None)
settings.load_profile("optathlon")

os.environ.update({name: value for name, value in pinning().items() if name != "PYTHONHASHSEED"})
"""Before the workers of xdist start, which would fight for the cores with several threads each."""

with pinned():
    PINNED = dict(os.environ)
"""With this environment the command line does not start itself anew, and the driver forks its workers."""

_TIMES = {
    "runs": ["started", "seconds", "host", "provenance"],
    "trials": ["ask_s", "tell_s", "evaluate_s", "start", "end", "worker", "peak_memory"],
}

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def command() -> Command:
    """`optathlon ARGS` in a process of its own; the finished process with its output as text."""

    def run(*args: object, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "optathlon", *map(str, args)],
            cwd=cwd,
            env=PINNED | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def start_command() -> Callable[..., subprocess.Popen[str]]:
    """`optathlon ARGS` in a process of its own that still runs."""

    def start(*args: object, cwd: Path | None = None, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "optathlon", *map(str, args)],
            cwd=cwd,
            env=PINNED | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def pinned_environment() -> Iterator[None]:
    """This process looks as if it had been started by the command line."""
    with pinned():
        yield


@pytest.fixture
def own_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins that the test loads are forgotten after it."""
    monkeypatch.setattr(registry, "_plugins", registry._Plugins())


@pytest.fixture
def in_process(
    pinned_environment: None,
    own_plugins: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Callable[..., SimpleNamespace]]:
    """`optathlon ARGS` without a new process (a second cheaper); its exit code and output."""
    from optathlon.cli import main

    def run(*args: object) -> SimpleNamespace:
        assert is_pinned(), "else the command line would start pytest anew"
        monkeypatch.setattr(sys, "argv", ["optathlon", *map(str, args)])
        capfd.readouterr()
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
        captured = capfd.readouterr()
        return SimpleNamespace(returncode=code, stdout=captured.out, stderr=captured.err)

    yield run


@pytest.fixture(scope="session")
def timeless() -> Callable[[Results], dict[str, list[dict[str, object]]]]:
    """The runs and trials of results without times and machine: what must be the same however they came about."""

    def strip(results: Results) -> dict[str, list[dict[str, object]]]:
        return {
            part: getattr(results, part).drop(columns=times).astype(object).fillna("missing").to_dict("records")
            for part, times in _TIMES.items()
        }

    return strip
