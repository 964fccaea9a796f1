"""Tables of trials on the command line: checked, begun, listed, run, resumed, and refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml
from table_files import GRID, grid_rows

from optathlon import load
from optathlon.registry.plugins import load_file, plugins
from optathlon.registry.tasks import make_task

Command = Callable[..., SimpleNamespace]


@pytest.fixture
def descriptor(tmp_path: Path) -> Path:
    """Beside its table, with two groups."""
    rows = grid_rows()
    rows["data"] = "one"
    other = rows.assign(data="two", val_error=1 - rows["val_error"])
    pd.concat([rows, other]).to_csv(tmp_path / "trials.csv", index=False)
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump({**GRID, "group": "data", "budget": 3}))
    return path


def test_check_says_what_the_tasks_will_be(in_process: Command, descriptor: Path) -> None:
    done = in_process("table", "check", descriptor)
    assert done.returncode == 0, done.stderr
    assert "mine/grid/one  (multi-fidelity, table): 2 ordinals, 1 categoricals; 12 configurations" in done.stdout
    assert "0 problems, 0 notes, 2 tasks" in done.stdout


def test_check_fails_with_problems(in_process: Command, descriptor: Path) -> None:
    descriptor.write_text(descriptor.read_text().replace("seed: seed", "sead: seed"))
    done = in_process("table", "check", descriptor)
    assert done.returncode == 1
    assert "problem  unknown key 'sead': did you mean 'seed'?" in done.stdout


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("check",), "is a table: say what its columns mean in a descriptor, which `optathlon table init"),
        (("info",), "is a table: say what its columns mean in a descriptor"),
        (("table", "check"), "is a table: say what its columns mean in a descriptor"),
        (("run", "-o", "random", "-t"), "is a table: say what its columns mean in a descriptor"),
        (("report",), "no column 'optimizer': it has 'rate', 'width', 'kind'"),
    ],
)
def test_a_table_in_place_of_a_descriptor_is_refused_in_one_line(
    command: tuple[str, ...], told: str, in_process: Command, descriptor: Path
) -> None:
    done = in_process(*command, descriptor.with_name("trials.csv"))
    assert done.returncode == 2
    assert told in done.stderr
    assert "optathlon table" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_descriptor_stands_for_its_tasks(in_process: Command, descriptor: Path) -> None:
    checked = in_process("check", descriptor)
    assert checked.returncode == 0, checked.stdout
    assert "mine/grid/one: 11 checks passed, 0 failed" in checked.stdout
    assert "mine/grid/two: 11 checks passed, 0 failed" in checked.stdout
    assert "descriptor  grid.yaml" in in_process("info", descriptor).stdout
    assert in_process("list", "tasks", "mine/*", "--plugin", descriptor).stdout.split() == list(plugins.tasks)


def test_a_wrong_descriptor_is_refused_in_one_line(in_process: Command, descriptor: Path) -> None:
    descriptor.write_text(descriptor.read_text().replace("seed: seed", "sead: seed").replace("epochs", "epoch"))
    done = in_process("run", "-o", "random", "-t", descriptor)
    assert done.returncode == 2
    assert "unknown key 'sead': did you mean 'seed'? (and 1 more: see `optathlon table check" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.processes
def test_workers_retry_and_the_repeated_command_find_the_tasks(
    in_process: Command, descriptor: Path, tmp_path: Path
) -> None:
    run: list[Any] = ["run", "-t", descriptor, "-o", "random", "--out", tmp_path / "out", "-j", 2]
    first = in_process(*run, "--seeds", 2)
    assert first.returncode == 0, first.stderr
    assert "4 runs" in first.stdout
    again = in_process(*run, "--seeds", 3, "--isolate")
    assert again.returncode == 0, again.stderr
    assert "6 runs" in again.stdout
    assert "(2 new)" in again.stdout
    done = in_process("retry", tmp_path / "out", "--status", "ok", "--plugin", descriptor)
    assert done.returncode == 0, done.stderr
    results = load(tmp_path / "out")
    task = make_task("mine/grid/two")
    assert results.tasks.loc["mine/grid/two", "metadata"]["descriptor"] == "grid.yaml"
    assert results.tasks.loc["mine/grid/two", "data"] == task.data_files()
    trials = results.trials[results.trials["task"] == "mine/grid/two"]
    stored = set(grid_rows()["val_error"].map(lambda value: round(1 - value, 9)))
    assert len(trials)
    assert {round(value, 9) for value in trials["value"]} <= stored


@pytest.mark.processes
def test_results_of_another_table_are_not_put_together(in_process: Command, descriptor: Path, tmp_path: Path) -> None:
    run: list[Any] = ["run", "-t", descriptor, "-o", "random", "--out", tmp_path / "out"]
    assert in_process(*run).returncode == 0
    table = descriptor.with_name("trials.csv")
    table.write_text(table.read_text().replace("tanh", "sine"))
    plugins.tasks.clear()
    plugins.descriptors.clear()
    done = in_process(*run, "--seeds", 2)
    assert done.returncode == 2
    assert "its data or code changed; give another --out folder" in done.stderr


def test_a_guessed_descriptor_is_a_fine_one(in_process: Command, descriptor: Path, tmp_path: Path) -> None:
    out = tmp_path / "guess.yaml"
    begun = in_process("table", "init", descriptor.with_name("trials.csv"), "--out", out)
    assert begun.returncode == 0, begun.stderr
    text = out.read_text()
    for line in ("fidelity: epochs", "cost: seconds", "seed: seed", "  rate: ordinal", "  kind: categorical"):
        assert line in text
    assert "val_error: {direction: minimize, test: test_error}" in text
    checked = in_process("table", "check", out)
    assert checked.returncode == 0, checked.stdout
    assert in_process("table", "init", descriptor.with_name("trials.csv"), "--out", out).returncode == 2


def test_a_table_task_in_a_plugin_finds_its_table_beside_it(descriptor: Path, own_plugins: None) -> None:
    plugin = descriptor.with_name("plugin.py")
    words = {key: value for key, value in GRID.items() if key not in ("id", "table")}
    plugin.write_text(
        "from optathlon import table_task\n"
        f"mine = table_task('trials.csv', id='mine/one', where={{'data': 'one'}}, **{words!r})\n"
    )
    load_file(plugin)
    (row,) = grid_rows().head(1).to_dict("records")
    config = {name: row[name] for name in GRID["hyperparameters"]}
    result = make_task("mine/one").evaluate(config, fidelity=row["epochs"], seed=row["seed"])
    assert result.values == (row["val_error"],)
