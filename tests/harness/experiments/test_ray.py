"""Experiments on a Ray cluster: what the local executor gives, whatever happens to workers and nodes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from grids import assert_whole, wait_for

from optathlon import Experiment, load, run_experiment
from optathlon.errors import UsageError
from optathlon.experiments.summary import Summary
from optathlon.results.frames import Results
from optathlon.running.environment import pinned

pytestmark = pytest.mark.cluster

with pinned():
    PINNED = dict(os.environ)
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
pytest.importorskip("ray", reason="needs `pip install 'optathlon[ray]'`")

PLUGIN = """
import os
import time
from pathlib import Path

from optathlon import Resources, as_task
from optathlon.optimizers.random import RandomSearch

NOTES = Path(NOTES_FOLDER)
SPACE = {"x": (0.0, 1.0), "n": (1, 9), "kind": ["a", "b"]}


def note(name, text=""):
    with (NOTES / f"{name}-{os.getpid()}").open("a") as file:
        file.write(f"{text}\\n")


@as_task("toy/sum", space=SPACE, budget=5)
def sum_(config, seed):
    return config["x"] + config["n"] + seed / 2**32


@as_task("toy/fails", space=SPACE, budget=4)
def fails(config):
    if config["kind"] == "a":
        raise ValueError("never kind a")
    return config["x"]


@as_task("toy/exits", space=SPACE, budget=4)
def exits(config):
    os._exit(7)


@as_task("toy/long", space={"x": (0.0, 1.0)}, budget=20)
def long(config):
    note("long", config["x"])
    time.sleep(0.1)
    return config["x"]


@as_task("toy/endless", space={"x": (0.0, 1.0)}, budget=100_000)
def endless(config):
    note("endless", config["x"])
    time.sleep(0.05)
    return config["x"]


@as_task("toy/hash", space=SPACE, budget=1)
def hash_(config):
    return hash("a") % 1000 + float(os.environ["OMP_NUM_THREADS"]) / 10


@as_task("gpu/half", space=SPACE, budget=3, resources=Resources(gpus=0.5))
def half(config):
    began = time.time()
    time.sleep(0.1)
    note("half", f"{os.environ['CUDA_VISIBLE_DEVICES']} {began} {time.time()}")
    return config["x"]


@as_task("gpu/two", space=SPACE, budget=3, resources=Resources(gpus=2))
def two(config):
    return config["x"]


class Hangs(RandomSearch):
    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.asked = 0

    def ask(self):
        self.asked += 1
        if self.asked == 4:
            time.sleep(1000)
        return super().ask()
"""

GATED = """

@as_task("toy/gated", space={"x": (0.0, 1.0)}, budget=2)
def gated(config):
    note("gated", config["x"])
    while not (NOTES / "gate").exists():
        time.sleep(0.05)
    return config["x"]
"""

Timeless = Callable[[Results], dict[str, list[dict[str, object]]]]
RunGrid = Callable[..., Summary]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two CPUs and a GPU that does not exist."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 1})
    yield cluster
    cluster.shutdown()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def plugin(tmp_path: Path, notes: Path) -> Path:
    path = tmp_path / "toys.py"
    path.write_text(PLUGIN.replace("NOTES_FOLDER", repr(str(notes))))
    return path


@pytest.fixture
def run_grid(pinned_environment: None, own_plugins: None, plugin: Path, tmp_path: Path, cluster: Any) -> RunGrid:
    """`run_experiment` on the cluster, in the folder `out`."""

    def run(optimizers: str, tasks: str, seeds: int = 2, jobs: int = 2, out: str = "out", **rest: Any) -> Summary:
        where = {"executor": {"kind": "ray", "address": cluster.address}} | rest
        experiment = Experiment(
            optimizers=optimizers.split(),
            tasks=tasks.split(),
            seeds=list(range(seeds)),
            jobs=jobs,
            out=tmp_path / out,
            plugins=[plugin],
            **where,
        )
        return run_experiment(experiment)

    return run


def lines(notes: Path, name: str) -> list[list[str]]:
    """What the task has noted, by process."""
    return [path.read_text().split("\n")[:-1] for path in notes.glob(f"{name}-*")]


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do something beside the block; its failure is the test's."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(act)
        yield
        done.result()


def test_results_are_those_of_the_local_executor(run_grid: RunGrid, tmp_path: Path, timeless: Timeless) -> None:
    there = run_grid("random sobol", "toy/sum toy/fails", out="there")
    here = run_grid("random sobol", "toy/sum toy/fails", out="here", executor="local")
    assert there.statuses == here.statuses == {"ok": 8}
    assert timeless(load(tmp_path / "there")) == timeless(load(tmp_path / "here"))


def test_a_repeated_command_does_nothing_and_an_extended_one_verifies(run_grid: RunGrid, tmp_path: Path) -> None:
    assert run_grid("random", "toy/sum").new == 2
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    assert run_grid("random", "toy/sum", executor={"kind": "ray", "address": "127.0.0.1:1"}).new == 0, (
        "without even looking for Ray"
    )
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")} == before
    assert run_grid("random", "toy/sum", seeds=3).new == 1
    assert_whole(load(tmp_path / "out"), 3)


def test_workers_are_pinned(run_grid: RunGrid, tmp_path: Path) -> None:
    """SMAC's proposals hang on the hash seed."""
    run_grid("random", "toy/hash", seeds=1)
    code = "print(hash('a') % 1000 + 0.1)"
    done = subprocess.run([sys.executable, "-c", code], env=PINNED, capture_output=True, text=True, check=True)
    assert load(tmp_path / "out").trials["value"].tolist() == [pytest.approx(float(done.stdout))]


def test_fewer_cpus_than_jobs_are_enough(run_grid: RunGrid, tmp_path: Path) -> None:
    assert run_grid("random", "toy/sum", seeds=12, jobs=5).statuses == {"ok": 12}
    assert_whole(load(tmp_path / "out"), 12)


def test_a_killed_worker_is_replaced_and_its_run_goes_on(run_grid: RunGrid, tmp_path: Path, notes: Path) -> None:
    def kill() -> None:
        wait_for(lambda: any(len(trials) > 12 for trials in lines(notes, "long")), "a dozen trials")
        longest = max(notes.glob("long-*"), key=lambda path: path.stat().st_size)
        os.kill(int(longest.name.rpartition("-")[2]), signal.SIGKILL)

    with meanwhile(kill):
        assert run_grid("random", "toy/sum toy/long", jobs=2).statuses == {"ok": 4}
    assert_whole(load(tmp_path / "out"), 4)
    evaluated = sum(map(len, lines(notes, "long")))
    assert 40 <= evaluated <= 42, "what the journal had was not evaluated again"


def test_a_lost_node_loses_nothing(run_grid: RunGrid, tmp_path: Path, notes: Path, cluster: Any) -> None:
    node = cluster.add_node(num_cpus=1)

    def lose() -> None:
        wait_for(lambda: sum(len(trials) > 10 for trials in lines(notes, "long")) == 3, "three runs at once")
        cluster.remove_node(node, allow_graceful=False)

    with meanwhile(lose):
        assert run_grid("random", "toy/long", seeds=3, jobs=3).statuses == {"ok": 3}
    assert_whole(load(tmp_path / "out"), 3)
    assert 60 <= sum(map(len, lines(notes, "long"))) < 80


def test_a_task_that_takes_its_worker_down_crashes_alone(run_grid: RunGrid, tmp_path: Path) -> None:
    assert run_grid("random", "toy/exits toy/sum", seeds=1).statuses == {"ok": 1, "crashed": 1}
    results = load(tmp_path / "out")
    assert_whole(results, 2)
    crashed = results.runs[results.runs["status"] == "crashed"]
    assert set(crashed["task"]) == {"toy/exits"}
    assert crashed["reason"].str.match(r"the worker process died \(.+\)").all()


def test_a_run_that_hangs_ends_at_its_limit_and_keeps_its_trials(run_grid: RunGrid, tmp_path: Path) -> None:
    assert run_grid("hangs", "toy/sum", seeds=1, run_timeout="5s").statuses == {"timeout": 1}
    results = load(tmp_path / "out")
    assert results.runs["trials"].tolist() == [3]
    assert results.runs["reason"].str.contains("limit of 5 s").all()


def test_ray_places_shares_of_gpus(run_grid: RunGrid, tmp_path: Path, notes: Path) -> None:
    assert run_grid("random", "gpu/half toy/sum", seeds=4, jobs=2).statuses == {"ok": 8}
    assert_whole(load(tmp_path / "out"), 8)
    seen = [line.split() for trials in lines(notes, "half") for line in trials]
    assert {gpu for gpu, _, _ in seen} == {"0"}
    starts = sorted(float(start) for _, start, _ in seen)
    at_once = [sum(float(start) <= time < float(end) for _, start, end in seen) for time in starts]
    assert max(at_once) <= 2


def test_a_run_with_several_trials_at_once_gets_gpus_for_all(run_grid: RunGrid, tmp_path: Path, notes: Path) -> None:
    assert run_grid("random", "gpu/half", seeds=1, workers_per_run=2).statuses == {"ok": 1}
    assert len(lines(notes, "half")) == 2
    with pytest.raises(UsageError, match=r"no node .*'gpu/half': 3 trials at once.* 0.5 .* of a GPU.*there are 1: "):
        run_grid("random", "gpu/half", seeds=1, workers_per_run=3)


def test_gpus_that_no_node_has_are_told_before_anything_runs(run_grid: RunGrid, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no node of the Ray cluster has room for 'gpu/two': .*add a node") as caught:
        run_grid("random", "toy/sum gpu/two")
    assert "\n" not in str(caught.value)
    assert load(tmp_path / "out").runs.empty


@pytest.mark.parametrize("address", ["{free}", "ray://127.0.0.1:10001", "somewhere"])
def test_an_address_without_a_cluster_is_told_in_a_line(run_grid: RunGrid, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = "{}:{}".format(*server.getsockname())
    with pytest.raises(UsageError, match=r"can't (read|reach)") as caught:
        run_grid("random", "toy/sum", executor={"kind": "ray", "address": address.format(free=free)})
    assert "\n" not in str(caught.value)
    assert "HOST:PORT" in str(caught.value)


def test_without_an_address_ray_is_started_and_stopped(
    start_command: Callable[..., subprocess.Popen[str]], plugin: Path, tmp_path: Path, notes: Path
) -> None:
    """It is interrupted in a long run: what had been finished by then is stored, and no process is left."""
    out = tmp_path / "out"
    process = start_command(
        "run", "-o", "random", "-t", "toy/sum", "-t", "toy/endless", "--executor", "ray", "-j", 2, "--out", out,
        "--plugin", plugin,
    )  # fmt: skip
    wait_for(lambda: any(len(trials) > 20 for trials in lines(notes, "endless")), "the long run")
    processes = psutil.Process(process.pid).children(recursive=True)
    assert any("raylet" in found.name() for found in processes)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert load(out).runs["task"].tolist() == ["toy/sum"]
    _, left = psutil.wait_procs(processes, timeout=240)
    assert not left


@pytest.mark.parametrize("lost", ["the process", "the node"])
def test_a_lost_head_is_told_in_a_line(
    start_command: Callable[..., subprocess.Popen[str]],
    command: Callable[..., subprocess.CompletedProcess[str]],
    plugin: Path,
    tmp_path: Path,
    notes: Path,
    lost: str,
) -> None:
    from ray.cluster_utils import Cluster

    flags = ("run", "-o", "random", "-t", "toy/sum", "-t", "toy/gated", "--seeds", 1, "--plugin", plugin)
    plugin.write_text(PLUGIN.replace("NOTES_FOLDER", repr(str(notes))) + GATED)
    own = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        if lost == "the node":
            own.add_node(num_cpus=1)
        process = start_command(*flags, "--out", tmp_path / "out", "--executor", "ray", "-x", f"address={own.address}")
        wait_for(lambda: any(map(len, lines(notes, "gated"))), "a trial")
        if lost == "the node":
            own.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
        else:
            own.head_node.kill_gcs_server(check_alive=False)
        _, errors = process.communicate(timeout=240)
    finally:
        own.shutdown()
    assert process.returncode == 3, errors
    told = [line for line in errors.splitlines() if " runs" not in line]
    assert len(told) == 1
    assert "is lost: start it again; what was stored is intact, and the same command does the rest" in told[0]
    (notes / "gate").touch()
    assert command(*flags, "--out", tmp_path / "out").returncode == 0
    assert_whole(load(tmp_path / "out"), 2)
