"""Two sets of results side by side, against loops over runs, scipy, statsmodels, and planted changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon
from simulation import MESSY, TASKS, SimulatedOptimizer, SimulatedTask, shuffled, simulate
from statsmodels.stats.multitest import multipletests

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.compare import changes, paired_runs, side_by_side, task_changes
from optathlon.analysis.metrics.comparable import comparable
from optathlon.analysis.report.changes import changes_between
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.what_changed import WhatChanged
from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

TOYS = [SimulatedTask(f"toy/f{i:02}") for i in range(20)]


@pytest.fixture(scope="module")
def rerun() -> Results:
    """`messy` with other random numbers, without one optimizer, one task and one seed."""
    return simulate(MESSY[:-1], TASKS[1:], seeds=3, root=1)


def of(results: Results, optimizer: str, task: str, seed: int) -> pd.DataFrame:
    trials = results.trials
    return trials[(trials["optimizer"] == optimizer) & (trials["task"] == task) & (trials["seed"] == seed)]


def best(results: Results, optimizer: str, task: str, seed: int) -> float:
    """The final loss on a task with one minimised objective and no constraint."""
    own = of(results, optimizer, task, seed)
    return own[own["status"].eq("ok") & ~own["over_budget"]]["value"].min()


def with_versions(results: Results, version: str, fingerprint: str) -> Results:
    runs = results.runs.assign(task_version=pd.Categorical([version] * len(results.runs)))
    return replace(results, runs=runs, tasks=results.tasks.assign(version=version, fingerprint=fingerprint))


def test_results_do_not_differ_from_themselves(messy: Results) -> None:
    table = changes(paired_runs(messy, shuffled(messy)))
    assert (table["identical"] == 1).all()
    assert (table["equal"] == table["tasks"]).all()
    assert not table[["better", "worse", "difference", "low", "high"]].any(axis=None)
    assert (table["verdict"] == "").all()
    assert table["tasks"].to_dict() == {o.id: 9 if o.skips else 12 for o in MESSY}


def test_a_planted_change_is_found() -> None:
    before = [SimulatedOptimizer("fixed", 1.0), SimulatedOptimizer("spoilt", 4.0)]
    after = [SimulatedOptimizer("fixed", 4.0), SimulatedOptimizer("spoilt", 1.0)]
    table = changes(paired_runs(simulate(before, TOYS), simulate(after, TOYS, root=1)))
    assert table["verdict"].to_dict() == {"fixed": "better", "spoilt": "worse"}
    assert table.loc["fixed", "high"] < 0 < table.loc["spoilt", "low"]
    assert table.loc["fixed", "better"] > table.loc["fixed", "worse"]


@pytest.mark.slow
def test_unchanged_optimizers_are_seldom_called_changed() -> None:
    """The same distribution on both sides: the level of the test, and the coverage of the interval."""
    optimizers = [SimulatedOptimizer(f"opt-{i:03}", 2.0) for i in range(100)]
    pairs = paired_runs(simulate(optimizers, TOYS, seeds=3), simulate(optimizers, TOYS, seeds=3, root=1))
    rows = pd.concat([changes(own) for _, own in pairs.groupby(level="optimizer")])
    assert (rows["verdict"] != "").mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
    assert ((rows["low"] <= 0) & (rows["high"] >= 0)).mean() > 0.95 - 3 * np.sqrt(0.05 * 0.95 / 100)


def test_the_other_way_round_only_signs_change(messy: Results, rerun: Results) -> None:
    there, back = changes(paired_runs(messy, rerun)), changes(paired_runs(rerun, messy))
    turned = back.assign(
        better=back["worse"],
        worse=back["better"],
        difference=-back["difference"],
        low=-back["high"],
        high=-back["low"],
        failed_only_first=back["failed_only_second"],
        failed_only_second=back["failed_only_first"],
        seconds_first=back["seconds_second"],
        seconds_second=back["seconds_first"],
        verdict=back["verdict"].map({"better": "worse", "worse": "better", "": ""}),
    )
    pd.testing.assert_frame_equal(there, turned)


def test_the_order_of_rows_does_not_matter(messy: Results, rerun: Results) -> None:
    pairs, others = paired_runs(messy, rerun), paired_runs(shuffled(messy, 1), shuffled(rerun, 2))
    pd.testing.assert_frame_equal(pairs, others)
    mixed = pairs.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(changes(pairs), changes(mixed))
    pd.testing.assert_frame_equal(task_changes(pairs), task_changes(mixed))


def test_pairs_are_what_a_loop_over_runs_finds(messy: Results, rerun: Results) -> None:
    pairs = paired_runs(messy, rerun)
    wanted = {
        (optimizer.id, task.id, seed)
        for optimizer in MESSY[:-1]
        for task in TASKS[1:]
        for seed in range(3)
        if task.type not in optimizer.skips
    }
    assert set(pairs.index) == wanted
    for optimizer, task, seed in wanted:
        row = pairs.loc[(optimizer, task, seed)]
        own, other = of(messy, optimizer, task, seed), of(rerun, optimizer, task, seed)
        assert row["seconds_first"] == pytest.approx((own["ask_s"] + own["tell_s"]).median())
        assert row["identical"] == np.array_equal(own["value"], other["value"], equal_nan=True)
        assert row["failed_first"] == row["failed_second"] == (optimizer == "broken")
        if task in {"toy/f1", "toy/f2", "toy/f3", "toy/f4"}:
            assert row["loss_second"] == pytest.approx(best(rerun, optimizer, task, seed), nan_ok=True)


def test_counts_and_means_are_those_of_a_loop() -> None:
    optimizers = [SimulatedOptimizer("a", 2.0), SimulatedOptimizer("b", 1.0, failures=0.9)]
    first, second = (simulate(optimizers, TOYS, seeds=2, budget=3, root=root) for root in (0, 1))
    pairs = paired_runs(first, second)
    table, by_task = changes(pairs), task_changes(pairs)
    assert pairs[["loss_first", "loss_second"]].loc["b"].isna().any(axis=None), "else nothing tests missing results"
    for name in ("a", "b"):
        found = {"better": 0, "equal": 0, "worse": 0}
        differences = []
        for task in (task.id for task in TOYS):
            losses = {
                (r, o, s): best(x, o, task, s) for r, x in enumerate((first, second)) for o in "ab" for s in (0, 1)
            }
            low, high = np.nanmin(list(losses.values())), np.nanmax(list(losses.values()))
            regret = {key: 2 if np.isnan(loss) else (loss - low) / (high - low) for key, loss in losses.items()}
            one, other = ([losses[r, name, s] for s in (0, 1)] for r in (0, 1))
            both = [s for s in (0, 1) if not np.isnan(one[s]) and not np.isnan(other[s])]
            missing = np.isnan(other).sum() - np.isnan(one).sum()
            worse = missing or (sum(other[s] - one[s] for s in both))
            outcome = "worse" if worse > 0 else "better" if worse < 0 else "equal"
            found[outcome] += 1
            differences.append(np.mean([regret[1, name, s] - regret[0, name, s] for s in (0, 1)]))
            assert by_task.loc[(name, task), "outcome"] == outcome
            assert by_task.loc[(name, task), "difference"] == pytest.approx(differences[-1])
        assert table.loc[name, ["better", "equal", "worse"]].to_dict() == found
        assert table.loc[name, "difference"] == pytest.approx(np.mean(differences))
        sizes = by_task.loc[name, "difference"].abs()
        assert sizes.is_monotonic_decreasing
        assert sorted(sizes) == pytest.approx(sorted(np.abs(differences)))


def test_p_values_are_those_of_scipy_and_statsmodels(plain: Results) -> None:
    other = simulate([SimulatedOptimizer(f"opt-{s}", s + 0.5) for s in (1, 2, 3, 4)], TOYS, root=1, seeds=5)
    pairs = paired_runs(simulate([SimulatedOptimizer(f"opt-{s}", s) for s in (1, 2, 3, 4)], TOYS, seeds=5), other)
    means = pairs.groupby(level=["optimizer", "task"])[["regret_first", "regret_second"]].mean()
    single = [wilcoxon(own["regret_first"], own["regret_second"]).pvalue for _, own in means.groupby(level=0)]
    expected = multipletests(single, method="holm")[1]
    assert changes(pairs)["p_value"].to_numpy() == pytest.approx(expected)


def test_one_changed_value_makes_one_run_differ(plain: Results) -> None:
    trials = plain.trials.copy()
    trials.loc[trials.index[7], "value"] += 1e-9
    identical = paired_runs(plain, replace(plain, trials=trials))["identical"]
    assert identical[~identical].index.tolist() == [("opt-1", "toy/f0", 0)]
    swapped = plain.trials.replace({"trial": {3: 4, 4: 3}})
    assert not paired_runs(plain, replace(plain, trials=swapped))["identical"].any()
    shorter = replace(plain, trials=plain.trials.drop(plain.trials.index[7]))
    assert (~paired_runs(plain, shorter)["identical"]).sum() == 1


def test_where_nothing_has_a_result_regret_is_the_worst() -> None:
    broken = simulate([SimulatedOptimizer("broken", failures=1.0)], TOYS[:2])
    pairs = paired_runs(broken, broken)
    assert (pairs[["regret_first", "regret_second"]] == 2).all(axis=None)
    assert changes(pairs)[["equal", "difference"]].to_numpy().tolist() == [[2, 0]]


def test_failures_of_one_side_are_counted(plain: Results) -> None:
    runs = plain.runs.astype({"status": str})
    runs.loc[[0, 1, 70], "status"] = ["crashed", "timeout", "memory"]
    table = changes(paired_runs(plain, replace(plain, runs=runs)))
    assert table["failed_only_second"].tolist() == [2, 1, 0, 0]
    assert not table["failed_only_first"].any()


def test_both_are_one_set_of_results(messy: Results, rerun: Results) -> None:
    both = comparable(side_by_side(messy, rerun, names=("old", "new")))
    shared = {optimizer.id for optimizer in MESSY[:-1]}
    labels = {f"{name} ({side})" for name in shared for side in ("old", "new")} | {MESSY[-1].id}
    assert {*both.runs["optimizer"]} == {*both.trials["optimizer"]} == labels
    assert len(both.runs) == both.runs["run"].nunique() == len(messy.runs) + len(rerun.runs)
    assert len(both.trials) == len(messy.trials) + len(rerun.trials)
    assert {*both.runs["provenance"]} == {*both.provenance.index} == {"old/p1", "new/p1"}
    own = both.trials[both.trials["run"].astype(str).str.startswith("new/")]
    assert own["value"].sum() == pytest.approx(rerun.trials["value"].sum())
    assert both.tasks.index.tolist() == sorted(task.id for task in TASKS)


@pytest.mark.parametrize(("version", "fingerprint"), [("2", "f"), ("1", "g")])
def test_other_tasks_are_refused(plain: Results, version: str, fingerprint: str) -> None:
    other = with_versions(plain, version, fingerprint)
    with pytest.raises(UsageError, match=r"task 'toy/f0' is not the same: version 1 \(fingerprint f\) in A, version"):
        side_by_side(plain, other, names=("A", "B"))


def test_a_task_without_fingerprint_is_taken_for_the_known_one(plain: Results) -> None:
    known = with_versions(plain, "7", "f")
    for first, second in ((known, with_versions(plain, "1", "")), (with_versions(plain, "1", ""), known)):
        both = side_by_side(first, second, names=("A", "B"))
        assert {*both.runs["task_version"]} == {*both.tasks["version"]} == {"7"}
        assert (changes(paired_runs(first, second))["identical"] == 1).all()


def test_other_directions_and_equal_names_are_refused(plain: Results) -> None:
    other = simulate([SimulatedOptimizer("opt-1")], [SimulatedTask("toy/f0", direction="maximize")])
    with pytest.raises(UsageError, match="minimize in A, maximize in B"):
        side_by_side(plain, other, names=("A", "B"))
    with pytest.raises(UsageError, match="both results are called 'A'"):
        side_by_side(plain, plain, names=("A", "A"))


def test_runs_of_another_budget_are_not_paired_and_those_of_another_root_seed_are(plain: Results) -> None:
    longer = replace(plain, runs=plain.runs.assign(budget=40.0))
    pairs = paired_runs(plain, longer)
    assert pairs.empty
    assert changes(pairs).empty
    assert task_changes(pairs).empty
    rooted = replace(plain, runs=plain.runs.assign(root_seed=9))
    assert changes(paired_runs(plain, rooted))["pairs"].tolist() == [60] * 4


def write_table(path: Path, losses: dict[str, list[float]]) -> Path:
    """A table of runs of one step: by optimizer, the final loss on each task."""
    rows = [
        {"optimizer": optimizer, "task": f"t{i:02}", "seed": 0, "step": 1, "value": value}
        for optimizer, values in losses.items()
        for i, value in enumerate(values)
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    first = write_table(tmp_path / "old.csv", {"mine": [1.0] * 10, "kept": [0.5] * 10, "gone": [0.0] * 10})
    second = write_table(tmp_path / "new.csv", {"mine": [0.9] * 9 + [1.0], "kept": [0.5] * 10, "fresh": [0.0] * 10})
    return first, second


def test_tables_are_compared(tables: tuple[Path, Path]) -> None:
    table = changes(paired_runs(*map(load_table, tables)))
    assert table.loc["mine", ["better", "equal", "worse"]].tolist() == [9, 1, 0]
    assert table.loc["mine", "p_value"] == pytest.approx(2 * 0.5**9)
    assert table.loc["mine", "verdict"] == "better"
    assert table.loc["kept", "identical"] == 1
    assert table["seconds_first"].isna().all()


def test_the_command_tells_what_changed(
    in_process: Callable[..., SimpleNamespace], tables: tuple[Path, Path], tmp_path: Path
) -> None:
    done = in_process("compare", *tables)
    assert done.returncode == 0, done.stderr
    assert "mine: the same on 1 of 10 tasks, better in new on 9, worse on 0 (p = 0.0039): new is better" in done.stdout
    assert "kept: identical, value by value, in all 10 runs" in done.stdout
    assert "only in old: optimizer gone" in done.stdout
    assert "only in new: optimizer fresh" in done.stdout
    page = tmp_path / "compare-old-new" / "index.html"
    assert f"the report of both is {page}" in done.stdout
    text = page.read_text()
    assert "mine (old)" in text
    assert "<h1>old and new</h1>" in text
    assert (
        "<p><b>mine</b>: the same on 1 of 10 tasks, better in new on 9, worse on 0 (p = 0.0039): new is better.</p>"
        in text
    )
    assert "<li>Only in old: optimizer gone.</li>" in text
    assert text.index('<section id="changes">') < text.index("t08") < text.index('<section id="coverage">')
    assert 'href="figures/task_changes.csv"' in text
    written = pd.read_csv(page.parent / "figures" / "changes.csv", index_col="optimizer")
    assert written.loc["mine", "better"] == 9

    done = in_process("compare", *tables, "--names", "before,after", "--maximize", "--out", tmp_path / "both")
    assert done.returncode == 0, done.stderr
    assert "better in after on 0, worse on 9 (p = 0.0039): after is worse" in done.stdout
    assert (tmp_path / "both" / "index.html").is_file()


def test_many_optimizers_are_summed_up_by_what_changed() -> None:
    twice = simulate([SimulatedOptimizer(f"opt-{i}", 1.0 + i % 2) for i in range(6)], TOYS[:8], seeds=2)
    after = simulate(
        [SimulatedOptimizer(f"opt-{i}", 4.0 if i == 0 else 1.0 + i % 2) for i in range(6)], TOYS[:8], seeds=2
    )
    found = changes_between(twice, after, names=("A", "B"))
    both = Analysis(side_by_side(twice, after, names=("A", "B")))
    sentences = [str(sentence) for sentence in WhatChanged(ReportData(both, changes=found)).findings()]
    assert sentences == [
        "1 of 6 optimizers is better in B: <b>opt-0</b>.",
        "5 of 6 optimizers are identical, value by value: "
        "<b>opt-1</b>, <b>opt-2</b>, <b>opt-3</b>, <b>opt-4</b> and <b>opt-5</b>.",
    ]


def test_results_of_a_run_are_compared_with_a_table(in_process: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    from optathlon.results.frames import load

    out = tmp_path / "out"
    run = ("run", "-o", "random", "-t", "bbob/f1/d2/i1", "--budget", "5", "--seeds", "2", "--out", out)
    assert in_process(*run).returncode == 0
    trials = load(out).trials
    table = trials[["optimizer", "task", "seed", "value"]].assign(step=trials["trial"] + 1)
    table.to_csv(tmp_path / "published.csv", index=False)
    done = in_process("compare", tmp_path / "published.csv", out)
    assert done.returncode == 0, done.stderr
    assert "random: identical, value by value, in all 2 runs" in done.stdout


def test_bad_input_is_one_line(
    in_process: Callable[..., SimpleNamespace], tables: tuple[Path, Path], tmp_path: Path
) -> None:
    for arguments, hint in (
        ((tables[0], tmp_path / "none"), "no results folder"),
        ((*tables, "--names", "one"), "--names before,after"),
        ((*tables, "--names", "same,same"), "both results are called 'same'"),
        ((*tables, "-o", "nobody"), "unknown optimizer 'nobody'"),
    ):
        done = in_process("compare", *arguments)
        assert done.returncode == 2
        assert hint in done.stderr
        assert done.stderr.count("\n") == 1


def observed(values: dict[int, list[float]], path: Path) -> Results:
    """One optimizer on ten tasks; by seed the final value on each, NaN where the run failed."""
    rows = [("o", f"t{task}", seed, 1, value) for seed, own in values.items() for task, value in enumerate(own)]
    pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"]).to_csv(path, index=False)
    return load_table(path)


def test_failing_half_of_the_runs_is_no_improvement(tmp_path: Path) -> None:
    before = observed({seed: [1.9] * 10 for seed in range(4)}, tmp_path / "a.csv")
    after = observed({seed: [np.nan if seed < 2 else 1.5] * 10 for seed in range(4)}, tmp_path / "b.csv")
    (row,) = changes(paired_runs(before, after)).to_dict("records")
    assert (row["better"], row["worse"]) == (0, 10)
    assert row["difference"] >= 0
    assert row["verdict"] != "better"


def test_nothing_is_claimed_where_mean_and_test_disagree(tmp_path: Path) -> None:
    values = {0: [0.0] * 12, 1: [1.0] * 12, 2: [0.5] * 12}
    before = observed(values, tmp_path / "a.csv")
    after = observed(values | {2: [3.0] + [0.48] * 11}, tmp_path / "b.csv")
    (row,) = changes(paired_runs(before, after)).to_dict("records")
    assert row["p_value"] < 0.05
    assert row["difference"] > 0
    assert (row["better"], row["verdict"]) == (11, "unclear")


def test_rounding_is_no_change(tmp_path: Path) -> None:
    before = observed({0: [0.3] * 10}, tmp_path / "a.csv")
    after = observed({0: [0.1 + 0.2] * 9 + [0.4]}, tmp_path / "b.csv")
    (row,) = changes(paired_runs(before, after)).to_dict("records")
    assert (row["equal"], row["worse"], row["verdict"]) == (9, 1, "")
    assert row["difference"] == pytest.approx(0.1)


def test_equal_values_beyond_the_budget_are_not_identical(plain: Results) -> None:
    late = plain.trials.assign(over_budget=plain.trials["over_budget"] | (plain.trials["trial"] >= 2))
    table = changes(paired_runs(plain, replace(plain, trials=late)))
    assert (table["identical"] == 0).all()


def test_a_name_that_is_taken_is_refused(plain: Results) -> None:
    taken = replace(
        plain, runs=plain.runs.assign(optimizer=plain.runs["optimizer"].astype(str).replace("opt-1", "opt-2 (A)"))
    )
    with pytest.raises(UsageError, match=r"'opt-2 \(A\)' is an optimizer already"):
        side_by_side(taken, plain, names=("A", "B"))
