"""Results that many tests use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from optathlon.results.frames import Results

sys.path.insert(0, str(Path(__file__).parent))  # for `simulation`, as tests are no package

from simulation import MESSY, TASKS, SimulatedOptimizer, SimulatedTask, simulate


@pytest.fixture(scope="session")
def messy() -> Results:
    """Skipped and broken optimizers, 30 % failures, a hostile name, all task types."""
    return simulate(MESSY, TASKS)


@pytest.fixture(scope="session")
def plain() -> Results:
    """Four optimizers of rising skill on twelve simple tasks."""
    optimizers = [SimulatedOptimizer(f"opt-{skill}", skill) for skill in (1, 2, 3, 4)]
    return simulate(optimizers, [SimulatedTask(f"toy/f{i}", optimum=0.0) for i in range(12)], seeds=5)
