"""Experiments on a Dask cluster: what the local executor gives, whatever happens to workers."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from grids import assert_whole, wait_for

from optathlon import Experiment, load, run_experiment
from optathlon.errors import UsageError
from optathlon.experiments.summary import Summary
from optathlon.results.frames import Results

pytestmark = pytest.mark.cluster

pytest.importorskip("distributed", reason="needs `pip install 'optathlon[dask]'`")

PLUGIN = """
import os
import time
from pathlib import Path

from optathlon import Resources, as_task

FOLDER = Path(NOTES)
SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}


@as_task("toy/sum", space=SPACE, budget=5)
def sum_(config, seed):
    return config["x"] + seed / 2**32


@as_task("toy/exits", space=SPACE, budget=4)
def exits(config):
    os._exit(7)


@as_task("toy/long", space=SPACE, budget=20)
def long(config):
    with (FOLDER / f"{os.getpid()}-{os.getppid()}").open("a") as file:
        file.write("one\\n")
    while len((FOLDER / f"{os.getpid()}-{os.getppid()}").read_text()) > 4 * 12 and not (FOLDER / "gate").exists():
        time.sleep(0.02)
    time.sleep(0.1)
    return config["x"]


@as_task("gpu/one", space=SPACE, budget=2, resources=Resources(gpus=1))
def one(config):
    return config["x"]
"""

Timeless = Callable[[Results], dict[str, list[dict[str, object]]]]
RunGrid = Callable[..., Summary]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a cluster with two workers, whose processes are replaced when they die."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.worker.daemon": False}),
        LocalCluster(2, 1, dashboard_address=":0", silence_logs=50) as cluster,
    ):
        yield cluster.scheduler_address


@pytest.fixture
def run_grid(pinned_environment: None, own_plugins: None, tmp_path: Path, address: str) -> RunGrid:
    """`run_experiment` on the cluster, in the folder `out`."""
    plugin = tmp_path / "toys.py"
    plugin.write_text(PLUGIN.replace("NOTES", repr(str(tmp_path))))

    def run(tasks: str, out: str = "out", **rest: Any) -> Summary:
        settings: dict[str, Any] = {"executor": {"kind": "dask", "address": address}, "seeds": 2, "jobs": 2}
        settings |= {"plugins": [plugin]} | rest
        return run_experiment(
            Experiment(optimizers=["random", "sobol"], tasks=tasks.split(), out=tmp_path / out, **settings)
        )

    return run


@pytest.mark.smoke
def test_results_are_those_of_the_local_executor(run_grid: RunGrid, tmp_path: Path, timeless: Timeless) -> None:
    assert run_grid("toy/sum", out="there").statuses == {"ok": 4}
    assert run_grid("toy/sum", out="here", executor="local").statuses == {"ok": 4}
    assert timeless(load(tmp_path / "there")) == timeless(load(tmp_path / "here"))
    assert run_grid("toy/sum", out="there", seeds=3).new == 2


def test_without_an_address_a_cluster_is_started_here(run_grid: RunGrid, tmp_path: Path) -> None:
    assert run_grid("toy/sum", executor="dask").statuses == {"ok": 4}
    assert_whole(load(tmp_path / "out"), 4)


@pytest.mark.parametrize("victim", ["worker process", "Dask worker"])
def test_a_killed_worker_is_replaced_and_its_run_goes_on(run_grid: RunGrid, tmp_path: Path, victim: str) -> None:
    def kill() -> None:
        try:
            wait_for(lambda: any(len(path.read_text()) > 4 * 11 for path in tmp_path.glob("*-*")), "a dozen trials")
            longest = max(tmp_path.glob("*-*"), key=lambda path: path.stat().st_size)
            worker, dask_worker = map(int, longest.name.split("-"))
            os.kill(worker if victim == "worker process" else dask_worker, signal.SIGKILL)
        finally:
            (tmp_path / "gate").touch()

    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(kill)
        assert run_grid("toy/long", seeds=1).statuses == {"ok": 2}
        killed.result()
    assert_whole(load(tmp_path / "out"), 2)
    evaluated = sum(path.read_text().count("one") for path in tmp_path.glob("*-*"))
    assert 40 <= evaluated <= 42, "what the journal had was not evaluated again"


def test_a_task_that_takes_its_worker_down_crashes_alone(run_grid: RunGrid, tmp_path: Path) -> None:
    assert run_grid("toy/exits toy/sum", seeds=1).statuses == {"ok": 2, "crashed": 2}
    runs = load(tmp_path / "out").runs
    assert set(runs.loc[runs["status"] == "crashed", "reason"]) == {"the worker process died with exit code 7"}


def test_gpus_are_left_to_other_executors(run_grid: RunGrid) -> None:
    with pytest.raises(UsageError, match=r"'gpu/one' needs GPUs.*--executor ray or slurm"):
        run_grid("gpu/one")


def test_an_address_without_a_cluster_is_told_in_a_line(run_grid: RunGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.experiments.executors.dask._CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = "tcp://{}:{}".format(*server.getsockname())
    with pytest.raises(UsageError, match=r"can't reach a Dask cluster at .*tcp://HOST:PORT") as caught:
        run_grid("toy/sum", executor={"kind": "dask", "address": free})
    assert "\n" not in str(caught.value)
