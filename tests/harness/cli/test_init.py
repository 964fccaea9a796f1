"""`optathlon init` writes files that pass their checks as they are, and overwrites nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from optathlon.registry.plugins import load_plugin

InProcess = Callable[..., SimpleNamespace]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "held"),
    [
        (["optimizer"], "my_optimizer.py holds the optimizer my-optimizer (class MyOptimizer)"),
        (["optimizer", "my 2nd-walk.py"], "my 2nd-walk.py holds the optimizer my2nd-walk (class My2ndWalk)"),
        (["optimizer", "größer.py"], "größer.py holds the optimizer größer (class Größer)"),
        (["task"], "train.py holds the task mine/train"),
        (["task", "SVM_fit.py"], "SVM_fit.py holds the task mine/svm-fit"),
    ],
)
def test_what_is_written_passes_check(arguments: list[str], held: str, in_process: InProcess) -> None:
    written = in_process("init", *arguments)
    assert written.returncode == 0
    path = arguments[-1] if len(arguments) > 1 else held.partition(" ")[0]
    assert written.stdout.splitlines()[0] == f"wrote {path}; next:"
    checked = in_process("check", path)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.splitlines()[0] == held
    assert checked.stdout.splitlines()[-1].endswith(" checks passed, 0 failed")


def test_the_training_learns(own_plugins: None, in_process: InProcess) -> None:
    in_process("init", "task")
    train = load_plugin(Path("train.py")).train
    space = train.problem.space
    good = {"optimizer": "rmsprop", "learning_rate": 0.03, "units": 32}
    poor = {"optimizer": "sgd", "learning_rate": 1e-4, "units": 2, "momentum": 0.0}
    found = [np.mean([train(config, seed)["error"] for seed in range(3)]) for config in (good, poor)]
    assert found[0] < 0.2 < 0.3 < found[1]
    assert space.conditions


@pytest.mark.processes
def test_the_commands_that_it_names_work(in_process: InProcess) -> None:
    lines = in_process("init", "task").stdout.splitlines()
    (tune,) = [line.split() for line in lines if line.startswith("  optathlon tune ")]
    done = in_process(*tune[1:], "--budget", 5, "--no-report")
    assert done.returncode == 0
    assert "mine/train: minimize error" in done.stdout
    assert Path("tuned").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["task", "there.py"], "'there.py' exists already: give another name, as `optathlon init task FILE.py`"),
        (["optimizer", "random.py"], "there is an optimizer 'random' already: give the file another name"),
        (["optimizer", "it.txt"], "'it.txt' is not a Python file"),
        (["optimizer", "1.py"], "'1.py' makes no name: give one that begins with a letter"),
        (["task", "no/such/folder.py"], "can't write 'no/such/folder.py': No such file or directory"),
        (["tasks"], "'tasks'"),
        ([], "Choose from: optimizer, task"),
    ],
)
def test_what_can_not_be_written_is_one_line(arguments: list[str], message: str, in_process: InProcess) -> None:
    Path("there.py").write_text("mine")
    done = in_process("init", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr
    assert Path("there.py").read_text() == "mine"
    assert [path.name for path in Path().iterdir()] == ["there.py"]
