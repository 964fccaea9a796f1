"""Killing the process that writes results, at any of its file operations."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest
from storage import Crash, Run, content, cut_temporary_files, operations, write

from optathlon.results.damage import set_aside_damaged
from optathlon.results.folder import ResultsFolder

POINTS_PER_TEST = 50


def some_shards(random: Random) -> list[list[Run]]:
    seeds = random.sample(range(100), random.randint(1, 6))
    runs = [Run(seed, random.randint(0, 3), value=float(seed)) for seed in seeds]
    cuts = sorted(random.sample(range(1, len(runs)), random.randint(0, min(2, len(runs) - 1))))
    return [runs[start:end] for start, end in zip([0, *cuts], [*cuts, len(runs)], strict=True)]


@pytest.mark.processes
@pytest.mark.parametrize("block", [pytest.param(0, marks=pytest.mark.smoke), *range(1, 20)])
def test_a_killed_writer_leaves_whole_runs_and_the_rest_can_be_done(tmp_path: Path, block: int) -> None:
    crashes = 0
    for point in range(POINTS_PER_TEST):
        random = Random(block * POINTS_PER_TEST + point)
        shards = some_shards(random)
        whole = ResultsFolder.create(tmp_path / f"whole{point}")
        with operations() as undisturbed:
            list(write(whole, shards))
        expected = content(whole)
        crashes += kill_and_repeat(tmp_path / f"out{point}", shards, random, undisturbed.count, expected)
    assert crashes == POINTS_PER_TEST


def kill_and_repeat(
    path: Path, shards: list[list[Run]], random: Random, count: int, expected: tuple[list[dict[str, object]], ...]
) -> bool:
    """Whether the process was killed indeed."""
    folder = ResultsFolder.create(path)
    crashed, reported = False, []
    with operations(random.randrange(count)):
        try:
            for run in write(folder, shards):
                reported.append(run)
        except Crash:
            crashed = True
    cut_temporary_files(path, random)
    folder = ResultsFolder.open(path)
    assert set_aside_damaged(folder) == []
    runs, trials, _ = content(folder)
    stored = [run["run"] for run in runs]
    assert len(set(stored)) == len(stored)
    assert set(reported) <= set(stored)
    assert runs == [row for row in expected[0] if row["run"] in stored]
    assert trials == [row for row in expected[1] if row["run"] in stored]
    finished = set(folder.finished()["run"].to_pylist())
    assert finished == set(stored)
    list(write(folder, [[run for runs in shards for run in runs if run.spec.id not in finished]]))
    assert content(folder) == expected
    return crashed


def test_a_folder_that_was_half_made_can_be_used(tmp_path: Path) -> None:
    with operations() as undisturbed:
        ResultsFolder.create(tmp_path / "whole")
    assert undisturbed.count > 2
    for number in range(undisturbed.count):
        path = tmp_path / str(number)
        with operations(number), pytest.raises(Crash):
            ResultsFolder.create(path)
        cut_temporary_files(path, Random(number))
        assert list(write(ResultsFolder.create(path), [[Run(0)]])) == [Run(0).spec.id]
        assert len(content(ResultsFolder.open(path))[0]) == 1
    path = tmp_path / "without parts"
    path.mkdir()
    shutil.copy(tmp_path / "whole" / "optathlon.json", path)
    assert content(ResultsFolder.open(path)) == ([], [], [])
