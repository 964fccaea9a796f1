"""Runs in jobs of a real SLURM without accounting, which the tests start on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import slurm_cluster
from grids import wait_for

from optathlon import load
from optathlon.results.frames import Results

pytest.importorskip("submitit", reason="submitit is not installed")
if absent := slurm_cluster.missing():
    pytest.skip(f"no SLURM here ({absent})", allow_module_level=True)

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

PLUGIN = """
import time
from pathlib import Path

from optathlon import as_task

HERE = Path(__file__).parent


@as_task("toy/gated", space={"x": (0.0, 1.0)}, budget=12)
def gated(config):
    # after nine trials it waits until the test has done what it does in between
    with (HERE / "calls").open("a") as calls:
        calls.write("x")
    while (HERE / "calls").stat().st_size > 9 and not (HERE / "gate").exists():
        time.sleep(0.05)
    time.sleep(0.1)
    return config["x"]
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[slurm_cluster.Cluster]:
    with slurm_cluster.slurm_cluster() as running:
        yield running


@pytest.fixture
def start(cluster: slurm_cluster.Cluster, start_command: Start, tmp_path: Path) -> Iterator[Start]:
    """Starts `optathlon run` in jobs of the cluster."""
    (tmp_path / "toys.py").write_text(PLUGIN)
    begun: list[subprocess.Popen[str]] = []

    def run(task: str, *flags: object) -> subprocess.Popen[str]:
        command = ["run", "-o", "random", "-t", task, "--out", tmp_path / "out", "--plugin", tmp_path / "toys.py"]
        flags = (*flags, "--executor", "slurm", "-x", "mem=200MB")
        begun.append(start_command(*command, *flags, **cluster.environment))
        return begun[-1]

    yield run
    for process in begun:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=400)
    assert "sacct" not in errors
    assert "accounting" not in errors
    assert "Traceback" not in errors
    return process.returncode, errors


def jobs(cluster: slurm_cluster.Cluster) -> dict[str, str]:
    """The states of the jobs that wait or run."""
    lines = cluster.ask("squeue", "--noheader", "--array", "--format=%i|%T").splitlines()
    return {job: state for job, _, state in (line.partition("|") for line in lines)}


def is_evaluating(tmp_path: Path) -> bool:
    calls = tmp_path / "calls"
    return calls.exists() and calls.stat().st_size > 9


def test_jobs_give_the_results_of_local_workers(
    start: Start, command: Callable[..., Any], tmp_path: Path, timeless: Callable[[Results], Any]
) -> None:
    code, errors = finished(start("mfh/h3/good", "--seeds", 4, "-x", "array=2", "-j", 2))
    assert code == 0, errors
    local = ("run", "-o", "random", "-t", "mfh/h3/good", "--seeds", 4, "--out", tmp_path / "local")
    assert command(*local).returncode == 0
    assert timeless(load(tmp_path / "out")) == timeless(load(tmp_path / "local"))


def test_jobs_that_wait_show_why(start: Start, cluster: slurm_cluster.Cluster, tmp_path: Path) -> None:
    cluster.ask("sbatch", "--exclusive", "--nodes=2", "--output=/dev/null", "--wrap=sleep 600")
    wait_for(lambda: list(jobs(cluster).values()) == ["RUNNING"], "the job of somebody else")
    process = start("mfh/h3/good", "--seeds", 2, "-x", "array=2")
    log = tmp_path / "out" / "log.txt"
    wait_for(lambda: log.exists() and "2 of 2 jobs pending: " in log.read_text(), "the reason in the log")
    assert "Resources" in log.read_text()
    cluster.ask("scancel", "--name=wrap")
    assert finished(process)[0] == 0
    assert len(load(tmp_path / "out").runs) == 2


@pytest.mark.parametrize("how", ["cancelled", "killed"])
def test_a_job_that_is_gone_is_told(start: Start, cluster: slurm_cluster.Cluster, tmp_path: Path, how: str) -> None:
    process = start("toy/gated", "--seeds", 1, "-x", "array=1")
    wait_for(lambda: is_evaluating(tmp_path), "trials")
    (job,) = jobs(cluster)
    cluster.ask("scancel", *(["--signal=KILL"] if how == "killed" else []), job)
    code, errors = finished(process)
    assert code == 3, errors
    assert f"job {job} failed: it broke off in the state {'CANCELLED' if how == 'cancelled' else ''}" in errors
    assert "UNKNOWN" not in errors
    assert "1 of 1 runs are missing as jobs failed" in errors
    (tmp_path / "gate").touch()
    assert finished(start("toy/gated", "--seeds", 1, "-x", "array=1"))[0] == 0
    assert len(load(tmp_path / "out").trials) == 12
    assert (tmp_path / "calls").stat().st_size <= 13, "one trial was in flight"


def test_a_job_that_slurm_tells_to_stop_goes_on(start: Start, cluster: slurm_cluster.Cluster, tmp_path: Path) -> None:
    process = start("toy/gated", "--seeds", 1, "-x", "array=1")
    wait_for(lambda: is_evaluating(tmp_path), "trials")
    (job,) = jobs(cluster)
    cluster.ask("scancel", "--signal=USR2", job)
    logs = tmp_path / "out" / "slurm"
    wait_for(lambda: any("Requeued job" in log.read_text() for log in logs.glob("*_log.out")), "a requeued job")
    (tmp_path / "gate").touch()
    code, errors = finished(process)
    assert code == 0, errors
    assert len(load(tmp_path / "out").trials) == 12
    assert (tmp_path / "calls").stat().st_size <= 13, "one trial was in flight"


def test_the_job_of_a_lost_node_goes_on_elsewhere(start: Start, cluster: slurm_cluster.Cluster, tmp_path: Path) -> None:
    process = start("toy/gated", "--seeds", 1, "-x", "array=1")
    wait_for(lambda: is_evaluating(tmp_path), "trials")
    (job,) = jobs(cluster)
    node = cluster.ask("squeue", "--noheader", "--format=%N").strip()
    cluster.stop(node)
    for pid in _of_the_job():
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: jobs(cluster).get(job) != "RUNNING", "SLURM to notice")
    (tmp_path / "gate").touch()
    code, errors = finished(process)
    cluster.start(node, "slurmd", "-D", "-N", node)
    assert code == 0, errors
    assert len(load(tmp_path / "out").trials) == 12


def _of_the_job() -> list[int]:
    import psutil

    steps = [process for process in psutil.process_iter() if process.name() == "slurmstepd"]
    return [one.pid for step in steps for one in (*step.children(recursive=True), step)]
