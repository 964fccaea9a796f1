"""Whether an optimizer can do a task; if not, the run is recorded as skipped, with the reason.

And what should be known of an optimizer on a task before it runs there.
"""

from __future__ import annotations

from collections.abc import Iterator

from ConfigSpace.hyperparameters import CategoricalHyperparameter

from optathlon.fidelity import Schedule, degeneracy, outlook
from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import Problem
from optathlon.registry.optimizers import OptimizerChoice
from optathlon.space import has_one_configuration


def mismatch(optimizer: type[Optimizer], problem: Problem) -> str:
    """Why `optimizer` can't do `problem`, in one line; empty where it can."""
    demands = dict(_demands(problem))
    for capability, reason in demands.items():
        if capability not in optimizer.capabilities:
            return reason
    for capability in sorted(optimizer.requires - _offers(problem)):
        return f"the optimizer needs a {capability} task"
    return optimizer.objection(problem)


def levels_line(choice: OptimizerChoice, problem: Problem) -> str:
    """Which levels the optimizer will ask for on `problem`, and when it comes to the full one, in one line.

    Empty where it uses no fidelity, or doesn't declare how.
    """
    fidelity, schedule = problem.fidelity, choice.cls.schedule
    if fidelity is None or schedule is None:
        return ""
    settings = choice.settings
    found = outlook(fidelity, schedule, eta=settings.get("eta", 3), number=settings.get("steps", 2))
    levels = ", ".join(f"{level:g}" for level in found.levels)
    return f"{fidelity.name} {levels}; the first full trial is number {found.before + 1:,}"


def remarks_on(choice: OptimizerChoice, problem: Problem) -> Iterator[str]:
    """What should be known before the optimizer runs on `problem`, a line each."""
    if problem.constraints and Capability.CONSTRAINTS not in choice.cls.capabilities:
        number = len(problem.constraints)
        yield (
            f"it learns from the objectives only, and not from the {number} constraint{'s' if number > 1 else ''}; "
            "trials that violate one count for nothing"
        )
    if text := _on_levels(choice, problem):
        yield text


def _on_levels(choice: OptimizerChoice, problem: Problem) -> str:
    """What should be known of an optimizer and the levels of a fidelity, in one line; empty where there is nothing.

    What uses fidelities, declares no schedule and has an option `eta` is taken for a Hyperband.
    """
    fidelity, eta, schedule = problem.fidelity, choice.settings.get("eta"), choice.cls.schedule
    if fidelity is None or Capability.MULTI_FIDELITY not in choice.cls.capabilities:
        return ""
    if schedule in {Schedule.HALVING, Schedule.STEPS}:
        single = fidelity.lower == fidelity.upper
        return f"{fidelity.name} has one level only: nothing can be stopped early" if single else ""
    return "" if eta is None else degeneracy(fidelity, problem.budget.evaluations, eta)


def _demands(problem: Problem) -> Iterator[tuple[Capability, str]]:
    """What a problem can't be done without, and how to say so.

    A fidelity need not be used, and constraints need not be learned from: what violates one is not a result.
    """
    space = problem.space
    if len(problem.objectives) > 1:
        yield Capability.MULTI_OBJECTIVE, f"the task has {len(problem.objectives)} objectives"
    if space.conditions:
        yield Capability.CONDITIONS, "the search space has conditional hyperparameters"
    if space.forbidden_clauses:
        yield Capability.FORBIDDENS, "the search space has forbidden configurations"
    if any(isinstance(hyperparameter, CategoricalHyperparameter) for hyperparameter in space.values()):
        yield Capability.CATEGORICALS, "the search space has categorical hyperparameters"
    if has_one_configuration(space):
        yield Capability.CONSTANT_SPACES, "the search space has only one configuration"
    if problem.n_workers > 1:
        yield Capability.ASYNCHRONOUS, f"{problem.n_workers} trials at once are requested"


def _offers(problem: Problem) -> set[Capability]:
    """What a problem offers beyond its demands."""
    offers = {capability for capability, _ in _demands(problem)}
    if problem.constraints:
        offers.add(Capability.CONSTRAINTS)
    if problem.fidelity is not None:
        offers.add(Capability.MULTI_FIDELITY)
        if problem.fidelity.resumable:
            offers.add(Capability.RESUMABLE)
    return offers
