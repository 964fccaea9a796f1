"""DEHB proposes what its own `run` evaluates."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from dehb import DEHB
from loguru import logger

from optathlon import Fidelity, Result, Status
from optathlon.optimizers.dehb import Dehb
from optathlon.space import plain

SEED = 11
LEVELS = Fidelity("epochs", 1, 9, "int", resumable=True)


def native_trials(space: Any, loss: Any, n: int, folder: Path, **settings: Any) -> Any:
    found = []

    def evaluate(config: Any, fidelity: float, **_: Any) -> Any:
        found.append(({name: plain(value) for name, value in dict(config).items()}, fidelity))
        return {"fitness": loss(*found[-1]), "cost": 0.0}

    try:
        dehb = DEHB(
            cs=space, f=evaluate, min_fidelity=1, max_fidelity=9, n_workers=1, seed=SEED, output_path=folder, **settings
        )
        dehb.run(fevals=n)
    finally:
        logger.remove()  # DEHB sets loguru up again
        logger.add(sys.stderr)
    return found


def levelled(kit: Any, kind: str) -> Any:
    """A loss that changes its order with the level."""
    loss = getattr(kit, f"{kind}_loss")
    return lambda config, level: loss(config) + len(str(config)) % 7 / level


@pytest.mark.parametrize("kind", ["flat", "conditional"])
@pytest.mark.parametrize("settings", [{}, {"eta": 2, "strategy": "best1_bin", "mutation_factor": 0.8}])
def test_native(kit: Any, tmp_path: Path, kind: str, settings: Any) -> None:
    """Through the first round of brackets and beyond, where each level evolves its own configurations."""
    native = native_trials(getattr(kit, f"{kind}_space")(), levelled(kit, kind), 90, tmp_path, **settings)
    problem = kit.problem(getattr(kit, f"{kind}_space")(), fidelity=Fidelity("epochs", 1, 9))
    trials = kit.drive_levels(Dehb(problem, SEED, **settings), problem, levelled(kit, kind), 90)
    assert [(dict(trial.config), trial.fidelity) for trial in trials] == native


def test_continued_trials(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    trials = kit.drive_levels(Dehb(problem, SEED), problem, levelled(kit, "flat"), 60)
    assert [trial.fidelity for trial in trials[:13]] == [1] * 9 + [3] * 3 + [9]
    continued = [trial for trial in trials if trial.parent is not None]
    assert len(continued) == 3 + 1 + 1
    for trial in continued:
        assert trials[trial.parent].config == trial.config
        assert trials[trial.parent].fidelity < trial.fidelity


def test_failures_are_not_continued(kit: Any) -> None:
    def evaluate(config: dict[str, Any], level: float) -> Any:
        return Result(status=Status.CRASHED, losses=(9.0,))

    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    trials = kit.drive_levels(Dehb(problem, SEED), problem, evaluate, 20)
    assert {trial.parent for trial in trials} == {None}


def test_another_bracket_begins_while_one_waits(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    optimizer = Dehb(problem, SEED)
    assert [optimizer.ask().fidelity for _ in range(12)] == [1] * 9 + [3] * 3


def test_leaves_the_disk_and_loguru_alone(
    kit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    messages: list[Any] = []
    handler = logger.add(messages.append)
    problem = kit.problem(kit.flat_space(), fidelity=LEVELS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kit.drive(Dehb(problem, SEED), problem, kit.flat_loss, 15)
    logger.remove(handler)  # fails where it was taken out
    assert (messages, list(tmp_path.iterdir())) == ([], [])
    assert capsys.readouterr() == ("", "")


def test_one_level_is_an_objection(kit: Any) -> None:
    problems = [kit.problem(kit.flat_space(), fidelity=Fidelity("epochs", lower, 4, "int")) for lower in (3, 4)]
    assert [Dehb.objection(one) for one in problems] == ["", "DEHB needs two levels at least, and epochs has one"]
