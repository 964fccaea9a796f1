from __future__ import annotations

import random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from optathlon.analysis import friedman_nemenyi
from optathlon.analysis.plots.critical_difference import plot_critical_difference
from optathlon.analysis.plots.labels import columns, labels
from optathlon.analysis.plots.style import figure_labels, looks

LIMITS = st.integers(12, 40)
PARTS = st.sampled_from(["SMAC[", "x=1;", "x=2;", "seed=10", "]", "贝叶斯", "ي", " ", "…", " (1)"])
ALIKE = st.lists(PARTS, max_size=80)
NAMES = st.lists(st.text(max_size=60) | ALIKE.map("".join), max_size=30, unique=True)


@given(NAMES, LIMITS)
def test_labels_are_distinct_fit_and_do_not_depend_on_the_order(names: list[str], limit: int) -> None:
    found = labels(names, limit)
    assert {*found} == {*names}
    assert len({" ".join(label.split()) for label in found.values()}) == len(names)
    assert all(0 < columns(label) <= limit for label in found.values())
    assert found == labels(random.Random(0).sample(names, len(names)), limit)


@given(st.lists(st.text("abc-/[]=,0189", min_size=1, max_size=20), unique=True))
def test_names_that_fit_are_their_own_labels(names: list[str]) -> None:
    assert labels(names, 20) == {name: name for name in names}


def test_of_long_names_the_shared_beginning_is_cut_and_the_difference_is_kept() -> None:
    names = [f"smac[{'n_trees=10;' * 20}xi={xi};{'depth=3;' * 20}]" for xi in (1, 2, 10)]
    shown = labels(names)
    assert all(f"xi={xi}" in shown[name] for xi, name in zip((1, 2, 10), names, strict=True))
    assert all(label.startswith("smac[") for label in shown.values())


def test_differences_at_several_places_are_all_kept() -> None:
    names = [f"tpe[{'a=1,' * 30}b={b},{'c=1,' * 30}d={d}]" for b in (1, 2) for d in (3, 4)]
    for name, label in labels(names).items():
        assert name[name.index("b=") + 2] in label
        assert label.endswith(f"{name[-2:]}")


@pytest.mark.parametrize(
    "names",
    [
        [f"{'p' * 60}{i:02}{'s' * 60}" for i in range(50)],
        [f"{'x' * 150}{i}{'y' * 149}" for i in range(8)],
        ["a" * i for i in range(1, 300)],
        [f"اسم_طويل_جدا_جدا_جدا_جدا_جدا_جدا_{i}" for i in range(9)],
        [f"贝叶斯优化算法与高斯过程代理模型及期望改进采集函数{c}" for c in "甲乙丙丁"],
        ["e\N{COMBINING ACUTE ACCENT}", "\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{ZERO WIDTH SPACE}", "e", "e "],
        ["", " ", "\n", "\N{RIGHT-TO-LEFT OVERRIDE}"],
    ],
    ids=["middle", "no blanks", "each begins the next", "right to left", "wide", "look the same", "invisible"],
)
@pytest.mark.parametrize("limit", [12, 26])
def test_every_look_has_a_label_of_its_own(names: list[str], limit: int) -> None:
    assert len({*labels(names, limit).values()}) == len(names)
    assert len({look.label for look in looks(names).values()}) == len(names)


def test_figures_number_what_their_font_cannot_draw() -> None:
    names = ["smac", "贝叶斯优化", "进化策略", "tpe-随机"]
    assert {*figure_labels(names).values()} == {"smac", "□ (1)", "□ (2)", "tpe-□"}


@pytest.mark.parametrize("letter", ["W", "i"])
def test_critical_differences_show_labels_whole(letter: str) -> None:
    names = [f"{letter * 25}{i}" for i in range(4)]
    ranks = pd.DataFrame([[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0]], columns=pd.Index(names, name="optimizer"))
    figure = plot_critical_difference(friedman_nemenyi(ranks), looks(names))
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if letter * 5 in text.get_text()]
    assert len(boxes) == 4
    assert all(box.x0 > -1 and box.x1 < figure.bbox.width + 1 for box in boxes)
