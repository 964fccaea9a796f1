"""The AutoML benchmark's published summaries of 2019, recomputed from its raw results by way of `load_table`.

How failures enter there: a failed fold gets the score that `randomforest` has on the same fold; a framework that fails
on all folds of a task stays without a score and without a rank. In brackets is the number of failed folds.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import pandas as pd
import pytest

from optathlon.analysis import incumbents_at, trajectories
from optathlon.analysis.metrics.normalisation import between
from optathlon.results.tables import load_table

ROOT = Path(os.environ.get("OPTATHLON_TEST_DATA", "")) / "automlbenchmark_2019"
pytestmark = pytest.mark.skipif(
    "OPTATHLON_TEST_DATA" not in os.environ or not ROOT.is_dir(),
    reason="OPTATHLON_TEST_DATA has no folder automlbenchmark_2019/",
)
ZERO, ONE, STAND_IN = "constantpredictor", "tunedrandomforest", "randomforest"


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Index (`task`, `seed`), one column per framework: the final loss on each fold; NaN where it failed."""
    columns = {"framework": "optimizer", "fold": "seed", "score": "value", "seed": "seed_of_framework"}
    table = pd.read_csv(ROOT / "all_results_1h.csv.gz").rename(columns=columns).assign(step=1)
    path = tmp_path_factory.mktemp("automlbenchmark") / "results.csv.gz"
    table.to_csv(path, index=False)
    results = load_table(path, direction="maximize")
    assert (results.trials["status"] == "crashed").sum() == 34
    return incumbents_at(trajectories(results), results.runs).iloc[:, -1].unstack("optimizer")


def filled(losses: pd.DataFrame) -> pd.DataFrame:
    """Failed folds stood in for, unless all of a framework's folds on the task failed."""
    hopeless = losses.isna().groupby(level="task").transform("all")
    return losses.apply(lambda column: column.fillna(losses[STAND_IN])).mask(hopeless)


def published(name: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """By task and framework: the numbers, half a unit of their last digit, and the numbers of failed folds."""
    text = pd.read_csv(ROOT / name, dtype=str, na_filter=False).drop(columns="type").set_index("task").sort_index()
    parts = {column: text[column].str.extract(r"^(\S+)(?: \((\d+)\))?$") for column in text}
    numbers = pd.DataFrame({column: part[0].astype(float) for column, part in parts.items()})
    failures = pd.DataFrame({column: part[1].fillna("0").astype(int) for column, part in parts.items()})
    return numbers, numbers.map(half_a_unit), failures


def half_a_unit(number: float) -> float:
    """Of the last of six significant digits."""
    return 0.5 * 10 ** (math.floor(math.log10(abs(number))) - 5) if number and math.isfinite(number) else 0.0


def assert_agree(found: pd.DataFrame, expected: pd.DataFrame, tolerance: pd.DataFrame) -> None:
    assert found.isna().equals(expected.isna())
    assert ((found - expected).abs() <= tolerance + 1e-9).where(expected.notna(), True).all(axis=None)


def test_mean_scores_and_failures_are_the_published_ones(losses: pd.DataFrame) -> None:
    expected, tolerance, failures = published("score_summary_1h.csv")
    assert_agree(-filled(losses).groupby(level="task").mean(), expected, tolerance)
    failed = losses.isna().groupby(level="task").sum()
    printed = failures.mask(expected.isna(), 10)
    pd.testing.assert_frame_equal(failed, printed, check_names=False, check_column_type=False)


def test_normalised_scores_are_the_published_ones(losses: pd.DataFrame) -> None:
    """Every fold has its own anchors, so that it counts as a task here."""
    expected, tolerance, _ = published("norm_score_summary_1h.csv")
    folds = filled(losses)
    numbered = folds.set_axis(pd.RangeIndex(len(folds), name="task"))
    scores = between(numbered, numbered[ZERO], numbered[ONE]).set_axis(folds.index)
    assert_agree(scores.groupby(level="task").mean(), expected, tolerance)


def test_ranks_are_the_published_ones(losses: pd.DataFrame) -> None:
    expected, _, _ = published("tasks_leaderboard_1h.csv")
    means = filled(losses).groupby(level="task").mean()[expected.columns]
    pd.testing.assert_frame_equal(means.rank(axis=1), expected, check_names=False)
