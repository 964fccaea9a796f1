"""Runs in jobs: of submitit's stand-ins for SLURM, and of commands that look like SLURM's."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from grids import wait_for

from optathlon import Budget, Experiment, load, run_experiment
from optathlon.errors import MissingDependency, OptathlonError, UsageError
from optathlon.experiments.executors.choice import choose_executor
from optathlon.installation import as_installed
from optathlon.results.frames import Results
from optathlon.running.runs import RunSpec

submitit = pytest.importorskip("submitit", reason="submitit is not installed")
psutil = pytest.importorskip("psutil")

from optathlon.experiments.executors.slurm import SlurmOptions, cut  # noqa: E402

PLUGIN = """
import os
import time
from pathlib import Path

from optathlon import as_task

SPACE = {"x": (0.0, 1.0), "y": (-1.0, 1.0), "kind": ["a", "b"]}


@as_task("toy/quick", space=SPACE, budget=8)
def quick(config, seed):
    return config["x"] * config["y"] + seed / 2**32


@as_task("toy/other", space=SPACE, budget=5)
def other(config):
    if config["kind"] == "b":
        raise ValueError("never kind b")
    return config["x"]


CALLS = []


@as_task("toy/long", space=SPACE, budget=20)
def long(config):
    # after nine trials a process waits until the test has done what it does in between
    calls = Path(os.environ["TOY_CALLS"])
    CALLS.append(config)
    while len(CALLS) > 9 and not calls.with_name("gate").exists():
        time.sleep(0.02)
    time.sleep(0.1)
    with calls.open("a") as file:
        file.write(f"{config['x']!r}\\n")
    return config["x"]
"""


Timeless = Callable[[Results], dict[str, list[dict[str, object]]]]
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "toys.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which the long task adds a line for each evaluation."""
    monkeypatch.setenv("TOY_CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


@pytest.fixture
def run_grid(
    pinned_environment: None, own_plugins: None, plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """`run_experiment` in two jobs, in the folder `out`."""
    monkeypatch.setattr(submitit.LocalJob, "_results_timeout_s", 1)

    def run(optimizers: str, tasks: str, seeds: int = 2, out: str = "out", **rest: Any) -> Any:
        settings = {"executor": {"kind": "slurm", "cluster": "local", "array": 2}, "plugins": [plugin]} | rest
        return run_experiment(
            Experiment(
                optimizers=optimizers.split(),
                tasks=tasks.split(),
                seeds=list(range(seeds)),
                out=tmp_path / out,
                **settings,
            )
        )

    return run


def is_alive(process: Any) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def processes(pid: int) -> list[Any]:
    """A process and all those that it has started; none when it has ended."""
    if not psutil.pid_exists(pid):
        return []
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def journal_lines(out: Path) -> int:
    return max((len(path.read_bytes().splitlines()) for path in (out / "journal").glob("*.jsonl")), default=0)


def job_processes(out: Path) -> list[Any]:
    """The processes of submitit's local jobs that have something to do: each is the child of its controller."""
    controllers = [int(path.name.partition("_")[0]) for path in (out / "slurm").glob("*_submitted.pkl")]
    return [child for pid in controllers if psutil.pid_exists(pid) for child in psutil.Process(pid).children()]


@contextmanager
def meanwhile(out: Path, act: Callable[[], object]) -> Iterator[None]:
    """Beside the block: act once the journal of a long run has seven trials, and then let that run go on."""

    def wait_and_act() -> None:
        try:
            wait_for(lambda: journal_lines(out) > 7, "a journal")
            act()
        finally:
            out.with_name("gate").touch()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(wait_and_act)
        yield
        done.result()


def starts(out: Path) -> int:
    """How often submitit's local jobs have started."""
    return sum(log.read_text().count("Starting with") for log in (out / "slurm").glob("*_log.out"))


def assert_evaluated_once(results: Results, calls: Path, in_flight: int = 1) -> None:
    """The trials of the long runs were evaluated once each, but for those in flight at an interruption."""
    counts = Counter(map(float, calls.read_text().split()))
    long = results.trials[results.trials["task"] == "toy/long"]
    evaluated = sum(counts[json.loads(config)["x"]] for config in long["config"])
    assert len(long) <= evaluated <= len(long) + in_flight


@pytest.mark.cluster
def test_jobs_give_the_results_of_local_workers(
    run_grid: Run,
    command: Callable[..., subprocess.CompletedProcess[str]],
    plugin: Path,
    tmp_path: Path,
    timeless: Timeless,
) -> None:
    """SMAC among them, which hangs on the hash seed with which a process starts: this one has another."""
    grid = ("random smac-hpo", "toy/quick")
    flags = ("-o", "random", "-o", "smac-hpo", "-t", "toy/quick", "--seeds", 2, "--plugin", plugin, "-j", 2)
    done = command("run", *flags, "--out", tmp_path / "workers")
    assert done.returncode == 0, done.stderr
    summary = run_grid(*grid)
    assert (summary.statuses, summary.new) == ({"ok": 4}, 4)
    assert timeless(load(tmp_path / "out")) == timeless(load(tmp_path / "workers"))
    logs = sorted((tmp_path / "out" / "slurm").glob("*_log.err"))
    assert [log.read_text().count("2/2 runs") for log in logs] == [1, 1], "each job says how it goes"
    assert run_grid(*grid).new == 0
    assert sorted((tmp_path / "out" / "slurm").glob("*_log.err")) == logs, "a repetition submits nothing"


def test_jobs_may_be_tried_out_in_this_process(run_grid: Run, tmp_path: Path, timeless: Timeless) -> None:
    run_grid("random", "toy/quick toy/other", executor="local", out="workers")
    assert (
        run_grid("random", "toy/quick toy/other", executor={"kind": "slurm", "cluster": "debug", "array": 2}).new == 4
    )
    assert timeless(load(tmp_path / "out")) == timeless(load(tmp_path / "workers"))


@pytest.mark.cluster
def test_the_rest_of_a_killed_job_is_done_by_the_same_command(
    run_grid: Run, tmp_path: Path, calls: Path, timeless: Timeless, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    family: list[Any] = []

    def kill() -> None:
        (job,) = (child for child in job_processes(out) if is_alive(child))
        family.extend(job.children(recursive=True))
        job.kill()
        wait_for(lambda: not any(map(is_alive, family)), "the end of the job's processes")

    run_grid("random", "toy/quick", seeds=2, executor="local")
    missing = r"1 of 1 runs are missing as jobs failed.*same command does the rest"
    with pytest.raises(OptathlonError, match=missing), meanwhile(out, kill):
        run_grid("random", "toy/long toy/quick", seeds=1)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if " failed: " in line)
    assert "broke off" in line
    assert str(out / "slurm") in line
    assert len(load(out).runs) == 2

    assert run_grid("random", "toy/long toy/quick", seeds=1).new == 1
    results = load(out)
    assert len(results.runs) == results.runs["run"].nunique() == 3
    assert_evaluated_once(results, calls)
    run_grid("random", "toy/long", seeds=1, out="whole", executor="local")
    long = {name: [row for row in rows if row["task"] == "toy/long"] for name, rows in timeless(results).items()}
    assert long == timeless(load(tmp_path / "whole"))


@pytest.mark.cluster
def test_a_job_at_its_time_limit_is_requeued_and_goes_on(run_grid: Run, tmp_path: Path, calls: Path) -> None:
    out = tmp_path / "out"

    def signal_limit() -> None:
        """As SLURM does, to all processes of the job."""
        (job,) = (child for child in job_processes(out) if is_alive(child))
        for process in [job, *job.children(recursive=True)]:
            process.send_signal(signal.SIGUSR2)
        wait_for(lambda: starts(out) == 2, "the second start of the job")

    options = {"kind": "slurm", "cluster": "local", "array": 1, "time": "10min", "requeues": 3}
    with meanwhile(out, signal_limit):
        summary = run_grid("random", "toy/quick toy/long", seeds=1, executor=options)
    assert (summary.statuses, summary.new) == ({"ok": 2}, 2)
    (log,) = (out / "slurm").glob("*_log.out")
    assert "this job is timed-out" in (out / "slurm" / log.name.replace(".out", ".err")).read_text()
    assert starts(out) == 2
    assert_evaluated_once(load(out), calls)


@pytest.mark.cluster
@pytest.mark.smoke
def test_changed_values_are_refused_by_the_jobs(run_grid: Run, tmp_path: Path) -> None:
    path = tmp_path / "changing.py"
    path.write_text(PLUGIN)
    run_grid("random", "toy/quick", seeds=1, executor="local", plugins=[path])
    path.write_text(PLUGIN.replace('config["x"] * config["y"]', 'config["x"]'))
    with pytest.raises(UsageError, match=r"'toy/quick' gives other values.*another --out"):
        run_grid("random", "toy/quick", seeds=2, executor={"kind": "slurm", "cluster": "debug"}, plugins=[path])
    assert len(load(tmp_path / "out").runs) == 1


@pytest.mark.cluster
@pytest.mark.slow
def test_a_job_that_hits_its_limit_too_often_is_reported(
    run_grid: Run, tmp_path: Path, calls: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def signal_limit() -> None:
        (job,) = (child for child in job_processes(tmp_path / "out") if is_alive(child))
        driver = job.children(recursive=True)
        job.send_signal(signal.SIGUSR2)
        wait_for(lambda: not any(map(is_alive, driver)), "the end of the job's driver")

    options = {"kind": "slurm", "cluster": "local", "array": 1, "time": "10min", "requeues": 0}
    with pytest.raises(OptathlonError, match=r"[12] of 2 runs are missing"), meanwhile(tmp_path / "out", signal_limit):
        run_grid("random", "toy/quick toy/long", seeds=1, executor=options)
    assert "timed-out too many times" in capsys.readouterr().err
    assert journal_lines(tmp_path / "out") > 7, "to go on with"


@pytest.mark.cluster
def test_an_interrupt_cancels_the_jobs(run_grid: Run, tmp_path: Path, calls: Path) -> None:
    out = tmp_path / "out"
    family: list[Any] = []

    def interrupt() -> None:
        for job in job_processes(out):
            family.extend(processes(job.ppid()))
        os.kill(os.getpid(), signal.SIGINT)
        wait_for(lambda: not any(map(is_alive, family)), "the end of the jobs")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background processes ignore it
    try:
        with pytest.raises(KeyboardInterrupt), meanwhile(out, interrupt):
            run_grid("random", "toy/quick toy/long", seeds=2)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(family) >= 8, "two controllers, jobs, drivers and workers"
    assert set(load(out).runs["task"]) <= {"toy/quick"}
    assert journal_lines(out) > 7, "to go on with"


def test_slurm_gets_one_array_and_the_options(
    run_grid: Run, fake_slurm: Path, tmp_path: Path, timeless: Timeless, calls: Path
) -> None:
    options: dict[str, Any] = {"kind": "slurm", "array": "2", "time": "90s", "partition": "short"}
    options |= {
        "account": 123,
        "mem": "2GB",
        "gpus_per_node": 1,
        "extra_constraint": "avx2",
        "extra_signal_delay_s": "30",
    }

    def signal_limit() -> None:
        for task in fake_slurm.glob("task-*"):
            for process in filter(is_alive, processes(int(task.name.partition("-")[2]))):
                if process.cmdline()[2:4] == ["-m", "submitit.core._submit"]:
                    process.send_signal(signal.SIGUSR2)
        wait_for(lambda: "Requeued job 77_" in logs(), "a job that is requeued")

    def logs() -> str:
        return "".join(log.read_text() for log in (tmp_path / "out" / "slurm").glob("*_log.out"))

    with meanwhile(tmp_path / "out", signal_limit):
        summary = run_grid("random", "toy/quick toy/long", seeds=1, jobs=2, executor=options)
    assert (summary.statuses, summary.new) == ({"ok": 2}, 2)
    flags = {line.removeprefix("#SBATCH --") for line in (fake_slurm / "script").read_text().splitlines()}
    assert {"array=0-1%2", "time=2", "partition=short", "account=123", "mem=2GB", "gpus-per-node=1"} <= flags
    assert {"cpus-per-task=2", "constraint=avx2", "signal=USR2@30", "job-name=optathlon"} <= flags
    run_grid("random", "toy/quick toy/long", seeds=1, out="workers", executor="local")
    assert timeless(load(tmp_path / "out")) == timeless(load(tmp_path / "workers"))


def test_an_interrupt_cancels_what_waits_in_the_queue(
    run_grid: Run, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_SLURM_IS_BUSY", "yes")

    def interrupt() -> None:
        wait_for(lambda: len(list(fake_slurm.glob("out/slurm/77_*_submitted.pkl"))) == 3, "the submission")
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run_grid("random", "toy/quick", seeds=3, executor={"kind": "slurm", "array": 3})
    assert (fake_slurm / "cancelled").read_text().split() == ["77_0", "77_1", "77_2"]


def test_jobs_that_are_gone_are_told_without_accounting(
    run_grid: Run, fake_slurm: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAKE_SLURM_IS_BUSY", "yes")
    monkeypatch.setattr("optathlon.experiments.executors.slurm_queue._SOONEST_S", 0.1)
    monkeypatch.setattr(submitit.SlurmJob, "_results_timeout_s", 0)
    (fake_slurm / "states").write_text("77_0|CANCELLED|None\n77_1|NODE_FAIL|NodeDown\n")
    with pytest.raises(OptathlonError, match=r"3 of 3 runs are missing as jobs failed"):
        run_grid("random", "toy/quick", seeds=3, executor={"kind": "slurm", "array": 3})
    errors = capfd.readouterr().err
    failed = [line.partition("; logs: ")[0] for line in errors.splitlines() if line.startswith("job ")]
    assert sorted(failed) == [
        "job 77_0 failed: it broke off in the state CANCELLED; last lines: none",
        "job 77_1 failed: it broke off in the state NODE_FAIL (NodeDown); last lines: none",
        "job 77_2 failed: it broke off in the state UNKNOWN (SLURM has forgotten the job); last lines: none",
    ]
    assert "accounting" not in errors
    assert "sacct" not in errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"partitoin": "gpu"}, r"unknown option 'partitoin' in the executor 'slurm': did you mean 'partition'\?"),
        ({"cluster": "local", "extra_constrain": "x"}, r"unknown option 'extra_constrain' in .*: did you mean 'extra_"),
        ({"time": "soon"}, r"can't read the duration 'soon'"),
        ({"time": "2min"}, r"time=2min .* is too short: SLURM tells a job to stop 90 s before its end.*give 5min"),
        ({"time": "241s", "extra_signal_delay_s": "301"}, r"extra_signal_delay_s=301 .*fewer than time=241s has"),
        ({"mem": "lots"}, r"mem=lots .*such as 500MB or 16GB"),
        ({"array": "0"}, r"array=0 .*greater than or equal to 1"),
        ({"extra_signal_delay_s": "soon"}, r"extra_signal_delay_s=soon .*give whole seconds"),
        ({"array": 0}, r"option array=0 of the executor 'slurm': input should be greater than or equal to 1"),
        ({"array": "many"}, r"option array=many .*: input should be a valid integer"),
        ({"cluster": "cloud"}, r"option cluster=cloud .*: input should be 'slurm', 'local' or 'debug'"),
    ],
)
def test_a_wrong_option_is_one_clear_line(run_grid: Run, options: dict[str, str | int], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        run_grid("random", "toy/quick", executor={"kind": "slurm"} | options)
    assert "\n" not in str(caught.value)


def test_without_slurm_nothing_is_submitted(run_grid: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"no commands sbatch and srun.*--executor-option cluster=local"):
        run_grid("random", "toy/quick", executor="slurm")
    assert not (tmp_path / "out" / "slurm").exists()


def test_without_submitit_it_says_what_to_install(run_grid: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(MissingDependency, match=re.escape(as_installed("pip install 'optathlon[slurm]'"))):
        run_grid("random", "toy/quick")


def test_what_slurm_refuses_is_one_line(run_grid: Run, fake_slurm: Path) -> None:
    (fake_slurm / "bin" / "fake").write_text("#!/bin/sh\necho 'sbatch: error: invalid partition: x' >&2; exit 1\n")
    with pytest.raises(UsageError, match=r"SLURM refuses the jobs: sbatch: error: invalid partition: x"):
        run_grid("random", "toy/quick", executor={"kind": "slurm", "partition": "x"})


def test_a_task_that_wants_gpus_needs_an_option(run_grid: Run, plugin: Path, tmp_path: Path) -> None:
    path = tmp_path / "wants.py"
    text = 'from optathlon import Resources, as_task\n\n\n@as_task("gpu/one", space={"x": (0.0, 1.0)}, budget=2'
    path.write_text(f"{text}, resources=Resources(gpus=1))\ndef one(config):\n    return config['x']\n")
    with pytest.raises(UsageError, match=r"no job has room for 'gpu/one'.*give --executor-option gpus_per_node=N"):
        run_grid("random", "gpu/one", plugins=[path])


def test_options_have_defaults_and_numbers_may_be_text() -> None:
    assert choose_executor("slurm").options == SlurmOptions()
    options = choose_executor(
        {"kind": "slurm", "array": "3", "time": "301s", "account": 7, "extra_comment": "5"}
    ).options
    assert isinstance(options, SlurmOptions)
    assert (options.array, options.minutes, options.account, options.extra) == (3, 6, "7", {"comment": 5})


@pytest.mark.parametrize(("number", "count"), [(1, 10), (7, 3), (100, 10), (1000, 7), (12, 12)])
def test_parts_are_balanced_and_keep_neighbours_together(number: int, count: int) -> None:
    runs = [RunSpec("random", "toy/quick", "1", seed, 0, Budget(5)) for seed in range(number)]
    parts = cut(runs, count)
    assert len(parts) == min(number, count)
    assert sorted((spec for part in parts for spec in part), key=lambda spec: spec.seed) == runs
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= max(1, number // (count * 8))
