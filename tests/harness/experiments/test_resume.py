"""`optathlon resume` and `retry`: from a folder alone, wherever it is called, and whatever was killed."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from grids import assert_whole, wait_for

from optathlon import load
from optathlon.results.folder import ResultsFolder
from optathlon.results.frames import Results
from optathlon.results.status import folder_status

Timeless = Callable[[Results], dict[str, list[dict[str, object]]]]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Start = Callable[..., "subprocess.Popen[str]"]
InProcess = Callable[..., SimpleNamespace]

PLUGIN = """
import os
import time

from optathlon import as_task
from optathlon.optimizers.random import RandomSearch


class Walk(RandomSearch):
    def tell(self, trial, result):
        if "BAD" in os.environ:
            raise RuntimeError("bad")


@as_task("nap/task", space={"x": (0.0, 1.0)}, budget=6)
def nap(config, seed):
    time.sleep(float(os.environ.get("NAP", 0)))
    return config["x"] + seed / 2**32
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plugin, which is the present one."""
    (tmp_path / "walk.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored_runs(out: Path) -> int:
    return ResultsFolder.open(out).finished().num_rows if (out / "optathlon.json").exists() else 0


GRID = ("run", "-o", "random", "-o", "slow=walk.py:Walk", "-t", "nap/task", "--plugin", "walk.py", "--seeds", "20",
        "--name", "naps", "-j", "2")  # fmt: skip


@pytest.mark.processes
@pytest.mark.parametrize("chance", [0, *(pytest.param(number, marks=pytest.mark.slow) for number in range(1, 6))])
def test_a_folder_tells_what_is_left_after_a_kill_and_does_it_without_flags(
    command: Command, start_command: Start, lab: Path, timeless: Timeless, chance: int
) -> None:
    at_least = random.Random(chance).randrange(1, 30)
    process = start_command(*GRID, "--out", "out", cwd=lab, NAP="0.1")
    wait_for(lambda: stored_runs(lab / "out") >= at_least, f"{at_least} stored runs")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    moved = (lab / "out").rename(lab / "moved results")
    stored = stored_runs(moved)
    assert at_least <= stored < 40, "the kill came half-way"

    told = command("status", moved, cwd=Path("/")).stdout
    assert f"left      {40 - stored} of 40 runs: optathlon resume '{str(moved).lstrip('/')}'\n" in told
    resumed = command("resume", moved, cwd=Path("/"))
    assert resumed.returncode == 0, resumed.stderr
    assert f"({40 - stored} new): 40 ok" in resumed.stdout
    assert folder_status(ResultsFolder.open(moved)).left == 0
    results = load(moved)
    assert_whole(results, 40)
    assert set(results.runs["experiment"]) == {"naps"}
    again = command("resume", moved, cwd=Path("/"))
    assert (again.returncode, "(0 new): 40 ok" in again.stdout) == (0, True)

    assert command(*GRID, "--out", "undisturbed", cwd=lab).returncode == 0
    assert timeless(results) == timeless(load(lab / "undisturbed"))


def test_experiments_and_shards_of_one_folder_are_all_resumed(in_process: InProcess, lab: Path) -> None:
    grid = ("run", "-t", "bbob/f1/d2/i[1-3]", "--budget", "3", "--out", "out")
    assert in_process(*grid, "-o", "random", "--seeds", 2, "--shard", "1/2").returncode == 0
    assert in_process(*grid, "-o", "random", "--seeds", 2, "--shard", "2/2").returncode == 0
    assert in_process(*grid, "-o", "sobol").returncode == 0
    out = lab / "out"
    everything = load(out)
    assert len(everything.runs) == 9
    before = folder_status(ResultsFolder.open(out))
    assert (before.planned, before.left) == (9, 0)
    for part in ("runs", "trials", "tasks"):
        shutil.rmtree(out / part)
    lost = in_process("status", "out").stdout
    assert "left      9 of 9 runs: optathlon resume out\n" in lost
    resumed = in_process("resume", "out", "-j", 2)
    assert (resumed.returncode, "9 runs in out (9 new): 9 ok" in resumed.stdout) == (0, True), resumed.stderr
    assert sorted(load(out).runs["run"]) == sorted(everything.runs["run"])
    assert {path.read_text().count("jobs: 2\n") for path in (out / "experiments").glob("*.yaml")} == {1}, (
        "flags are kept"
    )


def test_what_is_asked_for_again_is_left_until_it_is_done(in_process: InProcess, lab: Path) -> None:
    """`--fresh` wants second attempts: those that a kill leaves undone are left, though first ones are stored."""
    grid = ("run", "-o", "walk.py:Walk", "-t", "bbob/f1/d2/i1", "--budget", "3", "--seeds", 3, "--out", "out")
    assert in_process(*grid).returncode == 0
    (lab / "walk.py").write_text(PLUGIN + "\n# edited\n")
    from optathlon.experiments.driver import plan_experiment
    from optathlon.experiments.experiment import Experiment
    from optathlon.experiments.stored import store
    from optathlon.registry.code import code_of
    from optathlon.registry.plugins import plugins

    for known in (plugins.optimizers, plugins.registered, plugins.modules, plugins.folders, plugins.tasks):
        known.clear()
    code_of.cache_clear()
    experiment = Experiment(
        optimizers=["walk.py:Walk"], tasks=["bbob/f1/d2/i1"], budget="3", seeds=[0, 1, 2], fresh=["walk"],
        out=lab / "out",
    )  # fmt: skip
    store(experiment, plan_experiment(experiment), ResultsFolder.open(lab / "out"))
    assert folder_status(ResultsFolder.open(lab / "out")).left == 3
    resumed = in_process("resume", "out")
    assert (resumed.returncode, "(3 new)" in resumed.stdout) == (0, True), resumed.stderr
    assert set(load("out").runs["attempt"]) == {2}
    assert folder_status(ResultsFolder.open(lab / "out")).left == 0


def test_a_folder_without_a_stored_experiment_is_told_in_one_line(in_process: InProcess, lab: Path) -> None:
    grid = ("run", "-o", "random", "-t", "bbob/f1/d2/i1", "--budget", "3", "--out", "out")
    assert in_process(*grid).returncode == 0
    shutil.rmtree(lab / "out" / "experiments")
    told = in_process("resume", "out")
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert "'out' has no stored experiment" in told.stderr
    assert "left      not known, as no experiment is stored here: repeat" in in_process("status", "out").stdout
    assert in_process(*grid, "--seeds", 2).returncode == 0, "flags go on as ever"
    assert "left      0 of 2 runs\n" in in_process("status", "out").stdout
    for wrong, complaint in (("none", "no results folder"), ("walk.py", "no results folder")):
        refused = in_process("resume", wrong)
        assert (refused.returncode, refused.stderr.count("\n"), complaint in refused.stderr) == (2, 1, True)


def test_a_stored_experiment_that_was_broken_by_hand_is_told(in_process: InProcess, lab: Path) -> None:
    assert in_process("run", "-o", "random", "-t", "bbob/f1/d2/i1", "--budget", "3", "--out", "out").returncode == 0
    (file,) = (lab / "out" / "experiments").glob("*.yaml")
    shutil.rmtree(lab / "out" / "runs")
    for content, complaint in (("optimisers: [a]\n", "unknown key 'optimisers'"), ("a: [", "is not YAML")):
        file.write_text(content)
        refused = in_process("resume", "out")
        assert (refused.returncode, refused.stderr.count("\n"), complaint in refused.stderr) == (2, 1, True)
    file.with_suffix(".parquet").unlink()
    for command in (("status", "out"), ("resume", "out")):
        refused = in_process(*command)
        assert (refused.returncode, refused.stderr.count("\n"), "is missing or damaged" in refused.stderr) == (
            2,
            1,
            True,
        )


@pytest.mark.processes
def test_failed_runs_are_retried_from_anywhere_in_shards_and_by_any_executor(
    in_process: InProcess, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD", "1")
    grid = ("run", "-o", "walk.py:Walk", "-t", "nap/task", "--plugin", "walk.py", "--out", "out")
    failed = in_process(*grid, "--seeds", 6, "--budget", 2)
    monkeypatch.delenv("BAD")
    assert failed.returncode == 1
    assert "again: optathlon retry out --status crashed\n" in failed.stdout
    assert "again     optathlon retry out --status crashed\n" in in_process("status", "out").stdout
    out = lab / "out"
    parts = [sum(int(run, 16) % 2 == part for run in load(out).runs["run"]) for part in range(2)]
    monkeypatch.chdir("/")
    first = in_process("retry", out, "--status", "crashed", "--shard", "1/2")
    assert (first.returncode, f"({parts[0]} new): {parts[0]} ok" in first.stdout) == (0, True), first.stderr
    options = ("--executor", "slurm", "-x", "cluster=debug", "-x", "array=1")
    second = in_process("retry", out, "--status", "crashed", *options)
    assert (second.returncode, f"({parts[1]} new): {parts[1]} ok" in second.stdout) == (0, True), second.stderr
    assert set(load(out).runs["status"]) == {"ok"}
    assert "again" not in in_process("status", out).stdout


def test_a_retry_says_which_plugin_it_misses(
    in_process: InProcess, forget_plugins: Callable[[], None], lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAD", "1")
    assert (
        in_process("run", "-o", "walk.py:Walk", "-t", "nap/task", "--plugin", "walk.py", "--out", "out").returncode == 1
    )
    monkeypatch.delenv("BAD")
    (lab / "walk.py").rename(lab / "elsewhere.py")
    retry = ("retry", "out", "--status", "crashed")

    forget_plugins()
    gone = in_process(*retry)
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)
    assert f"unknown optimizer 'walk': the plugin '{lab}/walk.py' of '{lab}/out/experiments/" in gone.stderr
    assert "is not there any more: give --plugin with its new place" in gone.stderr

    shutil.rmtree(lab / "out" / "experiments")
    earlier = in_process(*retry)
    assert (earlier.returncode, earlier.stderr.count("\n")) == (2, 1)
    assert "unknown optimizer 'walk': its runs are of a command with --plugin walk.py: add that" in earlier.stderr

    for session in (lab / "out" / "provenance").iterdir():
        session.unlink()
    assert "unknown optimizer 'walk': add the --plugin FILE.py that brings it" in in_process(*retry).stderr
    assert in_process(*retry, "--plugin", "elsewhere.py").returncode == 0
