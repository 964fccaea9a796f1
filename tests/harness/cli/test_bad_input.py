"""Bad input is one line that says what, where and what to do; exit code 2; and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLUGIN = """
from optathlon import as_task
from optathlon.data import data_file
from optathlon.optimizers.random import RandomSearch
from optathlon.problem import Problem


class MyOpt(RandomSearch):
    def __init__(self, problem: Problem, seed: int, *, step: float = 1.0):
        super().__init__(problem, seed)


class Needy(RandomSearch):
    packages = ("surely_no_such_package",)


@as_task("toy/line", space={"x": (0.0, 1.0)}, budget=3)
def line(config):
    return config["x"]
"""

InProcess = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin, experiment files, and things that are no results folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "no-data"))
    (tmp_path / "toys.py").write_text(PLUGIN)
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("years of work")
    for name, format in {"future": 999, "damaged": None}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "optathlon.json").write_text(json.dumps({"format": format} if format else {}))
    for name, text in {
        "key.yaml": "optimizers: [my-opt]\ntasks: [toy/line]\nsedes: 3\n",
        "list.yaml": "[my-opt]\n",
        "syntax.yaml": "a: [b\nc: d",
        "budget.yaml": "optimizers: [my-opt]\ntasks: [toy/line]\nbudget: 0\n",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def tree(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


GOOD = ("run", "--plugin", "toys.py", "-o", "my-opt", "-t", "toy/line")
BAD = [
    (("run",), "no optimizers"),
    (("run", "-o", "random"), "no tasks"),
    (("run", "--plugin", "toys.py", "-o", "my-optt", "-t", "toy/line"), "did you mean 'my-opt'?"),
    (("run", "--plugin", "toys.py", "-o", "optuna-tpee", "-t", "toy/line"), "did you mean 'optuna-tpe'?"),
    (("run", "--plugin", "toys.py", "-o", "my-opt", "-t", "toy/lin"), "did you mean 'toy/line'?"),
    (("run", "--plugin", "toys.py", "-o", "my-opt", "-t", "toy/nothing*"), "unknown task 'toy/nothing*'"),
    (("run", "--plugin", "toys.py", "-o", "my-opt", "-t", "tyo/line"), "did you mean 'toy'?"),
    (("run", "--plugin", "toys.py", "-o", "my-opt", "-t", "bbbo/*"), "did you mean 'bbob'?"),
    (("run", "--plugin", "toys.py", "-o", "my-opt[stp=2]", "-t", "toy/line"), "did you mean 'step'?"),
    (("run", "--plugin", "toys.py", "-o", "my-opt[step=far]", "-t", "toy/line"), "step=far"),
    (("run", "--plugin", "toys.py", "-o", "my-opt[step=2", "-t", "toy/line"), "option=value"),
    (("run", "--plugin", "toys.py", "-o", "needy", "-t", "toy/line"), "surely_no_such_package"),
    (("run", "--plugin", "toys.py", "-o", "toys.py:MyOpp", "-t", "toy/line"), "did you mean 'MyOpt'?"),
    (("run", "--plugin", "toys.py", "-o", "no_such.module:X", "-t", "toy/line"), "no_such"),
    (("run", "--plugin", "none.py", "-o", "my-opt", "-t", "toy/line"), "no plugin file"),
    (("run", "--plugin", "broken.py", "-o", "my-opt", "-t", "toy/line"), "broken.py"),
    ((*GOOD, "--budget", "0"), "budget"),
    ((*GOOD, "--budget", "-1"), "budget"),
    ((*GOOD, "--budget", "1.2.3"), "can't read the budget '1.2.3'"),
    ((*GOOD, "--budget", "ten"), "can't read the budget 'ten'"),
    ((*GOOD, "--seeds", "0"), "seeds"),
    ((*GOOD, "--seeds", "many"), "can't read the seeds 'many'"),
    ((*GOOD, "--jobs", "0"), "jobs"),
    ((*GOOD, "--root-seed", "-1"), "root_seed"),
    ((*GOOD, "--out", "file"), "file"),
    ((*GOOD, "--out", "folder"), "folder"),
    ((*GOOD, "--out", "file/below"), "file/below"),
    ((*GOOD, "--out", "future"), "format 999"),
    ((*GOOD, "--out", "damaged"), "damaged"),
    (("run", "none.yaml"), "none.yaml"),
    (("run", "folder"), "folder"),
    (("run", "key.yaml", "--plugin", "toys.py"), "did you mean 'seeds'?"),
    (("run", "list.yaml"), "must be a mapping"),
    (("run", "syntax.yaml"), "not YAML"),
    (("run", "budget.yaml", "--plugin", "toys.py"), "budget"),
    (("list", "tasks", "--plugin", "none.py"), "no plugin file"),
    (("info", "randon"), "did you mean 'random'?"),
    (("info", "toy/lin", "--plugin", "toys.py"), "did you mean 'toy/line'?"),
    (("check", "randon"), "did you mean 'random'?"),
    (("check", "needy", "--plugin", "toys.py"), "surely_no_such_package"),
    (("check", "toy/lin", "--plugin", "toys.py"), "did you mean 'toy/line'?"),
    (("report", "none"), "none"),
    (("report", "folder"), "folder"),
    (("report", "file"), "file"),
    (("report", "future"), "format 999"),
    (("report", "damaged"), "damaged"),
    (("runn",), "'run'"),
    ((*GOOD, "--sedes", "3"), "--seeds"),
    ((*GOOD, "--jobs", "two"), "--jobs"),
    ((*GOOD, "--executor", ""), "unknown executor ''"),
    ((*GOOD, "--executor", "slurm", "-x", "time"), "key=value"),
    ((*GOOD, "--executor", "slurm", "-x", "=2h"), "key=value"),
    ((*GOOD, "--executor", "slurm", "-x", "kind=ray"), "--executor ray"),
    ((*GOOD, "-x", "time=2h"), "'local' has no options"),
    (("list", "nothing"), "'optimizers', 'tasks', 'collections'"),
]


@pytest.mark.parametrize(
    ("arguments", "hint"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else None
)
def test_bad_input(in_process: InProcess, here: Path, arguments: tuple[str, ...], hint: str) -> None:
    before = tree(here)
    done = in_process(*arguments)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("optathlon: ")
    assert hint in done.stderr
    assert done.stdout == ""
    assert tree(here) == before, "nothing is written"


def test_a_dry_run_refuses_what_a_run_refuses(
    in_process: InProcess, here: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    loop = tmp_path_factory.mktemp("links") / "loop"
    loop.symlink_to(loop)
    before = tree(here)
    for out in ("file", "folder", "future", "damaged", "/proc/x", "file/x", str(loop), f"{loop}/x"):
        done = in_process(*GOOD, "--dry-run", "--out", out)
        assert (done.returncode, done.stdout) == (2, ""), out
        assert out in done.stderr
    assert tree(here) == before


def test_missing_data_says_which_file_and_how_to_get_it(in_process: InProcess, here: Path) -> None:
    pytest.importorskip("onnxruntime")
    for arguments in (
        ("run", "-o", "random", "-t", "yahpo/lcbench/167168/val_accuracy"),
        ("info", "yahpo/lcbench/167168/val_accuracy"),
    ):
        done = in_process(*arguments)
        assert done.returncode == 2, done.stderr
        assert str(here / "no-data") in done.stderr
        assert done.stderr.splitlines()[-1].startswith("optathlon: ")
        assert "Traceback" not in done.stderr
        assert not (here / "out").exists()


def test_data_that_is_missing_only_when_used_ends_the_experiment_with_the_remedy(
    in_process: InProcess, here: Path
) -> None:
    (here / "toys.py").write_text(
        PLUGIN
        + """

from ConfigSpace import ConfigurationSpace
from optathlon import Budget, Result, Task

class Stored(Task):
    id = "toy/stored"
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), budget=Budget(2))

    def evaluate(self, config, *, fidelity, seed):
        data_file("toy", "table.csv", remedy="get it from the moon")
        return Result((1.0,))

stored = Stored()
""",
    )
    done = in_process("run", "--plugin", "toys.py", "-o", "my-opt", "-t", "toy/stored")
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("optathlon: ")
    assert "table.csv" in last
    assert "get it from the moon" in last
    assert "Traceback" not in done.stderr


def test_an_error_of_the_harness_is_no_failed_run(
    in_process: InProcess, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("optathlon.experiments.driver.make_plan", fail)
    done = in_process(*GOOD)
    assert done.returncode == 3
    assert "Traceback" in done.stderr
    assert "a bug of ours" in done.stderr
