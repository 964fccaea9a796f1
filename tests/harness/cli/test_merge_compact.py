from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from optathlon import load

Command = Callable[..., SimpleNamespace]


def run(in_process: Command, out: Path, seeds: str) -> None:
    command = ("run", "-o", "random", "-t", "bbob/f1/d2/i1", "--budget", "3", "--seeds", seeds, "--out", out)
    assert in_process(*command).returncode == 0


def number_of_files(folder: Path) -> int:
    return sum(1 for part in ("runs", "trials", "tasks") for _ in (folder / part).iterdir())


def test_folders_are_merged_and_compacted(in_process: Command, tmp_path: Path) -> None:
    for name, seeds in (("a", "0:2"), ("b", "1:4")):
        run(in_process, tmp_path / name, seeds)
    out = tmp_path / "all"
    done = in_process("merge", out, tmp_path / "a", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"next: optathlon compact {out}"
    assert f"4 runs in {out}" in done.stdout
    merged = load(out)
    assert merged.runs["seed"].tolist() == [0, 1, 2, 3]
    assert len(merged.provenance) >= 1

    done = in_process("compact", out)
    assert done.returncode == 0, done.stderr
    assert f"{out} has 3 files, it had" in done.stdout
    assert "1 superseded" in done.stdout
    assert number_of_files(out) == 3
    compacted = load(out)
    pd.testing.assert_frame_equal(compacted.runs, merged.runs)
    pd.testing.assert_frame_equal(compacted.trials, merged.trials)

    assert "nothing to copy: the" in in_process("merge", out, tmp_path / "a", tmp_path / "b").stdout
    run(in_process, out, "5")
    assert load(out).runs["seed"].tolist() == [0, 1, 2, 3, 4]


def test_bad_input_is_one_line(in_process: Command, tmp_path: Path) -> None:
    run(in_process, tmp_path / "a", "1")
    for command, hint in (
        (("compact", tmp_path / "none"), "no results folder"),
        (("merge", tmp_path / "out", tmp_path / "none"), "no results folder"),
        (("merge", tmp_path / "a", tmp_path / "a"), "both a source and the target"),
        (("merge", tmp_path / "out"), "'sources'"),
    ):
        done = in_process(*command)
        assert done.returncode == 2
        assert hint in done.stderr
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
