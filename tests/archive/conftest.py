"""A small grid of a shipped part, done once, and its tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from archived import QUICK, Grid

from optathlon.archive.names import parts_of_tasks
from optathlon.experiments.driver import run_experiment
from optathlon.experiments.experiment import Experiment
from optathlon.running.environment import pinned


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    """Does runs, and gives the results folder."""

    def run(
        *optimizers: str, seeds: tuple[int, ...] = (0, 1, 2), budget: str = "8", tasks: tuple[str, ...] = QUICK
    ) -> Path:
        out = tmp_path_factory.mktemp("grid") / "out"
        with pinned():
            run_experiment(
                Experiment(
                    name="a grid",
                    optimizers=[*optimizers],
                    tasks=[*tasks],
                    seeds=[*seeds],
                    budget=budget,
                    out=out,
                    executor="in-process",
                )
            )
        return out

    return run


@pytest.fixture(scope="session")
def entry(grid: Grid) -> Path:
    """Two optimizers on the three tasks with three seeds and 8 evaluations."""
    return grid("random", "sobol")


@pytest.fixture
def three_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The part blackbox/dev has these tasks only."""
    parts = {task: parts_of_tasks()[task] for task in QUICK}
    for module in ("checking", "packing", "names"):
        monkeypatch.setattr(f"optathlon.archive.{module}.parts_of_tasks", lambda: parts)
