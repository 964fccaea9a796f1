"""Which groups tasks are of, and that runtime profiles are shown of each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulation import SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.report.groups import ALL_TASKS, Group, once_per_block
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.runtimes import Runtimes, distribution
from optathlon.analysis.task_groups import titles_of_groups
from optathlon.results.frames import Results

NUMBER, CHOICE = {"type": "uniform_float"}, {"type": "categorical"}


def features(dimensions: list[float], kinds: list[str | None] | None = None) -> pd.DataFrame:
    index = pd.Index([f"c/{number}" for number in range(len(dimensions))], name="task")
    columns = {"type": "blackbox", "collection": "c", "dimension": dimensions, "hyperparameters": kinds}
    return pd.DataFrame(columns, index=index)


def test_few_sizes_are_groups_of_their_own() -> None:
    titles = titles_of_groups(features([1, 2, 40, np.nan], ["mixed", None, "numerical", "mixed"]))
    sizes = ["1 hyperparameter", "2 hyperparameters", "40 hyperparameters", None]
    assert titles["dimension"].tolist() == sizes
    kinds = ["mixed hyperparameters", None, "numerical hyperparameters", "mixed hyperparameters"]
    assert titles["hyperparameters"].tolist() == kinds


@pytest.mark.parametrize("least", range(1, 60))
def test_many_sizes_are_divided_at_fixed_bounds(least: int) -> None:
    titles = titles_of_groups(features([1, 5, 6, 10, 11, 20, 21, 40, 41, 500, least]))["dimension"].tolist()
    ranges = ["up to 5", "6 to 10", "11 to 20", "21 to 40", "more than 40"]
    assert titles[:10] == [f"{name} hyperparameters" for name in ranges for _ in range(2)]
    expected = next((at for at, bound in enumerate((5, 10, 20, 40)) if least <= bound), 4)
    assert titles[10] == f"{ranges[expected]} hyperparameters"


@pytest.fixture(scope="module")
def sized() -> Results:
    """Three tasks of two floats, three of two floats and a choice, and one of which nothing is known."""
    tasks = [SimulatedTask(f"toy/t{number}", optimum=0.0) for number in range(7)]
    results = simulate([SimulatedOptimizer("a", skill=2.0), SimulatedOptimizer("b")], tasks, seeds=2)
    spaces = [{"hyperparameters": [NUMBER] * 2}] * 3 + [{"hyperparameters": [NUMBER, NUMBER, CHOICE]}] * 3 + [{}]
    results.tasks["space"] = pd.Series(dict(zip(sorted(results.tasks.index), spaces, strict=True)))
    return results


def test_runtimes_are_shown_of_each_group(sized: Results) -> None:
    data = ReportData(Analysis(sized))
    numerical, mixed = (f"{kind} hyperparameters" for kind in ("numerical", "mixed"))
    assert {*data.groups} == {ALL_TASKS, "2 hyperparameters", "3 hyperparameters", numerical, mixed}
    views = Runtimes(data).charts()["runtimes"]["views"]
    assert {*views} == {*data.groups}
    of = [{[*data.groups][number] for number in data.groups_of_tasks[f"toy/t{task}"]} for task in (0, 5, 6)]
    assert of == [{ALL_TASKS, "2 hyperparameters", numerical}, {ALL_TASKS, "3 hyperparameters", mixed}, {ALL_TASKS}]


def test_a_group_is_as_if_there_were_no_other_tasks(sized: Results) -> None:
    small = [f"toy/t{number}" for number in range(3)]
    alone = Analysis(replace(sized, runs=sized.runs[sized.runs["task"].isin(small)], tasks=sized.tasks.loc[small]))
    group, whole = (
        Group(analysis, analysis.groups[title])
        for analysis, title in ((Analysis(sized), "2 hyperparameters"), (alone, ALL_TASKS))
    )
    pd.testing.assert_frame_equal(distribution(group), distribution(whole))


def test_groups_of_the_same_tasks_are_computed_once(sized: Results) -> None:
    groups = ReportData(Analysis(sized)).groups
    computed = []

    def noted(group: Group) -> pd.DataFrame:
        computed.append(group.comparison.name)
        return distribution(group)

    found = once_per_block(noted)
    for group in groups.values():
        pd.testing.assert_frame_equal(found(group), distribution(group))
    assert computed == [ALL_TASKS, "2 hyperparameters", "3 hyperparameters"]
