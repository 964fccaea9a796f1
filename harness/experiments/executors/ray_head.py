"""Noticing that the head of a Ray cluster is lost, before Ray does: it ends the process after a minute."""

from __future__ import annotations

import socket
import time

from optathlon.errors import Unavailable

_EVERY_S = 2.0
_PATIENCE_S = 20.0
"""So long may a head be away, as while it is started again; Ray itself has the patience of a minute."""
_ANSWER_S = 1.0


class RayHead:
    """The head of a cluster, at `HOST:PORT`.

    What asks the head for something, as starting and ending a worker does, would wait until Ray ends the process.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        host, _, port = address.rpartition(":")
        self._place = host.strip("[]"), int(port)
        self._next_look = self._last_seen = time.monotonic()

    @property
    def answers(self) -> bool:
        """Whether it can be reached now."""
        try:
            socket.create_connection(self._place, _ANSWER_S).close()
        except OSError:
            return False
        self._last_seen = time.monotonic()
        return True

    def check(self) -> None:
        """Look now and then. Raises `Unavailable` where the head has been away for too long."""
        if (now := time.monotonic()) < self._next_look:
            return
        self._next_look = now + _EVERY_S
        if not self.answers and time.monotonic() - self._last_seen > _PATIENCE_S:
            raise Unavailable(
                f"the head of the Ray cluster, {self._address}, is lost: start it again; what was stored is intact, "
                "and the same command does the rest"
            )

    def require(self) -> None:
        """Wait until the head answers. Raises `Unavailable` as `check` does."""
        while not self.answers:
            self.check()
            time.sleep(_ANSWER_S / 10)
