"""Calling a user's function without leaving a trace: in a copy of this process that is thrown away.

Writing files, starting processes and talking to others are refused in it before they happen, as far as Python sees
them (its audit events). Then, as after an error, nothing comes of it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import resource
import select
import signal
import sys
import warnings
from collections.abc import Callable, Iterable

_REFUSED = (
    *("os.chmod", "os.chown", "os.exec", "os.fork", "os.kill", "os.link", "os.mkdir", "os.posix_spawn", "os.remove"),
    *("os.rename", "os.rmdir", "os.spawn", "os.symlink", "os.system", "os.truncate", "os.utime", "pty.spawn"),
    *("shutil.", "signal.pthread_kill", "socket.", "sqlite3.connect", "subprocess.Popen", "syslog.", "webbrowser."),
)
"""What the names of refused audit events begin with."""

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def without_trace(function: Callable[[], Iterable[str]], seconds: float) -> list[str]:
    """What `function` yields; nothing where one of it takes longer, it raises, or does what would leave a trace."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # where other threads make the copy hang, it is ended
        child = os.fork()
    if child == 0:
        _answer(function, writing)
    os.close(writing)
    try:
        return _read(reading, seconds)
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _read(pipe: int, seconds: float) -> list[str]:
    """All lines; none where the end of them, an empty one, does not come."""
    text = b""
    while select.select([pipe], [], [], seconds)[0]:
        if not (part := os.read(pipe, 65536)):
            break
        text += part
    *lines, last, rest = [b"", b"none", *text.split(b"\n")]
    return [] if last or rest else [json.loads(line) for line in lines[2:]]


def _answer(function: Callable[[], Iterable[str]], pipe: int) -> None:
    """The life of the copy."""
    traces: list[str] = []
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115, it ends with the process
        faulthandler.disable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        sys.dont_write_bytecode = True
        sys.addaudithook(lambda event, arguments: _refuse(event, arguments, traces))
        for text in function():
            os.write(pipe, json.dumps(text).encode() + b"\n")
        if not traces:
            os.write(pipe, b"\n")
    finally:
        os._exit(0)


def _refuse(event: str, arguments: tuple[object, ...], traces: list[str]) -> None:
    if event == "open":
        path, mode, flags = (*arguments, None, None)[:3]
        writes = bool(flags & _WRITING) if isinstance(flags, int) else any(letter in str(mode) for letter in "wax+")
        leaves_trace = writes and not str(path).endswith(".pyc") and "__pycache__" not in str(path)
    else:
        leaves_trace = event.startswith(_REFUSED)
    if leaves_trace:
        traces.append(event)
        raise PermissionError(f"{event} is refused here")
