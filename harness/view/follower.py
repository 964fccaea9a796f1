"""Following a results folder: looking at it again as often as the page asks, but not all the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from optathlon.errors import OptathlonError
from optathlon.results.folder import ResultsFolder
from optathlon.view.snapshot import snapshot

_EVERY_S = 2.0
_SHARE = 0.5
"""Looking takes at most this share of the time."""


def gone(folder: ResultsFolder) -> str:
    """What to say of a folder that is not there any more."""
    return (
        f"the results folder {str(folder.path)!r} is gone, as it was moved or removed: put it back, and the view goes "
        "on, or end it with Ctrl-C and start `optathlon view` with the new place"
    )


class Follower:
    """Has the last snapshot of a folder. Looking for the next one goes on in a thread, and nobody waits for it.

    Parameters
    ----------
    folder:
        What to look at.
    complain:
        Is told in one line why there is none, when that changes, and when there is one again.
    """

    def __init__(self, folder: ResultsFolder, complain: Callable[[str], None]) -> None:
        self._folder = folder
        self._complain = complain
        self._seen: dict[str, Any] | None = None
        self._complaint = ""
        self._due = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def latest(self) -> dict[str, Any]:
        """The last snapshot, and why there is no newer one under `complaint`; only the first one is waited for."""
        if self._looking is None and time.monotonic() >= self._due:
            self._looking = asyncio.create_task(self._look())
        if self._seen is None and self._looking is not None:
            await asyncio.shield(self._looking)
        return {**(self._seen or {}), "complaint": self._complaint}

    async def _look(self) -> None:
        began = time.monotonic()
        complaint = ""
        try:
            self._seen = await asyncio.to_thread(snapshot, self._folder)
        except OptathlonError as error:
            complaint = str(error)
        except OSError as error:  # it vanishes while it is read
            complaint = f"can't read {str(self._folder.path)!r}: {error.strerror or error}"
        finally:
            self._looking = None
            ended = time.monotonic()
            self._due = ended + max(_EVERY_S, (ended - began) / _SHARE)
        if complaint and not self._folder.path.is_dir():
            complaint = gone(self._folder)
        if complaint != self._complaint:
            self._complain(complaint or f"{str(self._folder.path)!r} can be read again: the view goes on")
        self._complaint = complaint
