from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.analysis import wilcoxon_holm
from optathlon.analysis.plots.critical_difference import indistinguishable
from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.plots.intervals import plot_intervals
from optathlon.analysis.plots.matrices import plot_pairs
from optathlon.analysis.plots.style import looks
from optathlon.analysis.report.figures import Drawing, inline, save, save_table

NAMES = ["a", "b", "<script>alert(1)</script> $x$"]
HOSTILE = [
    "<script>x</script>",
    "$x$",
    "a|b",
    "a_b",
    "50%",
    "R&D",
    "#1",
    "a\\b",
    "{c}",
    "~",
    "x^2",
    "é – ≤",
    "*b*",
    "`c`",
    "[d]",
]


def bands(names: list[str] = NAMES) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([names, [0.5, 1.0]], names=["optimizer", "fraction"])
    mean = np.arange(1.0, len(index) + 1)
    return pd.DataFrame({"mean": mean, "low": mean - 0.5, "high": mean + 0.5}, index=index)


def drawing(name: str = "curve") -> Drawing:
    data = bands()
    figure = plot_curves(data, looks(NAMES), x_title="x", y_title="y")
    return Drawing(name, 'a "caption" <i>', figure, data)


SAVE_ELSEWHERE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_figures import drawing, save
save(drawing(), Path(sys.argv[2]))
"""


def test_the_same_figure_has_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        command = [sys.executable, "-c", SAVE_ELSEWHERE, str(Path(__file__).parent), str(tmp_path / seed)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": seed})
    for kind in ("svg", "pdf", "png", "csv"):
        first, second = ((tmp_path / seed / f"curve.{kind}").read_bytes() for seed in ("1", "2"))
        assert first == second, kind


def test_formats_are_what_they_say(tmp_path: Path) -> None:
    save(drawing(), tmp_path)
    pdf = (tmp_path / "curve.pdf").read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf
    assert b"CreationDate" not in pdf
    png = (tmp_path / "curve.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    width, height = (int.from_bytes(png[start : start + 4], "big") for start in (16, 20))
    assert [width, height] == pytest.approx((drawing().figure.get_size_inches() * 200).tolist(), abs=1)
    ElementTree.parse(tmp_path / "curve.svg")
    svg = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    assert "<!--" not in svg
    assert "alert" not in svg


def test_inlined_figures_share_no_ids_and_name_optimizers_by_number() -> None:
    page = f"<main>{inline(drawing('one'))}{inline(drawing('two'))}</main>"
    root = ElementTree.fromstring(page)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)) > 0
    found = {element.get("data-optimizer") for element in root.iter()} - {None}
    assert found == {"0", "1", "2"}
    assert root[0].get("aria-label") == 'a "caption" <i>'


def of_markdown(path: Path) -> list[list[str]]:
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
        rows.append([re.sub(r"\\([\\`*_\[\]<>|~$&#])", r"\1", cell.strip()) for cell in cells])
    return rows


LATEX = {
    **{r"\textbackslash": "\\", r"\textasciitilde": "~", r"\textasciicircum": "^"},
    **{r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|"},
    **{rf"\{character}": character for character in "_%&#${}"},
}


def of_latex(path: Path) -> list[list[str]]:
    body = path.read_text(encoding="utf-8").partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    commands = "|".join(re.escape(command) for command in sorted(LATEX, key=len, reverse=True))
    rows = [re.split(r"(?<!\\) & ", line.removesuffix(r" \\")) for line in body.splitlines()]
    return [
        [re.sub(rf"({commands})(?:(?<=[a-z]) )?", lambda match: LATEX[match[1]], cell.strip()) for cell in row]
        for row in rows
    ]


def test_hostile_names_come_out_right(tmp_path: Path) -> None:
    table = pd.DataFrame({"score": np.arange(len(HOSTILE)) / 7}, index=pd.Index(HOSTILE, name="optimizer"))
    save_table("t", table, tmp_path)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv", index_col="optimizer"), table)
    assert [row[0] for row in of_latex(tmp_path / "t.tex")] == HOSTILE
    assert [row[0] for row in of_markdown(tmp_path / "t.md")[2:]] == HOSTILE
    assert [row[1] for row in of_markdown(tmp_path / "t.md")[2:]] == [f"{score:.4g}" for score in table["score"]]


def test_the_best_is_bold_and_ties_are_too(tmp_path: Path) -> None:
    table = pd.DataFrame({"rank": [2.0, 1.0, 1.0, np.nan]}, index=pd.Index(list("abcd"), name="optimizer"))
    save_table("t", table, tmp_path, best={"rank": "low"})
    markdown = (tmp_path / "t.md").read_text(encoding="utf-8").splitlines()[2:]
    assert ["**" in line for line in markdown] == [False, True, True, False]
    latex = (tmp_path / "t.tex").read_text(encoding="utf-8").splitlines()
    assert [line.partition(" &")[0] for line in latex if r"\textbf" in line] == ["b", "c"]
    assert "–" in markdown[3]


def test_long_tables_are_for_programs_only(tmp_path: Path) -> None:
    save_table("t", pd.DataFrame({"x": np.arange(201) / 3}), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv"}
    assert pd.read_csv(tmp_path / "t.csv")["x"].tolist() == (np.arange(201) / 3).tolist()


@given(st.integers(3, 7), st.integers(10, 30), st.integers(0, 1000))
def test_bars_of_wilcoxons_tests_join_none_that_differ(optimizers: int, tasks: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.1, 3, optimizers)
    scores = pd.DataFrame(rng.standard_normal((tasks, optimizers)) * scale + np.linspace(0, 1.5, optimizers))
    tested = wilcoxon_holm(scores.set_axis(list("abcdefg")[:optimizers], axis=1))
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


def test_intervals_have_the_best_on_top() -> None:
    table = pd.DataFrame({"estimate": [3.0, 1.0, 2.0]}, index=pd.Index(["c", "a", "b"], name="optimizer"))
    table = table.assign(low=table["estimate"] - 1, high=table["estimate"] + 1)
    axes = plot_intervals({"t": table}, looks(["a", "b", "c"]), best="low").axes[0]
    labels = {
        text.get_text(): axes.transData.transform((0, tick))[1]
        for text, tick in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)
    }
    assert sorted(labels, key=labels.get, reverse=True) == ["a", "b", "c"]


def test_a_matrix_shows_the_row_against_the_column() -> None:
    index = pd.MultiIndex.from_tuples([("a", "b"), ("b", "a")], names=["first", "second"])
    figure = plot_pairs(pd.DataFrame({"p": [0.9, 0.1]}, index=index), "p", title="t", center=0.5)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    row = {text.get_text(): place for place, text in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True)}
    column = {text.get_text(): place for place, text in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)}
    written = {text.get_text(): text.get_position() for text in axes.texts}
    assert written["0.90"] == pytest.approx((column["b"], row["a"]))
