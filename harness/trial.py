"""Trials and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Value = str | int | float | bool
"""A hyperparameter's value, as plain Python."""


class Status(StrEnum):
    """How a trial or a run ended."""

    OK = "ok"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    DIVERGED = "diverged"
    INVALID = "invalid"
    STALLED = "stalled"
    SKIPPED = "skipped"
    EXHAUSTED = "exhausted"
    """A run with nothing left to try, before its budget was used."""

    @property
    def is_complete(self) -> bool:
        """Whether a run that ended so has done all that it was to do."""
        return self in COMPLETE


COMPLETE = frozenset({Status.OK, Status.EXHAUSTED})
"""How runs end that have done all that they were to do."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One proposed configuration.

    Parameters
    ----------
    config:
        Values by hyperparameter name. Inactive hyperparameters may be present; the harness strips them.
        In a trial that is told back, `config` holds the active ones as plain Python values.
    fidelity:
        The level to evaluate at; `None` is the full evaluation.
    parent:
        The id of the trial of the same configuration, at a lower level, that this one continues.
    id:
        The trial's place in its run, from 0; set by the harness.
    native:
        Whatever the adapter wants back in `tell`, e.g. the library's own trial object. Never stored.
    """

    config: Mapping[str, Any]
    fidelity: float | None = None
    parent: int | None = None
    id: int = -1
    native: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What evaluating a trial gave.

    Parameters
    ----------
    values:
        One per objective, as the user reads them (a maximised accuracy is the accuracy). Empty after a failure.
    status:
        `ok`, or why there are no values.
    cost:
        The seconds that the evaluation would have taken from scratch (tables and surrogates), where known. Of a
        continued trial the harness keeps the increment over its parent.
    metrics:
        Further named numbers, not shown to the optimizer: `"test/accuracy"`, `"tokens"`, …
    constraints:
        One per constraint; feasible when <= 0.
    error:
        The last lines of what went wrong.
    reused:
        Whether some of the work may have been done before, by an earlier trial or command, as where measurements are
        kept on disk. The real clock of the run then lets the whole cost pass, as if all had been done now.
    aside:
        The seconds of this evaluation that no optimizer is to pay for, as for test scores: the run's real clock lets
        them out.
    losses:
        What the optimizer learns from: one number to *minimise* per objective, always finite; for a failed
        trial an imputed one (see `optathlon.running.accounting`). Filled in by the harness before `tell`.
    """

    values: tuple[float, ...] = ()
    status: Status = Status.OK
    cost: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    constraints: tuple[float, ...] = ()
    error: str = ""
    losses: tuple[float, ...] = ()
    reused: bool = False
    aside: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the trial has values."""
        return self.status is Status.OK
