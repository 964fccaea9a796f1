"""What evaluating a trial takes, and what it may take at most."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Resources:
    """What one trial of a task takes, and its limits.

    Trials are evaluated in the worker itself, which costs microseconds, unless anything below says otherwise; then they
    get a process of their own, which can be ended when it hangs, leaks or crashes, and is used again for later trials.

    Parameters
    ----------
    isolated:
        Whether trials get a process of their own in any case. Right for whatever trains a model or runs foreign code.
    cpus:
        Cores that the process is bound to, which is also its number of numerical threads; `None`: no binding, 1 thread.
    gpus:
        GPUs that the process sees: a share of one (0.25), or a whole number of them.
    seconds:
        Wall-clock seconds after which a trial is ended with status `timeout`.
    memory:
        Bytes of resident memory, child processes included, beyond which a trial is ended with status `memory`.
    """

    isolated: bool = False
    cpus: int | None = None
    gpus: float = 0.0
    seconds: float | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        is_share, is_whole = 0.01 <= self.gpus <= 1, 0 <= self.gpus < math.inf and self.gpus == int(self.gpus)
        if not (is_share or is_whole):
            raise ValueError(f"gpus is a share of one GPU from 0.01 on or a whole number of them, not {self.gpus!r}")
        for name in ("cpus", "seconds", "memory"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is positive or None, not {value!r}")

    @property
    def needs_process(self) -> bool:
        """Whether trials get a process of their own."""
        return self != IN_PROCESS

    def within(self, limits: Limits) -> Resources:
        """These resources under the limits that an experiment sets, which win over the task's own."""
        return replace(
            self,
            isolated=self.isolated or limits.isolated,
            seconds=limits.trial_seconds or self.seconds,
            memory=limits.trial_memory or self.memory,
        )


IN_PROCESS = Resources()
"""Cheap look-ups: evaluated in the worker, without limits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What an experiment sets for all of its runs; `None` is no limit.

    Parameters
    ----------
    trial_seconds, trial_memory, isolated:
        As in `Resources`.
    run_seconds:
        Wall-clock seconds after which a run is ended with status `timeout`; its trials so far are kept.
    fail_fast:
        Number of trials, at least 1, after which a run ends where all of them have failed.
    """

    trial_seconds: float | None = None
    trial_memory: int | None = None
    run_seconds: float | None = None
    fail_fast: int | None = None
    isolated: bool = False
