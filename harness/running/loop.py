"""The run loop: one optimizer on one task with one seed, until the budget ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace

from optathlon.errors import Interruption, SearchSpaceExhausted
from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import Problem
from optathlon.running.accounting import Accounts, History, RunOutcome
from optathlon.running.evaluation import Evaluator, last_lines
from optathlon.running.interruption import forget, held, is_from_outside, telling_ctrl_c
from optathlon.running.limits import TimeLimit, TimeUp
from optathlon.text import described
from optathlon.trial import Result, Status


@telling_ctrl_c()
def run_loop(
    problem: Problem,
    start: Callable[[Problem], Optimizer],
    evaluator: Evaluator,
    noise: Iterator[int],
    history: History | None = None,
    *,
    limit: TimeLimit | None = None,
    fail_fast: int | None = None,
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
    limit:
        Once it is up, whatever the optimizer or the task does is of no account: the run ends as `timeout`.
    fail_fast:
        The run ends once so many trials (>= 1) have failed and none has succeeded.

    What the optimizer or the task raises is recorded in the outcome, with all trials so far. Raises an
    `Interruption` where the run can't be replayed, or its history can't be written.
    """
    accounts = Accounts(problem, evaluator, history or History(), fail_fast)
    limit = limit or TimeLimit()
    doing = "starting the optimizer"
    optimizer: Optimizer | None = None
    try:
        optimizer = start(replace(problem, space=deepcopy(problem.space)))
        limit.require_time()
        while True:
            doing = "ask"
            while accounts.has_room:
                began = time.perf_counter()
                try:
                    proposal = optimizer.ask()
                except SearchSpaceExhausted:
                    limit.require_time()
                    accounts.note_nothing_left()
                    break
                ask_s = time.perf_counter() - began
                limit.require_time()
                if proposal is None:
                    accounts.charge_overhead(ask_s)
                    break
                accounts.submit(proposal, ask_s, next(noise))
                limit.require_time()
            if not accounts.pending:
                return accounts.close()
            trial, result = accounts.next_result()
            doing = "tell"
            began = time.perf_counter()
            optimizer.tell(trial, told(optimizer, result))
            limit.require_time()
            accounts.record(trial.id, tell_s=time.perf_counter() - began)
    except BaseException as error:  # whatever an optimizer raises is that run's failure, never the experiment's
        status, reason = _verdict(error, doing, limit)
        return accounts.outcome(status, reason, last_lines())
    finally:
        with held():  # it may have a process to end
            optimizer = None
            forget(TimeUp)


def told(optimizer: Optimizer, result: Result) -> Result:
    """What an optimizer is told: without constraint values, where it doesn't learn from them."""
    if not result.constraints or Capability.CONSTRAINTS in optimizer.capabilities:
        return result
    return replace(result, constraints=())


def _verdict(error: BaseException, doing: str, limit: TimeLimit) -> tuple[Status, str]:
    """What an error says of its run. Raises what is not its own: interruptions, and what comes from outside."""
    if is_from_outside(error) and not isinstance(error, TimeUp):
        raise error
    if limit.is_up:
        return Status.TIMEOUT, f"{limit}: {doing}"
    if isinstance(error, Interruption):
        raise error
    if isinstance(error, MemoryError):
        return Status.MEMORY, f"out of memory: {doing}"
    return Status.CRASHED, f"{doing} raised {described(error)}"
