"""`optathlon check`: one optimizer or task, or all optimizers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import pytest

from optathlon.registry import plugins

OWN = """
from optathlon.optimizers.random import RandomSearch


class Good(RandomSearch):
    pass


class Lacking(RandomSearch):
    packages = ("no_such_package",)
    install = "pip install no-such-package"


class Bad(RandomSearch):
    def tell(self, trial, result):
        if not result.ok:
            raise RuntimeError("no failures, please")
"""

InProcess = Callable[..., SimpleNamespace]


@pytest.fixture
def own(in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin, beside whose optimizers only `random` is known."""
    (entry,) = entry_points(group="optathlon.optimizers", name="random")
    monkeypatch.setattr(plugins, "declared", lambda group: {"random": entry} if "optimizers" in group else {})
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_all_optimizers_get_a_line_each(in_process: InProcess, own: Path) -> None:
    done = in_process("check", "--all-optimizers", "--plugin", own)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines if not line.startswith(" ")] == [
        ["FAILED", "bad"],
        ["ok", "good"],
        ["skipped", "lacking"],
        ["ok", "random"],
        ["2", "optimizers"],
    ]
    assert "no failures, please" in done.stdout
    assert "pip install no-such-package" in next(line for line in lines if "lacking" in line)
    assert lines[-1] == "2 optimizers passed, 1 failed, 1 skipped"


def test_what_is_skipped_is_no_failure(in_process: InProcess, own: Path) -> None:
    own.write_text(OWN.partition("class Bad")[0])
    assert in_process("check", "--all-optimizers", "--plugin", own).returncode == 0


def test_one_optimizer_gets_a_line_per_check(in_process: InProcess, own: Path) -> None:
    done = in_process("check", "good", "--plugin", own)
    assert done.returncode == 0
    assert {line.split()[0] for line in done.stdout.splitlines()[:-1]} == {"ok"}
    done = in_process("check", "bad", "--plugin", own)
    assert done.returncode == 1
    assert "FAILED  continuous: goes on after failed trials" in done.stdout


@pytest.mark.parametrize("given", [(), ("random", "--all-optimizers")])
def test_one_or_all_must_be_given(in_process: InProcess, given: tuple[str, ...]) -> None:
    done = in_process("check", *given)
    assert done.returncode == 2
    assert "--all-optimizers" in done.stderr


TASKS = """
from optathlon import Collection, Problem, Result, Task, as_task
from ConfigSpace import ConfigurationSpace


class Toy(Task):
    def __init__(self, id):
        self.id = id
        self.problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}))

    def evaluate(self, config, *, fidelity, seed):
        if self.id.endswith("7"):
            raise RuntimeError("sevens never work")
        return Result((config["x"],))


class Toys(Collection):
    name = "toys"
    description = "toys"

    def ids(self):
        return (f"toys/{number}" for number in range(10))

    def make(self, id):
        if id not in set(self.ids()):
            raise KeyError(id)
        return Toy(id)
"""


def test_the_tasks_of_a_pattern_get_a_line_each(in_process: InProcess, tmp_path: Path) -> None:
    (tmp_path / "toys.py").write_text(TASKS)
    toys = ("--plugin", tmp_path / "toys.py")
    done = in_process("check", "toys/*", *toys)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["ok", "toys"]
    assert [line.split()[1] for line in lines if line.startswith("FAILED")] == ["toys/7"]
    assert "sevens never work" in done.stdout
    assert lines[-1] == "9 tasks passed, 1 failed, 0 skipped"


def test_a_sample_is_drawn_by_its_seed(in_process: InProcess, tmp_path: Path) -> None:
    (tmp_path / "toys.py").write_text(TASKS)

    def drawn(*flags: str) -> list[str]:
        done = in_process("check", "toys/*", "--plugin", tmp_path / "toys.py", *flags)
        return [line.split()[1] for line in done.stdout.splitlines() if "toys/" in line]

    assert drawn("--sample", "3") == drawn("--sample", "3", "--seed", "0")
    assert len({*map(tuple, (drawn("--sample", "3", "--seed", str(seed)) for seed in range(4)))}) > 1
    assert drawn("--sample", "3", "--seed", "1") == sorted(drawn("--sample", "3", "--seed", "1"))
    assert len(drawn("--sample", "20")) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("random", "--sample", "2"), "--sample is at least 1, and for a pattern"),
        (("bbob/*", "--sample", "0"), "--sample is at least 1"),
        (("bbobb/*", "--sample", "1"), "did you mean 'bbob'?"),
        (("bbob/*", "--sample", "many"), "whole number"),
    ],
)
def test_bad_samples_are_refused(in_process: InProcess, arguments: tuple[str, ...], message: str) -> None:
    done = in_process("check", *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr


HOLDING = (
    OWN.partition("class Lacking")[0]
    + """
from abc import abstractmethod

from optathlon import as_task


class Base(RandomSearch):
    @abstractmethod
    def more(self): ...


class Needy(RandomSearch):
    def __init__(self, problem, seed, *, size: int):
        super().__init__(problem, seed)


@as_task("own/line", space={"x": (0.0, 1.0)})
def line(config):
    return config["x"]


@as_task("own/broken", space={"x": (0.0, 1.0)})
def broken(config):
    raise ValueError("never")
"""
)


def test_a_file_says_what_it_holds_and_all_of_it_is_checked(in_process: InProcess, own: Path) -> None:
    own.write_text(HOLDING)
    done = in_process("check", own)
    lines = done.stdout.splitlines()
    assert lines[0] == (
        f"{own} holds the optimizers good (class Good), needy (class Needy); the tasks own/line, own/broken; "
        "the class Base, which lacks more"
    )
    assert [line for line in lines if line.startswith("FAILED  the optimizer 'needy' needs the option 'size'")]
    ends = {line.partition(":")[0]: line.rpartition(", ")[2] for line in lines if "checks passed" in line}
    assert {name: end == "0 failed" for name, end in ends.items()} == {
        "good": True,
        "own/line": True,
        "own/broken": False,
    }
    assert done.returncode == 1


def test_a_task_of_a_file_is_checked_by_its_function(in_process: InProcess, own: Path) -> None:
    own.write_text(HOLDING)
    done = in_process("check", f"{own}:line")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "own/line: 11 checks passed, 0 failed")
    done = in_process("check", f"{own}:Goood")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "unknown optimizer class 'Goood'" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "holds no optimizer, no task and no collection: `optathlon init optimizer`"),
        ("import", "can't import the plugin"),
        (None, "no plugin file"),
    ],
)
def test_a_file_that_holds_nothing_is_one_line(
    in_process: InProcess, own: Path, text: str | None, message: str
) -> None:
    own.unlink()
    if text is not None:
        own.write_text(text)
    done = in_process("check", own)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


def test_an_edited_file_is_checked_by_its_new_text(in_process: InProcess, own: Path) -> None:
    own.write_text(HOLDING.partition("from abc")[0])
    assert in_process("check", own).returncode == 0
    own.write_text(OWN.replace("class Good", "class Goods"))
    done = in_process("check", own)
    assert "goods (class Goods), lacking (class Lacking), bad (class Bad)" in done.stdout
    assert done.returncode == 1
