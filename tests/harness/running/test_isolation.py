"""Trials that hang, leak, exit, crash or fork end alone, with what is known of them; their process is replaced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from isolated_tasks import PLUGIN

from optathlon import Experiment, Resources, Status, Trial, load, run_experiment
from optathlon.registry.plugins import load_plugin, plugins
from optathlon.registry.tasks import make_task
from optathlon.resources import IN_PROCESS
from optathlon.results.frames import Results
from optathlon.running.evaluation import Job, TimedResult
from optathlon.running.isolation import EvaluationProcess, ProcessEvaluator, Site

MIB = 2**20


@pytest.fixture
def plugin(tmp_path: Path, own_plugins: None) -> Path:
    path = tmp_path / "isolated.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvaluationProcess]:
    """A process for all tests of single trials: what one of them does to it must not reach the next."""
    folder = tmp_path_factory.mktemp("isolated")
    (folder / "isolated.py").write_text(PLUGIN)
    process = EvaluationProcess(Site(), [folder / "isolated.py"], folder)
    yield process
    process.stop()


@pytest.fixture
def process(shared: EvaluationProcess, plugin: Path) -> EvaluationProcess:
    load_plugin(plugin)
    return shared


def evaluate(process: EvaluationProcess, name: str) -> TimedResult:
    task = make_task(f"iso/{name}")
    return process.evaluate(task.id, Job(Trial({"x": 0.5, "n": 3}, id=0), 1), task.resources)


@pytest.mark.parametrize(
    ("name", "status", "reasons"),
    [
        ("hangs", Status.TIMEOUT, ["ended at the limit of 1 s", "peak memory", "about to hang"]),
        ("hangs_in_c", Status.TIMEOUT, ["ended at the limit of 0.4 s"]),
        ("leaks", Status.MEMORY, ["ended at the limit of 300 MiB of memory", "peak memory 3"]),
        ("child_leaks", Status.MEMORY, ["ended at the limit of 300 MiB of memory"]),
        ("exits", Status.CRASHED, ["the trial's process died with exit code 7", "last words"]),
        ("segfaults", Status.CRASHED, ["died of SIGSEGV", "Fatal Python error: Segmentation fault", "in segfaults"]),
        ("leaves", Status.CRASHED, ["SystemExit: no more"]),
        ("raises", Status.CRASHED, ["ValueError: never"]),
        ("out_of_memory", Status.MEMORY, ["MemoryError"]),
    ],
)
def test_a_trial_that_goes_wrong_ends_alone(
    process: EvaluationProcess, name: str, status: Status, reasons: list[str]
) -> None:
    healthy = evaluate(process, "fine")
    bad = evaluate(process, name)
    assert bad.result.status is status
    assert bad.result.values == ()
    for reason in reasons:
        assert reason in bad.result.error
    assert reasons[0] in bad.result.error.splitlines()[-1], "reports show the last line"
    again = evaluate(process, "fine")
    assert again.result.values == healthy.result.values, "the next trial is fine"


def test_a_trial_that_took_too_long_has_no_result_even_if_nobody_looked_in_time(process: EvaluationProcess) -> None:
    task = make_task("iso/late")
    process.begin(task.id, Job(Trial({"x": 0.5, "n": 3}, id=0), 1), task.resources)
    wait(process.signals)
    evaluated = process.poll()
    assert evaluated is not None and evaluated.seconds >= 0.6
    assert (evaluated.result.status, evaluated.result.values) == (Status.TIMEOUT, ())
    assert evaluated.result.error == "ended at the limit of 0.4 s"


def test_a_process_is_used_again_and_its_memory_is_that_of_the_trial(process: EvaluationProcess) -> None:
    first, second = evaluate(process, "fine"), evaluate(process, "fine")
    assert first.result.metrics["test/pid"] == second.result.metrics["test/pid"] != os.getpid()
    for evaluated in (first, second):
        assert evaluated.peak_memory is not None
        assert 10 * MIB < evaluated.peak_memory < 2000 * MIB


def test_a_trial_that_forks_is_told_once(process: EvaluationProcess) -> None:
    for _ in range(3):
        assert evaluate(process, "forks").result.values == (0.5,)
    assert evaluate(process, "fine").result.ok


def test_what_a_trial_has_started_ends_with_it(
    process: EvaluationProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISO_CHILD", str(tmp_path / "child"))
    process.stop()  # the next one sees the variable
    assert evaluate(process, "leaves_a_child").result.status is Status.MEMORY
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_same_values_as_in_this_process(process: EvaluationProcess) -> None:
    task = make_task("iso/fine")
    here = task.evaluate({"x": 0.5, "n": 3}, fidelity=None, seed=1)
    there = evaluate(process, "fine").result
    assert (there.values, there.cost) == (here.values, here.cost)
    assert process.fingerprint(task.id, task.resources) == task.fingerprint()


@pytest.mark.processes
def test_several_processes_evaluate_at_once_and_are_told_as_they_end(tmp_path: Path, plugin: Path) -> None:
    load_plugin(plugin)
    processes = [EvaluationProcess(Site(), [plugin], tmp_path) for _ in range(4)]
    evaluator = ProcessEvaluator("slow/meets", IN_PROCESS, processes)
    for id in range(4):
        evaluator.submit(Job(Trial({"x": id / 10, "n": 1}, id=id), 0))
    ends = [evaluator.wait() for _ in range(4)]
    assert sorted((finished.trial.id, finished.worker, finished.result.values) for finished in ends) == [
        (id, id, (id / 10,)) for id in range(4)
    ]
    assert max(finished.start for finished in ends) < min(finished.end for finished in ends), "at the same time"
    for process in processes:
        process.stop()


@pytest.fixture
def grid(pinned_environment: None, plugin: Path, tmp_path: Path) -> Callable[..., Results]:
    """The results of an experiment in real worker processes."""

    def run(optimizers: str, tasks: str, **rest: Any) -> Results:
        out = tmp_path / str(rest.pop("out", "out"))
        run_experiment(
            Experiment(optimizers=optimizers.split(), tasks=tasks.split(), plugins=[plugin], out=out, **rest)
        )
        return load(out)

    return run


def test_bad_trials_end_no_run(grid: Callable[..., Results]) -> None:
    results = grid("random", "iso/hangs iso/exits iso/segfaults iso/fine", jobs=2, budget=2)
    assert (results.runs["trials"] == 2).all()
    statuses = results.trials.groupby("task", observed=True)["status"].unique().map(list).to_dict()
    assert statuses == {
        "iso/exits": ["crashed"], "iso/fine": ["ok"], "iso/hangs": ["timeout"], "iso/segfaults": ["crashed"],
    }  # fmt: skip
    assert results.trials.groupby("task", observed=True).size().eq(2).all()
    assert results.trials["value"].isna().equals(results.trials["status"] != "ok")
    fine = results.trials[results.trials["task"] == "iso/fine"]
    assert fine["test/pid"].nunique() == 1
    assert (fine["peak_memory"] > 10 * MIB).all()


def test_a_cheap_task_is_isolated_where_wanted(grid: Callable[..., Results]) -> None:
    plain = grid("random", "slow/sleeps", out="plain", budget=2)
    assert plain.trials["peak_memory"].isna().all()
    for limits in ({"isolate": True}, {"trial_timeout": "60s"}, {"trial_memory": "4GiB"}):
        results = grid("random", "slow/sleeps", out="isolated" + "-".join(limits), budget=2, **limits)
        assert results.trials["peak_memory"].notna().all()
        assert results.trials["value"].tolist() == plain.trials["value"].tolist()
    short = grid("random", "slow/sleeps", out="short", trial_timeout="0.1s", budget=2)
    assert set(short.trials["status"]) == {"timeout"}


def test_trials_of_a_run_are_evaluated_at_once(grid: Callable[..., Results]) -> None:
    results = grid("random", "slow/meets", workers_per_run=4)
    trials = results.trials
    assert results.runs["n_workers"].tolist() == [4]
    assert set(trials["worker"]) == {0, 1, 2, 3}
    assert sorted(trials["trial"]) == list(range(8))
    at_once = [((trials["start"] <= start) & (trials["end"] > start)).sum() for start in trials["start"]]
    assert max(at_once) == 4
    sequential = grid("random", "slow/meets", out="one")
    by_trial = trials.sort_values("trial")["value"].tolist()
    assert by_trial == sequential.trials.sort_values("trial")["value"].tolist(), "random search asks the same"


@pytest.mark.processes
@pytest.mark.smoke
def test_a_killed_process_costs_its_trial_only(grid: Callable[..., Results], tmp_path: Path, plugin: Path) -> None:
    import threading

    child = tmp_path / "child"
    os.environ["ISO_CHILD"] = str(child)

    def kill() -> None:
        deadline = time.monotonic() + 60
        while not (child.exists() and child.read_text()) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(int(child.read_text()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        results = grid("random", "slow/dies")
    finally:
        killer.join()
        del os.environ["ISO_CHILD"]
    assert results.runs["status"].tolist() == ["ok"]
    assert results.trials["status"].value_counts()["crashed"] == 1
    assert len(results.trials) == 60
    error = results.trials.loc[results.trials["status"] == "crashed", "error"].iloc[0]
    assert "died of SIGKILL" in error


@pytest.mark.processes
@pytest.mark.parametrize("optimizer", ["stuck", pytest.param("swallowing", marks=pytest.mark.slow)])
def test_a_run_whose_optimizer_hangs_ends_at_its_limit(grid: Callable[..., Results], optimizer: str) -> None:
    results = grid(f"{optimizer} random", "slow/echo", run_timeout="5s", jobs=2, budget=4)
    runs = results.runs.set_index("optimizer")
    assert runs.loc["random", "status"] == "ok"
    assert runs.loc[optimizer, "status"] == "timeout"
    assert "longer than its limit of 5 s" in runs.loc[optimizer, "reason"]
    own = results.trials[results.trials["optimizer"] == optimizer]
    assert own["trial"].tolist() == [0, 1, 2], "its trials so far are kept"
    assert own["value"].notna().all()
    assert runs.loc[optimizer, "spent"] == 3.0


def test_a_run_whose_optimizer_dies_keeps_its_trials(grid: Callable[..., Results]) -> None:
    results = grid("dying random", "iso/fine slow/sleeps", jobs=2)
    runs = results.runs[results.runs["optimizer"] == "dying"]
    assert set(runs["status"]) == {"crashed"}
    assert runs["reason"].str.contains("SIGSEGV").all()
    assert runs["trials"].tolist() == [3, 3]
    own = results.trials[results.trials["optimizer"] == "dying"]
    assert own.groupby("task", observed=True)["trial"].apply(list).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert (results.runs.loc[results.runs["optimizer"] == "random", "status"] == "ok").all()


@pytest.mark.processes
def test_a_run_that_ends_at_its_limit_spoils_no_other_run(grid: Callable[..., Results]) -> None:
    """Limits that end runs while processes start, get ready and evaluate; every value is that of its own trial."""
    for number, limit in enumerate(("0.4s", "0.7s", "1s")):
        results = grid(
            "random", "slow/echo", seeds=3, isolate=True, workers_per_run=2, run_timeout=limit, out=f"out{number}"
        )
        assert set(results.runs["status"]) <= {"ok", "timeout"}
        assert len(results.runs) == 3
        trials = results.trials
        assert (trials["status"] == "ok").all()
        assert [json.loads(config)["x"] for config in trials["config"]] == trials["value"].tolist()


def test_memory_that_is_shared_with_children_counts_once(process: EvaluationProcess) -> None:
    evaluated = evaluate(process, "shares")
    assert evaluated.result.ok, evaluated.result.error


def test_no_word_of_semaphores_that_are_cleared_away(
    command: Callable[..., subprocess.CompletedProcess[str]], plugin: Path, tmp_path: Path
) -> None:
    done = command("run", "--plugin", plugin, "-o", "random", "-t", "iso/locks", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "semaphore" not in done.stderr and "warn" not in done.stderr


def test_what_a_trial_leaves_in_temporary_files_goes_with_the_experiment(process: EvaluationProcess) -> None:
    assert evaluate(process, "exits").result.status is Status.CRASHED
    where = evaluate(process, "where").result.metrics
    assert where == {"inside": 1.0}


def test_a_task_that_dies_on_its_probes_has_no_fingerprint_and_can_be_read(grid: Callable[..., Results]) -> None:
    results = grid("random", "probe/dies")
    assert set(results.runs["status"]) == {"ok"}
    assert set(results.runs["fingerprint"]) == {""}
    assert len(grid("random", "probe/dies", seeds=2).runs) == 2


def test_cores_are_bound(grid: Callable[..., Results]) -> None:
    trials = grid("random", "iso/bound iso/wide").trials.set_index("task")
    available = len(os.sched_getaffinity(0))
    assert (trials.loc["iso/bound", "cores"], trials.loc["iso/bound", "threads"]) == (1, 1)
    assert (trials.loc["iso/wide", "cores"], trials.loc["iso/wide", "threads"]) == (min(2, available),) * 2


def test_gpus_are_placed(grid: Callable[..., Results], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GPUs: four halves at once at most, two on each; a trial that wants both runs alone."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    trials = grid("random", "gpu/half gpu/two", seeds=6, jobs=3).trials
    assert (trials["status"] == "ok").all()
    masks = trials.groupby("task", observed=True)["number"].unique().map(list).to_dict()
    assert masks == {"gpu/half": [1], "gpu/two": [2]}
    busiest = 0
    for began in trials["began"]:
        running = trials[(trials["began"] <= began) & (trials["ended"] > began)]
        busiest = max(busiest, len(running))
        whole = (running["task"] == "gpu/two").sum()
        for gpu in (0, 1):
            halves = ((running["task"] == "gpu/half") & (running["gpu"] == gpu)).sum()
            assert whole + halves / 2 <= 1
    assert busiest > 1
    assert set(trials.loc[trials["task"] == "gpu/half", "gpu"]) <= {0, 1}


@pytest.mark.processes
@pytest.mark.parametrize(("visible", "out"), [("", "none"), ("0", "one")])
def test_without_the_gpus_the_plan_says_so(
    in_process: Callable[..., SimpleNamespace],
    plugin: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    visible: str,
    out: str,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    arguments = (
        "run", "--plugin", plugin, "-o", "random", "-t", "gpu/two", "-t", "iso/fine", "--out", tmp_path / out,
    )  # fmt: skip
    plan = in_process(*arguments, "--dry-run")
    assert plan.returncode == 0
    assert "to do    1" in plan.stdout
    assert "no GPU   1" in plan.stdout
    have = "there are 1" if visible else "there is none"
    assert f"random: trials need 2 of a GPU, and {have} (1 tasks: gpu/two)" in plan.stdout
    done = in_process(*arguments)
    assert done.returncode == 1, "the grid is not complete"
    assert "1 runs need GPUs that are not here" in done.stdout
    assert load(tmp_path / out).runs["task"].tolist() == ["iso/fine"], "nothing is recorded as skipped"


def test_a_task_that_is_gone_in_the_process_is_said_in_the_trial(process: EvaluationProcess) -> None:
    plugins.tasks["iso/here"] = make_task("iso/fine")
    evaluated = process.evaluate("iso/here", Job(Trial({"x": 0.5, "n": 3}, id=0), 1), Resources(isolated=True))
    assert evaluated.result.status is Status.CRASHED
    assert "unknown task 'iso/here'" in evaluated.result.error
