from __future__ import annotations

import numpy as np
import pytest
from score_frames import scores_of, with_seeds

from optathlon.analysis.report.sections.virtual_best import sentence
from optathlon.analysis.stats.virtual_best import virtual_best


def test_it_is_the_best_of_each_task_by_hand() -> None:
    means = np.array([[0.1, 0.4, 0.9], [0.5, 0.2, 0.3], [0.0, 0.6, 0.6], [0.3, 0.3, 0.5]])
    found = virtual_best(scores_of(means[:, None, :]))
    assert found.score == pytest.approx((0.1 + 0.2 + 0.0 + 0.3) / 4)
    assert found.single_name == "o0"
    assert found.single == pytest.approx(0.9 / 4)
    assert found.parts["tasks"].tolist() == [2.5, 1.5, 0.0]
    assert found.parts["contribution"].tolist() == pytest.approx([(0.3 + 0.6) / 4, 0.1 / 4, 0.0])
    assert np.isnan(found.held_out)


def test_contributions_are_what_is_lost_without_each() -> None:
    scores = with_seeds(np.random.default_rng(0).random((7, 3, 4)), [3, 1, 2, 3, 3, 2, 1])
    found = virtual_best(scores)
    for name, contribution in found.parts["contribution"].items():
        rest = virtual_best(scores[scores.index.get_level_values("optimizer") != name])
        assert rest.score - found.score == pytest.approx(contribution)


def test_held_out_seeds_are_chosen_for_by_the_others() -> None:
    values = np.random.default_rng(1).random((5, 4, 3)).round(1)
    of_tasks = []
    for task in values:
        for seed in range(4):
            others = np.delete(task, seed, axis=0).mean(axis=0)
            chosen = np.isclose(others, others.min(), rtol=0, atol=1e-12)
            of_tasks.append(task[seed, chosen].mean())
    assert virtual_best(scores_of(values)).held_out == pytest.approx(np.mean(of_tasks))


def test_where_all_are_alike_only_hindsight_gains() -> None:
    found = virtual_best(scores_of(np.random.default_rng(2).random((400, 5, 6))))
    assert found.score < 0.4
    assert found.held_out == pytest.approx(0.5, abs=0.03)


def test_it_is_told_in_a_sentence() -> None:
    means = np.array([[0.0, 0.4], [0.5, 0.1]])
    told = str(sentence(virtual_best(scores_of(means[:, None, :].repeat(2, axis=1))), 2, ""))
    assert told == (
        "The best optimizer of each of 2 tasks, chosen in hindsight, ends with a mean regret of 0.050; chosen by the "
        "other seeds of the task, 0.050. The best single one, <b>o0</b>, has 0.250."
    )
    alone = virtual_best(scores_of(np.array([[[0.1, 0.4]], [[0.1, 0.4]]])))
    assert "gains nothing over <b>o0</b>" in str(sentence(alone, 2, " on blackbox tasks"))
