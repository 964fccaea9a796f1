"""Progress with rate and time left: live on a terminal, plain lines elsewhere, always plain lines in the log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import shorten
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from optathlon.experiments.notebook import NotebookLine, in_notebook
from optathlon.redaction import redacted
from optathlon.text import clean
from optathlon.trial import Status

_LINE_EVERY_S = 10.0
_REASON_WIDTH = 100


class ProgressDisplay:
    """Counts finished runs. Use as a context manager, call `ended` for each run and `tick` often.

    `note` is shown beside the counts, as what is waited for.
    """

    def __init__(self, total: int, log: Path) -> None:
        self.note = ""
        self._total = total
        self._log = log
        self._counts: Counter[Status] = Counter()
        self._reasons: Counter[str] = Counter()
        self._began = self._last_line = time.monotonic()
        console = Console(stderr=True)
        self._live: Live | NotebookLine | None = None
        if in_notebook():
            self._live = NotebookLine()
        elif console.is_terminal:
            self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        self._write_line()

    def ended(self, status: Status, reason: str = "") -> None:
        """A run has ended."""
        self._counts[status] += 1
        if not status.is_complete:
            self._reasons[redacted(reason)] += 1
        self.tick()

    def elsewhere(self) -> None:
        """Another driver does one of the runs."""
        self._total -= 1

    def tick(self) -> None:
        """Refresh what is shown."""
        if self._live:
            self._live.update(Text(self.text()), refresh=True)
        if time.monotonic() - self._last_line > _LINE_EVERY_S:
            self._write_line()

    @property
    def counts(self) -> Counter[Status]:
        """Finished runs by status."""
        return self._counts

    def _write_line(self) -> None:
        self._last_line = time.monotonic()
        line = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {self.text()}"
        with contextlib.suppress(OSError), self._log.open("a") as log:  # no space for results will be said elsewhere
            log.write(line + "\n")
        if not self._live:
            with contextlib.suppress(BrokenPipeError):  # runs go on though nobody reads how far they are
                print(line, file=sys.stderr, flush=True)

    def text(self) -> str:
        """What is shown, in one line."""
        done = self._counts.total()
        seconds = time.monotonic() - self._began
        rate = done / seconds if seconds > 0 else 0.0
        parts = [f"{done}/{self._total} runs"]
        if rate:
            parts.append(f"{rate:.3g} runs/s")
            left = timedelta(seconds=round((self._total - done) / rate))
            parts.append(f"about {left} left" if done < self._total else f"in {timedelta(seconds=round(seconds))}")
        if failed := self._reasons.total():
            parts.append(f"{failed} not ok{self._most_frequent_reason}")
        return ", ".join([*parts, self.note] if self.note else parts)

    @property
    def _most_frequent_reason(self) -> str:
        reason, count = self._reasons.most_common(1)[0]
        if not reason:
            return ""
        others = "" if count == self._reasons.total() else f", {count} as"
        return f"{others}: {shorten(clean(reason), _REASON_WIDTH, placeholder=' …')}"
