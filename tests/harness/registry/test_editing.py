"""Files that are edited while a process lives run by their new text, and have their new identity."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from optathlon import load, make_optimizer
from optathlon.errors import UsageError
from optathlon.experiments.driver import run_experiment
from optathlon.experiments.experiment import Experiment
from optathlon.registry.editing import reload_edited
from optathlon.registry.optimizers import choose_optimizer
from optathlon.registry.plugins import load_file, load_plugin, optimizer_names
from optathlon.registry.tasks import make_task

OPTIMIZER = """
from optathlon import Optimizer, Trial
from step import STEP


class Walk(Optimizer):
    def __init__(self, problem, seed):
        self.x = 0.0

    def ask(self):
        self.x += STEP
        return Trial({"x": self.x})

    def tell(self, trial, result):
        pass
"""
TASK = """
from optathlon import as_task


@as_task("edited/line", space={"x": (0.0, 1.0)}, budget=2)
def line(config):
    return config["x"] * 1
"""


@pytest.fixture
def folder(own_plugins: None, tmp_path: Path) -> Path:
    (tmp_path / "walk.py").write_text(OPTIMIZER)
    (tmp_path / "step.py").write_text("STEP = 0.1")
    (tmp_path / "line.py").write_text(TASK)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    """Edit a file so that its size and its time stay the same."""
    before = path.stat()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def first_step(id: str) -> float:
    trial = make_optimizer(id, {"x": (0.0, 1.0)}).ask()
    assert trial is not None
    return float(trial.config["x"])


@pytest.mark.parametrize(("file", "old", "new"), [("step.py", "0.1", "0.2"), ("walk.py", "+= STEP", "= 2*.1 ")])
def test_an_edited_optimizer_runs_by_its_new_text(folder: Path, file: str, old: str, new: str) -> None:
    id = f"{folder / 'walk.py'}:Walk"
    assert first_step(id) == 0.1
    code = choose_optimizer(id).code
    assert first_step(id) == 0.1
    assert choose_optimizer(id).code == code
    edit(folder / file, old, new)
    assert first_step(id) == 0.2
    assert choose_optimizer(id).code.difference(code) == "its source changed"
    edit(folder / file, new, old)
    assert first_step(id) == 0.1
    assert choose_optimizer(id).code == code


def test_nothing_is_read_again_without_an_edit(folder: Path) -> None:
    module = load_plugin(folder / "walk.py")
    reload_edited()
    assert load_plugin(folder / "walk.py") is module
    (folder / "step.py").touch()
    reload_edited()
    assert load_plugin(folder / "walk.py") is module


def test_what_an_edited_file_does_not_bring_any_more_is_gone(folder: Path) -> None:
    load_file(folder / "walk.py")
    assert "walk" in optimizer_names()
    edit(folder / "walk.py", "class Walk", "class Jump")
    reload_edited()
    assert "jump" in optimizer_names()
    assert "walk" not in optimizer_names()
    (folder / "walk.py").unlink()
    reload_edited()
    assert "jump" not in optimizer_names()


def test_a_broken_edit_is_one_line_until_it_is_fixed(folder: Path) -> None:
    load_file(folder / "walk.py")
    edit(folder / "walk.py", "class Walk", "klass Walk")
    for _ in range(2):
        with pytest.raises(UsageError, match="can't import the plugin") as caught:
            load_file(folder / "walk.py")
            reload_edited()
            load_file(folder / "walk.py")
        assert "\n" not in str(caught.value)
    edit(folder / "walk.py", "klass Walk", "class Walk")
    assert first_step(f"{folder / 'walk.py'}:Walk") == 0.1


@pytest.mark.processes
def test_a_second_experiment_of_the_process_has_the_edited_code(folder: Path, pinned_environment: None) -> None:
    def run(out: str, **changes: object) -> list[float]:
        optimizer = f"{folder / 'walk.py'}:Walk"
        plan = {"optimizers": [optimizer], "tasks": ["edited/line"], "plugins": [folder / "line.py"]}
        run_experiment(Experiment.model_validate(plan | {"out": folder / out} | changes))
        return [round(value, 9) for value in load(folder / out).trials["value"]]

    assert run("out") == [0.1, 0.2]
    edit(folder / "step.py", "0.1", "0.2")
    with pytest.raises(UsageError, match=r"results of other code than now .*: its source changed"):
        run("out")
    assert run("out", fresh=["walk"]) == [0.2, 0.4]
    edit(folder / "line.py", "* 1", "* 2")
    with pytest.raises(UsageError, match="gives other values now"):
        run("out", seeds="2")
    assert run("other") == [0.4, 0.8]


def test_an_edited_table_descriptor_and_its_table_are_read_again(own_plugins: None, tmp_path: Path) -> None:
    (tmp_path / "past.csv").write_text("x,loss\n1,0.5\n2,0.25\n")
    descriptor = tmp_path / "past.yaml"
    text = "id: mine/past\ntable: past.csv\nhyperparameters: {x: ordinal}\nobjectives: {loss: minimize}\n"
    descriptor.write_text(text)
    load_file(descriptor)
    assert make_task("mine/past").evaluate({"x": 1}, fidelity=None, seed=0).values == (0.5,)
    (tmp_path / "past.csv").write_text("x,loss\n1,0.75\n2,0.25\n")
    reload_edited()
    assert make_task("mine/past").evaluate({"x": 1}, fidelity=None, seed=0).values == (0.75,)
    descriptor.write_text(text.replace("mine/past", "mine/present"))
    reload_edited()
    assert make_task("mine/present").evaluate({"x": 1}, fidelity=None, seed=0).values == (0.75,)
    with pytest.raises(UsageError):
        make_task("mine/past")


@pytest.fixture
def package(own_plugins: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that somebody works on, whose optimizer needs another of its modules."""
    folder = tmp_path / "worked_on"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "step.py").write_text("STEP = 0.1")
    (folder / "walk.py").write_text(OPTIMIZER.replace("from step", "from worked_on.step"))
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "worked_on"]:
        del sys.modules[name]


def test_an_edited_package_is_imported_again(package: Path) -> None:
    id = "worked_on.walk:Walk"
    assert first_step(id) == 0.1
    code = choose_optimizer(id).code
    edit(package / "step.py", "0.1", "0.2")
    assert first_step(id) == 0.2
    assert choose_optimizer(id).code.difference(code) == "its source changed"


def test_a_plugin_that_imports_an_edited_package_is_read_again(package: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "plugins" / "heir.py"
    plugin.parent.mkdir()
    plugin.write_text("from worked_on.walk import Walk\n\n\nclass Heir(Walk):\n    pass\n")
    assert first_step(f"{plugin}:Heir") == 0.1
    code = choose_optimizer(f"{plugin}:Heir").code
    edit(package / "step.py", "0.1", "0.2")
    assert first_step(f"{plugin}:Heir") == 0.2
    assert choose_optimizer(f"{plugin}:Heir").code.difference(code) == "its source changed"
