"""Experiments in real worker processes: the same results each time, and no fault ends more than itself."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from grids import assert_whole, wait_for

from optathlon import Experiment, load, run_experiment
from optathlon.analysis import comparable
from optathlon.errors import UsageError
from optathlon.experiments.driver import plan_experiment
from optathlon.results.frames import Results

PLUGIN = '''
import faulthandler
import os
import signal
import sys
import time
from pathlib import Path

from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Collection, Objective, Problem, Result, Task, as_task
from optathlon.optimizers.random import RandomSearch

SPACE = {"x": (0.0, 1.0), "n": (1, 9), "kind": ["a", "b"]}
SCALE = 1.0


class Scaled(Task):
    """Its values hang on SCALE, and its fingerprint on its values."""

    def __init__(self, id):
        self.id = id
        self.problem = Problem(ConfigurationSpace(SPACE), budget=Budget(5))

    problem = None

    def evaluate(self, config, *, fidelity, seed):
        value = SCALE * config["x"] + config["n"] + seed / 2**32
        return Result((value,), metrics={"test/value": 2 * value}, cost=config["x"])

    def notes(self):
        return ["values are scaled"]


class Scales(Collection):
    name = "scaled"
    description = "Scaled."

    def ids(self):
        return (f"scaled/{i}" for i in range(3))

    def make(self, id):
        if id not in self.ids():
            raise KeyError(id)
        return Scaled(id)


def note_pid(name):
    folder = os.environ.get("TOY_PIDS")
    if folder:
        (Path(folder) / f"{name}-{os.getpid()}").touch()


@as_task("faulty/fails", space=SPACE, budget=4)
def fails(config):
    if config["kind"] == "a":
        raise ValueError("never kind a")
    return config["x"]


@as_task("faulty/exits", space=SPACE, budget=4)
def exits(config):
    os._exit(7)


@as_task("faulty/segfaults", space=SPACE, budget=4)
def segfaults(config):
    faulthandler.disable()  # pytest's would print
    os.kill(os.getpid(), signal.SIGSEGV)


@as_task("faulty/leaves", space=SPACE, budget=4)
def leaves(config):
    sys.exit(1)


@as_task("faulty/two", space=SPACE, objectives=[Objective("a"), Objective("b")], budget=4)
def two(config):
    return config["x"], 1 - config["x"]


CALLS = []


@as_task("timed/brief", space=SPACE, budget=10)
def brief(config, seed):
    """After eleven runs of ten trials a process waits for the file that TOY_GATE names, where it names one."""
    note_pid("brief")
    CALLS.append(seed)
    while len(CALLS) > 110 and not os.path.exists(os.environ.get("TOY_GATE", "/")):
        time.sleep(0.02)
    time.sleep(0.01)
    return config["x"] + seed / 2**32


@as_task("timed/long", space=SPACE, budget=30)
def long(config):
    note_pid("long")
    time.sleep(0.1)
    return config["x"]


@as_task("timed/endless", space=SPACE, budget=100_000)
def endless(config):
    note_pid("endless")
    time.sleep(0.02)
    return config["x"]


class Single(RandomSearch):
    """Does one objective only."""

    capabilities = frozenset({*RandomSearch.capabilities} - {"multi-objective"})


class Brittle(RandomSearch):
    """Breaks at the third trial."""

    def __init__(self, problem, seed):
        super().__init__(problem, seed)
        self.asked = 0

    def ask(self):
        self.asked += 1
        if self.asked == 3:
            raise RuntimeError("I am brittle")
        return super().ask()
'''

Timeless = Callable[[Results], dict[str, list[dict[str, object]]]]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "toys.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def run_grid(pinned_environment: None, own_plugins: None, plugin: Path, tmp_path: Path) -> Callable[..., Any]:
    """`run_experiment` with forked workers, in the folder `out`."""

    def run(optimizers: str, tasks: str, seeds: Any = 2, jobs: int = 1, out: str = "out", **rest: Any) -> Any:
        experiment = Experiment(
            optimizers=optimizers.split(),
            tasks=tasks.split(),
            seeds=seeds,
            jobs=jobs,
            out=tmp_path / out,
            plugins=[plugin],
            **rest,
        )
        return run_experiment(experiment)

    return run


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def pids(folder: Path, name: str = "*") -> set[int]:
    return {int(path.name.rpartition("-")[2]) for path in folder.glob(f"{name}-*")}


def test_the_number_of_workers_changes_no_result(
    run_grid: Callable[..., Any], tmp_path: Path, timeless: Timeless
) -> None:
    one = run_grid("random sobol", "scaled/* faulty/fails", out="one")
    two = run_grid("random sobol", "scaled/* faulty/fails", jobs=2, out="two")
    assert one.statuses == two.statuses == {"ok": 16}
    assert one.new == 16
    results = load(tmp_path / "one")
    assert timeless(results) == timeless(load(tmp_path / "two"))
    assert_whole(results, 16)
    assert set(results.tasks.index) == {"scaled/0", "scaled/1", "scaled/2", "faulty/fails"}
    assert results.runs["fingerprint"].notna().all()
    assert list(results.provenance.index) == results.runs["provenance"].unique().tolist()
    failed = results.trials[results.trials["status"] == "crashed"]
    assert len(failed) > 0
    assert failed["value"].isna().all()
    assert failed["error"].str.contains("never kind a").all()
    assert results.trials.loc[results.trials["status"] == "ok", "value"].notna().all()


def test_what_tasks_tell_of_their_data_is_told_in_the_end(
    in_process: Callable[..., Any], plugin: Path, tmp_path: Path
) -> None:
    grid = ("run", "-o", "random", "-t", "scaled/*", "-t", "faulty/two", "--plugin", plugin, "--out", tmp_path / "out")
    for new in (4, 0):
        done = in_process(*grid)
        assert f"4 runs in {tmp_path / 'out'} ({new} new): 4 ok" in done.stdout
        assert done.stdout.count("note: ") == 1
        assert "\nnote: scaled/0 and 2 others: values are scaled\n" in done.stdout


def test_repeating_does_what_is_missing_and_nothing_else(
    run_grid: Callable[..., Any], tmp_path: Path, timeless: Timeless
) -> None:
    steps = [
        (("random", "scaled/0"), 2),
        (("random", "scaled/0"), 0),
        (("random sobol", "scaled/0"), 2),
        (("random sobol", "scaled/*"), 8),
        (("random sobol", "scaled/*"), 0),
    ]
    before: dict[str, Any] = {}
    for (optimizers, tasks), new in steps:
        summary = run_grid(optimizers, tasks, name="grid")
        assert summary.new == new
        results = load(tmp_path / "out")
        now = results.runs.set_index("run")["started"].to_dict()
        assert {run: now[run] for run in before} == before, "what was there is not done again"
        before = now
    assert run_grid("random sobol", "scaled/*", seeds=3, jobs=2, name="grid").new == 6
    assert run_grid("random", "scaled/0", seeds="5,6").new == 2
    assert run_grid("random", "scaled/0", seeds=1, budget="4").new == 1
    assert run_grid("random", "scaled/0", seeds=1, root_seed=1).new == 1
    results = load(tmp_path / "out")
    assert_whole(results, 22)
    run_grid("random sobol", "scaled/*", seeds=3, out="at-once", name="grid")
    at_once = timeless(load(tmp_path / "at-once"))
    extended = timeless(results)
    known = {row["run"] for row in at_once["runs"]}
    assert len(known) == 18
    for part in ("runs", "trials"):
        assert [row for row in extended[part] if row["run"] in known] == at_once[part]


def test_what_an_optimizer_can_not_do_is_skipped_with_the_reason(run_grid: Callable[..., Any], tmp_path: Path) -> None:
    summary = run_grid("random single brittle", "faulty/two scaled/0")
    assert summary.statuses == {"ok": 6, "skipped": 2, "crashed": 4}
    results = load(tmp_path / "out")
    assert_whole(results, 12)
    skipped = results.runs[results.runs["status"] == "skipped"]
    assert set(skipped["reason"]) == {"the task has 2 objectives"}
    assert set(skipped["optimizer"]) == {"single"}
    crashed = results.runs[results.runs["status"] == "crashed"]
    assert crashed["reason"].str.contains("I am brittle").all()
    assert crashed["error"].str.contains("RuntimeError").all()
    assert crashed["trials"].tolist() == [2] * 4
    assert run_grid("random single brittle", "faulty/two scaled/0").new == 0
    assert set(results.tasks.index) == {"faulty/two", "scaled/0"}


def test_a_task_on_which_all_is_skipped_is_described_too(run_grid: Callable[..., Any], tmp_path: Path) -> None:
    run_grid("single", "faulty/two")
    tasks = load(tmp_path / "out").tasks
    assert [objective["name"] for objective in tasks.loc["faulty/two", "objectives"]] == ["a", "b"]
    run_grid("random", "faulty/two")
    assert load(tmp_path / "out").tasks.loc["faulty/two", "fingerprint"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_task_that_takes_its_worker_down_crashes_alone(
    run_grid: Callable[..., Any], tmp_path: Path, jobs: int
) -> None:
    summary = run_grid("random", "scaled/* faulty/exits faulty/segfaults faulty/leaves", seeds=2, jobs=jobs)
    assert summary.statuses == {"ok": 6, "crashed": 6}
    results = load(tmp_path / "out")
    assert_whole(results, 12)
    runs = results.runs.set_index("task")
    assert set(runs.loc["faulty/exits", "status"]) == set(runs.loc["faulty/segfaults", "status"]) == {"crashed"}
    assert runs.loc["faulty/exits", "reason"].str.contains("exit code 7").all()
    assert runs.loc["faulty/segfaults", "reason"].str.contains("SIGSEGV").all()
    left = results.trials[results.trials["task"] == "faulty/leaves"]
    assert left["status"].tolist() == ["crashed"] * 8, "sys.exit() in an objective is that trial's failure"
    assert left["error"].str.contains("SystemExit").all()
    assert {"faulty/exits", "faulty/segfaults"} <= set(results.tasks.index)


def test_changed_values_are_refused_and_nothing_is_added(
    run_grid: Callable[..., Any], plugin: Path, tmp_path: Path, forget_plugins: Callable[[], None]
) -> None:
    run_grid("random", "scaled/*", seeds=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("[rt]*/*.parquet")}
    changed = tmp_path / "changed.py"
    changed.write_text(plugin.read_text().replace("SCALE = 1.0", "SCALE = 1.1"))
    forget_plugins()
    experiment = Experiment(
        optimizers=["random"], tasks=["scaled/*"], seeds=[0, 1], out=tmp_path / "out", plugins=[changed], jobs=2
    )
    with pytest.raises(UsageError, match=r"'scaled/\d' gives other values.*fingerprint.*another --out") as caught:
        run_experiment(experiment)
    assert "\n" not in str(caught.value)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("[rt]*/*.parquet")} == before


def test_a_raised_version_makes_other_runs_beside_the_old_ones(
    run_grid: Callable[..., Any], plugin: Path, tmp_path: Path, forget_plugins: Callable[[], None]
) -> None:
    run_grid("random", "scaled/0", seeds=2)
    raised = tmp_path / "raised.py"
    text = plugin.read_text().replace("SCALE = 1.0", "SCALE = 1.1")
    raised.write_text(text.replace("class Scaled(Task):", "class Scaled(Task):\n    version = '2'\n", 1))
    forget_plugins()
    experiment = Experiment(
        optimizers=["random"], tasks=["scaled/0"], seeds=[0, 1, 2], out=tmp_path / "out", plugins=[raised], jobs=1
    )
    assert run_experiment(experiment).new == 3
    results = load(tmp_path / "out")
    assert results.runs.groupby("task_version", observed=True).size().to_dict() == {"1": 2, "2": 3}
    assert results.tasks.loc["scaled/0", "version"].tolist() == ["1", "2"]
    assert results.tasks.loc["scaled/0", "fingerprint"].nunique() == 2
    by_version = comparable(results).runs.groupby("task")["seed"].count().to_dict()
    assert by_version == {"scaled/0 (version 1)": 2, "scaled/0 (version 2)": 3}


def test_a_plan_writes_nothing(run_grid: Callable[..., Any], plugin: Path, tmp_path: Path) -> None:
    experiment = Experiment(optimizers=["random"], tasks=["scaled/*"], out=tmp_path / "new", plugins=[plugin])
    assert len(plan_experiment(experiment).todo) == 3
    assert not (tmp_path / "new").exists()


def test_no_worker_and_no_scratch_folder_outlives_an_experiment(
    run_grid: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    scratch, noted = tmp_path / "scratch", tmp_path / "pids"
    scratch.mkdir()
    noted.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("TOY_PIDS", str(noted))
    run_grid("random", "timed/brief", seeds=4, jobs=2)
    assert 1 <= len(pids(noted)) <= 2
    wait_for(lambda: not any(map(is_alive, pids(noted))), "the end of the workers")
    assert not list(scratch.iterdir())


# From here on the driver is a process of its own, that gets signals as it would from outside.

GRID = ("-o", "random", "-o", "sobol", "-t", "timed/brief", "-t", "scaled/*", "--seeds", "12")


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    folder = tmp_path / "pids"
    folder.mkdir()
    return folder


def stored_runs(out: Path) -> int:
    from optathlon.results.folder import ResultsFolder

    try:
        return len(ResultsFolder.open(out).finished())
    except UsageError:
        return 0


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.mark.processes
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGKILL,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_driver_that_is_ended_half_way_goes_on_when_repeated(
    command: Callable[..., Any],
    start_command: Callable[..., subprocess.Popen[str]],
    run_grid: Callable[..., Any],
    plugin: Path,
    tmp_path: Path,
    noted: Path,
    timeless: Timeless,
    number: signal.Signals,
) -> None:
    out = tmp_path / "out"
    arguments = ("run", *GRID, "--plugin", plugin, "-j", 2, "--out", out)
    gate = str(tmp_path / "never")
    process = start_command(*arguments, TOY_PIDS=str(noted), TMPDIR=str(tmp_path), TOY_GATE=gate)
    wait_for(lambda: stored_runs(out) >= 10, "ten stored runs")
    process.send_signal(number)
    code, _, err = finish(process)
    wait_for(lambda: not any(map(is_alive, pids(noted))), "the end of the workers")
    stored = stored_runs(out)
    assert 10 <= stored < 96, "the signal came half-way"
    if number is signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 130
        assert "Traceback" not in err
        assert err.strip().splitlines()[-1].startswith("interrupted; finished runs are stored")
    assert_whole(load(out), stored)
    assert not list(out.rglob("*.tmp")) or number is signal.SIGKILL

    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    assert f"96 runs in {out} ({96 - stored} new): 96 ok" in done.stdout
    results = load(out)
    assert_whole(results, 96)
    run_grid("random sobol", "timed/brief scaled/*", seeds=12, out="uninterrupted")
    assert timeless(results) == timeless(load(tmp_path / "uninterrupted"))


@pytest.mark.processes
@pytest.mark.smoke
def test_a_killed_worker_is_replaced_and_the_grid_completes(
    start_command: Callable[..., subprocess.Popen[str]], plugin: Path, tmp_path: Path, noted: Path
) -> None:
    out = tmp_path / "out"
    process = start_command(
        "run", "-o", "random", "-t", "timed/brief", "-t", "timed/long", "--seeds", 3, "--plugin", plugin, "-j", 2,
        "--out", out, TOY_PIDS=str(noted), TMPDIR=str(tmp_path),
    )  # fmt: skip
    wait_for(lambda: stored_runs(out) >= 1 and pids(noted, "long"), "a long run")
    os.kill(min(pids(noted, "long")), signal.SIGKILL)
    code, printed, err = finish(process)
    assert (code, "6 ok" in printed) == (0, True), err
    assert_whole(load(out), 6)


@pytest.mark.processes
def test_a_killed_idle_worker_ends_nothing(
    start_command: Callable[..., subprocess.Popen[str]], plugin: Path, tmp_path: Path, noted: Path
) -> None:
    out = tmp_path / "out"
    process = start_command(
        "run", "-o", "random", "-t", "timed/brief", "-t", "timed/long", "--plugin", plugin, "-j", 2, "--out", out,
        TOY_PIDS=str(noted), TMPDIR=str(tmp_path),
    )  # fmt: skip
    wait_for(lambda: stored_runs(out) == 1 and pids(noted, "long"), "the end of the brief run")
    (idle,) = pids(noted, "brief") - pids(noted, "long")
    os.kill(idle, signal.SIGKILL)
    code, printed, err = finish(process)
    assert (code, "2 ok" in printed) == (0, True), err
    assert_whole(load(out), 2)


@pytest.mark.processes
def test_workers_in_a_long_run_end_with_their_driver(
    start_command: Callable[..., subprocess.Popen[str]], plugin: Path, tmp_path: Path, noted: Path
) -> None:
    """Its results could not be stored any more: going on for hours would be waste."""
    process = start_command(
        "run", "-o", "random", "-t", "timed/endless", "--seeds", 2, "--plugin", plugin, "-j", 2, "--out",
        tmp_path / "out", TOY_PIDS=str(noted), TMPDIR=str(tmp_path),
    )  # fmt: skip
    wait_for(lambda: len(pids(noted)) == 2, "two workers")
    process.kill()
    try:
        wait_for(lambda: not any(map(is_alive, pids(noted))), "the end of the workers")
    finally:
        for pid in filter(is_alive, pids(noted)):
            os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=10)
    assert stored_runs(tmp_path / "out") == 0


@pytest.mark.processes
def test_an_interrupt_ends_a_long_run_at_once(
    start_command: Callable[..., subprocess.Popen[str]], plugin: Path, tmp_path: Path, noted: Path
) -> None:
    out = tmp_path / "out"
    process = start_command(
        "run", "-o", "random", "-t", "scaled/0", "-t", "timed/endless", "--plugin", plugin, "-j", 2, "--out", out,
        TOY_PIDS=str(noted), TMPDIR=str(tmp_path),
    )  # fmt: skip
    wait_for(lambda: pids(noted), "the long run")
    wait_for(lambda: stored_runs(out) == 1, "the brief run")
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130, err
    assert not any(map(is_alive, pids(noted)))
    results = load(out)
    assert results.runs["task"].tolist() == ["scaled/0"], "what was finished is stored, what was not is not"
