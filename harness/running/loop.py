"""The run loop: one optimizer on one task with one seed, until the budget ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace

from optathlon.errors import Interruption, SearchSpaceExhausted
from optathlon.optimizer import Optimizer
from optathlon.problem import Problem
from optathlon.running.accounting import Accounts, History, RunOutcome
from optathlon.running.evaluation import Evaluator, last_lines
from optathlon.trial import Status


class TimeUp(BaseException):
    """The run's time is up; raised from outside, wherever the run is. The text says what the limit was."""


def run_loop(
    problem: Problem,
    start: Callable[[Problem], Optimizer],
    evaluator: Evaluator,
    noise: Iterator[int],
    history: History | None = None,
) -> RunOutcome:
    """Run one optimizer on one problem until the budget ends.

    Parameters
    ----------
    problem:
        The task's problem with the run's budget and number of workers.
    start:
        Makes the optimizer from its own copy of the problem.
    evaluator:
        Evaluates the trials, on the real or a virtual clock.
    noise:
        The seeds of the task's noise, one per trial in the order they are asked.
    history:
        What an earlier process did of the run, and where to note what this one does. By default nothing.

    What the optimizer or the task raises is recorded in the outcome, with all trials so far. Raises an
    `Interruption` where the run can't be replayed, or its history can't be written.
    """
    accounts = Accounts(problem, evaluator, history or History())
    doing = "starting the optimizer"
    try:
        optimizer = start(replace(problem, space=deepcopy(problem.space)))
        while True:
            doing = "ask"
            while accounts.has_room:
                began = time.perf_counter()
                try:
                    proposal = optimizer.ask()
                except SearchSpaceExhausted:
                    accounts.note_nothing_left()
                    break
                ask_s = time.perf_counter() - began
                if proposal is None:
                    accounts.charge_overhead(ask_s)
                    break
                accounts.submit(proposal, ask_s, next(noise))
            if not accounts.pending:
                return accounts.close()
            trial, result = accounts.next_result()
            doing = "tell"
            began = time.perf_counter()
            optimizer.tell(trial, result)
            accounts.record(trial.id, tell_s=time.perf_counter() - began)
    except Interruption:
        raise
    except TimeUp as limit:
        return accounts.outcome(Status.TIMEOUT, f"{limit}: {doing}", last_lines())
    except MemoryError:
        return accounts.outcome(Status.MEMORY, f"out of memory: {doing}", last_lines())
    except (Exception, SystemExit) as error:  # any error of an optimizer is that run's failure, never the experiment's
        return accounts.outcome(Status.CRASHED, f"{doing} raised {type(error).__name__}: {error}", last_lines())
