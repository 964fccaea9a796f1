"""A child process, with which one JSON object per line is exchanged.

There are no threads: what the child writes is read where an answer is awaited. A child that is busy between answers may
wait for that when a pipe is full, and goes on then.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from optathlon.errors import OptathlonError
from optathlon.text import shortened

LONGEST = 2**24
"""The most bytes of an answer."""

_KEPT = 2**14
"""The last bytes of stderr that are kept."""
_TOLD_LINES = 12
_TOLD_CHARACTERS = 1500
_SHOWN = 120
_WAKE_S = 0.5
"""So often it is looked whether the child has died: another process may hold its pipes open."""
_GRACE_S = 2.0
"""What a child has to end by itself."""

_WITH_PARENT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() != int(sys.argv[1]):
    sys.exit()
try:
    os.execvp(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"can't start {sys.argv[2]!r}: {error.strerror}")
"""
"""Starts a program that the kernel kills when the thread that started it ends (PR_SET_PDEATHSIG, on Linux)."""


class RemoteError(OptathlonError):
    """An optimizer's process failed: it died, was silent for too long, said what it may not, or reported an error."""


class Child:
    """A process that reads messages on stdin and writes answers on stdout.

    It has a session of its own, and `close` kills all of that. Where this process dies without, the child's stdin ends;
    on Linux the child is killed too.

    Parameters
    ----------
    command:
        A program and its arguments; a program with a `/` in its name is looked for from `folder` on.
    folder:
        Where it works.
    variables:
        Of its environment, beside those of this process.
    """

    def __init__(self, command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> None:
        started = [*_launcher(), *command]
        try:
            self._process = subprocess.Popen(
                started,
                cwd=folder,
                env={**os.environ, **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise RemoteError(f"can't start {command[0]!r}: {error.strerror}") from None
        self._owner = os.getpid()
        self._pipes = {name: _descriptor(getattr(self._process, name)) for name in ("stdin", "stdout", "stderr")}
        for descriptor in self._pipes.values():
            os.set_blocking(descriptor, False)
        self._answers = bytearray()
        self._searched = 0
        self._errors = bytearray()

    def send(self, message: Mapping[str, Any], seconds: float) -> None:
        """Write a message; raises `RemoteError` where the child does not read it in so many seconds."""
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
        rest = text.encode(errors="backslashreplace") + b"\n"  # JSON has half a surrogate pair as `\\ud800`
        deadline = time.monotonic() + seconds
        while rest := rest[self._written(rest) :]:
            self._require_time(deadline, f"did not read {message['type']!r}", seconds)
            self._wait(deadline, writing=True)

    def receive(self, to: str, seconds: float) -> dict[str, Any]:
        """The next answer; raises `RemoteError` where there is none in so many seconds, or it is not a JSON object."""
        deadline = time.monotonic() + seconds
        while True:
            line = self._line()
            if line is None:
                if "stdout" not in self._pipes:
                    self._fail("closed its stdout")
                self._require_time(deadline, f"gave no answer to {to!r}", seconds)
                self._wait(deadline)
            elif line.strip():
                return self._parsed(line)

    def said_unasked(self) -> dict[str, Any] | None:
        """An answer that nobody waits for; `None` where there is none (yet)."""
        self._wait(0.0)
        while (line := self._line()) is not None:
            if line.strip():
                return self._parsed(line)
        return None

    def complain(self, complaint: str) -> NoReturn:
        """Raise a `RemoteError` that has the last lines of stderr."""
        self._wait(0.0)
        text = bytes(self._errors).decode(errors="replace").rstrip()
        lines = [line.rstrip() for line in text.splitlines() if line.strip()][-_TOLD_LINES:]
        told = "\n".join(lines)[-_TOLD_CHARACTERS:]
        raise RemoteError(f"{complaint}; its last lines:\n{told}" if told else complaint)

    def close(self, farewell: Mapping[str, Any] | None = None) -> None:
        """End the child, with what it has started in its session: it may do so by itself after the farewell.

        In a copy of this process, made by a fork, nothing happens.
        """
        if os.getpid() != self._owner:
            return
        try:
            if farewell is not None and self._process.poll() is None:
                with contextlib.suppress(OSError):
                    os.write(self._pipes["stdin"], json.dumps(farewell).encode() + b"\n")
                self._close("stdin")
                self._watch_it_end()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for name in list(self._pipes):
                self._close(name)

    def _watch_it_end(self) -> None:
        """Read what it says, so that it can, until it has ended or its time is up."""
        deadline = time.monotonic() + _GRACE_S
        while self._process.poll() is None and time.monotonic() < deadline:
            self._wait(min(deadline, time.monotonic() + 0.02))
            if not self._pipes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(max(deadline - time.monotonic(), 0.0))
            self._answers.clear()

    def _written(self, data: bytes) -> int:
        try:
            return os.write(self._pipes["stdin"], data)
        except BlockingIOError:
            return 0
        except OSError:  # a broken pipe
            self._fail("does not read any more")

    def _wait(self, deadline: float, *, writing: bool = False) -> None:
        """Wait until there is something to read, or room to write, and read; not much longer than to the deadline."""
        poll = select.poll()
        for name in ("stdout", "stderr"):
            if name in self._pipes:
                poll.register(self._pipes[name], select.POLLIN)
        if writing:
            poll.register(self._pipes["stdin"], select.POLLOUT)
        seconds = min(max(deadline - time.monotonic(), 0.0), _WAKE_S)
        ready = {descriptor for descriptor, _ in poll.poll(seconds * 1000)}
        if not ready and self._process.poll() is not None:
            self._close("stdout")
        for name in ("stdout", "stderr"):
            if self._pipes.get(name) in ready:
                self._read(name)

    def _read(self, name: str) -> None:
        try:
            data = os.read(self._pipes[name], 2**16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(name)
        elif name == "stderr":
            self._errors += data
            del self._errors[:-_KEPT]
        else:
            self._answers += data

    def _line(self) -> bytes | None:
        """The next line that is complete."""
        end = self._answers.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._answers)
            if self._searched > LONGEST:
                self.complain(f"the optimizer's process gave an answer of more than {LONGEST:,} bytes")
            return None
        line = bytes(self._answers[:end])
        del self._answers[: end + 1]
        self._searched = 0
        return line

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError):
            self.complain(f"the optimizer's process answered what is not JSON: {_shown(line)}")
        if not isinstance(answer, dict) or not isinstance(answer.get("type"), str):
            self.complain(f"the optimizer's process answered what is not an object with a type: {_shown(line)}")
        return answer

    def _require_time(self, deadline: float, complaint: str, seconds: float) -> None:
        if time.monotonic() >= deadline:
            self.complain(f"the optimizer's process {complaint} within {seconds:g} s")

    def _fail(self, complaint: str) -> NoReturn:
        """Raise what tells how the child ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        code = self._process.poll()
        deadline = time.monotonic() + 0.2
        while "stderr" in self._pipes and time.monotonic() < deadline:
            self._wait(deadline)
        match code:
            case None:
                how = complaint
            case _ if code < 0:
                how = f"was killed by {_signal_name(-code)}"
            case _:
                how = f"ended with exit code {code}"
        self.complain(f"the optimizer's process {how}")

    def _close(self, name: str) -> None:
        if self._pipes.pop(name, None) is not None:
            with contextlib.suppress(OSError):
                getattr(self._process, name).close()


def _launcher() -> list[str]:
    """What lets a program die with this process."""
    if sys.platform != "linux":
        return []
    return [sys.executable, "-I", "-S", "-c", _WITH_PARENT, str(os.getpid())]


def _descriptor(pipe: Any) -> int:
    return int(pipe.fileno())


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)


def _shown(line: bytes) -> str:
    return repr(shortened(line[: 2 * _SHOWN].decode(errors="replace"), _SHOWN))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


__all__ = ["LONGEST", "Child", "RemoteError"]
