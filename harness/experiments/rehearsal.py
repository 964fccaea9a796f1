"""What only trying shows, tried before anything runs: whether optimizers start, and whether tasks report costs.

User's code is called in a process of its own, which may take a while, print, exit or die without harm to the plan.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from optathlon.budget import BudgetUnit
from optathlon.errors import UsageError
from optathlon.function_task import FunctionTask
from optathlon.problem import Problem
from optathlon.registry.optimizers import OptimizerChoice
from optathlon.running.clocks import Clock
from optathlon.running.evaluation import evaluate
from optathlon.space import probes
from optathlon.task import Task
from optathlon.text import described
from optathlon.trial import Trial

_SECONDS = 20.0
"""What has not ended by then says nothing."""

_SHIPPED = "optathlon.optimizers."
"""The modules of optimizers whose options have ranges, and that a plan need not load."""


def starting_failures(choices: Iterable[tuple[OptimizerChoice, Problem]]) -> dict[str, str]:
    """Why optimizers of others don't start on a problem, by id; those that start are left out.

    Raises `UsageError` where it is the options that are wrong: with the defaults it starts.
    """
    foreign = {choice.id: (choice, problem) for choice, problem in choices if _is_foreign(choice)}
    found = _told({id: _starting(choice, problem) for id, (choice, problem) in foreign.items()})
    failures = {id: "its process dies" if text is None else text for id, text in found.items() if text != ""}
    plain = {id: replace(choice, options={}) for id, (choice, _) in foreign.items() if choice.options}
    asked = {id: _starting(choice, foreign[id][1]) for id, choice in plain.items() if id in failures}
    for id, text in _told(asked).items():
        if text == "":
            raise UsageError(f"the optimizer {id!r} doesn't start with these options: {failures[id]}")
    return failures


def require_costs(tasks: Iterable[tuple[Task, Problem]], clock: Clock) -> None:
    """Raise `UsageError` where a virtual clock or a budget of cost is to count what a task doesn't report."""
    counted = {_kind(task): (task, problem) for task, problem in tasks if _counts_cost(problem, clock)}
    for kind, text in _told({kind: _costing(task, problem) for kind, (task, problem) in counted.items()}).items():
        if text:
            task, problem = counted[kind]
            by_cost = problem.budget.unit is BudgetUnit.COST
            counts, remedy = (
                ("the budget counts reported cost", "give a budget of evaluations")
                if by_cost
                else ("the clock is virtual", "use the real clock")
            )
            raise UsageError(f"{counts}, but the task {task.id!r} reports no cost: {remedy}, or leave the task out")


def _is_foreign(choice: OptimizerChoice) -> bool:
    return not choice.cls.__module__.startswith(_SHIPPED)


def _counts_cost(problem: Problem, clock: Clock) -> bool:
    return clock is not Clock.REAL or problem.budget.unit is BudgetUnit.COST


def _kind(task: Task) -> str:
    """What reports costs alike: the tasks of a class, but for functions, each of which is its own."""
    cls = type(task)
    return task.id if isinstance(task, FunctionTask) else f"{cls.__module__}.{cls.__qualname__}"


def _starting(choice: OptimizerChoice, problem: Problem) -> Callable[[], str]:
    """Says why an optimizer doesn't start; nothing where it does."""

    def start() -> str:
        try:
            choice.start(replace(problem, space=deepcopy(problem.space)), 0)
        except BaseException as error:  # it may raise anything
            return described(error)
        return ""

    return start


def _costing(task: Task, problem: Problem) -> Callable[[], str]:
    """Says that a task reports no cost, where a trial of it went well without; nothing otherwise."""

    def measure() -> str:
        if task.resources.needs_process:
            return ""
        level = None if problem.fidelity is None else problem.fidelity.lower
        result = evaluate(task, Trial(probes(problem.space, 1)[0], level, id=0), 0)
        return "no cost" if result.ok and result.cost is None else ""

    return measure


def _told(checks: Mapping[str, Callable[[], str]]) -> dict[str, str | None]:
    """What checks say, by name, of those that end in time; `None` of one that takes its process down."""
    found: dict[str, str | None] = {}
    deadline = time.monotonic() + _SECONDS
    while left := {name: check for name, check in checks.items() if name not in found}:
        found |= _answers(left, deadline)
        if time.monotonic() > deadline:
            break
        found |= dict.fromkeys([name for name in left if name not in found][:1])
    return found


def _answers(checks: Mapping[str, Callable[[], str]], deadline: float) -> dict[str, str]:
    """What the checks say until the deadline, or until one of them takes the process down."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(checks, theirs), daemon=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: the child needs none of them
        process.start()
    theirs.close()
    found: dict[str, str] = {}
    with ours, suppress(EOFError):
        while ours.poll(max(0.0, deadline - time.monotonic())):
            name, text = ours.recv()
            found[name] = text
    process.kill()
    process.join()
    return found


def _answer(checks: Mapping[str, Callable[[], str]], connection: Connection) -> None:
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        for name, check in checks.items():
            connection.send((name, check()))
    connection.close()
