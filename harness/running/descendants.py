"""Ending a process with all that it has started, also what has made itself a daemon.

A daemon leaves its session and its parent, so neither its process group nor its parent leads to it. On Linux a process
can adopt such orphans: they stay below it in the tree of processes. A mark in the environment, which is inherited,
tells whose they were where the process that started them has died by itself.

Beyond reach are daemons on other systems, those that clear their environment and outlive the process of their trial,
and what other programs start on request (systemd, Docker, at).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable

import psutil

MARK = "OPTATHLON_EVALUATION"
"""The environment variable that says for which process something was started."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_MOST_ROUNDS = 200
_ROUND_S = 0.01


def adopt_orphans() -> None:
    """From now on, what is started below this process stays below it, also when its own parent ends (on Linux)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def go_on_without_parent() -> None:
    """If this process is stopped when its parent ends, it goes on: else nobody would end it (on Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def kill_descendants(pid: int) -> None:
    """Kill whatever that process has started. It should start nothing meanwhile: stop it before."""
    _kill_all(pid, lambda process: process.status() != psutil.STATUS_ZOMBIE)


def kill_orphans(mark: str) -> None:
    """Kill whatever below this process has that mark."""
    for killed in _kill_all(os.getpid(), lambda process: process.environ().get(MARK) == mark):
        with contextlib.suppress(ChildProcessError):  # it was adopted, and so is ours to reap
            os.waitpid(killed, os.WNOHANG)


def _kill_all(pid: int, is_meant: Callable[[psutil.Process], bool]) -> set[int]:
    """Kill descendants until there are none: they may start others while they are killed. The ids of the killed."""
    killed = set()
    for _ in range(_MOST_ROUNDS):
        found = [process for process in _descendants(pid) if _holds(is_meant, process)]
        if not found:
            break
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
                killed.add(process.pid)
        time.sleep(_ROUND_S)
    return killed


def _descendants(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _holds(is_meant: Callable[[psutil.Process], bool], process: psutil.Process) -> bool:
    """False also of a process that has gone, or of which we may not know."""
    with contextlib.suppress(psutil.Error, OSError):
        return is_meant(process)
    return False
