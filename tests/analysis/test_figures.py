from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from optathlon.analysis import wilcoxon_of_scores
from optathlon.analysis.plots.critical_difference import indistinguishable, plot_critical_difference
from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.plots.intervals import plot_intervals
from optathlon.analysis.plots.matrices import plot_pairs, plot_task_correlation
from optathlon.analysis.plots.sensitivity import plot_sensitivity
from optathlon.analysis.plots.style import Best, looks
from optathlon.analysis.report.figures import FORMATS, Format, ReportFigure, inline, save, suffix

NAMES = ["a", "b", "<script>alert(1)</script> $x$"]


def bands(names: list[str] = NAMES) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([names, [0.5, 1.0]], names=["optimizer", "fraction"])
    mean = np.arange(1.0, len(index) + 1)
    return pd.DataFrame({"mean": mean, "low": mean - 0.5, "high": mean + 0.5}, index=index)


def example(name: str = "curve") -> ReportFigure:
    data = bands()
    figure = plot_curves(data, looks(NAMES), x_title="x", y_title="y")
    return ReportFigure(name, 'a "caption" <i>', figure, data)


SAVE_ELSEWHERE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_figures import FORMATS, example, save
save(example(), Path(sys.argv[2]), FORMATS)
"""


def test_the_same_figure_has_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        command = [sys.executable, "-c", SAVE_ELSEWHERE, str(Path(__file__).parent), str(tmp_path / seed)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": seed})
    for kind in ("svg", "pdf", "png", "csv"):
        first, second = ((tmp_path / seed / f"curve.{kind}").read_bytes() for seed in ("1", "2"))
        assert first == second, kind


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_does_not_depend_on_what_was_saved_before(kind: Format, tmp_path: Path) -> None:
    fresh, used = example(), example()
    save(fresh, tmp_path, [kind])
    alone = (tmp_path / f"curve.{kind}").read_bytes()
    save(used, tmp_path, reversed(FORMATS))
    save(used, tmp_path)
    assert (tmp_path / f"curve.{kind}").read_bytes() == alone


def test_formats_are_what_they_say(tmp_path: Path) -> None:
    save(example(), tmp_path, FORMATS)
    pdf = (tmp_path / "curve.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert b"Date" not in pdf
    png = (tmp_path / "curve.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    assert [width, height] == pytest.approx((example().figure.get_size_inches() * 200).tolist(), abs=1)
    ElementTree.parse(tmp_path / "curve.svg")
    svg = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    assert "<!--" not in svg
    assert "<metadata" not in svg
    assert "alert" not in svg


def test_inlined_figures_share_no_ids_and_name_optimizers_by_number() -> None:
    page = f"<main>{inline(example('one'))}{inline(example('two'))}</main>"
    root = ElementTree.fromstring(page)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)) > 0
    found = {element.get("data-optimizer") for element in root.iter()} - {None}
    assert found == {"0", "1", "2"}
    assert root[0].get("aria-label") == 'a "caption" <i>'


def test_groups_of_an_optimizer_are_in_its_color() -> None:
    root = ElementTree.fromstring(inline(example()))
    all_looks = looks(NAMES).values()
    for look in all_looks:
        groups = root.findall(f".//*[@data-optimizer='{look.number}']")
        text = "".join(ElementTree.tostring(group, encoding="unicode") for group in groups)
        assert [other for other in all_looks if other.color in text] == [look]


@given(st.integers(3, 7), st.integers(10, 30), st.integers(0, 1000))
def test_bars_of_wilcoxons_tests_join_none_that_differ(optimizers: int, tasks: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.1, 3, optimizers)
    scores = pd.DataFrame(rng.standard_normal((tasks, optimizers)) * scale + np.linspace(0, 1.5, optimizers))
    tested = wilcoxon_of_scores(scores.set_axis(list("abcdefg")[:optimizers], axis=1))
    names = tested.mean_ranks.sort_index().sort_values(kind="stable").index

    def alike(first: int, last: int) -> bool:
        places = range(first, last + 1)
        return not any(tested.differ(names[i], names[j]) for i in places for j in places if i < j)

    runs = [(i, j) for i in range(optimizers) for j in range(i + 1, optimizers) if alike(i, j)]
    maximal = [(i, j) for i, j in runs if not any(k <= i and j <= m and (k, m) != (i, j) for k, m in runs)]
    assert indistinguishable(tested) == maximal


def test_curves_show_the_frame() -> None:
    data = bands()
    axes = plot_curves(data, looks(NAMES), x_title="x", y_title="y").axes[0]
    lines = {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}
    for name in NAMES:
        assert lines[name].get_xdata().tolist() == [0.5, 1.0]
        assert lines[name].get_ydata().tolist() == data.loc[name, "mean"].tolist()
        assert lines[name].get_color() == looks(NAMES)[name].color


def rows_from_the_top(axes: Axes) -> list[str]:
    heights = {
        text.get_text(): axes.transData.transform((0, tick))[1]
        for text, tick in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
    }
    return sorted(heights, key=heights.__getitem__, reverse=True)


@pytest.mark.parametrize(("best", "expected"), [("low", ["a", "b", "c"]), ("high", ["c", "b", "a"])])
def test_intervals_have_the_best_on_top(best: Best, expected: list[str]) -> None:
    table = intervals(["c", "a", "b"]).assign(estimate=[3.0, 1.0, 2.0])
    axes = plot_intervals({"t": table}, looks(["a", "b", "c"]), best=best).axes[0]
    assert rows_from_the_top(axes) == expected
    rows_of_y = {y: text.get_text() for text, y in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}
    drawn = {rows_of_y[line.get_ydata()[0]]: line for line in axes.lines}
    assert drawn.keys() == {*table.index}
    for name, row in table.iterrows():
        low, high, gap, marked = drawn[name].get_xdata()
        assert [low, high, marked] == row[["low", "high", "estimate"]].tolist()
        assert np.isnan(gap)
        assert drawn[name].get_markevery() == [3]


def test_a_matrix_shows_the_row_against_the_column() -> None:
    figure = plot_pairs(pairs(["a", "b"]).assign(p=[0.9, 0.1]), "p", title="t", center=0.5)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert rows_from_the_top(axes) == ["a", "b"]
    row = {text.get_text(): place for place, text in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)}
    column = {text.get_text(): place for place, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)}
    written = {text.get_text(): text.get_position() for text in axes.texts}
    assert written == {"0.90": (column["b"], row["a"]), "0.10": (column["a"], row["b"])}


def test_the_correlation_of_tasks_is_drawn_as_it_is() -> None:
    matrix = pd.DataFrame([[1.0, -0.5], [-0.5, np.nan]], index=["f", "g"], columns=["f", "g"])
    axes = plot_task_correlation(matrix).axes[0]
    assert rows_from_the_top(axes) == ["f", "g"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["f", "g"]
    cells = axes.collections[0]
    np.testing.assert_array_equal(np.ma.filled(cells.get_array().astype(float), np.nan), matrix)
    assert cells.get_clim() == (-1, 1)


def test_sensitivity_shows_positions_with_the_first_on_top() -> None:
    table = scenarios(["a", "b", "c"])
    axes = plot_sensitivity(table, looks(["a", "b", "c"])).axes[0]
    assert axes.yaxis_inverted()
    expected = [table["position"].xs(name, level="optimizer").tolist() for name in ("a", "b", "c")]
    assert [line.get_ydata().tolist() for line in axes.lines[:3]] == expected
    assert [text.get_text() for text in axes.get_xticklabels()] == ["mean rank", "rank last", "left out"]
    labels = sorted((text for text in axes.texts if text.get_text() in "abc"), key=lambda text: -text.get_position()[1])
    last = table.xs("left out", level="scenario")["position"].droplevel("choice")
    assert [text.get_text() for text in labels] == last.sort_values().index.tolist()


def intervals(names: list[str]) -> pd.DataFrame:
    estimate = np.random.default_rng(0).random(len(names))
    index = pd.Index(names, name="optimizer")
    return pd.DataFrame({"estimate": estimate, "low": estimate - 0.1, "high": estimate + 0.1}, index=index)


def pairs(names: list[str]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples([(a, b) for a in names for b in names if a != b], names=["first", "second"])
    return pd.DataFrame({"p": np.random.default_rng(0).random(len(index))}, index=index)


def scenarios(names: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    choices = [("as reported", "mean rank"), ("failed runs", "rank last"), ("failed runs", "left out")]
    tables = {choice: pd.Series(rng.permutation(len(names)) + 1, index=names) for choice in choices}
    return pd.concat(tables, names=["choice", "scenario", "optimizer"]).to_frame("position")


def figures(count: int) -> dict[str, Figure]:
    names = [f"optimizer-{i:02}[acquisition=ei,restarts=10]" for i in range(count)]
    all_looks, rng = looks(names), np.random.default_rng(0)
    scores = pd.DataFrame(rng.normal(size=(40, count)) + np.linspace(0, 3, count), columns=names)
    return {
        "curves": plot_curves(bands(names), all_looks, x_title="x", y_title="y"),
        "intervals": plot_intervals({"one": intervals(names), "two": intervals(names)}, all_looks, best="low"),
        "pairs": plot_pairs(pairs(names), "p", title="t", center=0.5),
        "correlation": plot_task_correlation(scores.corr()),
        "sensitivity": plot_sensitivity(scenarios(names), all_looks),
        "critical difference": plot_critical_difference(wilcoxon_of_scores(scores), all_looks),
    }


@pytest.mark.parametrize("count", [2, 20, 50])
def test_names_do_not_overlap_and_stay_inside(count: int) -> None:
    before = dict(mpl.rcParams)
    for kind, figure in figures(count).items():
        figure.draw_without_rendering()
        names = [text for text in figure.findobj(Text) if text.get_visible() and "optimizer-" in text.get_text()]
        boxes = [text.get_window_extent() for text in names]
        assert len(boxes) >= count, kind
        right, top = figure.bbox.size
        for box in boxes:
            assert min(box.x0, box.y0, right - box.x1, top - box.y1) > -1, kind
        for one, other in combinations(boxes, 2):
            across = min(one.x1, other.x1) - max(one.x0, other.x0)
            along = min(one.y1, other.y1) - max(one.y0, other.y0)
            assert min(across, along) < 1, kind
    assert dict(mpl.rcParams) == before


def test_comparisons_have_files_of_their_own_whatever_their_names() -> None:
    names = ["all tasks", "blackbox", "图像", "图形", *("x" * 300 + end for end in "ab")]
    suffixes = [suffix(name) for name in names]
    assert suffixes[:2] == ["", "_blackbox"]
    assert len(set(suffixes)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_]{0,100}", each) for each in suffixes)
