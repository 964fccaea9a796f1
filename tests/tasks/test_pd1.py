"""PD1's learning curves, in small files of the published layout. The published files were never seen here."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optathlon.errors import MissingData
from optathlon.problem import TaskType
from optathlon.tasks.pd1 import FILES, PD1, RANGES, STUDIES
from optathlon.trial import Result, Status

ID = "pd1/imagenet/resnet50/512"
GROUP = "imagenet_resnet50,imagenet,resnet,resnet50,512"
OTHER = "imagenet_resnet50,imagenet,resnet,resnet50,256"
LATER, EARLIER = FILES
Row = dict[str, Any]


def row(seed: int, group: str = GROUP, checkpoints: int = 20, status: str = "done", **changes: Any) -> Row:
    """A line of the published data, with the columns that matter and some that don't."""
    random = np.random.default_rng(seed)
    valid = random.uniform(0.2, 0.9, checkpoints)
    return {
        "study_group": group,
        "status": status,
        "hps.lr_hparams.initial_value": 10 ** random.uniform(-5, 1),
        "hps.lr_hparams.power": random.uniform(0.1, 2),
        "hps.lr_hparams.decay_steps_factor": random.uniform(0.01, 0.99),
        "hps.opt_hparams.momentum": 1 - 10 ** random.uniform(-3, 0),
        "global_step": [1000 * (place + 1) for place in range(checkpoints)],
        "valid/error_rate": valid.tolist(),
        "test/error_rate": (valid + 0.05).tolist(),
        "best_valid/error_rate": float(valid.min()) if checkpoints else None,
        **changes,
    }


def config_of(line: Row) -> dict[str, float]:
    return {
        "initial_learning_rate": line["hps.lr_hparams.initial_value"],
        "decay_power": line["hps.lr_hparams.power"],
        "decay_steps_factor": line["hps.lr_hparams.decay_steps_factor"],
        "one_minus_momentum": 1 - line["hps.opt_hparams.momentum"],
    }


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes both files."""
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))

    def both(later: Iterable[Row], earlier: Iterable[Row] = ()) -> None:
        (tmp_path / "pd1").mkdir(exist_ok=True)
        for file, lines in ((LATER, later), (EARLIER, earlier)):
            with gzip.open(tmp_path / "pd1" / file, "wt") as stream:
                stream.writelines(json.dumps(line) + "\n" for line in lines)

    return both


def ask(line: Row, share: float | None = None) -> Result:
    return PD1().make(ID).evaluate(config_of(line), fidelity=share, seed=0)


def test_at_the_end_the_objective_is_what_the_paper_minimises(write: Callable[..., None]) -> None:
    lines = [row(seed) for seed in range(30)]
    write(lines, [row(100 + seed, OTHER) for seed in range(10)])
    for line in lines:
        assert ask(line).values == (line["best_valid/error_rate"],)


def test_a_share_of_the_steps_buys_no_later_checkpoint(write: Callable[..., None]) -> None:
    lines = [row(seed) for seed in range(10)]
    write(lines)
    for line in lines:
        for share in (0.05, 0.1, 0.33, 0.5, 0.99, 1.0):
            known = math.floor(20 * share + 1e-9)
            valid = line["valid/error_rate"][:known]
            result = ask(line, share)
            assert result.values == (min(valid),)
            assert result.metrics == {"test/valid_error": line["test/error_rate"][valid.index(min(valid))]}


def test_the_nearest_training_answers_on_the_scales_that_were_drawn_from(write: Callable[..., None]) -> None:
    lines = [row(seed) for seed in range(50)]
    write(lines)

    def cube(config: Any) -> np.ndarray:
        rate, power, factor, rest = (config[one.name] for one in RANGES)
        scaled = (math.log10(rate / 1e-5) / 6, (power - 0.1) / 1.9, (factor - 0.01) / 0.98, math.log10(rest / 1e-3) / 3)
        return np.array(scaled)

    task = PD1().make(ID)
    space = task.problem.space
    space.seed(3)
    for config in map(dict, space.sample_configuration(40)):
        nearest = min(lines, key=lambda line: float(np.linalg.norm(cube(config_of(line)) - cube(config))))
        assert task.evaluate(config, fidelity=None, seed=0).values == (nearest["best_valid/error_rate"],)


def test_of_a_configuration_in_both_phases_the_second_counts(write: Callable[..., None]) -> None:
    first, second = row(1), row(1)
    first["valid/error_rate"] = [0.01] * 20
    only = row(2)
    write([second], [first, only])
    assert ask(second).values == (second["best_valid/error_rate"],)
    assert ask(only).values == (only["best_valid/error_rate"],)


def test_a_diverged_training_fails_from_its_last_checkpoint_on(write: Callable[..., None]) -> None:
    diverged, at_once = row(1, checkpoints=4, status="diverged"), row(2, checkpoints=0, status="diverged")
    at_once["valid/error_rate"] = at_once["global_step"] = at_once["test/error_rate"] = None
    write([row(3), diverged, at_once])
    for early in (0.2, 0.24):
        assert ask(diverged, early).values == (min(diverged["valid/error_rate"]),)
    for line, share in ((diverged, 0.25), (diverged, None), (at_once, 0.05), (at_once, None)):
        assert ask(line, share).status is Status.DIVERGED


def test_a_training_that_ended_early_keeps_its_last_error(write: Callable[..., None]) -> None:
    short = row(1, checkpoints=15)
    write([row(2), short])
    assert ask(short).values == (short["best_valid/error_rate"],)


def test_checkpoints_that_were_not_measured_are_passed_over(write: Callable[..., None]) -> None:
    line = row(1)
    line["valid/error_rate"][3] = None
    line["test/error_rate"] = None
    write([line])
    result = ask(line)
    assert result.values == (min(value for value in line["valid/error_rate"] if value is not None),)
    assert result.metrics == {}


def test_a_share_before_the_first_checkpoint_is_answered_by_that(write: Callable[..., None]) -> None:
    line = row(1, checkpoints=4)
    write([line])
    assert ask(line, 0.05).values == (line["valid/error_rate"][0],)


def test_ids_facts_and_problem(write: Callable[..., None]) -> None:
    write([row(1)])
    ids = list(PD1().ids())
    assert len(ids) == len(set(ids)) == len(STUDIES) == 23
    [(facts, group)] = PD1().facts()
    assert group == ids
    assert (facts.floats, facts.download, facts.licence) == (4, True, "CC-BY-4.0")
    problem = PD1().make(ID).problem
    assert problem.type is TaskType.MULTI_FIDELITY
    assert problem.fidelity is not None
    assert problem.fidelity.resumable
    assert STUDIES["imagenet/resnet50/512"] == GROUP


def test_the_files_are_recorded_as_used(write: Callable[..., None]) -> None:
    write([row(1)])
    task = PD1().make(ID)
    task.evaluate(config_of(row(1)), fidelity=None, seed=0)
    assert sorted(task.data_files()) == sorted(f"pd1/{file}" for file in FILES)


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([row(1, OTHER)], "has no training of 'imagenet_resnet50,imagenet,resnet,resnet50,512'"),
        ([{**row(1), "global_step": [1, 2]}], "2 steps, but 20 validation errors"),
        ([{**row(1), "global_step": [*range(1, 20), 5]}], "the steps of the checkpoints don't rise"),
        ([{**row(1), "hps.lr_hparams.power": None}], "TypeError"),
        ([{"study_group": GROUP}], "KeyError"),
    ],
)
def test_another_layout_is_refused_in_a_line(write: Callable[..., None], lines: list[Row], complaint: str) -> None:
    write(lines)
    with pytest.raises(MissingData, match=complaint) as caught:
        ask(row(1))
    assert "\n" not in str(caught.value)
    assert "optathlon data fetch pd1" in str(caught.value)


def test_a_file_that_was_cut_off_is_refused(write: Callable[..., None], tmp_path: Path) -> None:
    write([row(seed) for seed in range(50)])
    path = tmp_path / "pd1" / LATER
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(MissingData, match="can't be used"):
        ask(row(1))


@pytest.mark.parametrize("id", ["pd1", "pd1/imagenet/resnet50", "pd1/imagenet/resnet50/1024", "imagenet/resnet50/512"])
def test_there_is_no_task_of_a_wrong_id(write: Callable[..., None], id: str) -> None:
    write([row(1)])
    with pytest.raises(KeyError):
        PD1().make(id)


def test_without_data_there_are_no_ids_and_an_error_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    assert list(PD1().ids()) == []
    assert list(PD1().facts()) == []
    with pytest.raises(MissingData, match="optathlon data fetch pd1"):
        PD1().make(ID)
