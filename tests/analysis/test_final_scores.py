"""Tables of final scores: nothing is shown of a course that runs don't have, and failed cells are failures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.coverage import coverage
from optathlon.analysis.report.page import Page, make_page
from optathlon.results.tables import load_table

Command = Callable[..., SimpleNamespace]

OF_COURSE = ("anytime", "runtimes", "speedup", "trajectories")
"""Charts of what runs had before their end."""


@pytest.fixture(scope="module")
def scores() -> pd.DataFrame:
    """One value per run of 3 optimizers, random search among them, on 8 tasks with 2 seeds; two cells of `a` failed."""
    cells = [
        (optimizer, f"t{task}", seed) for optimizer in ("a", "b", "random") for task in range(8) for seed in (0, 1)
    ]
    rows = pd.DataFrame(cells, columns=["optimizer", "task", "seed"]).assign(step=1)
    rows["value"] = np.random.default_rng(0).random(len(rows))
    rows.loc[[2, 5], "value"] = np.nan
    return rows


def page_of(table: pd.DataFrame, folder: Path) -> Page:
    table.to_csv(folder / "t.csv", index=False)
    return make_page(load_table(folder / "t.csv"))


def charts(page: str) -> set[str]:
    return set(re.findall(r'data-chart="(.*?)"', page))


def test_what_needs_a_course_is_left_out_with_one_line(scores: pd.DataFrame, tmp_path: Path) -> None:
    made = page_of(scores, tmp_path)
    page = made.html("Report")
    assert page.count("Every run has a single result, so what needs its course is left out") == 1
    assert not charts(page) & {*OF_COURSE}
    assert {"aggregates", "profiles", "finals"} <= charts(page)
    shown = re.sub(r"<script.*", "", page, flags=re.DOTALL)
    assert "whole budget" not in shown
    assert "log budget" not in page
    assert "end of the budget" not in page
    assert "cost budget" not in page
    figures = {figure.name for section in made.sections for figure in section.figures()}
    assert "profiles" in figures
    assert not figures & {"ranks", "regret", "runtimes", "speedup"}
    tables = {name: table for section in made.sections for name, table in section.tables()}
    assert "auc" not in tables["standings"]


def test_a_second_result_of_some_run_is_a_course(scores: pd.DataFrame, tmp_path: Path) -> None:
    page = page_of(pd.concat([scores, scores.tail(1).assign(step=2)]), tmp_path).html("Report")
    assert "needs its course" not in page
    assert {*OF_COURSE} <= charts(page)
    assert "over the<br>whole budget" in page


def test_failed_cells_count_as_failed_runs(scores: pd.DataFrame, tmp_path: Path) -> None:
    scores.to_csv(tmp_path / "t.csv", index=False)
    analysis = Analysis(load_table(tmp_path / "t.csv"))
    assert coverage(analysis.results.runs)[["ok", "failed"]].to_numpy().tolist() == [[14, 2], [16, 0], [16, 0]]


def test_compare_tells_which_cells_failed_in_one_table_only(
    scores: pd.DataFrame, in_process: Command, tmp_path: Path
) -> None:
    for name, values in (("before", scores["value"]), ("after", scores["value"].fillna(0.5))):
        scores.assign(value=values).to_csv(tmp_path / f"{name}.csv", index=False)
    compared = in_process("compare", tmp_path / "before.csv", tmp_path / "after.csv")
    assert "failed in before only: 2 of 16 runs" in compared.stdout
    assert "failed in after only" not in compared.stdout
