"""What is written to a results folder comes back, and what is no results folder is refused."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ConfigSpace import Categorical, ConfigurationSpace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stored_runs import STARTED, record, spec, store

from optathlon import Constraint, Fidelity, Objective, Problem, Status, as_task, load
from optathlon.errors import UsageError
from optathlon.results.folder import ResultsFolder
from optathlon.results.schema import FORMAT, RUNS, TRIALS
from optathlon.results.writer import ShardWriter, write_shard
from optathlon.running.accounting import TrialRecord
from optathlon.running.runs import RunSpec
from optathlon.text import clean

finite = st.floats(allow_nan=False, allow_infinity=False)
short = st.floats(0, 1e6, width=32)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
foreign = st.text(st.characters(exclude_categories=()), max_size=12)
"""Any text that Python has, lone surrogates and control characters too."""
hyperparameters = st.dictionaries(
    names,
    st.one_of(finite, st.booleans(), st.integers(-(2**60), 2**60), st.text(st.characters(codec="utf-8"))),
    max_size=4,
)


@st.composite
def trial_records(draw: st.DrawFn) -> list[TrialRecord]:
    objectives, constraints = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    records = []
    for trial in range(draw(st.integers(0, 6))):
        ok = draw(st.booleans())
        records.append(
            record(
                trial,
                config=draw(hyperparameters),
                fidelity=draw(st.none() | finite),
                parent=draw(st.none() | st.integers(0, trial)),
                evaluations=draw(finite),
                values=tuple(draw(st.lists(finite, min_size=objectives, max_size=objectives))) if ok else None,
                constraints=tuple(draw(st.lists(finite, min_size=constraints, max_size=constraints))) or None
                if ok
                else None,
                metrics=draw(st.none() | st.dictionaries(foreign.map("m/{}".format), finite, min_size=1, max_size=3)),
                status="ok" if ok else draw(st.sampled_from(["crashed", "timeout", "memory", "invalid"])),
                error=None if ok else draw(foreign),
                cost=draw(st.none() | finite),
                ask_s=draw(short),
                tell_s=draw(st.just(math.nan) | short),
                evaluate_s=draw(short),
                start=draw(finite),
                end=draw(finite),
                worker=draw(st.integers(0, 1000)),
                over_budget=draw(st.booleans()),
            )
        )
    return records


def same(stored: Any, original: Any) -> bool:
    if original is None:
        return stored is None or stored is pd.NA or (isinstance(stored, float) and math.isnan(stored))
    return stored == original or (isinstance(original, float) and math.isnan(original) and math.isnan(stored))


@given(st.lists(trial_records(), min_size=1, max_size=3))
def test_every_column_comes_back(tmp_path_factory: pytest.TempPathFactory, runs: list[list[TrialRecord]]) -> None:
    path = tmp_path_factory.mktemp("store") / "out"
    store(path, [(spec(seed), trials) for seed, trials in enumerate(runs)])
    results = load(path)
    expected = [(spec(seed), trial) for seed, trials in enumerate(runs) for trial in trials]
    assert len(results.trials) == len(expected)
    plain = set(TrialRecord._fields) - {"config", "values", "constraints", "metrics"}
    metric_names = {name for _, trial in expected for name in trial.metrics or ()}
    for row, (run, trial) in zip(results.trials.to_dict("records"), expected, strict=True):
        assert (row["run"], row["seed"], row["task"], row["optimizer"]) == (run.id, run.seed, "toy/plain", "random")
        assert json.loads(row["config"]) == trial.config
        for name in plain:
            value = getattr(trial, name)
            assert same(row[name], clean(value) if isinstance(value, str) else value), name
        for prefix, values in (("value", trial.values or ()), ("constraint", trial.constraints or ())):
            for index in range(3):
                column = "value" if (prefix, index) == ("value", 0) else f"{prefix}_{index + 1}"
                assert same(row.get(column), values[index] if index < len(values) else None), column
        for name in metric_names:
            assert same(row[clean(name)], (trial.metrics or {}).get(name)), name


def test_the_frames_are_those_of_the_documentation(tmp_path: Path) -> None:
    store(tmp_path / "out", [(spec(1), [record(0), record(1)]), (spec(0, "sobol"), []), (spec(0), [record(0)])])
    results = load(tmp_path / "out")
    assert list(results.runs.columns) == RUNS.names
    assert [(row.optimizer, row.seed) for row in results.runs.itertuples()] == [
        ("random", 0),
        ("random", 1),
        ("sobol", 0),
    ]
    first = results.runs.iloc[0].to_dict()
    assert first.pop("started") == pd.Timestamp(STARTED)
    assert {name: value for name, value in first.items() if not pd.isna(value)} == {
        "run": spec(0).id,
        "experiment": "mine",
        "optimizer": "random",
        "options": '{"a": 1}',
        "task": "toy/plain",
        "task_version": "1",
        "fingerprint": "f1",
        "collection": "toy",
        "seed": 0,
        "root_seed": 7,
        "budget": 5.0,
        "budget_unit": "evaluations",
        "n_workers": 1,
        "clock": "real",
        "attempt": 1,
        "status": "ok",
        "trials": 1,
        "spent": 1.0,
        "seconds": 1.5,
        "host": "host",
        "provenance": "0123",
    }
    scalars = [name for name in TRIALS.names if name not in ("values", "constraints", "metrics")]
    assert set(results.trials.columns) == {*scalars, "value", "optimizer", "task", "collection", "seed"}
    assert list(results.trials.columns)[:6] == ["run", "optimizer", "task", "collection", "seed", "trial"]
    assert results.trials["trial"].tolist() == [0, 0, 1]
    assert results.trials["value"].tolist() == [0.0, 0.0, 1.0]
    for label in ("run", "optimizer", "task", "status"):
        assert isinstance(results.trials[label].dtype, pd.CategoricalDtype)
    assert results.trials["over_budget"].dtype == bool
    assert results.trials["seed"].dtype == np.int64


def test_an_empty_folder_has_empty_frames(tmp_path: Path) -> None:
    ResultsFolder.create(tmp_path / "out")
    results = load(tmp_path / "out")
    assert (len(results.runs), len(results.trials), len(results.tasks), len(results.provenance)) == (0, 0, 0, 0)
    assert list(results.runs.columns) == RUNS.names
    assert {"run", "value", "status", "optimizer"} <= set(results.trials.columns)


def test_runs_without_values_have_a_value_column(tmp_path: Path) -> None:
    failed = record(0, values=None, status="crashed", error="boom")
    store(tmp_path / "out", [(spec(), [failed, failed._replace(trial=1)])])
    trials = load(tmp_path / "out").trials
    assert trials["value"].isna().all()
    assert trials["error"].tolist() == ["boom", "boom"]


def test_tasks_are_described(tmp_path: Path) -> None:
    space = ConfigurationSpace({"x": (0.0, 1.0)})
    space.add(Categorical("width", list(np.array([16, 32]))))
    objectives = (Objective("error", lower=0.0, optimum=0.1), Objective("accuracy", "maximize", reference=0.0))
    metadata: dict[str, Any] = {"dimension": np.int64(2), "source": "test", "noisy": np.bool_(True)}

    @as_task(
        "toy/rich",
        space=space,
        objectives=objectives,
        fidelity=Fidelity("epochs", 1, 9, "int", resumable=True),
        constraints=["memory"],
        metadata=metadata,
        version="4",
    )
    def rich(config: dict[str, Any]) -> list[float]:
        return [1.0, 2.0]

    store(tmp_path / "out", [(spec(task="toy/rich"), [])], task=rich, fingerprint="abc")
    row = load(tmp_path / "out").tasks.loc["toy/rich"]
    assert (row["version"], row["fingerprint"], row["collection"]) == ("4", "abc", "toy")
    assert row["type"] == "multi-fidelity-objective"
    assert row["objectives"] == [
        {"name": "error", "direction": "minimize", "lower": 0.0, "upper": None, "optimum": 0.1, "reference": None},
        {"name": "accuracy", "direction": "maximize", "lower": None, "upper": None, "optimum": None, "reference": 0.0},
    ]
    known = {"name": "epochs", "lower": 1, "upper": 9, "kind": "int", "log": False, "resumable": True, "levels": []}
    assert row["fidelity"] == known
    assert row["constraints"] == ["memory"]
    assert row["metadata"] == {"dimension": 2, "source": "test", "noisy": True}
    assert ConfigurationSpace.from_serialized_dict(row["space"]) == space


@pytest.mark.parametrize(
    "name", ["value", "seed", "trial", "task", "optimizer", "run", "status", "cost", "config", "fidelity", "value_2"]
)
def test_a_metric_named_like_a_column_harms_no_column(tmp_path: Path, name: str) -> None:
    store(tmp_path / "plain", [(spec(3), [record(0)])])
    store(tmp_path / "out", [(spec(3), [record(0, metrics={name: 123.0})])])
    expected, found = load(tmp_path / "plain").trials.iloc[0].to_dict(), load(tmp_path / "out").trials.iloc[0].to_dict()
    kept = {key: found[key] for key in expected}
    assert all(same(kept[key], value) or same(value, kept[key]) for key, value in expected.items()), kept
    extra = [value for key, value in found.items() if key not in expected]
    assert extra == [123.0], "the metric is there too"


def test_trials_without_their_runs_are_ignored(tmp_path: Path) -> None:
    """A driver killed between the two writes leaves trials and task descriptions without a commit mark."""
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    before = {path.name for path in (folder.path / "runs").iterdir()}
    store(tmp_path / "out", [(spec(1), [record(0), record(1)])], fingerprint="other")
    (uncommitted,) = {path.name for path in (folder.path / "runs").iterdir()} - before
    (folder.path / "runs" / uncommitted).unlink()
    results = load(folder.path)
    assert results.runs["seed"].tolist() == [0]
    assert results.trials["seed"].tolist() == [0]
    assert results.tasks["fingerprint"].tolist() == ["f1"]
    assert folder.finished()["run"].to_pylist() == [spec(0).id]


def test_temporary_files_are_ignored(tmp_path: Path) -> None:
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    for part in ("runs", "trials", "tasks"):
        (folder.path / part / ".abc.parquet.123.tmp").write_bytes(b"half")
    assert len(load(folder.path).runs) == 1


def attempts(rows: Sequence[tuple[int, int]], value: float) -> list[tuple[RunSpec, list[TrialRecord]]]:
    """One run per pair of seed and attempt; how many trials and which values it has tells it from every other one."""
    return [
        (
            replace(spec(seed), attempt=attempt),
            [record(trial, values=(value + place + trial / 8,)) for trial in range((place + int(value)) % 4)],
        )
        for place, (seed, attempt) in enumerate(rows)
    ]


rows_of_shards = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), min_size=1, max_size=4), min_size=1, max_size=5
)


@given(rows_of_shards, st.randoms(use_true_random=False))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_highest_attempt_holds_and_among_equals_the_first_shard_by_name(
    tmp_path_factory: pytest.TempPathFactory,
    named_shards: Callable[[Sequence[str]], None],
    shards: list[list[tuple[int, int]]],
    random: Random,
) -> None:
    path = tmp_path_factory.mktemp("store") / "out"
    written = {f"{number:02}": attempts(rows, 100.0 * number) for number, rows in enumerate(shards)}
    order = random.sample(sorted(written), len(written))
    named_shards(order)
    for name in order:
        store(path, written[name])
    held: dict[int, tuple[RunSpec, list[TrialRecord]]] = {}
    for name in sorted(written):
        for run, trials in written[name]:
            if run.seed not in held or held[run.seed][0].attempt < run.attempt:
                held[run.seed] = run, trials
    results = load(path)
    assert results.runs["seed"].tolist() == sorted(held)
    assert results.runs["attempt"].tolist() == [held[seed][0].attempt for seed in sorted(held)]
    expected = [(seed, trial.values[0]) for seed in sorted(held) for trial in held[seed][1] if trial.values]
    assert list(zip(results.trials["seed"], results.trials["value"], strict=True)) == expected
    finished = ResultsFolder.open(path).finished(("run", "attempt")).to_pylist()
    expected_rows = [{"run": run.id, "attempt": run.attempt} for run, _ in held.values()]
    assert sorted(finished, key=itemgetter("run")) == sorted(expected_rows, key=itemgetter("run"))


def test_finished_runs_tell_what_resuming_and_status_need(tmp_path: Path) -> None:
    folder = store(tmp_path / "out", [(spec(3), [record(0)])], status=Status.CRASHED)
    assert folder.finished().column_names == ["run", "task", "task_version", "fingerprint", "status"]
    columns = ("status", "attempt", "optimizer", "reason", "seconds", "started")
    (row,) = folder.finished(columns).to_pylist()
    assert row == {
        "status": "crashed",
        "attempt": 1,
        "optimizer": "random",
        "reason": None,
        "seconds": 1.5,
        "started": STARTED,
    }
    assert len(ResultsFolder.create(tmp_path / "empty").finished(columns)) == 0


def test_a_folder_of_an_earlier_version_lacks_columns(tmp_path: Path) -> None:
    folder = store(tmp_path / "out", [(spec(3), [record(0)])])
    for part, columns in (("runs", ["attempt", "clock"]), ("trials", ["peak_memory"])):
        (path,) = (folder.path / part).iterdir()
        pq.write_table(pq.read_table(path).drop_columns(columns), path)
    results = load(folder.path)
    assert results.runs["seed"].tolist() == [3]
    assert results.trials["peak_memory"].isna().all()
    assert len(folder.finished()) == 1


THREADS = """
import os, sys
from pathlib import Path
from optathlon.results.damage import set_aside_damaged
from optathlon.results.folder import ResultsFolder
folder = ResultsFolder.open(Path(sys.argv[1]))
before = len(os.listdir("/proc/self/task"))
assert set_aside_damaged(folder) == []
assert len(folder.finished()) == 300 and folder.read_tasks()
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_the_driver_can_fork_after_it_read_what_is_finished(tmp_path: Path) -> None:
    for shard in range(6):
        store(tmp_path / "out", [(spec(seed), []) for seed in range(45 * shard, 45 * shard + 75)])
    command = [sys.executable, "-c", THREADS, str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) == 0


@pytest.mark.parametrize("part", ["runs", "trials", "tasks"])
def test_a_reader_lists_again_when_a_compaction_deletes_what_it_was_about_to_read(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    store(folder.path, [(spec(1), [record(0), record(1)])])
    expected = load(folder.path)
    listed = ResultsFolder._shards
    compacted: list[bool] = []

    def list_and_let_compact(self: ResultsFolder) -> list[str]:
        shards = listed(self)
        if not compacted:
            compacted.append(True)
            name = "0000-000001-new.parquet"
            runs, trials = (
                pa.concat_tables([pq.read_table(folder.path / part / shard, schema=schema) for shard in shards])
                for part, schema in (("runs", RUNS), ("trials", TRIALS))
            )
            write_shard(folder, name, runs, [trials], list(folder.task_rows(shards).values()))
            for shard in shards:
                (folder.path / "runs" / shard).unlink()
                (folder.path / part / shard).unlink(missing_ok=True)
        return shards

    monkeypatch.setattr(ResultsFolder, "_shards", list_and_let_compact)
    if part == "tasks":
        assert [task["task"] for task in folder.read_tasks()] == ["toy/plain"]
    else:
        found = load(folder.path)
        pd.testing.assert_frame_equal(found.runs, expected.runs)
        pd.testing.assert_frame_equal(found.trials, expected.trials)
    assert compacted


def test_mixed_fingerprints_are_refused(tmp_path: Path) -> None:
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    store(folder.path, [(spec(1), [record(0)])], fingerprint="f2")
    with pytest.raises(UsageError, match=r"'toy/plain'.*f[12] and f[12]"):
        load(folder.path)


@pytest.mark.parametrize(
    ("mark", "hint"),
    [
        (json.dumps({"format": FORMAT + 1}), f"format {FORMAT + 1}"),
        (json.dumps({"format": str(FORMAT)}), "format"),
        ("{}", "damaged"),
        ("[]", "damaged"),
        ("", "damaged"),
        ("{", "damaged"),
        ("\udcff", "damaged"),
    ],
)
@pytest.mark.parametrize("open_folder", [ResultsFolder.open, ResultsFolder.create, load])
def test_other_formats_and_damaged_marks_are_refused(
    tmp_path: Path, mark: str, hint: str, open_folder: Callable[[Path], object]
) -> None:
    folder = store(tmp_path / "out", [(spec(0), [record(0)])])
    (folder.path / "optathlon.json").write_bytes(mark.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=hint) as caught:
        open_folder(folder.path)
    assert "\n" not in str(caught.value)


def test_other_folders_are_refused_and_left_alone(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("years of work")
    file = tmp_path / "file"
    file.write_text("")
    for path in (foreign, file, file / "below"):
        with pytest.raises(UsageError, match=path.name):
            ResultsFolder.create(path)
    for path in (foreign, file, tmp_path / "none"):
        with pytest.raises(UsageError, match=path.name):
            load(path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "foreign", "thesis.tex"]


def test_an_empty_folder_can_be_used(tmp_path: Path) -> None:
    folder = ResultsFolder.create(tmp_path / "deep" / "er")
    assert folder == ResultsFolder.open(folder.path) == ResultsFolder.create(folder.path)


def test_flushing_nothing_writes_nothing(tmp_path: Path) -> None:
    folder = ResultsFolder.create(tmp_path / "out")
    writer = ShardWriter(folder)
    assert writer.flush() == []
    assert not list(folder.path.rglob("*.parquet"))


def test_a_problem_type_is_its_fidelity_and_objectives() -> None:
    space = ConfigurationSpace({"x": (0.0, 1.0)})
    two = (Objective("a"), Objective("b"))
    levels = Fidelity("epochs", 1, 9)
    kinds = [Problem(space), Problem(space, fidelity=levels), Problem(space, two), Problem(space, two, levels)]
    assert [problem.type for problem in kinds] == [
        "blackbox",
        "multi-fidelity",
        "multi-objective",
        "multi-fidelity-objective",
    ]
    assert Problem(space, constraints=(Constraint("c"),)).type == "blackbox"
    with pytest.raises(ValueError, match="at least one objective"):
        Problem(space, ())
    for bounds in ((0, 1), (2, 1), (1, math.inf), (-1, 1), (math.nan, 1)):
        with pytest.raises(ValueError, match="epochs"):
            Fidelity("epochs", *bounds)
    make_objective: Callable[..., Objective] = Objective
    with pytest.raises(ValueError, match="direction"):
        make_objective("a", "max")
