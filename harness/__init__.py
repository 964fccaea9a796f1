"""Optathlon: N optimizers compete on M tasks. The names below load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optathlon.lazy import lazy_names

if TYPE_CHECKING:
    from optathlon.archive.frames import baselines
    from optathlon.budget import Budget, BudgetUnit
    from optathlon.errors import SearchSpaceExhausted
    from optathlon.experiments.driver import plan_experiment, run_experiment
    from optathlon.experiments.experiment import Experiment
    from optathlon.experiments.plan import Plan
    from optathlon.experiments.summary import Summary
    from optathlon.function_task import as_task
    from optathlon.optimizer import Capability, Optimizer, Pending
    from optathlon.problem import Constraint, Fidelity, Objective, Problem, TaskType
    from optathlon.resources import Resources
    from optathlon.results.frames import Results, load
    from optathlon.running.ask_tell import AskedTrial, AskTell, make_optimizer
    from optathlon.tables.call import table_task
    from optathlon.task import Collection, Task
    from optathlon.trial import Result, Status, Trial

__all__ = [
    "AskTell",
    "AskedTrial",
    "Budget",
    "BudgetUnit",
    "Capability",
    "Collection",
    "Constraint",
    "Experiment",
    "Fidelity",
    "Objective",
    "Optimizer",
    "Pending",
    "Plan",
    "Problem",
    "Resources",
    "Result",
    "Results",
    "SearchSpaceExhausted",
    "Status",
    "Summary",
    "Task",
    "TaskType",
    "Trial",
    "as_task",
    "baselines",
    "load",
    "make_optimizer",
    "plan_experiment",
    "run_experiment",
    "table_task",
]

_HOMES = {
    "AskTell": "running.ask_tell",
    "AskedTrial": "running.ask_tell",
    "Budget": "budget",
    "BudgetUnit": "budget",
    "Capability": "optimizer",
    "Collection": "task",
    "Constraint": "problem",
    "Experiment": "experiments.experiment",
    "Fidelity": "problem",
    "Objective": "problem",
    "Optimizer": "optimizer",
    "Pending": "optimizer",
    "Plan": "experiments.plan",
    "Problem": "problem",
    "Resources": "resources",
    "Result": "trial",
    "Results": "results.frames",
    "SearchSpaceExhausted": "errors",
    "Status": "trial",
    "Summary": "experiments.summary",
    "Task": "task",
    "TaskType": "problem",
    "Trial": "trial",
    "as_task": "function_task",
    "baselines": "archive.frames",
    "load": "results.frames",
    "make_optimizer": "running.ask_tell",
    "plan_experiment": "experiments.driver",
    "run_experiment": "experiments.driver",
    "table_task": "tables.call",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
