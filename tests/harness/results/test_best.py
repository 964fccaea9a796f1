"""The best configurations of a folder: feasible, at the full level, means over repetitions, Pareto sets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from stored_runs import record, spec, store

from optathlon import Fidelity, Objective, Status, as_task, load
from optathlon.best import best_first
from optathlon.results.best import BestOfTask, best_configurations, best_of_folder

SPACE = {"x": (0.0, 1.0), "pair": [(1, 2), (3, 4)]}

InProcess = Callable[..., SimpleNamespace]


def stored(path: Path, trials: list[list[dict[str, Any]]], **task: Any) -> BestOfTask:
    """What is best of these runs."""
    made = as_task("toy/plain", space={"x": (0.0, 1.0)}, **task)(lambda config: config["x"])
    runs = [
        (spec(seed=seed), [record(place, **changes) for place, changes in enumerate(one)])
        for seed, one in enumerate(trials)
    ]
    store(path, runs, task=made)
    (found,) = best_configurations(load(path))
    assert best_of_folder(path) == [found], "as without pandas"
    return found


def test_one_objective_has_one_best(tmp_path: Path) -> None:
    found = stored(tmp_path, [[{"values": (3.0,)}, {"values": (1.0,)}], [{"values": (2.0,)}]])
    (best,) = found.best
    assert (best.values, best.seed, best.trial, best.times) == ({"value": 1.0}, 0, 1, 1)
    assert best.config == {"x": 0.1}
    assert found.note == ""


def test_maximised_values_are_best_when_large(tmp_path: Path) -> None:
    found = stored(tmp_path, [[{"values": (3.0,)}, {"values": (1.0,)}]], objectives="maximize")
    assert found.best[0].values == {"value": 3.0}


def test_repetitions_of_a_configuration_count_by_their_mean(tmp_path: Path) -> None:
    lucky, steady = {"config": {"x": 0.1}}, {"config": {"x": 0.2}}
    found = stored(
        tmp_path,
        [
            [lucky | {"values": (0.0,), "metrics": {"test/value": 1.0}}, steady | {"values": (1.0,)}],
            [steady | {"values": (1.0,)}, lucky | {"values": (9.0,), "metrics": {"test/value": 2.0}}],
        ],
    )
    assert found.best[0].config == {"x": 0.2}
    assert found.best[0].times == 2
    assert found.of == 2
    both = best_configurations(load(tmp_path), top=5)[0].best
    assert [one.values["value"] for one in both] == [1.0, 4.5]
    assert [one.metrics for one in both] == [{}, {"test/value": 1.5}]


def test_infeasible_and_failed_trials_are_none(tmp_path: Path) -> None:
    trials: list[dict[str, Any]] = [
        {"values": (0.0,), "constraints": (0.1, -1.0)},
        {"values": (3.0,), "constraints": (0.0, -1.0)},
        {"values": None, "status": "crashed"},
        {"values": (2.0,), "constraints": (-1.0, 1e-9)},
    ]
    found = stored(tmp_path, [trials], constraints=["a", "b"])
    assert [one.trial for one in found.best] == [1]
    assert found.best[0].constraints == {"a": 0.0, "b": -1.0}
    assert found.of == 1


@pytest.mark.parametrize(
    ("trials", "constraints", "note"),
    [
        ([], [], "no trial was stored"),
        ([{"values": None, "status": "crashed"}], [], "none of 1 trials has a result"),
        (
            [{"constraints": (0.5, 0.25)}, {"constraints": (2.0, 0.0)}],
            ["a", "b"],
            "no configuration is feasible: constraints are violated by 0.75 at least",
        ),
    ],
)
def test_where_there_is_none_it_is_said_why(
    trials: list[dict[str, Any]], constraints: list[str], note: str, tmp_path: Path
) -> None:
    found = stored(tmp_path, [trials], constraints=constraints)
    assert found.best == []
    assert found.note == note


def test_only_the_highest_level_counts(tmp_path: Path) -> None:
    epochs = Fidelity("epochs", 1, 9)
    full = stored(
        tmp_path / "full", [[{"fidelity": 9.0, "values": (2.0,)}, {"fidelity": 1.0, "values": (1.0,)}]], fidelity=epochs
    )
    assert [one.trial for one in full.best] == [0]
    assert full.note == ""
    low = stored(
        tmp_path / "low", [[{"fidelity": 1.0, "values": (1.0,)}, {"fidelity": 3.0, "values": (2.0,)}]], fidelity=epochs
    )
    assert [one.fidelity for one in low.best] == [3.0]
    assert low.note == "no result at the full level, epochs 9: these are at epochs 3"


def test_several_objectives_have_a_pareto_set(tmp_path: Path) -> None:
    points = np.random.default_rng(0).integers(0, 30, (60, 2)).astype(float)
    objectives = (Objective("error"), Objective("accuracy", "maximize"))
    trials = [{"config": {"x": place / 100}, "values": tuple(point)} for place, point in enumerate(points)]
    found = stored(tmp_path, [trials], objectives=objectives)

    def dominates(a: np.ndarray, b: np.ndarray) -> bool:
        return bool(a[0] <= b[0] and a[1] >= b[1] and (a != b).any())

    expected = {tuple(point) for point in points if not any(dominates(other, point) for other in points)}
    values = [tuple(one.values.values()) for one in found.best]
    assert values == sorted(expected)
    assert found.of == len(expected) > 1
    assert len(best_configurations(load(tmp_path), top=1)[0].best) == 1


def test_means_are_those_that_pandas_gives(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=40) * 10.0 ** rng.integers(-8, 8, 40)
    trials = [{"config": {"x": place % 3 / 8}, "values": (value,)} for place, value in enumerate(values)]
    stored(tmp_path, [trials])
    expected = load(tmp_path).trials.groupby("config")["value"].mean().sort_values()
    assert [one.values["value"] for one in best_of_folder(tmp_path, 3)[0].best] == expected.tolist()


def test_equal_losses_come_in_their_order() -> None:
    assert best_first(np.array([[1.0], [0.0], [1.0], [0.0]])).tolist() == [1, 3, 0, 2]
    assert best_first(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 1.0]])).tolist() == [1, 0]
    assert best_first(np.empty((0, 2))).tolist() == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    task = as_task("toy/plain", space=SPACE, objectives=Objective("error"))(lambda config: 0.0)
    config = {"x": 0.125, "pair": (1, 2)}
    trials = [record(0, config=config, values=(0.5,)), record(1, config=config | {"x": 1e-05}, values=(0.75,))]
    store(tmp_path / "out", [(spec(), trials)], task=task)
    return tmp_path / "out"


def test_the_table_has_a_line_for_each(folder: Path, in_process: InProcess) -> None:
    lines = in_process("best", folder, "-n", 9).stdout.splitlines()
    assert lines[0] == "toy/plain: minimize error"
    assert [line.split()[:5] for line in lines[2:]] == [
        ["1", "0.5", "random", "0", "0"],
        ["2", "0.75", "random", "0", "1"],
    ]
    assert "x=0.125" in lines[2]


def test_python_and_yaml_can_be_pasted(folder: Path, in_process: InProcess) -> None:
    names: dict[str, Any] = {}
    exec(in_process("best", folder, "--as", "python").stdout, names)
    assert names["config"] == {"x": 0.125, "pair": (1, 2)}
    exec(in_process("best", folder, "--as", "python", "-n", 2).stdout, names)
    assert names["configs"] == {"toy/plain": [{"x": 0.125, "pair": (1, 2)}, {"x": 1e-05, "pair": (1, 2)}]}
    assert yaml.safe_load(in_process("best", folder, "--as", "yaml").stdout) == {"x": 0.125, "pair": [1, 2]}
    several = yaml.safe_load(in_process("best", folder, "--as", "yaml", "-n", 2).stdout)
    assert several == {"toy/plain": [{"x": 0.125, "pair": [1, 2]}, {"x": 1e-05, "pair": [1, 2]}]}


def test_json_has_everything(folder: Path, in_process: InProcess) -> None:
    (task,) = json.loads(in_process("best", folder, "--json").stdout)["tasks"]
    assert task["task"] == "toy/plain"
    assert task["directions"] == {"error": "minimize"}
    assert task["best"] == [
        {
            "config": {"x": 0.125, "pair": [1, 2]},
            "values": {"error": 0.5},
            "constraints": {},
            "metrics": {},
            "fidelity": None,
            "times": 1,
            "optimizer": "random",
            "seed": 0,
            "trial": 0,
        }
    ]
    assert in_process("best", folder, "--as", "json").stdout == in_process("best", folder, "--json").stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-n", "0"], "--top is 0: give a number from 1 on"),
        (["-o", "optuna-*"], "unknown optimizer 'optuna-*' in these results"),
        (["--json", "--as", "yaml"], "--json and --as yaml say different things"),
        (["--as", "toml"], "'toml'"),
    ],
)
def test_what_can_not_be_printed_is_one_line(
    folder: Path, in_process: InProcess, flags: list[str], message: str
) -> None:
    done = in_process("best", folder, *flags)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_without_runs_says_so(tmp_path: Path, in_process: InProcess) -> None:
    store(tmp_path / "out", [], status=Status.OK)
    done = in_process("best", tmp_path / "out")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no runs yet" in done.stderr
