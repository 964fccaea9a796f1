"""Whether an optimizer can do a task; if not, the run is recorded as skipped, with the reason.

And what should be known of an optimizer on a task before it runs there.
"""

from __future__ import annotations

from collections.abc import Iterator

from ConfigSpace.hyperparameters import CategoricalHyperparameter

from optathlon.fidelity import degeneracy
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


def remark(choice: OptimizerChoice, problem: Problem) -> str:
    """What should be known before the optimizer runs on `problem`, in one line; empty where there is nothing.

    What uses fidelities and has an option `eta` is taken for a Hyperband.
    """
    eta = choice.settings.get("eta")
    if problem.fidelity is None or eta is None or Capability.MULTI_FIDELITY not in choice.cls.capabilities:
        return ""
    return degeneracy(problem.fidelity, problem.budget.evaluations, eta)


def _demands(problem: Problem) -> Iterator[tuple[Capability, str]]:
    """What a problem can't be done without, and how to say so. A fidelity need not be used."""
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
    if problem.constraints:
        yield Capability.CONSTRAINTS, "the task has constraints"
    if problem.n_workers > 1:
        yield Capability.ASYNCHRONOUS, f"{problem.n_workers} trials at once are requested"


def _offers(problem: Problem) -> set[Capability]:
    """What a problem offers beyond its demands."""
    offers = {capability for capability, _ in _demands(problem)}
    if problem.fidelity is not None:
        offers.add(Capability.MULTI_FIDELITY)
        if problem.fidelity.resumable:
            offers.add(Capability.RESUMABLE)
    return offers
