"""`optathlon view` in a process of its own, and asking it."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Viewing:
    """A server: its process, its address, and what it has said on stderr once it has ended."""

    process: subprocess.Popen[str]
    address: str
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    @property
    def token(self) -> str:
        return urlsplit(self.address).path.strip("/")

    def ask(self, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
        """The answer to a path as it stands, which no client tidies up; its body is in `content`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in {"Content-Length": "0", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.content = answer.read().decode()  # type: ignore[attr-defined]
        connection.close()
        return answer

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ask(f"/{self.token}/state").content)  # type: ignore[attr-defined]
        return found

    def wait_for(self, condition: Callable[[dict[str, Any]], object], what: str, seconds: float = 400.0) -> None:
        """Wait until the state is as wanted, and leave the processor to others meanwhile."""
        deadline = time.monotonic() + seconds
        while not condition(self.state()):
            assert time.monotonic() < deadline, f"{what} did not happen"
            time.sleep(0.5)


@contextmanager
def viewing(start_command: Callable[..., subprocess.Popen[str]], folder: Path, **environment: str) -> Iterator[Viewing]:
    """A view of the folder, ended by Ctrl-C."""
    process = start_command("view", folder, **environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", line)
    assert found, line + process.communicate()[1]
    view = Viewing(process, found[0])
    try:
        yield view
    finally:
        process.send_signal(2)
        _, said = process.communicate(timeout=120)
        view.said += said.splitlines()
