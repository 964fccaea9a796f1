"""What an objective, an optimizer or a broken store does to one run harms no other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from optathlon import Experiment, load
from optathlon.errors import UsageError
from optathlon.results.writer import ShardWriter

InProcess = Callable[..., SimpleNamespace]
LARGEST = 2**63 - 1

WANDERING = """
import os
import tempfile

from optathlon import as_task


@as_task("wander/off", space={"x": (0.0, 1.0)}, budget=3)
def off(config):
    os.chdir(tempfile.gettempdir())
    return config["x"]
"""

BROKEN_STORE = """
from optathlon import as_task
from optathlon.results.writer import ShardWriter

flush = ShardWriter.flush


def broken(self):
    if any(run["seed"] == 1 and run["status"] == "ok" for run in self._runs):
        raise RuntimeError("no such column")
    return flush(self)


ShardWriter.flush = broken


@as_task("broken/store", space={"x": (0.0, 1.0)}, budget=3)
def store(config):
    return config["x"]
"""


@pytest.mark.parametrize("isolate", [False, True])
def test_an_objective_that_changes_the_folder_does_not_change_where_results_go(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, isolate: bool
) -> None:
    (tmp_path / "wander.py").write_text(WANDERING)
    monkeypatch.chdir(tmp_path)
    grid = ("run", "-o", "random", "-t", "wander/off", "--plugin", "wander.py", "--seeds", 2, "--out", "out")
    done = in_process(*grid, *(["--isolate"] if isolate else []))
    assert done.returncode == 0, done.stderr
    assert "2 runs in out (2 new): 2 ok" in done.stdout
    assert load(tmp_path / "out").runs["status"].tolist() == ["ok", "ok"]


@pytest.mark.processes
@pytest.mark.smoke
def test_a_run_that_breaks_the_store_fails_after_two_attempts_and_no_other_does(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ShardWriter, "flush", ShardWriter.flush)  # the plugin's own stays in this process otherwise
    plugin = tmp_path / "broken.py"
    plugin.write_text(BROKEN_STORE)
    out = tmp_path / "out"
    done = in_process("run", "-o", "random", "-t", "broken/store", "--seeds", 4, "--plugin", plugin, "--out", out)
    assert done.returncode == 1, done.stderr
    runs = load(out).runs.set_index("seed")
    assert runs["status"].to_dict() == {0: "ok", 1: "crashed", 2: "ok", 3: "ok"}
    assert "died" in runs["reason"][1] and "before it had stored the run" in runs["reason"][1]


@pytest.mark.parametrize("seeds", [f"{2**63}:{2**63 + 2}", f"1,{10**30}"])
def test_seeds_beyond_what_can_be_stored_are_refused_in_one_line(
    in_process: InProcess, tmp_path: Path, seeds: str
) -> None:
    experiment = tmp_path / "e.yaml"
    experiment.write_text(f"optimizers: [random]\ntasks: [mfh/h3/good]\nseeds: '{seeds}'\n")
    for command in (("run", experiment), ("run", "-o", "random", "-t", "mfh/h3/good", "--seeds", seeds)):
        refused = in_process(*command, "--out", tmp_path / "out")
        assert refused.returncode == 2
        assert len(refused.stderr.strip().splitlines()) == 1
        assert "seeds" in refused.stderr
    with pytest.raises(UsageError, match="seeds"):
        Experiment(optimizers=["random"], tasks=["mfh/h3/good"], seeds=seeds)  # type: ignore[arg-type]


def test_root_seeds_beyond_what_can_be_stored_are_refused_and_the_largest_are_stored(
    in_process: InProcess, tmp_path: Path
) -> None:
    grid = ("run", "-o", "random", "-t", "mfh/h3/good", "--budget", 2, "--out", tmp_path / "out")
    for root in (2**63, -1, 10**30):
        refused = in_process(*grid, "--root-seed", root)
        assert refused.returncode == 2
        assert len(refused.stderr.strip().splitlines()) == 1
    done = in_process(*grid, "--root-seed", LARGEST, "--seeds", f"{LARGEST},")
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "out").runs[["seed", "root_seed"]].to_numpy().tolist() == [[LARGEST, LARGEST]]
