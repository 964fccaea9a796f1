"""How often judges were right, beside their win rates: against a plain loop, and on the page."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulation import SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.judge_agreement import judge_agreement
from optathlon.analysis.report import write_report
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.all_results import AllResults
from optathlon.results.frames import Results

TASKS = ("llm/sft/good", "llm/sft/poor", "toy/silent")


def judged(accuracies: dict[str, float]) -> Results:
    """Results whose trials on some tasks tell how often the judge was right, of 40 pairs; on others none is known."""
    optimizers = [SimulatedOptimizer("alpha", 0.8), SimulatedOptimizer("beta", 0.5)]
    results = simulate(optimizers, [SimulatedTask(name) for name in TASKS], seeds=3)
    rng = np.random.default_rng(0)
    accuracy = results.trials["task"].astype(str).map(accuracies)
    noise = rng.integers(-2, 3, size=len(accuracy)) / 40
    known = np.where(accuracy.notna(), 40.0, 0.0)
    trials = results.trials.assign(
        **{"judge/accuracy": accuracy + noise, "judge/known": known, "test/judge/known": 0.0}
    )
    return replace(results, trials=trials)


def test_accuracies_are_over_all_pairs() -> None:
    rng = np.random.default_rng(1)
    trials = pd.DataFrame(
        {
            "task": rng.choice(["a", "b", "c"], size=200),
            "judge/accuracy": np.where(rng.random(200) < 0.2, np.nan, rng.random(200)),
            "judge/known": rng.integers(0, 50, size=200).astype(float),
        }
    )
    trials.loc[trials["judge/known"] == 0, "judge/accuracy"] = np.nan
    right: dict[str, float] = defaultdict(float)
    pairs: dict[str, float] = defaultdict(float)
    for task, accuracy, known in zip(*(trials[name].tolist() for name in trials), strict=True):
        if not np.isnan(accuracy):
            right[task] += accuracy * known
            pairs[task] += known
    found = judge_agreement(trials)
    assert found["known"].to_dict() == pairs
    assert found["accuracy"].to_dict() == pytest.approx({task: right[task] / pairs[task] for task in pairs})
    assert (found["test_known"] == 0).all() and found["test_accuracy"].isna().all()


def test_nothing_is_told_of_tasks_without_judges() -> None:
    assert judge_agreement(pd.DataFrame({"task": ["a"], "value": [1.0]})).empty
    unknown = pd.DataFrame({"task": ["a"], "judge/accuracy": [np.nan], "judge/known": [0.0]})
    assert judge_agreement(unknown).empty


def test_the_page_shows_it_beside_the_results_and_warns_of_doubtful_judges(tmp_path: Path) -> None:
    good, poor, silent = TASKS
    results = judged({good: 0.9, poor: 0.5})
    page = write_report(results, tmp_path / "report").read_text()
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))
    expected = judge_agreement(results.trials)
    assert {*expected.index} == {good, poor}
    for task in (good, poor):
        share, pairs = round(100 * expected.loc[task, "accuracy"]), int(expected.loc[task, "known"])
        assert f"judge right in {share} % of {pairs:,}" in text
    assert f"The judge of {poor} prefers the right one of a right and a wrong answer in less than 60 %" in text
    assert f"The judge of {good} prefers" not in text and f"The judge of {silent} prefers" not in text
    stored = pd.read_csv(next((tmp_path / "report").rglob("judges.csv"))).set_index("task")
    assert stored.loc[poor, "accuracy"] == pytest.approx(expected.loc[poor, "accuracy"])


def test_other_pages_say_nothing_of_judges() -> None:
    section = AllResults(ReportData(Analysis(judged({}))))
    assert section.content()["judges"] == {}
    assert "judges" not in dict(section.tables())
