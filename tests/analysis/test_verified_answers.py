"""How many answers of chosen models are right: against a plain loop, and on the page."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pandas as pd
import pytest
from simulation import SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.report import write_report
from optathlon.analysis.stats.verified_answers import WRONG, verified_answers
from optathlon.results.frames import Results

HONEST, FOOLED, SILENT = TASKS = ("llm/sft/honest", "llm/sft/fooled", "toy/silent")


def answered(wrong: Mapping[str, Mapping[str, float]]) -> Results:
    """Results whose trials tell on some tasks the share of wrong answers, by optimizer; one has a test side."""
    optimizers = [SimulatedOptimizer("alpha", 0.8), SimulatedOptimizer("beta", 0.3)]
    results = simulate(optimizers, [SimulatedTask(name) for name in TASKS], seeds=3)
    tasks, names = (results.trials[label].astype(str) for label in ("task", "optimizer"))
    rng = np.random.default_rng(0)
    share = [wrong.get(task, {}).get(name, np.nan) for task, name in zip(tasks, names, strict=True)]
    told = pd.Series(share, results.trials.index) + rng.integers(-3, 4, size=len(tasks)) / 100
    test = told.where(tasks == FOOLED)
    sides = {WRONG: told.where(test.isna(), 0.0), f"test/{WRONG}": test}
    return replace(results, trials=results.trials.assign(**sides))


def by_loop(results: Results) -> dict[tuple[str, str], float]:
    found = defaultdict(list)
    for _, trials in results.trials.groupby("run", observed=True):
        best = min(trials.to_dict("records"), key=lambda row: (row["value"], row["trial"]))
        wrong = best[f"test/{WRONG}"]
        wrong = best[WRONG] if np.isnan(wrong) else wrong
        if not np.isnan(wrong):
            found[str(best["task"]), str(best["optimizer"])].append(1 - wrong)
    return {key: fmean(shares) for key, shares in found.items()}


def test_the_share_is_that_of_the_chosen_trials() -> None:
    results = answered({HONEST: {"alpha": 0.2, "beta": 0.5}, FOOLED: {"alpha": 0.9, "beta": 0.4}})
    found = verified_answers(results, Analysis(results).trajectories)
    assert found["right"].to_dict() == pytest.approx(by_loop(results))
    assert (found["runs"] == 3).all() and {*found.index.unique("task")} == {HONEST, FOOLED}


def test_nothing_is_told_of_results_without_answers() -> None:
    results = answered({})
    bare = replace(results, trials=results.trials.drop(columns=[WRONG, f"test/{WRONG}"]))
    for each in (results, bare):
        assert verified_answers(each, Analysis(each).trajectories).empty


def test_an_objective_that_is_the_share_is_not_told_twice() -> None:
    results = answered({HONEST: {"alpha": 0.2, "beta": 0.5}})
    named = results.tasks["objectives"].map(lambda objectives: [{**objectives[0], "name": WRONG}])
    renamed = replace(results, tasks=results.tasks.assign(objectives=named))
    assert verified_answers(renamed, Analysis(renamed).trajectories).empty


def test_the_page_shows_it_and_says_where_the_best_result_has_fewer_right_answers(tmp_path: Path) -> None:
    results = answered({HONEST: {"alpha": 0.2, "beta": 0.5}, FOOLED: {"alpha": 0.9, "beta": 0.4}})
    finals = Analysis(results).final_values["median"]
    assert all(finals[task, "alpha"] < finals[task, "beta"] for task in (HONEST, FOOLED))
    page = write_report(results, tmp_path / "report").read_text()
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page))
    for share in by_loop(results).values():
        assert f"{round(100 * share)} % right" in text
    assert f"On {FOOLED} , what the optimizer with the best result chose" in text.replace(f"{FOOLED},", f"{FOOLED} ,")
    assert f"On {HONEST}" not in text
    stored = pd.read_csv(next((tmp_path / "report").rglob("verified_answers.csv"))).set_index(["task", "optimizer"])
    assert stored.loc[(FOOLED, "beta"), "right"] == pytest.approx(by_loop(results)[FOOLED, "beta"])
