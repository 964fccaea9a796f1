"""What the tests of whole grids share: waiting for things, and whether all results are there."""

from __future__ import annotations

import time
from collections.abc import Callable

from optathlon.results.frames import Results


def wait_for(condition: Callable[[], object], what: str, seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.02)


def assert_whole(results: Results, runs: int) -> None:
    """Every run is there once, with the trials that it counts."""
    assert len(results.runs) == results.runs["run"].nunique() == runs
    counted = results.trials.groupby("run", observed=True).size()
    for row in results.runs.itertuples():
        assert counted.get(row.run, 0) == row.trials
    assert not results.trials.duplicated(["run", "trial"]).any()
