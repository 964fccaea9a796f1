"""Foreign tables, against the results they were written from and a loop over their rows."""

from __future__ import annotations

import gzip
import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import load
from optathlon.analysis import incumbents_at, trajectories
from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

Command = Callable[..., SimpleNamespace]

ROW = {"optimizer": "a", "task": "t", "seed": 0, "step": 1, "value": 0.5}


def written(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False)
    return path


def rows(*changes: Mapping[str, object]) -> pd.DataFrame:
    return pd.DataFrame([{**ROW, **change} for change in changes])


def final(results: Results) -> dict[tuple[str, str, int], float]:
    """The final value of each run."""
    return incumbents_at(trajectories(results), results.runs, [1.0], column="value").iloc[:, 0].to_dict()


def numbers(results: Results) -> pd.DataFrame:
    """All there is to know of the trials but which file they are from."""
    return results.trials.drop(columns="run").astype({"optimizer": str, "task": str, "collection": str})


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Up to 3 optimizers x 2 tasks x 2 seeds with gaps, failures and statuses, in any order."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from(["p/x", "p/y"]), st.integers(0, 1), st.integers(0, 9)),
            min_size=1,
            max_size=40,
            unique=True,
        )
    )
    table = pd.DataFrame(keys, columns=["optimizer", "task", "seed", "step"])
    some = [draw(st.sampled_from([math.nan, math.inf, -math.inf, 1.5, -2.0, 0.0, 7.25])) for _ in keys]
    status = [draw(st.sampled_from(["ok", "ok", "crashed", "timeout", "memory", "diverged", "invalid"])) for _ in keys]
    return table.assign(value=some, status=status)


@given(tables(), st.sampled_from(["minimize", "maximize"]))
def test_incumbents_are_those_of_a_loop(table: pd.DataFrame, direction: Literal["minimize", "maximize"]) -> None:
    first = 1 if table["step"].min() == 0 else 0
    points = [0.2, 0.5, 0.7, 1.0]
    expected = {}
    for key, run in table.groupby(["optimizer", "task", "seed"]):
        budget = table.loc[table["task"] == key[1], "step"].max() + first
        counts = run[(run["status"] == "ok") & np.isfinite(run["value"])]
        seen = [counts["value"][(counts["step"] + first) / budget <= point + 1e-9] for point in points]
        expected[key] = [values.min() if direction == "minimize" else values.max() for values in seen]
    with TemporaryDirectory() as folder:
        results = load_table(written(table, Path(folder) / "t.csv"), direction=direction)
    found = incumbents_at(trajectories(results), results.runs, points, column="value")
    np.testing.assert_array_equal(found, [expected[key] for key in found.index])
    assert len(found) == len(expected)


@given(tables(), st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_format_matters(table: pd.DataFrame, random: object) -> None:
    with TemporaryDirectory() as folder:
        order = list(range(len(table)))
        random.shuffle(order)  # type: ignore[attr-defined]
        one = load_table(written(table, Path(folder) / "one.csv"))
        others = [
            load_table(written(table.iloc[order], Path(folder) / name)) for name in ("b.csv.gz", "b.csv", "b.parquet")
        ]
    for other in others:
        pd.testing.assert_frame_equal(numbers(one), numbers(other))
        pd.testing.assert_frame_equal(one.tasks, other.tasks)
        labels = ["experiment", "provenance"]
        pd.testing.assert_frame_equal(one.runs.drop(columns=labels), other.runs.drop(columns=labels))


def as_table(results: Results) -> pd.DataFrame:
    step = results.trials.groupby("run", observed=True)["evaluations"].cumsum()
    columns = ["optimizer", "task", "seed", "value", "status"]
    return results.trials[columns].assign(step=step, time=results.trials["end"])


def test_own_results_come_back_with_the_same_types(in_process: Command, tmp_path: Path) -> None:
    names = ("-o", "random", "-o", "sobol", "-t", "bbob/f1/d2/i1", "-t", "bbob/f15/d5/i2")
    assert in_process("run", *names, "--budget", 6, "--seeds", 2, "--out", tmp_path / "out").returncode == 0
    own = load(tmp_path / "out")
    foreign = load_table(written(as_table(own), tmp_path / "table.csv"))
    for part in ("runs", "trials", "tasks"):
        pd.testing.assert_series_equal(getattr(foreign, part).dtypes.astype(str), getattr(own, part).dtypes.astype(str))
        assert getattr(foreign, part).index.name == getattr(own, part).index.name
    same = ["optimizer", "task", "collection", "seed", "trial", "fidelity", "evaluations", "value", "status", "end"]
    pd.testing.assert_frame_equal(foreign.trials[same], own.trials[same])
    same = ["optimizer", "task", "collection", "seed", "budget", "budget_unit", "clock", "status", "trials", "spent"]
    pd.testing.assert_frame_equal(foreign.runs[same], own.runs[same])
    of_runs = foreign.trials["run"].map(foreign.runs.set_index("run")["task"].astype(str)).astype(str)
    assert (of_runs == foreign.trials["task"].astype(str)).all()
    computed = ["fraction", "value", "loss"]
    pd.testing.assert_frame_equal(trajectories(foreign)[computed], trajectories(own)[computed])
    incumbents = [incumbents_at(trajectories(results), results.runs) for results in (foreign, own)]
    pd.testing.assert_frame_equal(*incumbents)


@given(tables(), st.sampled_from(["minimize", "maximize"]))
def test_incumbents_in_place_of_values_make_no_difference(
    table: pd.DataFrame, direction: Literal["minimize", "maximize"]
) -> None:
    counts = (table["status"] == "ok") & np.isfinite(table["value"])
    table = table.assign(value=table["value"].where(counts)).sort_values("step").drop(columns="status")
    by_run = table.groupby(["optimizer", "task", "seed"])["value"]
    best = by_run.cummin() if direction == "minimize" else by_run.cummax()
    incumbents = table.assign(value=best.groupby([table[key] for key in ("optimizer", "task", "seed")]).ffill())
    with TemporaryDirectory() as folder:
        raw, running = (
            load_table(written(observed, Path(folder) / "t.csv"), direction=direction)
            for observed in (table, incumbents)
        )
    pd.testing.assert_frame_equal(trajectories(raw), trajectories(running))


def test_the_report_takes_a_table(tmp_path: Path) -> None:
    from optathlon.analysis.report import write_report

    rng = np.random.default_rng(0)
    runs = [(o, f"t{t}", s, step) for o in "abc" for t in range(8) for s in range(2) for step in (1, 5, 10)]
    table = pd.DataFrame(runs, columns=["optimizer", "task", "seed", "step"])
    table["value"] = rng.random(len(table)) - table["optimizer"].map({"a": 0.0, "b": 0.5, "c": 1.0})
    page = write_report(load_table(written(table, tmp_path / "t.csv")), tmp_path / "report")
    assert "t.csv" in page.read_text()


def test_a_run_that_stops_early_keeps_its_incumbent_to_the_end_of_the_budget(tmp_path: Path) -> None:
    table = rows({"step": 2}, {"step": 4, "value": 0.25}, {"optimizer": "b", "step": 16, "value": 1.0})
    results = load_table(written(table, tmp_path / "t.csv"))
    assert results.runs["budget"].tolist() == [16, 16]
    assert results.runs["spent"].tolist() == [4, 16]
    assert results.trials["evaluations"].tolist() == [2, 2, 16]
    losses = incumbents_at(trajectories(results), results.runs, [1 / 16, 1 / 8, 1 / 4, 1.0])
    np.testing.assert_array_equal(losses, [[math.nan, 0.5, 0.25, 0.25], [math.nan, math.nan, math.nan, 1.0]])


def test_a_maximised_value_is_a_negative_loss(tmp_path: Path) -> None:
    table = rows({"step": 1, "value": 0.75}, {"step": 2, "value": 0.5})
    results = load_table(written(table, tmp_path / "t.csv"), direction="maximize")
    assert final(results) == {("a", "t", 0): 0.75}
    assert incumbents_at(trajectories(results), results.runs, [0.5, 1.0]).to_numpy().tolist() == [[-0.75, -0.75]]


def test_times_test_values_and_failures_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(
        gzip.compress(
            b"optimizer,task,seed,step,value,time,test_value,status,comment\n"
            b"a,t,0,3,NA,4.5,,timeout,slow\na,t,0,1,1,1.5,2,ok,\na,t,0,2,3,2.5,4,,\na,t,1,1,inf,1,,ok,\na,t,1,2,,2,,,\n"
        )
    )
    trials = load_table(path).trials
    assert trials["status"].tolist() == ["ok", "ok", "timeout", "invalid", "crashed"]
    np.testing.assert_array_equal(trials["value"], [1, 3, *[math.nan] * 3])
    np.testing.assert_array_equal(trials["test/value"], [2, 4, *[math.nan] * 3])
    assert trials["start"].tolist() == [0, 1.5, 2.5, 0, 1]
    assert trials["end"].tolist() == [1.5, 2.5, 4.5, 1, 2]
    assert "comment" not in trials


def test_without_times_there_are_none(tmp_path: Path) -> None:
    results = load_table(written(rows({}), tmp_path / "t.csv"))
    assert results.trials[["start", "end", "ask_s", "tell_s", "evaluate_s"]].isna().all(axis=None)
    assert results.runs[["started", "seconds"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("tasks", "collections"),
    [(["a/x", "b/y/z"], ["a", "b"]), (["a/x", "b"], ["all", "all"]), (["/x", "a/y"], ["all", "all"])],
)
def test_collections_are_what_stands_before_the_slash(tasks: list[str], collections: list[str], tmp_path: Path) -> None:
    table = rows(*({"task": task} for task in tasks))
    assert load_table(written(table, tmp_path / "t.csv")).tasks["collection"].loc[tasks].tolist() == collections
    named = load_table(written(table.assign(collection="mine"), tmp_path / "t.csv"))
    assert named.tasks["collection"].tolist() == ["mine", "mine"]


def test_names_are_text_even_where_they_look_like_something_else(tmp_path: Path) -> None:
    results = load_table(written(rows({"optimizer": "007"}, {"optimizer": "NA"}), tmp_path / "t.csv"))
    assert final(results) == {("007", "t", 0): 0.5, ("NA", "t", 0): 0.5}


def test_other_types_of_the_same_columns_are_read(tmp_path: Path) -> None:
    table = rows({}, {"step": 2, "value": 0.25})
    plain = load_table(written(table, tmp_path / "t.csv"))
    kinds = {"optimizer": "category", "task": "category", "step": "float32", "value": "str", "seed": "int8"}
    pd.testing.assert_frame_equal(
        numbers(plain), numbers(load_table(written(table.astype(kinds), tmp_path / "t.parquet")))
    )
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "t.csv").read_bytes())
    pd.testing.assert_frame_equal(numbers(plain), numbers(load_table(tmp_path / "bom.csv")))


def test_large_whole_values_are_read(tmp_path: Path) -> None:
    table = rows({"value": 2**60 + 1})
    assert final(load_table(written(table, tmp_path / "t.csv"))) == {("a", "t", 0): 2.0**60}


def test_columns_of_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the column 'value' holds struct"):
        load_table(written(rows({"value": {"x": 1.0}}), tmp_path / "t.parquet"))


def test_named_seeds_have_the_same_numbers_in_every_table(tmp_path: Path) -> None:
    both = rows({"seed": "fold-b", "value": 2.0}, {"seed": "fold-a", "value": 1.0})
    alone = rows({"seed": "fold-b", "value": 2.0})
    found, other = (final(load_table(written(table, tmp_path / "t.csv"))) for table in (both, alone))
    assert sorted(found.values()) == [1.0, 2.0]
    assert other.items() <= found.items()


def test_blanks_around_text_do_not_count(tmp_path: Path) -> None:
    table = rows({"optimizer": "a ", "seed": 1, "status": " ok"}, {"optimizer": " a", "seed": 2, "status": "ok"})
    assert load_table(written(table, tmp_path / "t.csv")).runs["optimizer"].tolist() == ["a", "a"]
    with pytest.raises(UsageError, match=r"unknown status 'okk' in .*: did you mean 'ok'"):
        load_table(written(rows({"status": "okk"}), tmp_path / "t.csv"))


def test_the_file_is_on_record(tmp_path: Path) -> None:
    path = written(rows({}), tmp_path / "t.csv")
    results = load_table(path)
    (row,) = results.provenance.to_dict("records")
    assert row["file"] == "t.csv"
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert row["packages"]["numpy"] == np.__version__
    assert results.runs["provenance"].tolist() == results.provenance.index.tolist()


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (rows({}).rename(columns={"optimizer": "optimiser"}), "no column 'optimizer', but 'optimiser': rename it"),
        (rows({}).rename(columns={"value": "Value"}), "no column 'value', but 'Value': rename it"),
        (rows({}).assign(Time=1.0), "no column 'time', but 'Time': rename it"),
        (rows({}).assign(**{"test-value": 1.0}), "no column 'test_value', but 'test-value'"),
        (rows({}).drop(columns="step"), "no column 'step': it has 'optimizer', 'task', 'seed', 'value'"),
        (rows({}).iloc[:0], "no rows"),
        (rows({}, {"step": 2, "value": "high"}), "the value in row 2 is not a number but 'high'"),
        (rows({"step": "one"}), "the step in row 1 is not a number but 'one'"),
        (rows({"step": math.nan}), "no finite step in row 1"),
        (rows({"step": math.inf}), "no finite step in row 1"),
        (rows({"step": -1}), "the step in row 1 is negative"),
        (rows({"step": 0.5}, {"step": 0}), "steps start at 0, but the one in row 1 is not whole"),
        (rows({"seed": 0.5}), "the seed in row 1 is not a whole number"),
        (rows({"seed": "1e99999999"}), "the seed in row 1 is not a whole number below 2^63"),
        (rows({"seed": "1e" + "9" * 30}), "the seed in row 1 is not a whole number below 2^63"),
        (rows({"seed": 2**64 - 1}), "the seed in row 1 is not a whole number below 2^63"),
        (rows({}, {"seed": ""}).astype({"seed": str}), "no seed in row 2"),
        (rows({"direction": "up"}), "unknown direction 'up'"),
        (rows({"direction": "maximize"}, {"step": 2}), "no direction in row 2"),
        (rows({"direction": "maximize"}, {"direction": "minimize", "step": 2}), "row 2 has another direction"),
        (rows({"Direction": "maximize"}), "no column 'direction', but 'Direction'"),
        (rows({"mode": "maximise"}), "the column 'mode' seems to tell which values are better"),
        (rows({"goal": "max"}, {"goal": "min", "step": 2}), "the column 'goal' seems to tell which values are better"),
        (rows({"better": "higher"}), "the column 'better' seems to tell which values are better"),
        (rows({"higher is better": True}), "the column 'higher is better' seems to tell which values are better"),
        (rows({"value_2": 1.0}, {"value_2": 2.0, "step": 2}), "the column 'value_2' is not read"),
        (rows({"fidelity": 1.0}, {"fidelity": 27.0, "step": 2}), "the column 'fidelity' is not read"),
        (rows({"constraint_1": 1.0}, {"constraint_1": -1.0, "step": 2}), "the column 'constraint_1' is not read"),
        (rows({}, {"seed": math.nan, "step": 2}), "no seed in row 2"),
        (rows({"optimizer": " "}, {"optimizer": ""}), "no optimizer in row 1 (and 1 more row)"),
        (rows({}, {"step": 2}, {"task": ""}), "no task in row 3"),
        (rows({}, {"step": 2}, {}, {}), "optimizer, task, seed and step in row 3 (and 1 more row) are those of"),
        (rows({"status": "ok"}, {"status": "crash", "step": 2}), "unknown status 'crash'"),
        (rows({"time": 2.0}, {"time": 1.0, "step": 2}), "the time in row 2 is before that of an earlier step"),
        (rows({"time": 2.0}, {"step": 2}), "no time >= 0 in row 2"),
        (rows({"time": -1.0}), "no time >= 0 in row 1"),
        (rows({"collection": "x"}, {"collection": "y", "step": 2}), "the task in row 2 has another collection"),
    ],
)
@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_what_cannot_be_meant_is_refused_in_one_line(
    table: pd.DataFrame, complaint: str, name: str, tmp_path: Path
) -> None:
    if name == "t.parquet":
        table = table.astype({c: str for c in table if table[c].map(type).nunique() > 1})
    with pytest.raises(UsageError) as caught:
        load_table(written(table, tmp_path / name))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("none.csv", None, "no file"),
        ("t.xlsx", b"PK", "can't tell what"),
        ("t.parquet", b"no parquet", "can't read"),
        ("t.csv.gz", b"no gzip", "can't read"),
        ("t.csv", b"", "can't read"),
        ("t.csv", b"optimizer,task\na,b,c\n", "can't read"),
        ("t.csv", b"optimizer,task,seed,step,value\n\xff\xfe,t,0,1,1\n", "can't read"),
        ("t.csv", b"optimizer,task,seed,step,value,value\na,t,0,1,1,1\n", "two columns are called 'value'"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(
    name: str, content: bytes | None, complaint: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_table(tmp_path / name)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
