"""What the leaderboard says, against loops over the runs."""

from __future__ import annotations

import base64
from dataclasses import replace
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import BLACKBOX, MULTI_FIDELITY, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.stats.comparison import by_group
from optathlon.analysis.stats.final_ranks import final_ranks
from optathlon.archive.leaderboard.addresses import addresses
from optathlon.archive.leaderboard.beaten import beaten, beats_random
from optathlon.archive.leaderboard.boards import boards
from optathlon.archive.leaderboard.facets import facets
from optathlon.archive.leaderboard.optimizer_page import Kinds, chart_data, course_chart, extremes, on_tasks
from optathlon.archive.leaderboard.regime import Regime, regimes
from optathlon.archive.leaderboard.task_page import best_known, curve_chart, results_on
from optathlon.archive.together import together
from optathlon.errors import UsageError
from optathlon.results.frames import Results

NAMES = ["a", "b", "random"]


@st.composite
def ragged(draw: st.DrawFn) -> pd.Series:
    """Losses of optimizers that lack some tasks; NaN is a run without a result."""
    losses = st.sampled_from([0.0, 1.0, 2.0, np.nan])
    rows: dict[tuple[str, int, str], float] = {}
    for task, name in product(["s", "t", "u"], NAMES):
        if draw(st.booleans()):
            rows |= {(task, seed, name): draw(losses) for seed in range(2)}
    return pd.Series(rows, dtype=float).rename_axis(["task", "seed", "optimizer"]) if rows else pd.Series(dtype=float)


def chance(first: pd.Series, second: pd.Series) -> float:
    """How often a run of the first is better than that of the second with the same seed; ties count half."""
    one, other = first.fillna(np.inf), second.fillna(np.inf)
    return float(np.mean([1.0 if a < b else 0.5 if a == b else 0.0 for a, b in zip(one, other, strict=True)]))


@settings(max_examples=60, deadline=None)
@given(ragged())
def test_shares_are_those_of_all_pairs_of_runs(losses: pd.Series) -> None:
    if losses.empty or losses.index.unique("optimizer").size < 2:
        return
    found, against = beaten(losses), beats_random(losses)
    for task in losses.index.unique("task"):
        here = losses.loc[task]
        ran = list(here.index.unique("optimizer"))
        for name in losses.index.unique("optimizer"):
            others = [other for other in ran if other != name]
            expected = (
                np.mean(
                    [chance(here.xs(name, level="optimizer"), here.xs(other, level="optimizer")) for other in others]
                )
                if name in ran and others
                else np.nan
            )
            assert found.at[task, name] == pytest.approx(expected, nan_ok=True)
            if name != "random" and name in against:
                both = name in ran and "random" in ran
                wanted = (
                    chance(here.xs(name, level="optimizer"), here.xs("random", level="optimizer")) if both else np.nan
                )
                assert against.at[task, name] == pytest.approx(wanted, nan_ok=True)


def ragged_results() -> Results:
    """Four optimizers on two types of tasks, of which one can do the first only, and one hasn't done all."""
    tasks = [SimulatedTask(f"box/f{i}", BLACKBOX) for i in range(8)]
    tasks += [SimulatedTask(f"levels/f{i}", MULTI_FIDELITY) for i in range(4)]
    optimizers = [
        SimulatedOptimizer("random"),
        SimulatedOptimizer("good", 4.0),
        SimulatedOptimizer("middling", 2.0),
        SimulatedOptimizer("flat", 3.0, skips=(MULTI_FIDELITY,)),
    ]
    return simulate(optimizers, tasks, seeds=3)


@pytest.fixture(scope="module")
def regime() -> Regime:
    (found,) = regimes(ragged_results(), seed=0)
    return found


def test_a_board_ranks_on_the_tasks_that_all_ran(regime: Regime) -> None:
    final = regime.analysis.final_losses
    for board in boards(regime, {"good": 0.5, "random": 0.5}):
        ranked = board.table.index[board.table["place"].notna()].tolist()
        rows = (
            final[final.index.get_level_values("optimizer").isin(ranked)]
            .unstack("optimizer")
            .dropna(thresh=len(ranked))
        )
        group = regime.analysis.results.tasks["type"]
        if board.facet == "type":
            rows = rows[rows.index.get_level_values("task").map(group) == board.title]
        means = rows.rank(axis=1).groupby(level="task").mean().mean()
        assert board.tasks == rows.index.unique("task").size
        assert board.table["mean_rank"][ranked].to_dict() == pytest.approx(means.to_dict())
        assert means[ranked].is_monotonic_increasing
        assert (board.table["low"] <= board.table["mean_rank"])[ranked].all()
        assert (board.table["mean_rank"] <= board.table["high"])[ranked].all()


def test_boards_are_overall_by_type_and_by_overhead(regime: Regime) -> None:
    found = {(board.facet, board.title): board for board in boards(regime, {"good": 0.5, "random": 0.5, "flat": 50.0})}
    assert [*found] == [
        ("all", "all tasks"),
        ("type", "blackbox"),
        ("type", "multi-fidelity"),
        ("overhead", "up to 1 ms per trial"),
        ("overhead", "up to 10 ms per trial"),
        ("overhead", "up to 100 ms per trial"),
    ]
    assert found["overhead", "up to 1 ms per trial"].ranked == 2
    assert found["overhead", "up to 100 ms per trial"].ranked == 3
    assert found["type", "multi-fidelity"].ranked == 3
    overall = found["all", "all tasks"]
    assert overall.ranked == 4 and (overall.tasks, overall.all_tasks) == (8, 12), "most tasks are shared by all"
    assert overall.table.at["good", "tasks"] == 12 and overall.table.at["flat", "tasks"] == 8
    assert overall.table.at["flat", "random_tasks"] == 8
    assert overall.table["elo"].idxmax() == "good" and overall.table.at["random", "elo"] == pytest.approx(1000)
    assert found["overhead", "up to 1 ms per trial"].table["elo"].isna().all()


def test_who_shares_too_little_is_not_ranked_but_listed() -> None:
    tasks = [SimulatedTask(f"box/f{i}") for i in range(10)]
    whole = simulate([SimulatedOptimizer("random"), SimulatedOptimizer("good", 4.0)], tasks, seeds=2)
    part = simulate([SimulatedOptimizer("late", 9.0)], tasks[:3], seeds=2)
    (regime,) = regimes(together([whole, part]), seed=0)
    board = next(iter(boards(regime, {})))
    assert board.table.index.tolist() == ["good", "random", "late"]
    assert np.isnan(board.table.at["late", "place"]) and board.table.at["late", "tasks"] == 3
    assert board.table.at["late", "random_tasks"] == 3 and (board.tasks, board.all_tasks) == (10, 10)


@st.composite
def of_some_seeds(draw: st.DrawFn) -> pd.DataFrame:
    """Losses of optimizers that have all tasks, each with some of four seeds; NaN is a run without a result."""
    losses = st.sampled_from([0.0, 1.0, 2.0, np.nan])
    seeds = st.sampled_from([range(4), range(4), range(3), range(2), range(1, 3)])
    rows = {
        (task, seed, name): draw(losses)
        for task, name in product(["s", "t"], ["a", "b", "c", "random"])
        for seed in draw(seeds)
    }
    final = pd.Series(rows, dtype=float).rename_axis(["task", "seed", "optimizer"])
    return final.to_frame(1.0).rename_axis(columns="fraction")


def met(first: pd.Series, second: pd.Series) -> float:
    """As `chance`, of runs of the same seed where both have the same seeds, else of each run with each."""
    one, other = (runs.droplevel("optimizer") for runs in (first, second))
    if {*one.index} == {*other.index}:
        return chance(one.sort_index(), other.sort_index())
    pairs = pd.DataFrame([*product(one, other)])
    return chance(pairs[0], pairs[1])


@settings(max_examples=60, deadline=None)
@given(of_some_seeds())
def test_a_mean_rank_is_the_chances_that_others_are_better_whatever_seeds_there_are(losses: pd.DataFrame) -> None:
    for comparison in by_group(losses, pd.Series("all", index=["s", "t"])):
        found = final_ranks(comparison)
        assert found.index.is_monotonic_increasing and found.index.is_unique
        assert found.groupby(level=["task", "seed"]).size().eq(len(comparison.optimizers)).all(), "a whole block"
        for task in {*comparison.tasks} - {*comparison.unpaired_tasks}:
            here = comparison.all_final_losses.xs(task, level="task")
            own = {name: here[here.index.get_level_values("optimizer") == name] for name in comparison.optimizers}
            for name in comparison.optimizers:
                mean = found.iloc[:, 0].xs((task, name), level=("task", "optimizer")).mean()
                others = (met(own[other], own[name]) for other in own if other != name)
                assert mean == pytest.approx(1 + sum(others)), (task, name)


def test_who_has_fewer_seeds_takes_none_from_the_others() -> None:
    whole = simulate([SimulatedOptimizer(name, 2.0) for name in ("random", "a", "b", "slow")], [
        SimulatedTask(f"box/f{i}") for i in range(8)
    ], seeds=5)  # fmt: skip
    is_late = (whole.runs["optimizer"].astype(str) == "slow") & (whole.runs["seed"] >= 3)
    part = replace(whole, runs=whole.runs[~is_late.to_numpy()])
    (full,), (ragged,) = regimes(whole, seed=0), regimes(part, seed=0)
    before, after = next(iter(boards(full, {}))), next(iter(boards(ragged, {})))
    assert after.ranked == 4 and after.table.at["slow", "place"] > 0
    assert before.short_of_seeds == {} and after.short_of_seeds == {"slow": (24, 40)}
    assert full.analysis.final_losses.index.unique("seed").size == 5
    among = [name for name in after.table.index if name != "slow"]
    alone = whole.runs[whole.runs["optimizer"].astype(str).isin(among).to_numpy()]
    (without,) = regimes(replace(whole, runs=alone), seed=0)
    kept = next(iter(boards(without, {}))).table["mean_rank"]
    losses = ragged.analysis.final_losses
    against = {name: beats(losses, "slow", name) for name in among}
    assert after.table["mean_rank"][among].to_dict() == pytest.approx(
        {name: kept[name] + against[name] for name in among}
    )


def beats(losses: pd.Series, first: str, second: str) -> float:
    """The mean over tasks of the chance that a run of the first is better than one of the second."""
    shares = []
    for task in losses.index.unique("task"):
        here = losses.xs(task, level="task")
        one, other = (here[here.index.get_level_values("optimizer") == name] for name in (first, second))
        shares.append(met(one, other))
    return float(np.mean(shares))


def test_letters_join_exactly_whom_no_test_tells_apart(regime: Regime) -> None:
    board = next(board for board in boards(regime, {}) if board.facet == "all")
    result = regime.analysis.comparisons[0].significance
    letters = board.table["group"]
    names = [name for name in board.table.index if letters[name]]
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            if set(letters[first]) & set(letters[second]):
                assert not result.differ(first, second)
    assert [*board.table["behind_first"].loc[names]] == [result.is_better(names[0], name) for name in names]
    for first, second in pairwise(names):  # neighbours have nobody between them
        assert bool(set(letters[first]) & set(letters[second])) is not result.differ(first, second)


def test_each_budget_is_a_regime_of_its_own(plain: Results) -> None:
    longer = replace(plain, runs=plain.runs.assign(run=plain.runs["run"] + "-long", budget=500.0))
    longer = replace(longer, trials=plain.trials.assign(run=plain.trials["run"].astype(str) + "-long"))
    found = regimes(together([plain, longer]), seed=0)
    assert [(one.name, one.title) for one in found] == [("20", "20 full evaluations"), ("500", "500 full evaluations")]
    for one in found:
        assert len(one.analysis.results.runs) == len(plain.runs)
        assert {*one.analysis.final_losses.index.unique("task")} == {*plain.tasks.index}, "no task is divided"


def test_budgets_that_tasks_have_themselves_are_one_regime(plain: Results) -> None:
    budgets = {name: 10.0 + number for number, name in enumerate(plain.tasks.index)}
    own = replace(plain, runs=plain.runs.assign(budget=plain.runs["task"].astype(str).map(budgets)))
    (found,) = regimes(own, seed=0)
    assert found.title == "budgets of their own"


def test_a_run_that_is_in_two_folders_counts_once(plain: Results) -> None:
    both = together([plain, plain])
    assert len(both.runs) == len(plain.runs) and len(both.trials) == len(plain.trials)
    assert both.tasks.index.tolist() == plain.tasks.index.tolist()


def test_two_tasks_of_one_name_are_refused(plain: Results) -> None:
    other = replace(plain, tasks=plain.tasks.assign(fingerprint="g"))
    with pytest.raises(UsageError, match="two tasks that are both called 'toy/f0'"):
        together([plain, other])


def test_tasks_are_divided_by_what_they_ask() -> None:
    features = pd.DataFrame(
        {
            "type": ["blackbox", "multi-fidelity-objective", "blackbox", "blackbox"],
            "hyperparameters": ["numerical", "mixed", "categorical", None],
            "conditional": [False, False, True, None],
            "dimension": [5.0, 6.0, 21.0, np.nan],
        },
        index=["a", "b", "c", "d"],
    )
    groups = {facet.name: facet.group.to_dict() for facet in facets(features)}
    assert groups["type"]["b"] == "multi-fidelity and multi-objective"
    assert pd.isna(groups["space"].pop("d"))
    assert groups["space"] == {"a": "numbers only", "b": "with choices", "c": "with conditions"}
    sizes = [groups["size"][name] for name in "abc"]
    assert sizes == ["up to 5 hyperparameters", "6 to 10 hyperparameters", "over 20 hyperparameters"]
    orders = {facet.name: facet.order for facet in facets(features)}
    assert orders["size"] == ["up to 5 hyperparameters", "6 to 10 hyperparameters", "over 20 hyperparameters"]


def test_where_an_optimizer_shines(regime: Regime) -> None:
    kinds = [*Kinds(regime).of("good")]
    assert [(kind.title, kind.tasks) for kind in kinds] == [("all tasks", 12), ("blackbox", 8), ("multi-fidelity", 4)]
    for kind in kinds:
        tasks = regime.analysis.results.tasks
        here = tasks.index if kind.title == "all tasks" else tasks.index[tasks["type"] == kind.title]
        assert kind.beaten[0] == pytest.approx(regime.beaten.loc[here, "good"].mean())
        assert kind.random[0] == pytest.approx(regime.beats_random.loc[here, "good"].mean())
        assert kind.beaten[1] <= kind.beaten[0] <= kind.beaten[2]
    found = extremes(kinds)
    assert found is not None and {found[0].title, found[1].title} == {"blackbox", "multi-fidelity"}
    assert found[0].beaten[0] >= found[1].beaten[0]
    assert [kind.tasks for kind in Kinds(regime).of("flat")] == [8, 8]


def test_task_by_task(regime: Regime) -> None:
    rows = on_tasks(regime, "middling")
    values = regime.analysis.final_values
    assert {row.task for row in rows} == {*regime.beaten.index}
    assert [row.beaten for row in rows] == sorted((row.beaten for row in rows), reverse=True)
    for row in rows:
        shares = regime.beaten.loc[row.task].dropna()
        assert row.place == 1 + sum(share > row.beaten + 1e-9 for share in shares) and row.of == len(shares)
        assert row.median == values.at[(row.task, "middling"), "median"] and row.runs == 3


def test_the_best_known_value(regime: Regime, plain: Results) -> None:
    final = regime.analysis.final_losses.xs("box/f1", level="task")
    best = best_known([regime], "box/f1")
    assert best.value == final.min() and best.optimizer == final.idxmin()[0] and not best.is_stated
    (with_optimum,) = regimes(plain, seed=0)
    stated = best_known([with_optimum], "toy/f1")
    assert stated.is_stated and stated.value == 0.0


def test_results_on_a_task_come_best_first(regime: Regime) -> None:
    medians = [row["median"] for row in results_on(regime, "box/f2")]
    assert len(medians) == 4 and medians == sorted(medians)


def test_each_line_has_the_name_of_whose_it_is(regime: Regime) -> None:
    chart, shown = course_chart([regime], "middling")
    data = chart_data(chart, shown, "course")
    view = chart["views"]["20|all tasks"]
    names = [data["optimizers"][number]["name"] for number in view["optimizers"]]
    packed = view["mid"]
    codes = np.frombuffer(base64.b64decode(packed["data"]), "<u2").reshape(len(names), -1) / 65534
    scaled = packed["low"] + (packed["high"] - packed["low"]) * codes
    lines = dict(zip(names, np.exp(scaled) if packed["log"] else scaled, strict=True))
    courses, columns = regime.courses, regime.beaten.columns.tolist()
    others = [place for place, name in enumerate(columns) if name != "middling"]
    expected = {
        "middling": courses[:, columns.index("middling")].mean(axis=0),
        "median of the others": np.nanmedian(courses[:, others], axis=1).mean(axis=0),
        "random": courses[:, columns.index("random")].mean(axis=0),
    }
    assert lines.keys() == expected.keys()
    for name, values in expected.items():
        assert lines[name] == pytest.approx(values, abs=1e-3)


def test_trajectories_on_a_task_have_their_names(regime: Regime) -> None:
    chart, shown = curve_chart([regime], "box/f3")
    data = chart_data(chart, shown, "curves")
    view = chart["views"]["20"]
    names = [data["optimizers"][number]["name"] for number in view["optimizers"]]
    kind = "<f4" if view["mid"]["bits"] == 32 else "<f8"
    last = np.frombuffer(base64.b64decode(view["mid"]["data"]), kind).reshape(len(names), -1)[:, -1]
    medians = regime.analysis.final_values["median"]
    assert last == pytest.approx([medians["box/f3", name] for name in names], rel=1e-6)
    assert {*names} == {"random", "good", "middling", "flat"}


@given(st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=20))
def test_every_id_has_a_file_of_its_own(ids: list[str]) -> None:
    found: dict[str, Any] = addresses(ids)
    assert [*found] == sorted(ids)
    assert len({address.lower() for address in found.values()}) == len(ids)
    assert all(address and not address.startswith(".") and "/" not in address for address in found.values())
