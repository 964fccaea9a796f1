from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from optathlon.analysis.stats.sensitivity import Flip, LeaderChange, flips, leader_changes, sensitivity

TASKS = pd.DataFrame({"collection": ["x", "x", "x", "y", "y"]}, index=pd.Index(list("stuvw"), name="task"))
REPORTED = ("as reported", "mean rank")


def losses_of(table: Mapping[str, np.ndarray]) -> pd.Series:
    """From optimizer to losses of shape (tasks, seeds)."""
    cells = {
        (optimizer, TASKS.index[task], seed): value
        for optimizer, rows in table.items()
        for (task, seed), value in np.ndenumerate(rows)
    }
    return pd.Series(cells).rename_axis(["optimizer", "task", "seed"])


def runs_of(losses: pd.Series, failed: tuple[tuple[str, str, int], ...] = ()) -> pd.DataFrame:
    runs = losses.index.to_frame(index=False)
    return runs.assign(status=["crashed" if key in failed else "ok" for key in losses.index])


@pytest.fixture
def losses() -> pd.Series:
    rng = np.random.default_rng(3)
    return losses_of({name: rng.integers(0, 6, (5, 4)).astype(float) for name in "abcd"})


def score(table: pd.DataFrame, *scenario: str) -> dict[str, float]:
    return table.xs(scenario, level=["choice", "scenario"])["score"].to_dict()


def brute_mean_ranks(losses: pd.Series) -> Any:
    wide = losses.fillna(np.inf).unstack("optimizer")
    by_task: dict[str, list[np.ndarray]] = {}
    for (task, _), row in wide.iterrows():
        by_task.setdefault(task, []).append(rankdata(row))
    means = np.mean([np.mean(ranks, axis=0) for ranks in by_task.values()], axis=0)
    return pytest.approx(dict(zip(wide.columns, means, strict=True)))


def test_mean_ranks_are_those_of_a_loop(losses: pd.Series) -> None:
    failed = (("b", "t", 1), ("c", "u", 0), ("c", "u", 3))
    table = sensitivity(losses, runs_of(losses, failed), TASKS, regrets={}, subset=["s", "w", "elsewhere"])
    task, seed = (losses.index.get_level_values(name) for name in ("task", "seed"))
    hit = pd.MultiIndex.from_arrays([task, seed]).isin([("t", 1), ("u", 0), ("u", 3)])
    assert score(table, *REPORTED) == brute_mean_ranks(losses)
    assert score(table, "failed runs", "rank last") == brute_mean_ranks(losses.mask(losses.index.isin(failed)))
    assert score(table, "failed runs", "left out") == brute_mean_ranks(losses[~hit])
    assert score(table, "leave out one collection", "x") == brute_mean_ranks(losses[task.isin(["v", "w"])])
    assert score(table, "subset", "only the subset") == brute_mean_ranks(losses[task.isin(["s", "w"])])
    assert score(table, "seeds", "odd") == brute_mean_ranks(losses[seed.isin([1, 3])])
    assert score(table, "seeds", "even") == brute_mean_ranks(losses[seed.isin([0, 2])])


def test_aggregations_are_those_of_a_loop(losses: pd.Series) -> None:
    regret = losses / 6
    regret[regret.index.get_level_values("task") == "v"] = np.nan
    table = sensitivity(losses, runs_of(losses), TASKS, regrets={"to the optimum": regret})
    wide = losses.unstack("optimizer")
    medians = {}
    for name in "abcd":
        ranks = {task: rankdata(rows, axis=1).mean(axis=0) for task, rows in wide.groupby(level="task")}
        medians[name] = np.median([row["abcd".index(name)] for row in ranks.values()])
    assert score(table, "aggregation", "median rank") == pytest.approx(medians)
    means = {name: np.mean([losses[name][task].mean() / 6 for task in "stuw"]) for name in "abcd"}
    assert score(table, "aggregation", "to the optimum") == pytest.approx(means)


def test_positions_are_scipys(losses: pd.Series) -> None:
    table = sensitivity(losses, runs_of(losses), TASKS, regrets={"flat": losses * 0})
    for _, rows in table.groupby(level=["choice", "scenario"]):
        assert rows["position"].tolist() == rankdata(rows["score"]).tolist()
    assert table.xs("flat", level="scenario")["position"].tolist() == [2.5] * 4


def test_reordering_changes_nothing(losses: pd.Series) -> None:
    runs = runs_of(losses, (("b", "t", 1),))
    first = sensitivity(losses, runs, TASKS, regrets={"r": losses}, subset=["s"])
    mixed = losses.sample(frac=1, random_state=1), runs.sample(frac=1, random_state=2), TASKS.iloc[::-1]
    second = sensitivity(*mixed, regrets={"r": losses.sample(frac=1, random_state=3)}, subset=["s"])
    pd.testing.assert_frame_equal(first, second)


def test_an_optimizer_that_always_fails_changes_nothing(losses: pd.Series) -> None:
    broken = losses_of({"aa": np.full((5, 4), np.nan)})
    more = pd.concat([losses, broken])
    failed = (("b", "t", 1),)
    runs = runs_of(more, (*failed, *broken.index))
    before = sensitivity(losses, runs_of(losses, failed), TASKS, regrets={"r": losses})
    after = sensitivity(more, runs, TASKS, regrets={"r": more.fillna(1.0)})
    pd.testing.assert_frame_equal(before, after)


def test_scenarios_without_tasks_are_left_out() -> None:
    alone = losses_of({"a": np.zeros((3, 1)), "b": np.ones((3, 1))})
    table = sensitivity(alone, runs_of(alone), TASKS, regrets={"unknown": alone * np.nan}, subset=["w"])
    scenarios = set(table.index.droplevel("optimizer"))
    assert scenarios == {REPORTED, ("aggregation", "median rank")}


def test_nothing_to_compare() -> None:
    nothing = losses_of({"a": np.full((1, 1), np.nan)})
    table = sensitivity(nothing, runs_of(nothing), TASKS, regrets={})
    assert (len(table), flips(table), leader_changes(table)) == (0, [], [])


def two(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> pd.Series:
    return losses_of({"first": np.array(first, float), "second": np.array(second, float)})


FAILING = (("first", "s", 0), ("first", "t", 0), ("first", "u", 0))
MOSTLY_FIRST = two([[0.0, 0.0]] * 3 + [[1.0, 1.0]] * 2, [[0.2, 0.2]] * 3 + [[0.0, 0.0]] * 2)


@pytest.mark.parametrize(
    ("losses", "failed", "subset", "scenario"),
    [
        (two([[0]] * 3 + [[2]] * 2, [[1]] * 5), FAILING, None, ("failed runs", "rank last")),
        (two([[0]] * 3 + [[2]] * 2, [[1]] * 5), FAILING, None, ("failed runs", "left out")),
        (MOSTLY_FIRST, (), None, ("aggregation", "regret")),
        (MOSTLY_FIRST, (), None, ("leave out one collection", "x")),
        (MOSTLY_FIRST, (), ["t", "v", "w"], ("subset", "only the subset")),
        (two([[0, 2, 0]] * 2, [[1, 1, 1]] * 2), (), None, ("seeds", "odd")),
        (two([[2, 0, 3, 0]] * 2 + [[0, 0, 0, 0]], [[1, 1, 1, 1]] * 3), (), None, ("seeds", "even")),
    ],
)
def test_each_choice_can_flip(
    losses: pd.Series, failed: tuple[tuple[str, str, int], ...], subset: list[str] | None, scenario: tuple[str, str]
) -> None:
    table = sensitivity(losses, runs_of(losses, failed), TASKS, regrets={"regret": losses}, subset=subset)
    flipped = {(flip.choice, flip.scenario): (flip.first, flip.second) for flip in flips(table)}
    assert flipped[scenario] == ("first", "second")
    changes = {(change.choice, change.scenario): (change.before, change.after) for change in leader_changes(table)}
    assert changes[scenario] == (("first",), ("second",))


def test_what_leaves_out_nothing_is_no_other_choice() -> None:
    """With one seed per task there is no half of the seeds, and a subset of all tasks is no subset."""
    losses = two([[0]] * 5, [[1]] * 5)
    tried = sensitivity(losses, runs_of(losses), TASKS, regrets={}, subset=list("stuvw")).index
    assert {*tried.get_level_values("choice")} == {"as reported", "aggregation", "leave out one collection"}


def test_the_median_can_flip() -> None:
    ranks = {"a": [2, 1, 2, 2, 2], "b": [1, 3, 4, 1, 1], "c": [3, 2, 3, 3, 3], "d": [4, 4, 1, 4, 4]}
    losses = losses_of({name: np.array(row, float)[:, None] for name, row in ranks.items()})
    table = sensitivity(losses, runs_of(losses), TASKS, regrets={})
    assert (score(table, *REPORTED)["a"], score(table, *REPORTED)["b"]) == (1.8, 2.0)
    assert [(flip.first, flip.second) for flip in flips(table) if flip.choice == "aggregation"] == [("a", "b")]


def table_of(scenarios: Mapping[tuple[str, str], Mapping[str, float]]) -> pd.DataFrame:
    frames = {key: pd.DataFrame({"position": dict(positions)}) for key, positions in scenarios.items()}
    return pd.concat(frames, names=["choice", "scenario", "optimizer"]).assign(score=0.0)


def test_flips_are_of_leaders_and_neighbours_at_the_top() -> None:
    scenario = ("leave out one collection", "<x>")
    reported = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
    found = flips(table_of({REPORTED: reported, scenario: {"a": 2, "b": 4, "c": 3, "d": 1, "e": 5}}))
    assert found == [
        Flip(*scenario, "a", "d", "if the tasks of {} are left out", ("<x>",)),
        Flip(*scenario, "b", "c", "if the tasks of {} are left out", ("<x>",)),
    ]


def test_ties_are_no_reversals() -> None:
    tied = table_of({REPORTED: {"a": 1.5, "b": 1.5, "c": 3}, ("seeds", "odd"): {"a": 2.5, "b": 1, "c": 2.5}})
    assert (flips(tied), leader_changes(tied)) == ([], [])


def test_a_lead_changes_where_no_leader_keeps_it() -> None:
    tied = table_of({REPORTED: {"a": 1.5, "b": 1.5, "c": 3}, ("seeds", "odd"): {"a": 2, "b": 3, "c": 1}})
    assert leader_changes(tied) == [LeaderChange("seeds", "odd", ("a", "b"), ("c",), "if only odd seeds count", ())]
