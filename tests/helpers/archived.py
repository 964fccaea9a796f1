"""What the tests of the archive share: quick tasks of a shipped part, and who does runs on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

QUICK = ("bbob/f16/d5/i1", "bbob/f17/d5/i1", "bbob-mixint/f18/d10/i1")
"""Tasks of blackbox/dev that need no package beyond the core's and no data."""

Grid = Callable[..., Path]
"""Does runs of optimizers, and gives the results folder."""
