"""`optathlon portfolio`: from runs on tasks of one space to a file that `portfolio[file=…]` begins with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import optathlon
from optathlon.analysis.stats.portfolios import greedy_portfolio, scaled

InProcess = Callable[..., SimpleNamespace]

TASKS = """
from ConfigSpace import ConfigurationSpace
from optathlon import Collection, Constraint, Objective, Problem, Result, Task

SPACE = {"x": (0.0, 1.0), "kind": ["a", "b", "c"]}


class Bowl(Task):
    def __init__(self, id):
        self.id = id
        self.place = int(id[-1]) / 4
        constraints = (Constraint("c"),) if "tight" in id else ()
        objectives = (Objective("f"), Objective("g")) if "two" in id else (Objective("f", "maximize"),)
        space = {"y": (0, 9)} if "other" in id else SPACE
        self.problem = Problem(ConfigurationSpace(space), objectives=objectives, constraints=constraints)

    def evaluate(self, config, *, fidelity, seed):
        if config.get("kind") == "c" and self.id != "bowls/plain3":
            raise RuntimeError("c never works")
        value = -abs(config.get("x", 0.0) - self.place) - (config.get("kind") == "b") * self.place
        values = (value,) * len(self.problem.objectives)
        return Result(values, constraints=(config.get("x", 0.0) - 0.9,) * len(self.problem.constraints))


class Bowls(Collection):
    name = "bowls"
    description = "bowls"

    def ids(self):
        return iter([f"bowls/plain{i}" for i in range(5)] + ["bowls/tight1", "bowls/two1", "bowls/other1"])

    def make(self, id):
        return Bowl(id)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "bowls_of_mine.py"
    path.write_text(TASKS)
    return path


@pytest.fixture
def results(in_process: InProcess, plugin: Path, tmp_path: Path) -> Path:
    out = tmp_path / "out"
    done = in_process(
        *("run", "--plugin", plugin, "-t", "bowls/plain?", "-o", "random", "-o", "default"),
        *("--seeds", "2", "--budget", "12", "--out", out, "--executor", "in-process"),
    )
    assert done.returncode == 0, done.stderr
    return out


def test_it_chooses_by_what_all_candidates_do_on_all_tasks(
    in_process: InProcess, plugin: Path, results: Path, tmp_path: Path
) -> None:
    file = tmp_path / "folder" / "portfolio.json"
    given = ("portfolio", results, "--out", file, "--plugin", plugin, "--size", "3", "--per-task", "4")
    done = in_process(*given)
    assert done.returncode == 0, done.stderr
    written = json.loads(file.read_text())
    assert written["tasks"] == [f"bowls/plain{i}" for i in range(5)]

    # the same from the trials themselves: four best different ones of each task, and the function in place of its runs
    trials = optathlon.load(results).trials.query("status == 'ok'")
    candidates: dict[str, None] = {}
    for _, own in trials.groupby("task", observed=True):
        best = own.sort_values("value", ascending=False, kind="stable").drop_duplicates("config").head(4)
        candidates |= dict.fromkeys(json.dumps(json.loads(text), sort_keys=True) for text in best["config"])
    configurations = [json.loads(text) for text in candidates]

    def loss(config: dict[str, object], place: float) -> float:
        if config["kind"] == "c" and place != 3 / 4:
            return float("nan")
        return abs(float(str(config["x"])) - place) + (config["kind"] == "b") * place

    losses = np.array([[loss(config, task / 4) for task in range(5)] for config in configurations])
    chosen = greedy_portfolio(scaled(losses), 3)
    assert written["configurations"] == [configurations[place] for place in chosen]
    means = [np.minimum.reduce(scaled(losses)[chosen[: size + 1]]).mean() for size in range(len(chosen))]
    assert written["mean_losses"] == pytest.approx(means, abs=1e-6)
    assert all(f"bowls/plain{i} " in done.stdout for i in range(5)), "each task is left out once"
    assert in_process(*given).stdout == done.stdout

    used = in_process(
        *("run", "--plugin", plugin, "-t", "bowls/plain2", "-o", f"portfolio[file={file}]", "--seeds", "1"),
        *("--budget", "5", "--out", tmp_path / "used", "--executor", "in-process"),
    )
    assert used.returncode == 0, used.stderr
    first = optathlon.load(tmp_path / "used").trials["config"].map(json.loads).tolist()[: len(chosen)]
    assert first == written["configurations"]


def test_what_is_not_feasible_is_no_candidate(in_process: InProcess, plugin: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "portfolio.json"
    run = ("run", "--plugin", plugin, "-t", "bowls/tight1", "-o", "random", "--seeds", "1", "--budget", "30")
    assert in_process(*run, "--out", out, "--executor", "in-process").returncode == 0
    done = in_process("portfolio", out, "--out", file, "--plugin", plugin)
    assert done.returncode == 0, done.stderr
    written = json.loads(file.read_text())["configurations"]
    assert written and all(config["x"] <= 0.9 and config["kind"] != "c" for config in written)
    assert "only one task" in done.stdout


@pytest.mark.parametrize(
    ("task", "complaint"),
    [("bowls/two1", "'bowls/two1' has several objectives"), ("bowls/other1", "the tasks have 2 search spaces")],
)
def test_tasks_that_do_not_fit_are_refused(
    in_process: InProcess, plugin: Path, results: Path, tmp_path: Path, task: str, complaint: str
) -> None:
    run = ("run", "--plugin", plugin, "-t", task, "-o", "random", "--seeds", "1", "--budget", "3", "--out", results)
    assert in_process(*run, "--executor", "in-process").returncode == 0
    file = tmp_path / "portfolio.json"
    done = in_process("portfolio", results, "--out", file, "--plugin", plugin)
    assert (done.returncode, file.exists()) == (2, False)
    assert complaint in done.stderr and done.stderr.count("\n") == 1
    chosen = in_process("portfolio", results, "--out", file, "--plugin", plugin, "-t", "bowls/plain?")
    assert chosen.returncode == 0, "those that share a space can be chosen"


def test_a_task_that_is_another_one_now_is_refused(
    in_process: InProcess, plugin: Path, results: Path, tmp_path: Path
) -> None:
    plugin.write_text(TASKS.replace("int(id[-1]) / 4", "int(id[-1]) / 5"))
    done = in_process("portfolio", results, "--out", tmp_path / "p.json", "--plugin", plugin)
    assert done.returncode == 2
    assert "fingerprints differ" in done.stderr


@pytest.mark.parametrize("given", [("--size", "0"), ("--per-task", "0"), ("--size", "1001")])
def test_numbers_out_of_range_are_refused(
    in_process: InProcess, results: Path, tmp_path: Path, given: tuple[str, str]
) -> None:
    done = in_process("portfolio", results, "--out", tmp_path / "p.json", *given)
    assert done.returncode == 2
    assert f"{given[0]} is {given[1]}" in done.stderr


def test_nothing_to_choose_from_is_one_line(in_process: InProcess, plugin: Path, tmp_path: Path) -> None:
    done = in_process("portfolio", tmp_path, "--out", tmp_path / "p.json")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
