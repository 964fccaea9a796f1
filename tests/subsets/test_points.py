from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from optathlon.errors import UsageError
from optathlon.subsets.points import task_points


def regrets(runs: Mapping[tuple[str, str, int], float]) -> pd.Series:
    index = pd.MultiIndex.from_tuples(runs, names=["optimizer", "task", "seed"])
    return pd.Series(list(runs.values()), index, dtype=float)


def grid(table: Mapping[str, list[list[float]]]) -> pd.Series:
    """By optimizer, a row per task and a column per seed."""
    return regrets(
        {
            (optimizer, f"t{task}", seed): value
            for optimizer, rows in table.items()
            for task, row in enumerate(rows)
            for seed, value in enumerate(row)
        }
    )


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


TWO = grid({"a": [[0.2, 0.4], [0.5, 0.5], [0.9, 0.7]], "b": [[0.0, 0.0], [0.1, 0.3], [1.0, 1.0]]})


def test_points_are_mean_regrets_scaled_over_tasks() -> None:
    made = task_points(TWO, scale="linear")
    assert made.points.index.tolist() == ["t0", "t1", "t2"]
    assert made.points["a"].tolist() == pytest.approx([0.0, 0.4, 1.0])
    assert made.points["b"].tolist() == pytest.approx([0.0, 0.2, 1.0])
    assert made.ranges["a"] == pytest.approx((0.3, 0.8))
    assert made.ranges["b"] == (0.0, 1.0)
    assert (made.scale, made.seeds, made.distinct) == ("linear", (2, 2), 3)
    assert (made.dropped, made.imputed, made.failed) == ((), 0, 0)


def test_logarithms_are_of_means_and_zero_counts_as_the_smallest_positive_mean_of_all() -> None:
    made = task_points(TWO, scale="log")
    smallest = 0.2  # b on t1; b's 0 on t0 becomes it
    assert made.points["b"].tolist() == pytest.approx([0.0, 0.0, 1.0])
    low, high = math.log10(0.3), math.log10(0.8)
    assert made.points["a"].tolist() == pytest.approx([0.0, (math.log10(0.5) - low) / (high - low), 1.0])
    assert made.distinct == 3
    assert made.ranges["b"] == (0.0, 1.0), "ranges are regrets, not logarithms"
    assert smallest == pytest.approx(task_points(TWO, scale="linear").points.loc["t1", "b"])


def test_scaling_keeps_differences_between_optimizers_on_a_task() -> None:
    """Scaling within tasks would put a 1 into every row."""
    made = task_points(TWO)
    assert (made.points.max(axis=1) < 1).sum() == 2


@pytest.mark.parametrize("seed", range(3))
def test_clumped_regrets_get_the_logarithm_and_uniform_ones_do_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    uniform = rng.random((2, 100, 1))
    clumped = 10.0 ** (-6 * rng.random((2, 100, 1)))
    for values, scale in ((uniform, "linear"), (clumped, "log")):
        assert task_points(grid(dict(zip("ab", values.tolist(), strict=True)))).scale == scale


def test_a_scale_that_makes_an_optimizer_constant_is_not_chosen_by_itself() -> None:
    """b's regrets are 0 or 0.001, the smallest positive one: they are one value as logarithms."""
    table = grid({"a": [[0.001], [0.01], [0.1], [1.0]], "b": [[0.0], [0.001], [0.0], [0.001]]})
    assert task_points(table).scale == "linear"
    assert "b has the same regret on the scale (-3) on all 4 tasks" in refused(lambda: task_points(table, scale="log"))


LACKING = TWO.drop([("b", "t1", 1), ("b", "t2", 0), ("b", "t2", 1)])


def test_missing_runs_are_refused_with_their_counts_and_the_remedy() -> None:
    message = refused(lambda: task_points(LACKING))
    assert "b lacks 3 of 6 runs (on 2 of 3 tasks, first t1)" in message
    assert "a lacks" not in message
    assert "--missing drop" in message
    assert "--missing worst" in message


def test_missing_runs_are_dropped_for_all() -> None:
    made = task_points(LACKING, scale="linear", missing="drop")
    assert made.points.index.tolist() == ["t0", "t1"]
    assert made.ranges == {"a": pytest.approx((0.3, 0.5)), "b": pytest.approx((0.0, 0.1))}
    assert (made.dropped, made.imputed, made.failed, made.seeds) == (("t2",), 0, 0, (1, 2))


def test_missing_runs_count_as_the_worst() -> None:
    made = task_points(LACKING, scale="linear", missing="worst")
    assert made.points["b"].tolist() == pytest.approx([0.0, 0.55, 1.0])
    assert (made.dropped, made.imputed, made.failed) == ((), 3, 0)


def test_no_seed_in_common() -> None:
    runs = {(name, f"t{task}", seed): 0.1 * task for task in range(3) for name, seed in (("a", 0), ("b", 1))}
    assert "no task has runs of all of a, b" in refused(lambda: task_points(regrets(runs), missing="drop"))


def test_failed_runs_count_as_the_worst_and_are_counted() -> None:
    made = task_points(TWO.where(TWO.index != ("a", "t1", 0)), scale="linear")
    assert made.failed == 1
    assert made.points["a"].tolist() == pytest.approx([0.0, (0.75 - 0.3) / (0.8 - 0.3), 1.0])
    with_missing = task_points(LACKING.where(LACKING.index != ("a", "t1", 0)), missing="worst")
    assert (with_missing.imputed, with_missing.failed) == (3, 1)


def test_an_optimizer_without_any_result() -> None:
    nothing = TWO.where(TWO.index.get_level_values("optimizer") != "b")
    assert "none of the 6 runs of b has a result" in refused(lambda: task_points(nothing))


def test_an_optimizer_that_does_equally_well_everywhere() -> None:
    constant = grid({"a": [[0.1], [0.2], [0.3]], "b": [[0.5], [0.5], [0.5 + 1e-15]]})
    message = refused(lambda: task_points(constant))
    assert "b has the same regret (0.5) on all 3 tasks" in message
    assert "leave it out" in message


def test_regrets_outside_the_unit_interval() -> None:
    message = refused(lambda: task_points(grid({"a": [[0.1], [1.5]]})))
    assert "1 of 2 regrets lie outside [0, 1], first 1.5 of a on t1 with seed 0" in message
