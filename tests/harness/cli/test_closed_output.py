"""Output that nobody reads any more, as after `| head`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from optathlon import load

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "tasks"),
        ("--help",),
        *(
            pytest.param(one, marks=pytest.mark.processes)
            for one in (
                ("list", "tasks", "--count"),
                ("list", "optimizers"),
                ("info", "random"),
                ("info", "mfh"),
                ("info", "subset:multi-objective"),
                ("run", "-o", "random", "-t", "mfh/*", "--dry-run"),
            )
        ),
    ],
    ids=" ".join,
)
def test_a_reader_that_goes_away_is_no_error(start_command: Start, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    process = start_command(*arguments, cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(60) == 0


def test_runs_go_on_and_tell_what_came_of_them(start_command: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from optathlon import as_task\n\n"
        "@as_task('mine/odd', space={'x': (0.0, 1.0)}, budget=2)\ndef odd(config):\n    raise ValueError('odd')\n"
    )
    tasks = ("-t", "mfh/h3/good", "-t", "mine/odd", "--plugin", "mine.py")
    process = start_command("run", "-o", "random", *tasks, "--budget", "2", "--out", "out", cwd=tmp_path)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    assert process.wait(60) == 1
    assert sorted(load(tmp_path / "out").runs["status"]) == ["crashed", "ok"]
