"""A reference that no result reaches makes all hypervolumes 0: the page says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulation import MULTI_OBJECTIVE, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.comparable import comparable
from optathlon.analysis.metrics.references import freeze_references, references, unreached_references
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.all_results import AllResults
from optathlon.errors import UsageError
from optathlon.results.frames import Results

SECONDS = 1000.0
"""Latencies of these results are about so large, errors about 1."""


def results(**points: tuple[float | None, float | None]) -> Results:
    tasks = [SimulatedTask(f"fronts/{name}", MULTI_OBJECTIVE, references=point) for name, point in points.items()]
    found = simulate([SimulatedOptimizer("a"), SimulatedOptimizer("b", 2.0)], tasks, seeds=2)
    return comparable(replace(found, trials=found.trials.assign(value_2=found.trials["value_2"] * SECONDS)))


def test_references_that_no_result_reaches_are_found_with_the_objectives_to_blame() -> None:
    found = results(
        right=(1.5, 1.5 * SECONDS),
        reversed=(1.5 * SECONDS, 1.5),
        unreachable=(-100.0, 1.5 * SECONDS),
        partly=(-100.0, None),
        derived=(None, None),
    )
    assert unreached_references(found) == {
        "fronts/reversed": ("latency",),
        "fronts/unreachable": ("error",),
        "fronts/partly": ("error",),
    }


def test_results_that_are_better_one_objective_at_a_time_do_not_reach_it() -> None:
    found = results(task=(0.0, 0.0))
    trials = found.trials.assign(value=np.where(np.arange(len(found.trials)) % 2, -1.0, 1.0))
    trials["value_2"] = -trials["value"]
    assert unreached_references(replace(found, trials=trials)) == {"fronts/task": ()}


def test_nothing_is_said_of_tasks_without_results_or_with_one_objective(plain: Results) -> None:
    found = results(task=(-100.0, -100.0))
    assert unreached_references(replace(found, trials=found.trials.assign(status="crashed"))) == {}
    assert unreached_references(comparable(plain)) == {}


def test_the_page_names_task_and_objective() -> None:
    found = results(right=(1.5, 1.5 * SECONDS), one=(1.5 * SECONDS, 1.5), two=(1.5 * SECONDS, 1.5))
    (said,) = AllResults(ReportData(Analysis(found))).caveats()
    assert str(said).startswith("No result is better in <b>latency</b> than the hypervolume reference of ")
    assert "<b>fronts/one</b> and <b>fronts/two</b>" in said


def test_frozen_references_must_be_numbers() -> None:
    found = results(task=(1.5, None))
    point = references(found).assign(reference=["1.5", "much"])
    with pytest.raises(UsageError, match="the hypervolume reference 'much' is not a number"):
        freeze_references(found, point)
    frozen = freeze_references(found, pd.DataFrame(point.assign(reference=[-100.0, np.nan])))
    assert unreached_references(frozen) == {"fronts/task": ("error",)}
