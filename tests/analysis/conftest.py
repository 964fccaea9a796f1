"""Results that many tests use, and a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
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
    """Four optimizers of rising skill on twelve simple tasks."""
    optimizers = [SimulatedOptimizer(f"opt-{skill}", skill) for skill in (1, 2, 3, 4)]
    return simulate(optimizers, [SimulatedTask(f"toy/f{i}", optimum=0.0) for i in range(12)], seeds=5)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with one chart of each kind, see `chart_page`."""
    from chart_page import write_page

    return write_page(tmp_path_factory.mktemp("page"))


@pytest.fixture
def page(chromium: Any, path: Path) -> Iterator[Any]:
    """That page, opened and drawn."""
    from browser import opened

    with opened(chromium, path, viewport={"width": 1280, "height": 3000}) as page:
        page.wait_for_selector("[data-chart=runs] svg")
        yield page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Chromium; without it, or without playwright, the test is skipped."""
    from browser import browser

    with browser() as found:
        yield found
