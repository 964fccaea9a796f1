"""One process at a time holds the journal of a run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from journaled_runs import Line, random_run

from optathlon.running.journal import DoneElsewhere, Journal

HOLDER = """
import sys, time
from optathlon.running.journal import Journal
journal = Journal(__import__("pathlib").Path(sys.argv[1]), {}, patience=0.0)
journal.restart()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "j.jsonl")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_two_processes_never_do_one_long_run(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(DoneElsewhere):
        Journal(tmp_path / "j.jsonl", {})
    holder.kill()
    holder.wait()
    Journal(tmp_path / "j.jsonl", {}).close()


def test_a_run_that_becomes_long_is_left_to_the_other_process(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    held = tmp_path / "j.jsonl"
    held.rename(tmp_path / "aside")
    journal = Journal(held, {}, patience=0.0)
    (tmp_path / "aside").rename(held)
    with pytest.raises(DoneElsewhere):
        random_run(Line(), journal)


FORKING = """
import os, sys, time
from pathlib import Path
from optathlon.running.journal import Journal
journal = Journal(Path(sys.argv[1]), {}, patience=0.0)
journal.restart()
if os.fork() == 0:
    time.sleep(20)
print("forked", flush=True)
os._exit(0)
"""


def test_what_a_killed_process_has_forked_holds_no_journal(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FORKING, str(tmp_path / "j.jsonl")], stdout=subprocess.DEVNULL, check=True)
    Journal(tmp_path / "j.jsonl", {}).close()
