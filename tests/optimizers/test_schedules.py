"""What a plan tells of the levels of each optimizer that uses fidelities is what the optimizer asks for."""

from __future__ import annotations

import re
from typing import Any

import pytest
from roster import CLASSES, OPTIMIZERS

from optathlon import Capability, Fidelity
from optathlon.experiments.experiment import Experiment
from optathlon.experiments.plan import make_plan
from optathlon.registry.capabilities import levels_line, remarks_on
from optathlon.registry.optimizers import choose_optimizer

WITH_LEVELS = [one for one in OPTIMIZERS if Capability.MULTI_FIDELITY in CLASSES[str(one.id)].capabilities]
EXPENSIVE = {"synetune-asha-cqr": 8}
"""Fewer trials: their models are expensive."""


@pytest.mark.parametrize("name", WITH_LEVELS)
@pytest.mark.parametrize(
    "fidelity",
    [
        Fidelity("epochs", 1, 9, "int", resumable=True),
        Fidelity("epochs", levels=(1, 2, 3, 9)),
        Fidelity("share", 0.1, 1),
    ],
    ids=str,
)
def test_the_levels_and_the_first_full_trial_are_those_of_the_plan(kit: Any, name: str, fidelity: Any) -> None:
    choice = choose_optimizer(name)
    problem = kit.problem(kit.flat_space(), budget=100, fidelity=fidelity)
    line = levels_line(choice, problem)
    told = re.fullmatch(rf"{fidelity.name} ([\d., ]+); the first full trial is number (\d+)", line)
    assert told, line
    trials = kit.drive(choice.start(problem, 0), problem, kit.flat_loss, EXPENSIVE.get(name, 25))
    levels = [fidelity.snapped(trial.fidelity) for trial in trials]
    assert {f"{level:g}" for level in levels} <= set(told[1].split(", "))
    if int(told[2]) <= len(trials):
        assert levels.index(fidelity.upper) + 1 == int(told[2])


@pytest.mark.parametrize("name", CLASSES)
def test_what_uses_fidelities_declares_how(name: str) -> None:
    cls = CLASSES[name]
    assert (cls.schedule is not None) == (Capability.MULTI_FIDELITY in cls.capabilities)


def test_a_plan_tells_the_levels() -> None:
    plan = make_plan(Experiment(optimizers=["random", "synetune-asha[eta=2]"], tasks=["mfh/h3/good"], seeds=[0]), ())
    assert [(spec.optimizer, text) for spec, text in plan.levels] == [
        ("synetune-asha[eta=2.0]", "z 3, 6, 12, 24, 48, 96, 100; the first full trial is number 7")
    ]


def test_nothing_can_be_stopped_early_at_one_level(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=Fidelity("epochs", 4, 4, "int"))
    told = {
        id: "; ".join(remarks_on(choose_optimizer(id), problem))
        for id in ("synetune-asha", "synetune-median", "smac-hb")
    }
    assert told["synetune-asha"] == "epochs has one level only: nothing can be stopped early"
    assert told["synetune-median"]
    assert "random search" in told["smac-hb"]
