"""The commands as a user gives them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optathlon import load

PLUGIN = '''
import random
from dataclasses import replace

from optathlon import Capability, Fidelity, Objective, Problem, as_task
from optathlon.optimizers.random import RandomSearch

SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}


class MyOpt(RandomSearch):
    """My own method.

    In more words.
    """

    capabilities = frozenset({Capability.CATEGORICALS, Capability.ASYNCHRONOUS})

    def __init__(self, problem: Problem, seed: int, *, step: float = 0.5):
        super().__init__(problem, seed)


class OutOfSpace(RandomSearch):
    def ask(self):
        return replace(super().ask(), config={"nothing": 1})


class Careless(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, random.randrange(2**31))


class Impatient(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.pending = 0

    def ask(self):
        self.pending += 1
        assert self.pending == 1, "tell me first"
        return super().ask()

    def tell(self, trial, result):
        self.pending -= 1


@as_task("toy/line", space=SPACE, budget=3, metadata={"origin": "nowhere"})
def line(config):
    return config["x"]


@as_task("toy/levels", space=SPACE, budget=3, fidelity=Fidelity("epochs", 1, 9, "int"), constraints=["memory"])
def levels(config, fidelity):
    return {"value": config["x"] / fidelity, "memory": -1.0}


@as_task("brackets/none", space=SPACE, budget=3, fidelity=Fidelity("epochs", 1, 2, "int"))
def without_brackets(config):
    return config["x"]


@as_task("brackets/many", space=SPACE, budget=3, fidelity=Fidelity("steps", levels=(1, 10, 10**6)))
def with_few_levels(config):
    return config["x"]


@as_task("toy/two", space=SPACE, budget=3, objectives=[Objective("a", optimum=0.0), Objective("b", "maximize")])
def two(config):
    return config["x"], 1.0


@as_task("toy/wrong", space=SPACE, budget=3)
def wrong(config):
    return "text"
'''

InProcess = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toys.py").write_text(PLUGIN)
    return tmp_path


def test_run_repeat_extend_and_its_exit_codes(in_process: InProcess, here: Path) -> None:
    grid = (
        "run",
        "--plugin",
        "toys.py",
        "-o",
        "my-opt",
        "-o",
        "random",
        "-t",
        "toy/line",
        "-t",
        "toy/two",
        "--seeds",
        "2",
    )
    plan = in_process(*grid, "--dry-run")
    assert plan.returncode == 0
    assert [line.split() for line in plan.stdout.splitlines()[1:4]] == [
        ["done", "0"],
        ["to", "do", "6"],
        ["skipped", "2"],
    ]
    assert "2 optimizers x 2 tasks: 8 runs" in plan.stdout
    assert "my-opt: the task has 2 objectives (1 tasks: toy/two)" in plan.stdout
    assert not (here / "out").exists()

    done = in_process(*grid)
    assert done.returncode == 0, done.stderr
    assert "8 runs in out (8 new): 6 ok, 2 skipped" in done.stdout
    assert "optathlon report out" in done.stdout
    assert "6/6 runs" in done.stderr
    assert "6/6 runs" in (here / "out" / "log.txt").read_text()

    again = in_process(*grid)
    assert again.returncode == 0
    assert "8 runs in out (0 new): 6 ok, 2 skipped" in again.stdout
    assert ["done", "8"] in [line.split() for line in in_process(*grid, "--dry-run").stdout.splitlines()]

    more = in_process(*grid[:-1], "3")
    assert "12 runs in out (4 new): 9 ok, 3 skipped" in more.stdout
    assert len(load(here / "out").runs) == 12


def test_degenerate_brackets_are_announced(in_process: InProcess, here: Path) -> None:
    plan = in_process("run", "--plugin", "toys.py", "-t", "brackets/*", *("-o", "smac-hb", "-o", "random"), "--dry-run")
    told = [line for line in plan.stdout.splitlines() if "Hyperband" in line]
    assert len(told) == 2, "random search makes no brackets"
    assert any("no lower rung" in line and "brackets/none" in line for line in told)
    other = in_process("run", "--plugin", "toys.py", "-t", "brackets/*", "-o", "smac-hb[eta=2]", "--dry-run").stdout
    assert "eta 2" in other
    assert "no lower rung" not in other
    done = in_process("run", "--plugin", "toys.py", "-t", "brackets/none", "-o", "smac-hb")
    assert "note: smac-hb: Hyperband with eta 3" in done.stderr.splitlines()[0]
    assert "no lower rung" in in_process("info", "brackets/none", "--plugin", "toys.py").stdout
    assert "levels 1, 10, 1e+06" in in_process("info", "brackets/many", "--plugin", "toys.py").stdout


def test_runs_without_a_result_and_failed_runs_are_exit_code_1(in_process: InProcess, here: Path) -> None:
    wrong = in_process("run", "--plugin", "toys.py", "-o", "random", "-t", "toy/wrong")
    assert wrong.returncode == 1
    trials = load(here / "out").trials
    assert len(trials) == 3
    assert trials["status"].isin(["crashed", "invalid"]).all()
    (here / "more.py").write_text(
        "from optathlon.optimizers.random import RandomSearch\n"
        "class Brittle(RandomSearch):\n    def tell(self, trial, result):\n        raise RuntimeError('brittle')\n"
    )
    brittle = in_process("run", "--plugin", "toys.py", "--plugin", "more.py", "-o", "brittle", "-t", "toy/line")
    assert brittle.returncode == 1
    assert "1 runs in out (1 new): 1 crashed" in brittle.stdout
    assert "Traceback" not in brittle.stderr


def test_a_file_and_flags_do_the_same_runs(in_process: InProcess, here: Path) -> None:
    (here / "experiment.yaml").write_text(
        "optimizers: [random]\ntasks: ['toy/l*']\nseeds: 2\nbudget: 2\nplugins: [toys.py]\nroot_seed: 3\n"
    )
    flags = (
        "-o",
        "random",
        "-t",
        "toy/l*",
        "--seeds",
        "2",
        "--budget",
        "2.0",
        "--plugin",
        "toys.py",
        "--root-seed",
        "3",
    )
    in_process("run", "experiment.yaml", "--out", "one")
    done = in_process("run", *flags, "--out", "two")
    assert done.returncode == 0, done.stderr
    one, two = load(here / "one"), load(here / "two")
    assert one.runs["run"].tolist() == two.runs["run"].tolist()
    assert one.trials["config"].tolist() == two.trials["config"].tolist()
    assert "4 runs in two (0 new)" in in_process("run", "experiment.yaml", "--out", "two").stdout


def test_list(in_process: InProcess, here: Path) -> None:
    names = in_process("list", "tasks", "toy/*", "--names", "--plugin", "toys.py")
    assert names.stdout.splitlines() == ["toy/line", "toy/levels", "toy/two", "toy/wrong"]
    optimizers = in_process("list", "optimizers", "--names", "--plugin", "toys.py")
    assert {"random", "sobol", "smac-bb", "smac-hpo", "smac-mf", "optuna-tpe", "hebo", "my-opt"} <= set(
        optimizers.stdout.split("\n")
    )
    lines = in_process("list", "optimizers", "--plugin", "toys.py").stdout.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("my-opt ")] == ["My own method."]
    collections = in_process("list", "collections", "--plugin", "toys.py").stdout
    assert "4 tasks listed" in next(line for line in collections.splitlines() if line.startswith("toy "))
    assert in_process("list", "tasks", "nothing/*", "--names").stdout == ""


def test_info(in_process: InProcess, here: Path) -> None:
    text = in_process("info", "toy/levels", "--plugin", "toys.py").stdout
    for part in (
        "toy/levels",
        "multi-fidelity",
        "epochs in [1, 9] (int)",
        "memory <= 0",
        "3 evaluations",
        "kind",
        "minimize value",
    ):
        assert part in text
    assert "epochs in [1, 9] (int)" in text
    assert "Hyperband with eta 3 asks for 1, 3, 9" in text
    assert "nowhere" in in_process("info", "toy/line", "--plugin", "toys.py").stdout
    assert "optimum 0" in in_process("info", "toy/two", "--plugin", "toys.py").stdout
    text = in_process("info", "my-opt[step=1]", "--plugin", "toys.py").stdout
    for part in ("In more words.", "asynchronous, categoricals", "step: float = 0.5"):
        assert part in text


def test_check(in_process: InProcess, here: Path) -> None:
    good = in_process("check", "random")
    assert good.returncode == 0, good.stdout
    assert " 0 failed" in good.stdout
    assert in_process("check", "toys.py:MyOpt").returncode == 0
    for name, words in {"out-of-space": "nothing", "careless": "same seed", "impatient": "tell me first"}.items():
        bad = in_process("check", name, "--plugin", "toys.py")
        assert bad.returncode == 1
        assert words in bad.stdout
        assert "FAILED" in bad.stdout
        assert "Traceback" not in bad.stderr
    assert in_process("check", "toy/levels", "--plugin", "toys.py").returncode == 0
    assert in_process("check", "toy/wrong", "--plugin", "toys.py").returncode == 1


def test_a_command_in_a_process_of_its_own(command: Callable[..., Any], here: Path) -> None:
    """From an environment that is not pinned: the command starts itself anew, with the same arguments."""
    unpinned = {"PYTHONHASHSEED": "5"}
    (here / "seed.py").write_text(
        "import os\nfrom optathlon import as_task\n"
        "@as_task('toy/seed', space={'x': (0.0, 1.0)}, budget=1)\n"
        "def seed(config):\n    return float(os.environ['PYTHONHASHSEED'])\n"
    )
    done = command(
        "run", "-o", "random", "-t", "toy/seed", "--plugin", "seed.py", "--name", "two words", cwd=here, **unpinned
    )
    assert done.returncode == 0, done.stderr
    results = load(here / "out")
    assert results.trials["value"].tolist() == [0.0]
    assert results.runs["experiment"].tolist() == ["two words"]
    provenance = results.provenance.iloc[0]
    assert provenance["command"].endswith("run -o random -t toy/seed --plugin seed.py --name 'two words'")
    assert provenance["environment"]["PYTHONHASHSEED"] == "0"
    assert {"optathlon", "numpy", "ConfigSpace"} <= set(provenance["packages"]) or "configspace" in provenance[
        "packages"
    ]
    for arguments, stream, words in (
        (("run", "-o", "randon", "-t", "toy/seed"), "stderr", "did you mean 'random'?"),
        (("--help",), "stdout", "check"),
    ):
        done = command(*arguments, cwd=here)
        assert done.returncode == (2 if stream == "stderr" else 0)
        assert words in getattr(done, stream)


def test_every_command_knows_the_home_folder(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    for folder in (home, here):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    (home / "e.yaml").write_text("optimizers: [random]\ntasks: [bbob/f1/d2/i1]\nbudget: 3\nout: ~/out\n")
    (home / "mine.py").write_text("")
    (home / "table.csv").write_text("task,optimizer,seed,step,value\na,x,0,0,1.0\na,y,0,0,2.0\n")
    for command in (
        "run ~/e.yaml",
        "status ~/out",
        "compact ~/out",
        "merge ~/all ~/out",
        "export ~/out --format ioh --out ~/ioh",
        "report ~/table.csv --out ~/page",
        "list tasks --plugin ~/mine.py",
    ):
        done = in_process(*command.split())
        assert done.returncode == 0, done.stderr
    assert {"all", "ioh", "out", "page"} <= {path.name for path in home.iterdir()}
    assert list(here.iterdir()) == []
