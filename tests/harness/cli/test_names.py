"""Ids that are given several times, or separated by commas, are the same to every command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon import load
from optathlon.cli.names import separated

InProcess = Callable[..., SimpleNamespace]

WORDS = st.from_regex(r"[a-z0-9*/._:-]+", fullmatch=True)
OPTIONS = st.lists(st.from_regex(r"[a-z]+=[a-z0-9.]+", fullmatch=True), max_size=3)
IDS = st.builds(lambda word, options: word + (f"[{','.join(options)}]" if options else ""), WORDS, OPTIONS)


@given(st.lists(st.lists(IDS, min_size=1), min_size=1))
def test_what_was_joined_comes_apart(groups: list[list[str]]) -> None:
    assert separated([",".join(group) for group in groups]) == [id for group in groups for id in group]


def test_nothing_stands_between_two_commas() -> None:
    assert separated(["a,, b ,", "", "c"]) == ["a", "b", "c"]
    assert separated(None) is None
    assert separated([]) == []
    assert separated(["bbob/f[1,2]/*,mfh/*"]) == ["bbob/f[1,2]/*", "mfh/*"]


def test_a_file_is_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a,b.yaml", "a,b.py"):
        Path(name).touch()
    given = ["a,b.yaml", "a,b.py:Class", "mine=a,b.py:Class[x=1,y=2]"]
    assert separated(given) == given
    assert separated(["c,d.yaml"]) == ["c", "d.yaml"]


def test_a_run_and_its_reader_take_both(in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tasks = "bbob/f1/d2/i1,bbob/f2/d2/i[1-2]"
    done = in_process("run", "-o", "scipy-de[popsize=4,strategy=rand1bin],random", "-t", tasks, "--budget", "3")
    assert done.returncode == 0, done.stderr
    runs = load(Path("out")).runs
    assert set(runs["optimizer"]) == {"random", "scipy-de[popsize=4,strategy=rand1bin]"}
    assert set(runs["task"]) == {"bbob/f1/d2/i1", "bbob/f2/d2/i1", "bbob/f2/d2/i2"}
    shown = in_process("best", "out", "-o", "random", "-t", "bbob/f1/*,bbob/f2/d2/i1")
    assert shown.returncode == 0, shown.stderr
    assert "bbob/f2/d2/i1" in shown.stdout
    assert "bbob/f2/d2/i2" not in shown.stdout
    assert "scipy-de" not in shown.stdout
