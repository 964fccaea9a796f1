"""The plan of an experiment: which runs are to do, which are done, and which are skipped and why."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from optathlon.budget import Budget
from optathlon.capabilities import mismatch
from optathlon.experiment import Experiment
from optathlon.registry import OptimizerChoice, choose_optimizer, expand_tasks, make_task
from optathlon.runs import RunSpec


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
        Ids of the runs that the results folder already has.
    """

    optimizers: dict[str, OptimizerChoice]
    tasks: list[str]
    todo: list[RunSpec]
    skipped: list[tuple[RunSpec, str]]
    done: list[str]

    @property
    def total(self) -> int:
        """All runs of the experiment."""
        return len(self.done) + len(self.todo) + len(self.skipped)


def make_plan(experiment: Experiment, finished: Container[str]) -> Plan:
    """The plan of `experiment`, where `finished` holds the ids of runs already stored.

    Raises `UsageError` for anything unknown or not installed, before anything runs.
    """
    choices = [choose_optimizer(id) for id in dict.fromkeys(experiment.optimizers)]
    optimizers = {choice.id: choice for choice in choices}
    tasks = expand_tasks(experiment.tasks)
    budget = Budget.parse(experiment.budget) if experiment.budget else None
    todo: list[RunSpec] = []
    skipped: list[tuple[RunSpec, str]] = []
    done: list[str] = []
    for task_id in tasks:
        task = make_task(task_id)
        problem = task.problem if budget is None else replace(task.problem, budget=budget)
        reasons = {id: mismatch(choice.cls, problem) for id, choice in optimizers.items()}
        for seed in experiment.seeds:
            for id, reason in reasons.items():
                spec = RunSpec(id, task_id, task.version, seed, experiment.root_seed, problem.budget, problem.n_workers)
                if spec.id in finished:
                    done.append(spec.id)
                elif reason:
                    skipped.append((spec, reason))
                else:
                    todo.append(spec)
    return Plan(optimizers, tasks, todo, skipped, done)
