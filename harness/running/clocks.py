"""The two clocks of a run. The run loop is the same under both; they differ in when a result is there.

Real: results come when they come. Virtual: for tasks that report the cost an evaluation would have had, `n_workers`
workers are simulated; a result is told at its simulated finish.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from enum import StrEnum

from optathlon.running.evaluation import FinishedTrial, Job, TimedResult


class Clock(StrEnum):
    """What the seconds of a run are."""

    REAL = "real"
    """Wall-clock seconds."""
    VIRTUAL = "virtual"
    """Simulated seconds: each trial takes the cost that its task reports; the optimizer's own time is free."""
    CHARGED = "charged"
    """As `VIRTUAL`, and the optimizer's own time passes on the clock too."""


class VirtualEvaluator:
    """Simulates `n_workers` workers: a trial ends as many seconds after its start as it costs.

    Each trial is evaluated when it is submitted, on the free worker with the lowest number; of trials that end at the
    same time the one asked first is told first. A failed trial without a cost takes no time. While the optimizer thinks
    on a `CHARGED` clock, workers finish and then wait for it, as they do with one driver in reality.

    Parameters
    ----------
    evaluate:
        Evaluates a job; the time it takes itself does not count.
    n_workers:
        Number of simulated workers, at least 1.
    clock:
        `Clock.VIRTUAL` or `Clock.CHARGED`.
    """

    simulates = True

    def __init__(self, evaluate: Callable[[Job], TimedResult], n_workers: int, clock: Clock) -> None:
        self._evaluate = evaluate
        self._charges = clock is Clock.CHARGED
        self._time = 0.0
        self._free = list(range(n_workers))
        self._running: list[tuple[float, int, FinishedTrial]] = []

    def now(self) -> float:
        """Simulated seconds since the run began."""
        return self._time

    def charge_overhead(self, seconds: float) -> None:
        """Let the time pass, on a clock that charges it."""
        if self._charges:
            self._time += seconds

    def submit(self, job: Job) -> None:
        """Evaluate the trial, and keep its result until its simulated end."""
        worker = heapq.heappop(self._free)
        result, seconds, peak_memory, _ = self._evaluate(job)
        end = self._time + (result.cost or 0.0)
        finished = FinishedTrial(job.trial, result, self._time, end, worker, seconds, peak_memory)
        heapq.heappush(self._running, (end, job.trial.id, finished))

    def wait(self) -> FinishedTrial:
        """The trial that ends first; its worker is free from now on."""
        end, _, finished = heapq.heappop(self._running)
        self._time = max(self._time, end)
        heapq.heappush(self._free, finished.worker)
        return finished
