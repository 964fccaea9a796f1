from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulation import MESSY, TASKS, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.fixed_targets import PRECISIONS, SHARES
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.fixed_targets import FixedTargets
from optathlon.results.frames import Results

OPTIMIZERS = [SimulatedOptimizer("random"), SimulatedOptimizer("better", 3.0), SimulatedOptimizer("fails", 1.0, 0.5)]


@pytest.fixture(scope="module")
def results() -> Results:
    """A task with a known optimum of 0, and one that is maximised, of unknown optimum."""
    return simulate(OPTIMIZERS, [SimulatedTask("toy/f", optimum=0.0), SimulatedTask("toy/g", direction="maximize")])


def runs_of(results: Results, optimizer: str, task: str) -> list[np.ndarray]:
    """The values of each run within the budget, NaN of failed trials."""
    trials = results.trials[(results.trials["optimizer"] == optimizer) & (results.trials["task"] == task)]
    within = trials[~trials["over_budget"]]
    return [run["value"].to_numpy(dtype=float) for _, run in within.groupby("seed")]


def test_expected_runtimes_and_successes_are_those_of_the_plain_loop(results: Results) -> None:
    table = Analysis(results).fixed_targets
    ends = [np.nanmax(run) for name in ("random", "better", "fails") for run in runs_of(results, name, "toy/g")]
    wanted = {
        ("toy/f", "precision"): {level: level for level in PRECISIONS},
        ("toy/g", "share"): {share: max(ends) - share * (max(ends) - min(ends)) for share in SHARES},
    }
    for (task, kind), targets in wanted.items():
        sign = 1 if task == "toy/f" else -1
        values = table.loc[(task, kind), "value"].groupby(level="target").first()
        assert values.to_dict() == pytest.approx(targets)
        for level, target in targets.items():
            for optimizer in ("random", "better", "fails"):
                spent, hits, times = 0.0, 0, []
                for run in runs_of(results, optimizer, task):
                    good = np.flatnonzero(sign * run <= sign * target + 1e-15)
                    hits += len(good) > 0
                    times.append(good[0] + 1.0 if len(good) else np.inf)
                    spent += good[0] + 1.0 if len(good) else 20.0
                row = table.loc[task, kind, level, optimizer]
                assert (row["successes"], row["runs"]) == (hits, 4)
                assert row["expected_runtime"] == pytest.approx(spent / hits if hits else np.inf)
                assert row["median_runtime"] == pytest.approx(np.median(times))


def test_precisions_are_of_tasks_with_a_known_optimum_only(results: Results) -> None:
    kinds = Analysis(results).fixed_targets.reset_index().groupby(["task", "kind"]).size()
    assert kinds.to_dict() == {("toy/f", "precision"): 21, ("toy/f", "share"): 21, ("toy/g", "share"): 21}


def test_fixed_budgets_are_medians_of_the_best_so_far(results: Results) -> None:
    table = Analysis(results).fixed_budgets
    for budget, trials in {0.1: 2, 0.2: 4, 0.5: 10, 1.0: 20}.items():
        for optimizer in ("random", "better", "fails"):
            heads = [run[:trials] for run in runs_of(results, optimizer, "toy/g")]
            best = [np.nanmax(head) if np.isfinite(head).any() else -np.inf for head in heads]
            row = table.loc["toy/g", budget, optimizer]
            assert (row["successes"], row["runs"]) == (int(np.isfinite(best).sum()), 4)
            if np.isfinite(best).all():
                assert row["median"] == pytest.approx(np.median(best))
                assert row["better"] == pytest.approx(np.quantile(best, 0.75))


def test_the_page_sums_successes_over_tasks(results: Results) -> None:
    content = FixedTargets(ReportData(Analysis(results))).content()
    shares, precisions, budgets = content["comparisons"][0]["tables"]
    assert "1 task" in precisions.title
    assert [label for label, _ in precisions.rows] == ["10", "1", "0.1", "0.01", "0.001", "1e-05", "1e-07"]
    assert [label for label, _ in shares.rows] == ["50 %", "20 %", "10 %", "5 %", "2 %", "1 %", "0 %"]
    first = dict(precisions.rows[0][1])
    assert first["better"].text == "1"
    assert first["better"].successes == "4 of 4"
    last = dict(precisions.rows[-1][1])
    assert (last["random"].text, last["random"].best) == ("∞", False)
    assert [label for label, _ in budgets.rows] == ["10 %", "20 %", "50 %", "100 %"]
    assert sum(cell.best for _, cell in budgets.rows[-1][1]) == 1


def test_a_messy_experiment_has_a_row_for_every_task_target_and_optimizer() -> None:
    analysis = Analysis(simulate(MESSY, TASKS))
    done = analysis.results.runs[analysis.results.runs["status"] != "skipped"]
    pairs = done[["optimizer", "task"]].drop_duplicates()
    known = pairs["task"].isin([f"toy/f{i}" for i in range(5)]).sum()
    assert len(analysis.fixed_targets) == len(SHARES) * len(pairs) + len(PRECISIONS) * known
    assert analysis.fixed_targets["successes"].le(analysis.fixed_targets["runs"]).all()
    broken = analysis.fixed_targets.xs("broken", level="optimizer")
    assert broken["successes"].eq(0).all()
    assert np.isinf(broken["expected_runtime"]).all() or broken["expected_runtime"].isna().all()
    assert isinstance(analysis.fixed_budgets.index, pd.MultiIndex)
