"""TaskSet's tables: real ones where they are there, in the published layout, and small ones made here."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optathlon.errors import MissingData
from optathlon.facts import Evaluation, Facts
from optathlon.problem import TaskType
from optathlon.tasks.taskset import FILE, RANGES, STEPS, TaskSet, setting
from optathlon.trial import Status

REAL = Path(os.environ.get("OPTATHLON_TEST_DATA", "")) / "taskset_rnn"
needs_data = pytest.mark.skipif(not REAL.is_dir(), reason="OPTATHLON_TEST_DATA has no folder taskset_rnn/")
ADAM = ("learning_rate", "beta1", "beta2", "epsilon", "l1", "l2", "linear_decay", "exponential_decay")


def write(root: Path, task: str, losses: np.ndarray, **changes: Any) -> Path:
    """The published layout: the first settings, their curves, and the names of both."""
    names = np.array([f"adam8p_wide_grid_seed{number}".encode() for number in range(len(losses))])
    path = root / "taskset" / task / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{"optimizers": names, "xs": np.array([0, *STEPS]), "ys": losses, **changes})
    return path


def config_of(values: Any) -> dict[str, float]:
    return dict(zip((one.name for one in RANGES), values, strict=True))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def losses(root: Path) -> np.ndarray:
    """Three settings, two replicas; the last setting diverges at its last checkpoint, in the second replica."""
    made: np.ndarray = np.random.default_rng(1).uniform(0.1, 1.0, (3, 2, 51, 4)).astype(np.float32)
    made[2, 1, 50, 2] = np.nan
    write(root, "toy_task", made)
    return made


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, list[dict[str, float]]]:
    """The real curves of two tasks in the published layout, with one replica, and the settings as published."""
    root = tmp_path_factory.mktemp("real")
    with np.load(REAL / "taskset_adam8p_rnn12.npz") as arrays:
        curves, names = arrays["loss"][[3, 5]], [str(name) for name in arrays["tasks"][[3, 5]]]
    for name, curve in zip(names, curves, strict=True):
        train, valid, test = np.moveaxis(curve, 1, 0)
        write(root, name, np.stack([train, valid, valid, test], axis=-1)[:, np.newaxis])
    with (REAL / "configs_adam8p.csv").open() as file:
        published = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return root, curves, published


@needs_data
def test_settings_are_the_published_ones(real: tuple[Path, np.ndarray, list[dict[str, float]]]) -> None:
    for number, published in enumerate(real[2]):
        ours = config_of(setting(number))
        ours["beta1"], ours["beta2"] = 1 - ours["one_minus_beta1"], 1 - ours["one_minus_beta2"]
        assert [ours[name] for name in ADAM] == pytest.approx([published[name] for name in ADAM], rel=1e-9)


@needs_data
def test_every_real_trial_is_found_at_every_checkpoint(
    real: tuple[Path, np.ndarray, list[dict[str, float]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, curves, published = real
    monkeypatch.setenv("OPTATHLON_DATA", str(root))
    diverged = 0
    for curve, id in zip(curves, TaskSet().ids(), strict=True):
        task = TaskSet().make(id)
        for number in range(0, len(published), 7):
            row = published[number]
            config = config_of([row["learning_rate"], 1 - row["beta1"], 1 - row["beta2"], *list(row.values())[3:]])
            for level, place in ((None, 50), (200, 1), (4000, 20)):
                result = task.evaluate(config, fidelity=level, seed=number)
                expected = curve[number, :, place]
                if np.isfinite(expected[1]):
                    assert result.values == (expected[1],)
                    assert result.metrics["test/valid_loss"] == expected[2]
                    assert result.metrics["train_loss"] == expected[0]
                else:
                    diverged += 1
                    assert (result.status, result.values) == (Status.DIVERGED, ())
    assert diverged > 10  # 234 of the second network's thousand end so


def test_problem(losses: np.ndarray) -> None:
    problem = TaskSet().make("taskset/adam8p/toy_task").problem
    assert problem.type is TaskType.MULTI_FIDELITY
    assert problem.fidelity is not None
    assert (problem.fidelity.lower, problem.fidelity.upper, len(problem.fidelity.levels)) == (200, 10_000, 50)
    assert problem.fidelity.resumable
    assert set(problem.space) == {one.name for one in RANGES}
    assert problem.objectives[0].direction == "minimize"


def test_a_trial_is_that_of_its_setting_replica_and_checkpoint(losses: np.ndarray) -> None:
    task = TaskSet().make("taskset/adam8p/toy_task")
    for number in range(3):
        for seed in range(4):
            for level in (200, 600, 10_000):
                expected = losses[number, seed % 2, level // 200]
                result = task.evaluate(config_of(setting(number)), fidelity=level, seed=seed)
                if np.isnan(expected[2]):
                    assert result.status is Status.DIVERGED
                    continue
                assert result.values == (expected[2],)
                assert result.metrics == {
                    "train_loss": expected[0],
                    "inner_valid_loss": expected[1],
                    "test/valid_loss": expected[3],
                }


def test_other_configurations_get_the_nearest_setting(losses: np.ndarray) -> None:
    task = TaskSet().make("taskset/adam8p/toy_task")
    near = [value * 1.05 for value in setting(1)]
    assert task.evaluate(config_of(near), fidelity=None, seed=0).values == (losses[1, 0, 50, 2],)


def test_facts_and_ids(losses: np.ndarray, root: Path) -> None:
    write(root, "another", losses)
    assert list(TaskSet().ids()) == ["taskset/adam8p/another", "taskset/adam8p/toy_task"]
    [(facts, ids)] = TaskSet().facts()
    assert ids == list(TaskSet().ids())
    built = Facts.of(
        TaskSet().make(ids[1]).problem, kind=Evaluation.TABLE, domain="neural networks", description=facts.description
    )
    assert (facts.floats, facts.fidelity, facts.resumable, facts.log) == (8, "step", True, True)
    assert (built.floats, built.fidelity, built.resumable, built.log) == (8, "step", True, True)


@pytest.mark.parametrize(
    "id", ["taskset/adam8p", "taskset/adam4p/toy_task", "taskset/adam8p/../x", "taskset/adam8p/a/b"]
)
def test_there_is_no_task_of_a_wrong_id(losses: np.ndarray, id: str) -> None:
    with pytest.raises(KeyError):
        TaskSet().make(id)


def test_without_its_table_a_task_says_how_to_get_it(root: Path) -> None:
    assert list(TaskSet().ids()) == []
    assert list(TaskSet().facts()) == []
    with pytest.raises(MissingData, match=r"optathlon data fetch taskset"):
        TaskSet().make("taskset/adam8p/toy_task")


@pytest.mark.parametrize(
    "changes",
    [
        {"xs": np.arange(51)},
        {"ys": np.zeros((3, 2, 50, 4))},
        {"ys": np.zeros((3, 2, 51, 3))},
        {"ys": np.zeros((2, 2, 51, 4))},
        {"optimizers": np.array([b"adam4p_wide_grid_seed1"] * 3)},
        {"optimizers": np.array([{}], dtype=object)},
    ],
)
def test_a_table_of_another_layout_is_refused(root: Path, losses: np.ndarray, changes: dict[str, Any]) -> None:
    write(root, "other_task", losses, **changes)
    task = TaskSet().make("taskset/adam8p/other_task")
    with pytest.raises(MissingData, match="can't be used"):
        task.evaluate(config_of(setting(0)), fidelity=None, seed=0)


def test_a_file_that_is_no_table_is_refused(root: Path, losses: np.ndarray) -> None:
    write(root, "broken", losses).write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(MissingData, match="can't be used"):
        TaskSet().make("taskset/adam8p/broken").evaluate(config_of(setting(0)), fidelity=None, seed=0)
