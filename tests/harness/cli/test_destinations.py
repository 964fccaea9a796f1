"""A place that can't be written is told at once: before results are read, which here are not even there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

InProcess = Callable[..., SimpleNamespace]


@pytest.mark.parametrize(
    "words",
    [
        ("report", "nowhere"),
        ("compare", "nowhere", "neither"),
        ("export", "nowhere", "--format", "ioh"),
        ("leaderboard", "nowhere"),
        ("portfolio", "nowhere"),
        ("subset", "select", "nowhere", "-k", "3"),
        ("subset", "validate", "nowhere", "blackbox"),
        ("table", "init", "nowhere.csv"),
    ],
    ids=" ".join,
)
def test_a_place_below_a_file_is_told_first(
    words: tuple[str, ...], in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes").write_text("mine")
    done = in_process(*words, "--out", "notes/new.yaml")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("can't write to 'notes/new.yaml': Not a directory: give another --out")
    assert [path.name for path in tmp_path.iterdir()] == ["notes"] and Path("notes").read_text() == "mine"
