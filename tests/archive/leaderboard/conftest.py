"""Simulated results, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from simulation import MESSY, TASKS, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.results.frames import Results


@pytest.fixture(scope="session")
def messy() -> Results:
    """Skipped and broken optimizers, 30 % failures, a hostile name, all task types."""
    return simulate(MESSY, TASKS)


@pytest.fixture(scope="session")
def plain() -> Results:
    """Random search and three optimizers of rising skill on twelve simple tasks."""
    optimizers = [SimulatedOptimizer(name, skill) for skill, name in enumerate(("random", "a", "b", "c"), start=1)]
    return simulate(optimizers, [SimulatedTask(f"toy/f{i}", optimum=0.0) for i in range(12)], seeds=5)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Chromium; without it, or without playwright, the test is skipped."""
    from browser import browser

    with browser() as found:
        yield found
