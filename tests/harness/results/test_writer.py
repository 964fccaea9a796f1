"""A run whose values can't be stored harms no other, and is itself recorded as failed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from storage import SESSION, STARTED, Run, collect, trial_record

from optathlon import Status, as_task, load
from optathlon.errors import UsageError
from optathlon.results.damage import set_aside_damaged
from optathlon.results.folder import ResultsFolder
from optathlon.results.rows import run_row
from optathlon.results.writer import ShardWriter
from optathlon.running.accounting import RunOutcome, TrialRecord
from optathlon.text import ERROR_CHARACTERS


def outcome(*trials: TrialRecord, **changes: Any) -> RunOutcome:
    return replace(RunOutcome(Status.OK, list(trials), 1.0), **changes)


def add(writer: ShardWriter, run: Run, done: RunOutcome, **changes: Any) -> None:
    writer.describe(run.task, "f1")
    row = run_row(run.spec, done, SESSION, {}, "f1", STARTED, 1.5) | changes
    writer.add(row, done.trials)


TRIAL = trial_record(0, 0.5)


@pytest.mark.parametrize(
    "changes",
    [
        {"parent": 2**40},
        {"peak_memory": 2**63},
        {"values": (10**400,)},
        {"cost": "much"},
        {"config": {"x": object()}},
        {"metrics": {"m": "n"}},
    ],
)
def test_a_trial_that_cannot_be_stored_fails_its_run_and_no_other(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    writer = ShardWriter(folder)
    collect(writer, Run(0, 2))
    add(writer, Run(1), outcome(TRIAL, TRIAL._replace(trial=1, **changes)))
    collect(writer, Run(2, 3))
    assert writer.flush() == [Run(seed).spec.id for seed in range(3)]
    assert set_aside_damaged(folder) == []
    runs = load(folder.path).runs.set_index("seed")
    assert runs["status"].tolist() == ["ok", "crashed", "ok"]
    assert runs["trials"].tolist() == [2, 0, 3]
    assert runs["reason"][1].startswith("its trials can't be stored: ")
    assert "\n" not in runs["reason"][1]


@pytest.mark.parametrize(
    "changes", [{"root_seed": 2**63}, {"n_workers": 2**31}, {"spent": "all"}, {"host": "\udcff"}, {"options": b"\xff"}]
)
def test_a_run_that_cannot_be_stored_is_recorded_as_failed(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    writer = ShardWriter(folder)
    collect(writer, Run(0, 2))
    add(writer, Run(1), outcome(TRIAL), **changes)
    collect(writer, Run(2, 3))
    assert len(writer.flush()) == 3
    assert set_aside_damaged(folder) == []
    runs = load(folder.path).runs.set_index("seed")
    assert runs["status"].tolist() == ["ok", "crashed", "ok"]
    assert runs["reason"][1] == f"can't be stored: its {', '.join(changes)}"
    assert load(folder.path).trials["seed"].tolist() == [0, 0, 2, 2, 2]


def test_text_is_cleaned_and_short(tmp_path: Path) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    writer = ShardWriter(folder)
    bad = "no \udce9\x00\x1b[2J"
    trial = TRIAL._replace(values=None, status="crashed", error=bad + "z" * 10**7, metrics={bad: 1.0})
    add(writer, Run(0), outcome(trial, reason=bad + "\n" + "y" * 10**7, error=bad + "x" * 10**7))
    writer.flush()
    results = load(folder.path)
    assert results.runs["reason"][0].startswith("no \\udce9\\x00\\x1b[2J yyy")
    assert results.trials["error"][0].startswith("no \\udce9\\x00\\x1b[2Jzzz")
    assert results.trials["no \\udce9\\x00\\x1b[2J"].tolist() == [1.0]
    assert len(results.runs["error"][0]) <= ERROR_CHARACTERS
    assert sum(path.stat().st_size for path in folder.path.rglob("*.parquet")) < 100_000


def test_a_task_whose_metadata_is_no_json_is_refused_in_one_line(tmp_path: Path) -> None:
    writer = ShardWriter(ResultsFolder.create(tmp_path / "out"))
    loop: list[Any] = []
    loop.append(loop)
    for metadata in ({"a": {1, 2}}, {"a": loop}, {"a": b"bytes"}):
        task = as_task("toy/odd", space={"x": (0.0, 1.0)}, metadata=metadata)(lambda config: 1.0)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match=r"metadata of the task 'toy/odd' can't be stored") as caught:
            writer.describe(task, "f")
        assert "\n" not in str(caught.value)
        assert not writer.has_described("toy/odd")


def test_configurations_are_json_of_which_every_half_character_is_escaped(tmp_path: Path) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    writer = ShardWriter(folder)
    config: dict[str, Any] = {"a\udce9": "\udcff", "face": "🙂", "zero": "\x00", "x": math.pi}
    add(writer, Run(0), outcome(TRIAL._replace(config=config)))
    writer.flush()
    stored = load(folder.path).trials["config"][0]
    assert json.loads(stored) == {"a\\udce9": "\\udcff", "face": "🙂", "zero": "\x00", "x": math.pi}
    assert stored.isascii()
