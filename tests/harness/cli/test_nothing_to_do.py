"""Commands that have nothing to do: one plain line says so, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from stored_runs import record, spec, store

from optathlon import Status
from optathlon.cli import status
from optathlon.results.folder import ResultsFolder
from optathlon.results.planned import store_experiment

InProcess = Callable[..., SimpleNamespace]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResultsFolder:
    """The results folder `out` of the working folder: two runs, and both are done."""
    monkeypatch.chdir(tmp_path)
    folder = store(tmp_path / "out", [(spec(seed), [record(0)]) for seed in range(2)])
    store_experiment(folder, "seeds: 2\n", [spec(seed) for seed in range(2)])
    ResultsFolder.create(tmp_path / "empty")
    return folder


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("retry out --status crashed", "nothing to do again: no run in out is crashed, there are 2 ok\n"),
        (
            "retry out --status crashed,timeout",
            "nothing to do again: no run in out is crashed or timeout, there are 2 ok\n",
        ),
        ("retry empty --status crashed", "nothing to do again: empty has no runs yet\n"),
        ("compact out", "nothing to compact in out: its 3 files are as few as can be\n"),
        ("compact empty", "nothing to compact in empty: it has no runs yet\n"),
        ("archive pack empty --out packed", "nothing new to pack: there are no runs yet\n"),
        (
            "archive pack out --out packed",
            "nothing new to pack: all runs are left out\nleft out: 2 runs on tasks of no shipped subset\n",
        ),
    ],
)
def test_it_says_so_and_why(in_process: InProcess, folder: ResultsFolder, line: str, said: str) -> None:
    before = sorted(folder.path.rglob("*"))
    done = in_process(*line.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    assert sorted(folder.path.rglob("*")) == before


@pytest.mark.parametrize(
    "line",
    [
        "best empty",
        "compare empty empty",
        "compare out empty",
        "export empty --format ioh",
        "export empty --format coco",
        "leaderboard empty --out page",
        "portfolio empty --out some.json",
        "report empty",
        "subset select empty -k 2 --out some.yaml",
    ],
)
def test_what_needs_runs_says_that_there_are_none(in_process: InProcess, folder: ResultsFolder, line: str) -> None:
    done = in_process(*line.split())
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert any(words in done.stderr for words in ("'empty' has no runs yet", "hold no runs"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("list tasks zzz*", "no tasks match 'zzz*'"),
        ("list optimizers zzz* --names", "no optimizers match 'zzz*'"),
        ("list tasks bbob/f1/* --where dims>999", "no tasks match 'bbob/f1/*' and fulfil 'dims>999'"),
    ],
)
def test_an_empty_list_is_told_beside_it(in_process: InProcess, line: str, said: str) -> None:
    done = in_process(*line.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"optathlon: {said}\n")


def test_resume_says_that_nothing_was_left(in_process: InProcess, folder: ResultsFolder) -> None:
    done = in_process("resume", "out")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "nothing was left to do: 2 runs in out (0 new): 2 ok"


def test_retry_names_the_statuses_that_failed_runs_have(in_process: InProcess, folder: ResultsFolder) -> None:
    store(folder.path, [(spec(2), [record(0)])], status=Status.TIMEOUT)
    done = in_process("retry", "out", "--status", "crashed")
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert done.stdout.endswith("there are 2 ok, 1 timeout: for those that failed give --status timeout\n")


def test_a_merge_that_has_all_copies_nothing(in_process: InProcess, folder: ResultsFolder) -> None:
    assert "2 runs in all; 1 shards copied" in in_process("merge", "all", "out").stdout
    again = in_process("merge", "all", "out")
    assert (again.returncode, again.stdout) == (0, "nothing to copy: the 2 runs are in all already\n")


def test_watching_ends_where_all_is_done(in_process: InProcess, folder: ResultsFolder) -> None:
    done = in_process("status", "out", "--watch")
    assert done.returncode == 0
    line, end = done.stdout.splitlines()
    assert line.endswith("2 of 2 runs, nothing goes on")
    assert end == "nothing to watch any more: all planned runs are done"


def test_watching_goes_on_while_something_is_left(
    in_process: InProcess, folder: ResultsFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_experiment(folder, "seeds: 3\n", [spec(seed) for seed in range(3)])
    shown: list[float] = []

    def wait(seconds: float) -> None:
        shown.append(seconds)
        if len(shown) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status, "time", SimpleNamespace(sleep=wait))
    watched = in_process("status", "out", "--watch")
    assert (watched.returncode, len(shown)) == (130, 3)
    assert watched.stdout.count(" 2 of 3 runs, nothing goes on\n") == 3
    assert "\x1b" not in watched.stdout
    assert "Traceback" not in watched.stderr


def test_a_list_without_tables_says_so_beside_it(in_process: InProcess, folder: ResultsFolder) -> None:
    done = in_process("archive", "list", "--tables", "empty")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "no table is in empty: `optathlon archive pack` makes some\n"
