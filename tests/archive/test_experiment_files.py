"""The experiment files of the baselines: which optimizers they have, and with how many seeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from optathlon.experiments.experiment import Experiment

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "configs").glob("baselines-*-50.yaml"))
MILLISECONDS = json.loads((ROOT / "benchmarks" / "optimizer_overhead.json").read_text())["milliseconds"]
"""By optimizer: of a trial after 10, 50 and 200; none where the run took more than a minute."""


def is_slow(optimizer: str) -> bool:
    after_10, after_50, _ = MILLISECONDS[optimizer]
    return after_10 is not None and (after_50 is None or after_50 > 1000)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_slow_optimizers_have_three_seeds_and_the_others_five(file: Path) -> None:
    quick, slow = (Experiment.read(path, {}) for path in (file, file.with_name(f"{file.stem}-slow.yaml")))
    assert (quick.name, quick.tasks, quick.budget) == (slow.name, slow.tasks, slow.budget)
    assert ([*quick.seeds], [*slow.seeds]) == ([0, 1, 2, 3, 4], [0, 1, 2])
    for experiment, expected in ((quick, False), (slow, True)):
        assert {str(id): is_slow(str(id)) for id in experiment.optimizers} == {
            str(id): expected for id in experiment.optimizers
        }


def test_every_part_has_the_same_optimizers() -> None:
    assert len(FILES) == 8
    assert len({tuple(map(str, Experiment.read(file, {}).optimizers)) for file in FILES}) == 1
