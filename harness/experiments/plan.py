"""The plan of an experiment: which runs are to do, which are done, and which are skipped and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import chain, product
from types import MappingProxyType

from optathlon.budget import Budget
from optathlon.errors import UsageError
from optathlon.experiments.experiment import Experiment, parse_shard
from optathlon.experiments.rehearsal import require_costs, starting_failures
from optathlon.html_table import html_table
from optathlon.problem import Problem
from optathlon.registry.capabilities import levels_line, mismatch, remarks_on
from optathlon.registry.carps import PREFIX as CARPS
from optathlon.registry.carps import carps_tasks, left_out
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.tasks import expand_tasks, make_task
from optathlon.registry.where import tasks_where
from optathlon.running.clocks import Clock
from optathlon.running.gpus import gpu_shortage
from optathlon.running.runs import RunSpec
from optathlon.subsets.subset import PREFIX as SUBSET
from optathlon.subsets.subset import subset_tasks
from optathlon.task import Task
from optathlon.text import clean

MOST_RUNS = 20_000_000
"""A plan holds every run, in about 200 bytes each."""


@dataclass(frozen=True)
class Plan:
    """What an experiment comes to.

    Attributes
    ----------
    optimizers:
        By id.
    tasks:
        Ids, in order.
    todo:
        Runs to do, grouped by task.
    skipped:
        Runs that the optimizer can't do, with the reason; those already recorded are left out.
    done:
        Runs that the results folder already has.
    unplaced:
        Runs that need more GPUs than there are, with the reason. They are neither done nor recorded.
    remarks:
        What should be known before it runs: of an optimizer on a task, by the first of their runs to do.
    levels:
        Of each optimizer that uses fidelities, on a task that has one, which levels it will ask for.
    absent:
        What is asked for and not here, a line each; no run stands for it.
    shipped:
        Runs that ship as baselines, where the experiment leaves these out. They are neither done nor recorded.
    """

    optimizers: dict[str, OptimizerChoice]
    tasks: list[str]
    todo: list[RunSpec]
    skipped: list[tuple[RunSpec, str]]
    done: list[RunSpec]
    unplaced: list[tuple[RunSpec, str]]
    remarks: list[tuple[RunSpec, str]]
    levels: list[tuple[RunSpec, str]]
    absent: list[str]
    shipped: list[RunSpec] = field(default_factory=list)

    def _repr_html_(self) -> str:
        """What a notebook shows: how many runs are to do, and why some are not done."""
        title = f"{len(self.optimizers):,} optimizers x {len(self.tasks):,} tasks: {self.total:,} runs"
        rows: list[tuple[str, int, str]] = [("done", len(self.done), ""), ("to do", len(self.todo), "")]
        for name, runs in (("skipped", self.skipped), ("no GPU", self.unplaced)):
            rows += [(name, count, reason) for reason, count in Counter(reason for _, reason in runs).most_common()]
        return html_table(title, ("runs", "number", "reason"), rows)

    @property
    def total(self) -> int:
        """How many runs the experiment has."""
        undone = len(self.skipped) + len(self.unplaced) + len(self.shipped)
        return len(self.done) + len(self.todo) + undone

    @property
    def runs(self) -> Iterator[RunSpec]:
        """All of them but those that ship."""
        skipped, unplaced = (spec for spec, _ in self.skipped), (spec for spec, _ in self.unplaced)
        return chain(self.done, self.todo, skipped, unplaced)


def choose_optimizers(ids: Iterable[str]) -> dict[str, OptimizerChoice]:
    """The optimizers of these ids, by the ids that their runs have; `UsageError` as `choose_optimizer`."""
    choices = [choose_optimizer(id) for id in dict.fromkeys(ids)]
    return {choice.id: choice for choice in choices}


def make_plan(
    experiment: Experiment,
    finished: Container[str],
    gpus: float = math.inf,
    attempts: Mapping[str, int] = MappingProxyType({}),
) -> Plan:
    """The plan of `experiment`, where `finished` holds the ids of runs already stored, on so many GPUs.

    Runs that `attempts` has are not done, though stored, but in their next attempt.

    Raises `UsageError` for anything unknown or not installed, before anything runs.
    """
    optimizers = choose_optimizers(experiment.optimizers)
    tasks = choose_tasks(experiment.tasks)
    if experiment.where:
        tasks = tasks_where(tasks, experiment.where)
    _require_storable("optimizer", optimizers)
    _require_storable("task", tasks)
    runs = len(optimizers) * len(tasks) * len(experiment.seeds)
    if runs > MOST_RUNS:
        raise UsageError(
            f"{len(optimizers):,} optimizers x {len(tasks):,} tasks x {len(experiment.seeds):,} seeds are {runs:,} "
            f"runs, and one command does {MOST_RUNS:,} at most: give some of the tasks or seeds at a time"
        )
    budget = Budget.parse(experiment.budget) if experiment.budget else None
    todo: list[RunSpec] = []
    skipped: list[tuple[RunSpec, str]] = []
    done: list[RunSpec] = []
    unplaced: list[tuple[RunSpec, str]] = []
    begun: dict[str, tuple[Task, Problem]] = {}
    shipped: list[RunSpec] = []
    known = _shipped(experiment, optimizers, tasks) if experiment.baselines else frozenset()
    part, parts = parse_shard(experiment.shard or "1/1")
    for id in tasks:
        task = make_task(id)
        _require_version(task)
        problem = _problem(task, budget, experiment)
        at_once = problem.n_workers if experiment.run_clock is Clock.REAL else 1
        no_room = gpu_shortage(task.resources.gpus, at_once, gpus)
        reasons = {optimizer: mismatch(choice.cls, problem) for optimizer, choice in optimizers.items()}
        first_todo = len(todo)
        for spec in _runs_on(task, problem, optimizers, experiment):
            run, reason = spec.id, reasons[spec.optimizer]
            if int(run, 16) % parts != part:
                continue
            if run in attempts:
                spec = replace(spec, attempt=attempts[run] + 1)  # noqa: PLW2901
            if run in finished and run not in attempts:
                done.append(spec)
            elif run in known:
                shipped.append(spec)
            elif reason:
                skipped.append((spec, reason))
            elif no_room:
                unplaced.append((spec, no_room))
            else:
                todo.append(spec)
        if len(todo) > first_todo:
            begun[id] = task, problem
    require_costs(begun.values(), experiment.run_clock)
    first = _first_runs(todo)
    remarks = list(_remarks(first, optimizers, begun))
    levels = [(spec, text) for spec in first if (text := levels_line(optimizers[spec.optimizer], begun[spec.task][1]))]
    absent = list(filter(None, map(left_out, experiment.tasks)))
    return Plan(optimizers, tasks, todo, skipped, done, unplaced, remarks, levels, absent, shipped)


def _require_version(task: Task) -> None:
    if not (isinstance(task.version, str) and task.version.isprintable()):
        raise UsageError(f"the version of the task {task.id!r} is {task.version!r}: give a text such as '2'")


def _shipped(experiment: Experiment, optimizers: Mapping[str, OptimizerChoice], tasks: Sequence[str]) -> Container[str]:
    """The ids of runs that the experiment leaves out as they ship."""
    from optathlon.archive.known import known_runs  # which loads pandas

    patterns = [name.strip() for name in (experiment.baselines or "").split(",")]
    left = [id for id in optimizers if any(fnmatchcase(id, pattern.replace("[", "[[]")) for pattern in patterns)]
    return known_runs(tasks, {id: optimizers[id].code for id in left})


def _first_runs(todo: Iterable[RunSpec]) -> list[RunSpec]:
    """The first run to do of each optimizer on each task."""
    first: dict[tuple[str, str], RunSpec] = {}
    for spec in todo:
        first.setdefault((spec.optimizer, spec.task), spec)
    return list(first.values())


def _remarks(
    first: Sequence[RunSpec], optimizers: Mapping[str, OptimizerChoice], begun: Mapping[str, tuple[Task, Problem]]
) -> Iterator[tuple[RunSpec, str]]:
    """What should be known before these runs begin; `begun` has their tasks by id, as the experiment sets them."""
    for spec in first:
        for text in remarks_on(optimizers[spec.optimizer], begun[spec.task][1]):
            yield spec, text
    starts: dict[str, RunSpec] = {}
    for spec in first:
        starts.setdefault(spec.optimizer, spec)
    tried = ((optimizers[optimizer], begun[spec.task][1]) for optimizer, spec in starts.items())
    for optimizer, text in starting_failures(tried).items():
        yield starts[optimizer], f"it does not start: {text}"


def choose_tasks(patterns: Iterable[str]) -> list[str]:
    """The ids that the patterns stand for, in their order and without repetitions.

    A pattern is one of `optathlon.registry.tasks.expand_tasks`, or `subset:NAME`, `subset:NAME/dev` or
    `subset:NAME/test` for the tasks of a subset or of a part of it, where NAME is a shipped one or a YAML file, or
    `carps:NAME` or `carps:TYPE/PART` for a task or a subset of CARP-S.
    """
    return list(dict.fromkeys(id for pattern in patterns for id in _chosen(pattern)))


def _chosen(pattern: str) -> list[str]:
    if pattern.startswith(SUBSET):
        return [make_task(id).id for id in subset_tasks(pattern)]
    return carps_tasks(pattern) if pattern.startswith(CARPS) else expand_tasks([pattern])


def _require_storable(kind: str, ids: Iterable[str]) -> None:
    for id in ids:
        if not id.isprintable():
            raise UsageError(f"the {kind} id {clean(id)!r} has characters that can't be stored or shown: rename it")


def _problem(task: Task, budget: Budget | None, experiment: Experiment) -> Problem:
    """The task's problem with what the experiment sets."""
    try:
        own = task.problem
    except UsageError as error:
        raise UsageError(f"the task {task.id!r}: {error}") from None
    return replace(own, budget=budget or own.budget, n_workers=experiment.workers_per_run or own.n_workers)


def _runs_on(task: Task, problem: Problem, optimizers: Iterable[str], experiment: Experiment) -> Iterator[RunSpec]:
    clock = experiment.run_clock
    for seed, optimizer in product(experiment.seeds, optimizers):
        yield RunSpec(
            optimizer,
            task.id,
            task.version,
            seed,
            experiment.root_seed,
            problem.budget,
            problem.n_workers,
            clock,
            gpus=task.resources.gpus,
            experiment=experiment.name,
        )
