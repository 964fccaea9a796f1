"""What the world does to an experiment: full and read-only disks, damaged files, clocks, and other drivers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from grids import wait_for

from optathlon import Experiment, load
from optathlon.results.drivers import DriverRecord, OtherDrivers, drivers
from optathlon.results.folder import ResultsFolder
from optathlon.results.frames import Results

pytestmark = pytest.mark.processes

Timeless = Callable[[Results], dict[str, list[dict[str, object]]]]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
InProcess = Callable[..., SimpleNamespace]

PLUGIN = """
import os
import time

from optathlon import as_task


CALLS = []


def pause():
    # after nine trials a process waits for the file that FAULT_GATE names, where it names one
    CALLS.append(1)
    while len(CALLS) > 9 and not os.path.exists(os.environ.get("FAULT_GATE", "/")):
        time.sleep(0.02)


@as_task("fault/quick", space={"x": (0.0, 1.0)}, budget=5)
def quick(config, seed):
    return config["x"] + seed / 2**32


@as_task("fault/brief", space={"x": (0.0, 1.0)}, budget=10)
def brief(config, seed):
    time.sleep(0.01)
    return config["x"] + seed / 2**32


@as_task("fault/long", space={"x": (0.0, 1.0)}, budget=12)
def long(config, seed):
    pause()
    time.sleep(0.25)
    with open(os.environ["FAULT_LOG"], "a") as file:
        file.write(f"{os.getpid()} {config['x']}\\n")
    return config["x"] + seed / 2**32


@as_task("fault/moody", space={"x": (0.0, 1.0)}, budget=12)
def moody(config):
    if "FAULT_MOOD" in os.environ:
        os._exit(1)
    return long(config, 0)


@as_task("fault/bulky", space={"x": (0.0, 1.0)}, budget=3000)
def bulky(config, seed):
    return config["x"]
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "faults.py"
    path.write_text(PLUGIN)
    monkeypatch.setenv("FAULT_LOG", str(tmp_path / "evaluations"))
    return path


@pytest.fixture
def log(tmp_path: Path) -> dict[str, str]:
    return {"FAULT_LOG": str(tmp_path / "evaluations")}


def evaluations(tmp_path: Path) -> list[str]:
    path = tmp_path / "evaluations"
    return [line.split()[1] for line in path.read_text().splitlines()] if path.exists() else []


def trials_in_journals(out: Path) -> int:
    return sum(max(0, path.read_bytes().count(b"\n") - 1) for path in (out / "journal").glob("*.jsonl"))


def worker_of(driver: subprocess.Popen[str]) -> int:
    return min(child.pid for child in psutil.Process(driver.pid).children())


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_a_long_run_goes_on_where_it_was_killed(
    command: Command, start_command: Start, plugin: Path, tmp_path: Path, log: dict[str, str], timeless: Timeless,
    victim: str,
) -> None:  # fmt: skip
    out = tmp_path / "out"
    grid = ("run", "-o", "random", "-o", "optuna-tpe[n_startup_trials=3]", "-t", "fault/long", "--plugin", plugin)
    process = start_command(*grid, "--out", out, **log, FAULT_GATE=str(tmp_path / "gate"))
    wait_for(lambda: trials_in_journals(out) >= 5, "five trials in a journal")
    worker = worker_of(process)
    os.kill(process.pid if victim == "driver" else worker, signal.SIGKILL)
    wait_for(lambda: has_ended(worker), "the end of the worker")
    (tmp_path / "gate").touch()
    process.communicate(timeout=240)
    done = command(*grid, "--out", out, **log)
    assert done.returncode == 0, done.stderr
    counts = {x: evaluations(tmp_path).count(x) for x in evaluations(tmp_path)}
    assert len(counts) == 24
    assert sum(counts.values()) <= 24 + 1, "the trial in flight is evaluated again, and no other"
    assert not list((out / "journal").iterdir())
    assert command(*grid, "--out", tmp_path / "undisturbed", **log).returncode == 0
    results = load(out)
    assert results.runs["reason"].isna().all()
    assert timeless(results) == timeless(load(tmp_path / "undisturbed"))


def test_two_drivers_on_one_folder_share_the_work(
    start_command: Start, plugin: Path, tmp_path: Path, log: dict[str, str], timeless: Timeless
) -> None:
    grid = ("run", "-o", "random", "-o", "sobol", "-t", "fault/brief", "-t", "fault/long", "--seeds", 2,
            "--plugin", plugin)  # fmt: skip
    out = tmp_path / "out"
    first = start_command(*grid, "--out", out, **log)
    wait_for(lambda: (out / "drivers").exists() and trials_in_journals(out), "a long run")
    second = start_command(*grid, "--out", out, **log)
    for process in (first, second):
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
    results = load(out)
    assert len(results.runs) == results.runs["run"].nunique() == 8
    long = evaluations(tmp_path)
    assert len(set(long)) == 2 * 2 * 12
    last = results.trials[(results.trials["task"] == "fault/long") & (results.trials["trial"] == 11)]
    counts = [long.count(str(config["x"])) for config in last["config"].map(json.loads)]
    assert counts == [1] * 4, "no long run is done twice, but for its first trials"
    alone = start_command(*grid, "-j", 2, "--out", tmp_path / "alone", **log)
    alone.communicate(timeout=240)
    assert timeless(results) == timeless(load(tmp_path / "alone"))
    assert not list((out / "drivers").iterdir())


def test_a_driver_that_was_killed_is_not_taken_for_alive(start_command: Start, plugin: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    gate = {"FAULT_GATE": str(tmp_path / "never")}
    process = start_command("run", "-o", "random", "-t", "fault/long", "--plugin", plugin, "--out", out, **gate)
    wait_for(lambda: (out / "drivers").exists() and list((out / "drivers").glob("*.json")), "a driver's file")
    folder = ResultsFolder.open(out)
    (driver,) = drivers(folder).values()
    assert (driver.pid, driver.left, driver.total) == (process.pid, 1, 1)
    process.kill()
    process.communicate()
    assert drivers(folder) == {}
    assert not list((out / "drivers").iterdir())


def test_a_run_that_another_driver_stored_after_it_was_ordered_is_given_up(
    in_process: InProcess, plugin: Path, tmp_path: Path
) -> None:
    from optathlon.experiments.executors.messages import Batch, Ready, RunElsewhere, WorkerSettings
    from optathlon.experiments.executors.worker import Worker
    from optathlon.experiments.plan import make_plan
    from optathlon.registry.plugins import PluginSet, load_plugin
    from optathlon.resources import Limits
    from optathlon.results.rows import Session

    ahead, behind = tmp_path / "ahead", tmp_path / "behind"
    grid = ("run", "-o", "random", "-t", "fault/long", "--plugin", plugin)
    assert in_process(*grid, "--out", ahead).returncode == 0
    load_plugin(plugin)
    (spec,) = make_plan(Experiment(optimizers=["random"], tasks=["fault/long"], out=behind), set()).todo
    folder = ResultsFolder.create(behind)
    settings = WorkerSettings(folder, Session("here", "none"), PluginSet.loaded(), Limits(), os.getppid(), "0")
    worker = Worker(settings, 0, tmp_path)
    with DriverRecord(folder, "local", jobs=1, total=1):
        for part in ("tasks", "trials", "runs"):
            shutil.copytree(ahead / part, behind / part, dirs_exist_ok=True)
        reports = list(worker.handle(Batch([spec])))
    assert reports == [RunElsewhere(spec.id), Ready()]
    assert len(evaluations(tmp_path)) < 12 + 12
    assert not list((behind / "journal").iterdir())
    assert len(ResultsFolder.open(behind).finished(["run"])) == 1


def test_an_older_attempt_is_no_reason_to_leave_a_run_out(in_process: InProcess, plugin: Path, tmp_path: Path) -> None:
    from optathlon.experiments.plan import make_plan
    from optathlon.registry.plugins import load_plugin

    out = tmp_path / "out"
    assert in_process("run", "-o", "random", "-t", "fault/quick", "--plugin", plugin, "--out", out).returncode == 0
    load_plugin(plugin)
    (spec,) = make_plan(Experiment(optimizers=["random"], tasks=["fault/quick"], out=out), set()).todo
    others = OtherDrivers(ResultsFolder.open(out), "0", seen=set())
    assert others.is_stored(spec)
    assert not others.is_stored(replace(spec, attempt=2))
    assert not others.is_stored(replace(spec, seed=1))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("file systems can't be mounted here")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_a_full_disk_ends_the_experiment_in_one_line_and_loses_nothing(
    command: Command, in_process: InProcess, plugin: Path, tmp_path: Path, small_disk: Path, timeless: Timeless
) -> None:
    grid = ("run", "-o", "random", "-t", "fault/quick", "-t", "fault/bulky", "--seeds", 8, "--plugin", plugin, "-j", 2)
    out = small_disk / "out"
    quick = ("run", "-o", "random", "-t", "fault/quick", "--seeds", 8, "--plugin", plugin)
    assert in_process(*quick, "--out", out).returncode == 0
    full = command(*grid, "--out", out)
    assert full.returncode == 3
    *_, last = full.stderr.strip().splitlines()
    assert "Traceback" not in full.stderr
    assert last.startswith("optathlon: can't write to")
    assert "No space left on device" in last
    stored = load(out)
    assert 8 <= len(stored.runs) < 16, "what was stored is intact"
    assert len(stored.trials) == stored.runs["trials"].sum()
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    done = command(*grid, "--out", out)
    assert done.returncode == 0, done.stderr
    assert in_process(*grid, "--out", tmp_path / "roomy").returncode == 0
    assert timeless(load(out)) == timeless(load(tmp_path / "roomy"))


def test_a_read_only_folder_is_refused_in_one_line(
    command: Command, in_process: InProcess, plugin: Path, small_disk: Path
) -> None:
    grid = ("run", "-o", "random", "-t", "fault/quick", "--plugin", plugin, "--out", small_disk / "out")
    assert in_process(*grid).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refused = command(*grid, "--seeds", 2)
    assert refused.returncode in (2, 3)
    assert "Traceback" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "Read-only file system" in refused.stderr
    assert len(load(small_disk / "out").runs) == 1
    assert in_process(*grid, "--dry-run").returncode == 0, "a plan writes nothing"
    assert in_process("status", small_disk / "out").returncode == 0


@pytest.mark.parametrize(("part", "kept"), [("runs", 0.99), ("trials", 0.0), ("trials", 0.5)])
def test_a_truncated_shard_is_set_aside_and_its_runs_are_done_again(
    command: Command, in_process: InProcess, plugin: Path, tmp_path: Path, timeless: Timeless, part: str, kept: float
) -> None:
    grid = ("run", "-o", "random", "-t", "fault/quick", "--seeds", 3, "--plugin", plugin, "--out", tmp_path / "out")
    assert in_process(*grid).returncode == 0
    whole = timeless(load(tmp_path / "out"))
    shard = max((tmp_path / "out" / part).glob("*.parquet"))
    content = shard.read_bytes()
    shard.write_bytes(content[: int(kept * len(content))])
    refused = in_process("report", tmp_path / "out")
    assert refused.returncode == 2
    assert shard.name in refused.stderr
    assert "repeat" in refused.stderr
    done = command(*grid)
    assert done.returncode == 0, done.stderr
    assert f"{part}/{shard.name} was damaged and is set aside" in done.stderr
    assert timeless(load(tmp_path / "out")) == whole


CLOCK = """
import time
real = time.time
began = time.monotonic()
time.time = lambda: real() - (3600 if time.monotonic() - began > 1.0 else 0)
"""


def test_a_clock_that_goes_backwards_changes_no_result(
    command: Command, in_process: InProcess, plugin: Path, tmp_path: Path, log: dict[str, str], timeless: Timeless
) -> None:
    """An hour back, a second after the start: seen by the interpreter through `sitecustomize`."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(CLOCK)
    grid = ("run", "-o", "random", "-t", "fault/brief", "-t", "fault/long", "--seeds", 2, "--plugin", plugin, "-j", 2)
    assert command(*grid, "--out", tmp_path / "out", PYTHONPATH=str(tmp_path / "site"), **log).returncode == 0
    assert in_process(*grid, "--out", tmp_path / "straight").returncode == 0
    results = load(tmp_path / "out")
    assert timeless(results) == timeless(load(tmp_path / "straight"))
    assert (results.trials["end"] >= results.trials["start"]).all()
    assert (results.runs["seconds"] >= 0).all()
    assert in_process("status", tmp_path / "out").returncode == 0


def test_a_retried_run_takes_the_place_of_the_failed_one(
    command: Command, in_process: InProcess, tmp_path: Path
) -> None:
    plugin = tmp_path / "flaky.py"
    plugin.write_text(
        "import os\nfrom optathlon import as_task\n"
        "@as_task('flaky/one', space={'x': (0.0, 1.0)}, budget=3)\n"
        "def one(config):\n"
        "    if 'FLAKY' in os.environ:\n"
        "        os._exit(1)\n"
        "    return config['x']\n"
    )
    out = tmp_path / "out"
    grid = ("run", "-o", "random", "-o", "sobol", "-t", "flaky/one", "--seeds", 2, "--plugin", plugin, "--out", out,
            "--name", "flaky tasks")  # fmt: skip
    assert command(*grid, FLAKY="1").returncode == 1
    assert set(load(out).runs["status"]) == {"crashed"}
    again = in_process(*grid)
    assert (again.returncode, "(0 new)" in again.stdout) == (1, True), "a failed run is not repeated unasked"
    assert in_process("retry", out, "--status", "timeout").stdout.startswith("nothing to do again: no run in")
    wrong = in_process("retry", out, "--status", "crashd", "--plugin", plugin)
    assert (wrong.returncode, "did you mean 'crashed'?" in wrong.stderr) == (2, True)
    retried = command("retry", out, "--status", "timeout,crashed", "-j", 2)
    assert retried.returncode == 0, retried.stderr
    results = load(out)
    assert (set(results.runs["status"]), set(results.runs["attempt"])) == ({"ok"}, {2})
    assert set(results.runs["experiment"]) == {"flaky tasks"}, "the label stays"
    assert len(results.runs) == results.runs["run"].nunique() == 4
    assert len(results.trials) == 12
    assert in_process(*grid).returncode == 0


def test_a_killed_retry_goes_on_where_it_was(
    command: Command, start_command: Start, plugin: Path, tmp_path: Path, log: dict[str, str]
) -> None:
    out = tmp_path / "out"
    grid = ("run", "-o", "random", "-t", "fault/moody", "--plugin", plugin, "--out", out)
    assert command(*grid, FAULT_MOOD="bad", **log).returncode == 1
    retry = ("retry", out, "--status", "crashed", "--plugin", plugin)
    process = start_command(*retry, **log, FAULT_GATE=str(tmp_path / "never"))
    wait_for(lambda: trials_in_journals(out) >= 5, "five trials in a journal")
    process.kill()
    process.communicate()
    done = command(*retry, **log)
    assert done.returncode == 0, done.stderr
    assert len(set(evaluations(tmp_path))) == 12
    assert len(evaluations(tmp_path)) <= 12 + 1, "only the trial in flight is evaluated again"
    results = load(out)
    assert (results.runs["status"].tolist(), results.runs["attempt"].tolist()) == (["ok"], [2])
    assert results.runs["seconds"].iloc[0] >= 12 * 0.25, "of both processes"


def test_a_run_that_is_left_to_nobody_is_no_success(
    own_plugins: None, command: Command, plugin: Path, tmp_path: Path, log: dict[str, str]
) -> None:
    """Its journal is held by a process that is no driver."""
    from optathlon.experiments.plan import make_plan
    from optathlon.registry.plugins import load_plugin
    from optathlon.running.journal import Journal, journal_path

    load_plugin(plugin)
    out = tmp_path / "out"
    experiment = Experiment(optimizers=["random"], tasks=["fault/long"], plugins=[plugin], out=out)
    (spec,) = make_plan(experiment, set()).todo
    ResultsFolder.create(out)
    holder = Journal(journal_path(out, spec.id), {"run": spec.id, "attempt": 1})
    holder.restart()
    done = command("run", "-o", "random", "-t", "fault/long", "--plugin", plugin, "--out", out, **log)
    holder.close()
    assert done.returncode == 1
    assert "1 runs are not stored, as another driver began them" in done.stdout


def test_status_tells_what_goes_on(
    in_process: InProcess, start_command: Start, plugin: Path, tmp_path: Path, log: dict[str, str]
) -> None:
    out = tmp_path / "out"
    grid = ("run", "-o", "random", "-t", "fault/quick", "-t", "fault/long", "--plugin", plugin, "--out", out)
    process = start_command(*grid, **log, FAULT_GATE=str(tmp_path / "never"))
    wait_for(lambda: trials_in_journals(out) == 9, "a run that has gone on for two seconds")
    (file,) = (out / "drivers").glob("*.json")
    wait_for(lambda: "fault/long" in file.read_text(), "word of it")
    going = in_process("status", out)
    assert going.returncode == 0, going.stderr
    assert f"done      1 runs in {out}: 1 ok" in going.stdout
    assert "left      1 of 2 runs\n" in going.stdout
    assert "running   1 runs, 1 of 2 left (local, 1 workers, process " in going.stdout
    assert "random on fault/long with seed 0" in going.stdout
    assert "rate " in going.stdout
    process.kill()
    process.communicate()
    dead = in_process("status", out).stdout
    assert "running   nothing; 1 unfinished runs can be resumed" in dead
    assert f"left      1 of 2 runs: optathlon resume {out}" in dead
    assert in_process(*grid).returncode == 0
    done = in_process("status", out).stdout
    assert f"done      2 runs in {out}: 2 ok" in done
    assert "slowest   random" in done
    nothing = in_process("status", tmp_path / "none")
    assert (nothing.returncode, "no results folder" in nothing.stderr) == (2, True)
