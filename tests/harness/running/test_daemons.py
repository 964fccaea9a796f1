"""What a trial has started ends with its process, also what has made itself a daemon, and however the process ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from grids import wait_for

from optathlon import Experiment, load, run_experiment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")

PLUGIN = '''
import os, signal, subprocess, sys, time
from pathlib import Path
from optathlon import Resources, as_task

NOTES = Path(os.environ["DAEMON_NOTES"])


def note():
    (NOTES / str(os.getpid())).touch()


def forked():
    """The classic daemon: forks twice, and leaves its session in between."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note()
            time.sleep(600)
        os._exit(0)
    os.wait()


def executed():
    """A daemon that runs another program, deaf to signals."""
    code = "import os, signal, time, pathlib; [signal.signal(s, signal.SIG_IGN) for s in (1, 2, 15)]; " \\
        f"pathlib.Path({str(NOTES)!r}, str(os.getpid())).touch(); time.sleep(600)"
    subprocess.run(["sh", "-c", 'setsid "$@" >/dev/null 2>&1 &', "sh", sys.executable, "-c", code])


def prolific():
    """A daemon that starts others, and they others."""
    if os.fork() == 0:
        os.setsid()
        note()
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                note()
                forked()
                time.sleep(600)
        time.sleep(600)


def hangs():
    time.sleep(600)

def exits():
    os._exit(3)

def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)

def returns():
    pass


DAEMONS = {"forked": (forked, 1), "executed": (executed, 1), "prolific": (prolific, 7)}


def task(kind, end):
    @as_task(f"daemon/{kind}-{end.__name__}", space={"x": (0.0, 1.0)}, budget=1, resources=Resources(isolated=True))
    def evaluate(config):
        start, number = DAEMONS[kind]
        before = len(list(NOTES.iterdir()))
        start()
        while len(list(NOTES.iterdir())) < before + number:
            time.sleep(0.02)
        end()
        return config["x"]
    return evaluate


TASKS = [task(kind, end) for kind in DAEMONS for end in (hangs, exits, is_killed, returns)]
globals().update({f"task{number}": made for number, made in enumerate(TASKS)})
'''


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where daemons say who they are; those that are left are killed."""
    folder = tmp_path / "notes"
    folder.mkdir()
    monkeypatch.setenv("DAEMON_NOTES", str(folder))
    yield folder
    for pid in noted(folder):
        if lives(pid):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "daemons.py"
    path.write_text(PLUGIN)
    return path


def noted(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir()]


@pytest.mark.processes
@pytest.mark.parametrize("kind", [pytest.param("forked", marks=pytest.mark.smoke), "executed", "prolific"])
def test_daemons_end_with_the_process_of_their_trial(
    pinned_environment: None, own_plugins: None, notes: Path, plugin: Path, tmp_path: Path, kind: str
) -> None:
    run_experiment(
        Experiment(
            optimizers=["random"],
            tasks=[f"daemon/{kind}-*"],
            plugins=[plugin],
            trial_timeout="6s",
            out=tmp_path / "out",
        )
    )
    ended = load(tmp_path / "out").trials.set_index("task")["status"].to_dict()
    assert {str(task).rpartition("-")[2]: status for task, status in ended.items()} == {
        "hangs": "timeout", "exits": "crashed", "is_killed": "crashed", "returns": "ok",
    }  # fmt: skip
    assert len(noted(notes)) == 4 * {"forked": 1, "executed": 1, "prolific": 7}[kind]
    wait_for(lambda: not any(map(lives, noted(notes))), "the end of the daemons", 20)


@pytest.mark.processes
@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_daemons_end_when_the_driver_or_the_worker_is_killed(
    start_command: Callable[..., subprocess.Popen[str]], notes: Path, plugin: Path, tmp_path: Path, victim: str
) -> None:
    process = start_command(
        "run", "-o", "random", "-t", "daemon/prolific-hangs", "--plugin", plugin, "--out", tmp_path / "out",
        DAEMON_NOTES=str(notes),
    )  # fmt: skip
    wait_for(lambda: len(noted(notes)) == 7, "the daemons")
    first = noted(notes)
    worker = min(child.pid for child in psutil.Process(process.pid).children())
    os.kill(process.pid if victim == "driver" else worker, signal.SIGKILL)
    wait_for(lambda: not any(map(lives, first)), "the end of the daemons", 20)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(map(lives, noted(notes))), "the end of all daemons", 20)


@pytest.mark.processes
@pytest.mark.smoke
def test_processes_without_the_mark_are_left_alone() -> None:
    """Run in a process of its own, which adopts orphans."""
    code = """if True:
        import os, subprocess
        from optathlon.running.descendants import MARK, adopt_orphans, kill_descendants, kill_orphans
        adopt_orphans()
        start = lambda mark: subprocess.Popen(["sleep", "60"], env={MARK: mark} if mark else {}, start_new_session=True)
        mine, others, bare = start("mine"), start("others"), start("")
        kill_orphans("mine")
        print(mine.wait(5) is not None, others.poll(), bare.poll())
        kill_descendants(os.getpid())
        print(others.wait(5), bare.wait(5))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == ["True None None", "-9 -9"], done.stderr
