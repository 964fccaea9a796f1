"""The experiment files of the baselines: which optimizers they have, and with how many seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from optathlon.experiments.experiment import Experiment
from optathlon.registry.plugins import declared

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "configs").glob("baselines-*-50.yaml"))
MILLISECONDS = json.loads((ROOT / "benchmarks" / "optimizer_overhead.json").read_text())["milliseconds"]
"""By optimizer: of a trial after 10, 50 and 200; none where the run took more than a minute."""


def is_known_as(optimizer: str, *, slow: bool) -> bool:
    if optimizer not in MILLISECONDS:
        return False
    after_10, after_50, _ = MILLISECONDS[optimizer]
    return slow is (after_10 is not None and (after_50 is None or after_50 > 1000))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_slow_optimizers_have_three_seeds_and_the_others_five(file: Path) -> None:
    quick, slow = (Experiment.read(path, {}) for path in (file, file.with_name(f"{file.stem}-slow.yaml")))
    assert (quick.name, quick.tasks, quick.budget) == (slow.name, slow.tasks, slow.budget)
    assert ([*quick.seeds], [*slow.seeds]) == ([0, 1, 2, 3, 4], [0, 1, 2])
    assert [id for id in map(str, quick.optimizers) if is_known_as(id, slow=True)] == []
    assert [id for id in map(str, slow.optimizers) if is_known_as(id, slow=False)] == []


def test_every_part_has_the_whole_roster() -> None:
    """All but `portfolio`, which needs a file."""
    assert len(FILES) == 8
    for file in FILES:
        both = [Experiment.read(path, {}) for path in (file, file.with_name(f"{file.stem}-slow.yaml"))]
        ids = sorted(str(id) for experiment in both for id in experiment.optimizers)
        assert ids == sorted({*declared("optathlon.optimizers")} - {"portfolio"})
