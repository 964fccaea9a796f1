"""Of more optimizers than a page has rows for, figures draw the best, and say so."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from optathlon.analysis import wilcoxon_of_scores
from optathlon.analysis.plots.critical_difference import plot_critical_difference
from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.plots.intervals import plot_intervals
from optathlon.analysis.plots.overhead import plot_overhead
from optathlon.analysis.plots.ranks import plot_rank_facets, plot_ranks
from optathlon.analysis.plots.sensitivity import plot_sensitivity
from optathlon.analysis.plots.style import looks

COUNT = 75
NAMES = [f"o{number:02}" for number in range(COUNT)]
SKILL = pd.Series(np.random.default_rng(0).permutation(COUNT) + 1.0, index=NAMES)
"""1 is best."""


def bands(values: pd.Series) -> pd.DataFrame:
    """Curves that end at these values, and begin elsewhere."""
    index = pd.MultiIndex.from_product([values.index, [0.5, 1.0]], names=["optimizer", "fraction"])
    mean = np.column_stack([values.to_numpy()[::-1], values.to_numpy()]).ravel()
    return pd.DataFrame({"mean": mean, "low": mean - 0.1, "high": mean + 0.1}, index=index)


def curves(best: str) -> Callable[[pd.Series], Figure]:
    return lambda skill: plot_curves(bands(skill), looks(skill.index), x_title="x", y_title="y", best=best)  # type: ignore[arg-type]


def intervals(skill: pd.Series) -> Figure:
    table = pd.DataFrame({"estimate": skill, "low": skill - 1, "high": skill + 1}).rename_axis("optimizer")
    return plot_intervals({"mean": table, "median": table}, looks(skill.index), best="low")


def overhead(skill: pd.Series) -> Figure:
    columns = ["low", "lower", "median", "upper", "high", "mean"]
    return plot_overhead(pd.DataFrame(dict.fromkeys(columns, skill)), looks(skill.index))


def sensitivity(skill: pd.Series) -> Figure:
    index = pd.MultiIndex.from_product([["seeds", "tasks"], ["all", "half"], skill.index])
    table = pd.DataFrame({"position": np.tile(skill.to_numpy(), 4)}, index=index)
    return plot_sensitivity(table.rename_axis(["choice", "scenario", "optimizer"]), looks(skill.index))


def critical_difference(skill: pd.Series) -> Figure:
    scores = pd.DataFrame([skill + task / 100 for task in range(5)])
    return plot_critical_difference(wilcoxon_of_scores(scores), looks(skill.index))


IN_PANELS = 20

FIGURES: dict[str, Callable[[pd.Series], Figure]] = {
    "curves": curves("low"),
    "ranks": lambda skill: plot_ranks(bands(skill), looks(skill.index)),
    "intervals": intervals,
    "overhead": overhead,
    "sensitivity": sensitivity,
    "critical difference": critical_difference,
}


def facets(skill: pd.Series) -> Figure:
    return plot_rank_facets({"a": bands(skill), "b": bands(skill)}, looks(skill.index))


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def named(figure: Figure) -> set[str]:
    return {name for text in texts(figure) for name in re.findall(r"\bo\d\d\b", text)}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_the_best_of_a_crowd_are_drawn_and_it_is_said(draw: Callable[[pd.Series], Figure]) -> None:
    figure = draw(SKILL)
    assert named(figure) == set(SKILL[SKILL <= 60].index)
    assert any(re.search("the (best|quickest) 60 of 75", text) for text in texts(figure))


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_up_to_sixty_are_all_drawn(draw: Callable[[pd.Series], Figure]) -> None:
    few = SKILL[SKILL <= 60]
    figure = draw(few)
    assert named(figure) == set(few.index)
    assert not any(" of 60" in text for text in texts(figure))


def test_small_panels_show_fewer() -> None:
    figure = facets(SKILL)
    assert named(figure) == set(SKILL[SKILL <= IN_PANELS].index)
    assert any("the best 20 of 75" in text for text in texts(figure))
    few = SKILL[SKILL <= IN_PANELS]
    assert named(facets(few)) == set(few.index)
    assert not any(" of 20" in text for text in texts(facets(few)))


def test_the_best_are_the_highest_where_high_is_best() -> None:
    assert named(curves("high")(SKILL)) == set(SKILL[SKILL > 15].index)
