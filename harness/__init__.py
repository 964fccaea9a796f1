"""Optathlon: N optimizers compete on M tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import SearchSpaceExhausted
from optathlon.function_task import as_task
from optathlon.optimizer import Capability, Optimizer, Pending
from optathlon.problem import Constraint, Fidelity, Objective, Problem, TaskType
from optathlon.resources import Resources
from optathlon.task import Collection, Task
from optathlon.trial import Result, Status, Trial

if TYPE_CHECKING:
    from optathlon.experiments.driver import run_experiment
    from optathlon.experiments.experiment import Experiment
    from optathlon.results.frames import Results, load
    from optathlon.running.ask_tell import AskedTrial, AskTell, make_optimizer
    from optathlon.tables.call import table_task

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
    "Problem",
    "Resources",
    "Result",
    "Results",
    "SearchSpaceExhausted",
    "Status",
    "Task",
    "TaskType",
    "Trial",
    "as_task",
    "load",
    "make_optimizer",
    "run_experiment",
    "table_task",
]

_LAZY = {
    "AskTell": "optathlon.running.ask_tell",
    "AskedTrial": "optathlon.running.ask_tell",
    "Experiment": "optathlon.experiments.experiment",
    "Results": "optathlon.results.frames",
    "load": "optathlon.results.frames",
    "make_optimizer": "optathlon.running.ask_tell",
    "run_experiment": "optathlon.experiments.driver",
    "table_task": "optathlon.tables.call",
}


def __getattr__(name: str) -> Any:
    """Load pandas, pyarrow and pydantic only when something that needs them is used."""
    if name not in _LAZY:
        raise AttributeError(f"module 'optathlon' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
