from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from storage import Run, filled

from optathlon import load
from optathlon.errors import UsageError
from optathlon.results.compact import compact
from optathlon.results.frames import select

RUNS = [[Run(seed, trials=3 + seed % 2, value=seed) for seed in range(start, start + 4)] for start in (0, 4, 8)]


@pytest.fixture(params=["shards", "compacted"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    written = filled(tmp_path / "out", RUNS)
    if request.param == "compacted":
        compact(written)
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({"tasks": ["toy/a"]}, "task == 'toy/a'"),
        ({"tasks": ["toy/[a]", "toy/a", "toy/b"]}, None),
        ({"tasks": ["toy/?"], "seeds": [1, 5, 6]}, "seed in [1, 5, 6]"),
        ({"optimizers": ["ran*"], "tasks": ["toy/b", "toy/c"]}, "task != 'toy/a'"),
    ],
)
def test_a_filter_reads_what_filtering_all_would_leave(
    folder: Path, filters: dict[str, Any], condition: str | None
) -> None:
    if condition is None:
        with pytest.raises(UsageError, match=r"unknown task 'toy/\[a\]' in these results: did you mean 'toy/a'"):
            load(folder, **filters)
        return
    found, everything = load(folder, **filters), load(folder)
    for part in ("runs", "trials"):
        expected = getattr(everything, part).query(condition).reset_index(drop=True)
        categories = expected.select_dtypes("category").columns
        pd.testing.assert_frame_equal(
            getattr(found, part).astype(dict.fromkeys(categories, str)), expected.astype(dict.fromkeys(categories, str))
        )
    assert set(found.tasks.index) == set(found.runs["task"])


def test_one_text_is_one_name_and_not_its_letters(folder: Path) -> None:
    one = load(folder, optimizers="random", tasks="toy/?", columns="value")
    several = load(folder, optimizers=["random"], tasks=["toy/?"], columns=["value"])
    pd.testing.assert_frame_equal(one.runs, several.runs)
    pd.testing.assert_frame_equal(one.trials, several.trials)
    with pytest.raises(UsageError, match="unknown optimizer 'sobol'"):
        select(several, optimizers="sobol")


def test_only_wanted_columns_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[str]] = []
    original = pq.ParquetFile.read_row_groups

    def spy(self: pq.ParquetFile, groups: list[int], columns: list[str]) -> object:
        read.append(columns)
        return original(self, groups, columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    trials = load(folder, columns=["value", "status"]).trials
    assert [*trials] == ["run", "optimizer", "task", "collection", "seed", "trial", "value", "status"]
    assert {name for columns in read for name in columns} == {"run", "trial", "values", "status"}


def test_files_without_a_wanted_run_are_not_opened(tmp_path: Path) -> None:
    filled(tmp_path / "out", RUNS)
    for path in (tmp_path / "out" / "runs").iterdir():
        if min(pq.read_table(path)["seed"].to_pylist()) > 0:
            (tmp_path / "out" / "trials" / path.name).write_bytes(b"")
    assert len(load(tmp_path / "out", seeds=range(4)).runs) == 4
    with pytest.raises(UsageError, match="damaged"):
        load(tmp_path / "out", seeds=range(5))
