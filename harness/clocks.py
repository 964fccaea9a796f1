"""The two clocks of a run. The run loop is the same under both; they differ in when a result is there.

Real: results come when they come. Virtual: for tasks that report the cost an evaluation would have had, `n_workers`
workers are simulated; a result is told at its simulated finish.
"""

from __future__ import annotations

from enum import StrEnum


class Clock(StrEnum):
    """What the seconds of a run are."""

    REAL = "real"
    """Wall-clock seconds."""
    VIRTUAL = "virtual"
    """Simulated seconds: each trial takes the cost that its task reports; the optimizer's own time is free."""
    CHARGED = "charged"
    """As `VIRTUAL`, and the optimizer's own time passes on the clock too."""
