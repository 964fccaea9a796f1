"""Files of decorated tasks that are edited between two commands on one results folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from storage import Run, filled

from optathlon import load
from optathlon.errors import UsageError
from optathlon.registry.plugins import load_plugin
from optathlon.registry.tasks import make_task
from optathlon.task import agree

TASKS = """
import csv
import functools
import os
from pathlib import Path

from optathlon import Resources, as_task
from optathlon.optimizers.random import RandomSearch

HERE = Path(__file__).parent
SHIFT = 1.0
UNUSED = 3


class Scale:
    factor = 2.0

    def apply(self, x):
        return self.factor * x


class Halved(Scale):
    factor = 1.0


def helper(x):
    return deeper(x) + SHIFT


def deeper(x):
    return max(scale.apply(x) for scale in (kind() for kind in Scale.__subclasses__()))


def unused(x):
    return x


class Mine(RandomSearch):
    def ask(self):
        return super().ask()


@as_task("mine/slow", space={"x": (0.0, 1.0)}, budget=3, data=["declared.csv", "folder"], resources=Resources(cpus=1))
def slow(config):
    from beside import offset

    return helper(config["x"]) + offset()


@as_task("mine/quick", space={"x": (0.0, 1.0)}, budget=3)
def quick(config):
    return config["x"] * float((HERE / "undeclared.csv").read_text())


@as_task("mine/noting", space={"x": (0.0, 1.0)}, budget=3)
def noting(config):
    with open(HERE / "calls.txt", "a") as file:
        print(config["x"], file=file)
    os.makedirs(HERE / "made", exist_ok=True)
    return config["x"]
"""

NEW_TASK = """@as_task("mine/new", space={"x": (0.0, 1.0)})
def new(config):
    return config["x"]


"""

Command = Callable[..., SimpleNamespace]


@dataclass
class Desk:
    folder: Path
    command: Command
    forget: Callable[[], None]

    def run(self, task: str, seeds: int, *more: object) -> SimpleNamespace:
        self.forget()
        out, plugin = self.folder.parent / "out", self.folder / "mine.py"
        return self.command(
            "run", "-o", "random", "-t", task, "--seeds", seeds, "--plugin", plugin, "--out", out, *more
        )

    def fingerprint(self, task: str) -> str:
        self.forget()
        load_plugin(self.folder / "mine.py")
        return make_task(task).fingerprint()

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.folder / file
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))


@pytest.fixture
def desk(in_process: Command, forget_plugins: Callable[[], None], tmp_path: Path) -> Desk:
    folder = tmp_path / "desk"
    (folder / "folder" / "deep").mkdir(parents=True)
    (folder / "mine.py").write_text(TASKS)
    (folder / "beside.py").write_text("from further import VALUE\n\ndef offset():\n    return VALUE\n")
    (folder / "further.py").write_text("VALUE = 0.25\n")
    for file in ("declared.csv", "undeclared.csv", "folder/deep/more.csv"):
        (folder / file).write_text("1.0\n")
    return Desk(folder, in_process, forget_plugins)


CHANGES = {
    "itself": ("mine.py", "+ offset()", "- offset()"),
    "a helper": ("mine.py", "deeper(x) + SHIFT", "deeper(x) * SHIFT"),
    "a helper of a helper": ("mine.py", "max(scale", "min(scale"),
    "a constant": ("mine.py", "SHIFT = 1.0", "SHIFT = 1.5"),
    "a class": ("mine.py", "self.factor * x", "self.factor + x"),
    "a class that only a registry names": ("mine.py", "    factor = 1.0", "    factor = 9.0"),
    "a module beside it": ("beside.py", "return VALUE", "return -VALUE"),
    "a module of that module": ("further.py", "0.25", "0.5"),
    "declared data": ("declared.csv", "1.0", "2.0"),
    "a file of a declared folder": ("folder/deep/more.csv", "1.0", "2.0"),
    "something that the import does": ("mine.py", "def unused(x)", "Scale.factor = 3.0\n\ndef unused(x)"),
}


NO_CHANGES = {
    "a constant": ("mine.py", "UNUSED = 3", "UNUSED = 4"),
    "a function": ("mine.py", "    return x\n\n\nclass Mine", "    return -x\n\n\nclass Mine"),
    "another task": ("mine.py", '@as_task("mine/quick"', NEW_TASK + '@as_task("mine/quick"'),
    "a comment": ("mine.py", "UNUSED = 3", "# spare\nUNUSED = 3"),
    "an optimizer": ("mine.py", "return super().ask()", "return super().ask() or None"),
    "a file": ("undeclared.csv", "1.0", "2.0"),
    "a program": (
        "mine.py",
        '@as_task("mine/quick"',
        "if __name__ == '__main__':\n    1 / 0\n\n" + '@as_task("mine/quick"',
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_task_depends_on_can_not_change_unnoticed(desk: Desk, change: str) -> None:
    before = desk.fingerprint("mine/slow")
    desk.edit(*CHANGES[change])
    assert not agree(desk.fingerprint("mine/slow"), before)


@pytest.mark.parametrize("change", NO_CHANGES)
def test_what_a_task_does_not_use_may_change(desk: Desk, change: str) -> None:
    before = desk.fingerprint("mine/slow")
    desk.edit(*NO_CHANGES[change])
    assert desk.fingerprint("mine/slow") == before


def test_the_place_of_the_file_does_not_count(desk: Desk) -> None:
    before = [desk.fingerprint(f"mine/{name}") for name in ("slow", "quick", "noting")]
    desk.folder = desk.folder.rename(desk.folder.with_name("elsewhere"))
    assert [desk.fingerprint(f"mine/{name}") for name in ("slow", "quick", "noting")] == before


def test_results_of_a_changed_task_are_refused(desk: Desk) -> None:
    assert desk.run("mine/slow", 1).returncode == 0
    data = load(desk.folder.parent / "out").tasks.loc["mine/slow", "data"]
    assert data.keys() == {"declared.csv", "folder/deep/more.csv"}
    for change in ("a helper of a helper", "declared data"):
        file, before, after = CHANGES[change]
        desk.edit(file, before, after)
        refused = desk.run("mine/slow", 2)
        assert (refused.returncode, "'mine/slow' gives other values" in refused.stderr) == (2, True), refused.stderr
        desk.edit(file, after, before)
    assert "(1 new)" in desk.run("mine/slow", 2).stdout


def test_a_cheap_function_is_asked_for_its_values(desk: Desk) -> None:
    assert desk.run("mine/quick", 1).returncode == 0
    desk.edit("undeclared.csv", "1.0", "2.0")
    refused = desk.run("mine/quick", 2)
    assert (refused.returncode, "other values" in refused.stderr) == (2, True)


def test_a_function_with_side_effects_is_not_called_unasked(desk: Desk) -> None:
    for seeds in (1, 2):
        assert desk.run("mine/noting", seeds).returncode == 0
        assert len((desk.folder / "calls.txt").read_text().splitlines()) == 3 * seeds


def test_missing_data_is_told_before_anything_runs(desk: Desk) -> None:
    (desk.folder / "declared.csv").unlink()
    refused = desk.run("mine/slow", 1)
    assert refused.returncode == 2
    assert "'mine/slow' declares data that can't be read" in refused.stderr
    assert "declared.csv" in refused.stderr


def test_folders_of_earlier_versions_are_compared_as_far_as_they_tell(desk: Desk) -> None:
    """They have a hash of the function's own source, and nothing else."""
    assert desk.run("mine/slow", 1).returncode == 0
    for part in ("runs", "tasks"):
        for path in (desk.folder.parent / "out" / part).iterdir():
            table = pq.read_table(path).replace_schema_metadata()
            old = [text.partition(".")[0] for text in table["fingerprint"].to_pylist()]
            place = table.column_names.index("fingerprint")
            pq.write_table(table.set_column(place, "fingerprint", pa.array(old)), path)
    assert "(1 new)" in desk.run("mine/slow", 2).stdout
    fingerprint = load(desk.folder.parent / "out").tasks.loc["mine/slow", "fingerprint"]
    assert fingerprint.count(".") == 1
    desk.edit("mine.py", "+ offset()", "- offset()")
    assert desk.run("mine/slow", 3).returncode == 2


def test_tasks_with_other_values_are_not_merged(desk: Desk) -> None:
    outs = [desk.folder.parent / name for name in ("a", "b", "all")]
    for out, value in zip(outs, ("1.0", "2.0"), strict=False):
        (desk.folder / "undeclared.csv").write_text(value)
        assert desk.run("mine/quick", 1, "--out", out).returncode == 0
    desk.forget()
    refused = desk.command("merge", outs[2], *outs[:2])
    assert (refused.returncode, "two different tasks 'mine/quick'" in refused.stderr) == (2, True)


def test_results_are_readable_where_workers_had_other_values(tmp_path: Path) -> None:
    for seed, fingerprint in enumerate(("f.g.~a", "f.g.~b", "f.g")):
        filled(tmp_path / "out", [[Run(3 * seed)]], fingerprint=fingerprint)
    assert load(tmp_path / "out").tasks.loc["toy/a", "fingerprint"].startswith("f.g.~")
    filled(tmp_path / "out", [[Run(9)]], fingerprint="f.h")
    with pytest.raises(UsageError, match="two different tasks"):
        load(tmp_path / "out")
