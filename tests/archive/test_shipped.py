"""What ships is what comes out where it is done again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from optathlon.archive.frames import baselines
from optathlon.archive.incumbents import incumbents
from optathlon.errors import UsageError
from optathlon.experiments.driver import run_experiment
from optathlon.experiments.experiment import Experiment
from optathlon.registry.optimizers import choose_optimizer
from optathlon.results.frames import load
from optathlon.running.environment import pinned

ROOTED = re.compile(r"(?<![\w.*])/\w+/")
RUNS = 10
COMPARED = ["trial", "spent:evaluations", "spent:full_fidelity_trials", "status", "value"]


def test_nothing_tells_of_the_machine_whose_names_are_private() -> None:
    shipped = baselines()
    assert set(shipped.runs["host"].astype(str)) == {""}
    texts = [*shipped.provenance["command"], *shipped.runs["error"].dropna().astype(str).unique()]
    assert [text for text in texts if ROOTED.search(text)] == []


@pytest.mark.slow
def test_ten_runs_drawn_at_random_give_the_same_incumbents_again(tmp_path: Path) -> None:
    shipped = baselines()
    ended = shipped.runs[(shipped.runs["status"] == "ok").to_numpy()]
    rng = np.random.default_rng(0)
    compared = 0
    for place in rng.permutation(len(ended)):
        run = ended.iloc[place]
        if compared == RUNS:
            break
        try:
            code = choose_optimizer(str(run["optimizer"])).code
        except UsageError:  # its library is not installed
            continue
        if (code.source, code.versions) != (run["code"], run["versions"]):
            continue
        again = done_again(tmp_path / f"{place}", run)
        stored = shipped.trials[(shipped.trials["run"] == run["run"]).to_numpy()]
        expected, found = (frame[COMPARED].reset_index(drop=True) for frame in (stored, again))
        assert_frame_equal(found.astype({"status": str}), expected.astype({"status": str}), check_dtype=False)
        compared += 1
    assert compared == RUNS


def done_again(out: Path, row: Any) -> Any:
    """The incumbents of a run, which is done once more."""
    experiment = Experiment(
        optimizers=[str(row["optimizer"])],
        tasks=[str(row["task"])],
        seeds=[int(row["seed"])],
        budget=f"{row['budget']:g}",
        out=out,
        executor="in-process",
    )
    with pinned():
        run_experiment(experiment)
    return incumbents(load(out))
