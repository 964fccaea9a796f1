"""Tables for readers: what they show, that LaTeX takes any name, and that a plain article has room for them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import undocumented

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.report import write_report
from optathlon.analysis.report.figures import save_table
from optathlon.analysis.report.paper.document import write_document
from optathlon.analysis.report.paper.methods import methods
from optathlon.analysis.report.paper.references import COLLECTIONS, PACKAGES, entries
from optathlon.analysis.report.reader_tables import ChosenColumns
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.all_results import AllResults
from optathlon.analysis.report.sections.coverage import Coverage
from optathlon.analysis.report.sections.pairwise import Pairwise
from optathlon.analysis.report.sections.standings import Standings
from optathlon.analysis.stats.significance import ALPHA
from optathlon.analysis.tables.columns import Marks
from optathlon.errors import UsageError
from optathlon.results.frames import Results

HOSTILE = [
    *("<script>x</script>", "$x$", "a|b", "a_b", "50%", "R&D", "#1", "a\\b", "{c}", "~", "x^2", "é – ≤", "*b*", "`c`"),
    *("[d]", 'say "hi"', "a--b", "a,,b", "\\input{secret}", "%", "中文", "🦊", "αβ", "x²", "long" * 60, "a" * 150),
]

LATEX = {
    **{r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^"},
    **{r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|", "{[}": "[", "{*}": "*", "{''}": '"'},
    **{rf"\{character}": character for character in "_%&#${}"},
    r"\allowbreak{}": "",
}


SECTIONS = (AllResults, Coverage, Pairwise, Standings)

PROBLEMS = r"^!.*|^Overfull.*|.*undefined.*"
"""Of what LaTeX says."""


@pytest.fixture(scope="module")
def written(messy: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Figures and tables of a report."""
    return write_report(messy, tmp_path_factory.mktemp("report")).parent / "figures"


def test_the_columns_are_documented(written: Path) -> None:
    assert {"fixed_targets.csv", "virtual_best_of_blackbox.csv"} & {path.name for path in written.glob("*.csv")}
    assert undocumented(written) == []


def of_markdown(path: Path) -> list[list[str]]:
    rows = []
    for line in path.read_text(encoding="utf-8").split("\n\n")[0].splitlines():
        cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
        rows.append([re.sub(r"\\([!-/:-@[-`{-~])", r"\1", cell.strip()) for cell in cells])
    return rows


def of_latex(path: Path) -> list[list[str]]:
    lines = path.read_text(encoding="utf-8").partition("\\midrule\n")[2].splitlines()
    commands = "|".join(re.escape(command) for command in sorted(LATEX, key=len, reverse=True))
    rows = [re.split(r"(?<!\\) & ", re.sub(r" (\\\\|\\tabularnewline)$", "", line)) for line in lines if " & " in line]
    return [[re.sub(f"({commands})", lambda match: LATEX[match[1]], cell.strip()) for cell in row] for row in rows]


def test_hostile_names_come_out_right(tmp_path: Path) -> None:
    names = [name for name in HOSTILE if name.isascii() and "--" not in name and ",," not in name]
    table = pd.DataFrame({"score": np.arange(len(names)) / 7 + 1}, index=pd.Index(names, name="optimizer"))
    save_table("t", table, tmp_path)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv", index_col="optimizer"), table)
    assert [row[0] for row in of_latex(tmp_path / "t.tex")] == names
    assert [row[0] for row in of_markdown(tmp_path / "t.md")[2:]] == names


@settings(max_examples=30)
@given(st.lists(st.text("<>$|a_5%R&#\\{}~^*[]` \n", min_size=1), min_size=1, max_size=4, unique=True))
def test_any_name_comes_out_right(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("tables")
    save_table("t", pd.DataFrame({"score": 1.5}, index=pd.Index(names, name="optimizer")), folder)
    read = pd.read_csv(folder / "t.csv", dtype=str, keep_default_na=False)
    assert read["optimizer"].tolist() == names
    on_one_line = [" ".join(name.split()) or "–" for name in names]
    assert of_markdown(folder / "t.md")[2:] == [[name, "1.50"] for name in on_one_line]
    assert of_latex(folder / "t.tex") == [[name.replace("–", "--"), "1.50"] for name in on_one_line]


def test_control_characters_are_text_in_latex(tmp_path: Path) -> None:
    save_table("t", pd.DataFrame({"a\x1bb": ["\x1b[31mred", "\u202eevil"], "n": [1.0, 2.0]}), tmp_path)
    rows = (tmp_path / "t.tex").read_text().partition("\n")[2]
    assert re.findall(r"\\textbackslash\{\}(\w+)", rows) == ["x1bb", "x1b", "u202eevil"]
    assert not re.search(r"\\[xu]", rows)


@pytest.mark.parametrize(
    ("value", "shown", "latex"),
    [
        (1 / 3, "0.333", "0.333"),
        (-12.3456, "−12.3", "-12.3"),
        (0.5, "0.500", "0.500"),
        (99.96, "100", "100"),
        (999.6, "1,000", "1{,}000"),
        (12345.6, "12,346", "12{,}346"),
        (123456.7, "1.23·10⁵", r"1.23\cdot10^{5}"),
        (0.00123456, "0.00123", "0.00123"),
        (-2e-7, "−2.00·10⁻⁷", r"-2.00\cdot10^{-7}"),
        (np.inf, "∞", r"\infty"),
        (np.nan, "–", r"\multicolumn{1}{c}{--}"),
        (0.0, "0", "0"),
    ],
)
def test_three_digits_for_readers_and_all_in_the_csv(value: float, shown: str, latex: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [value, 0.25]}, index=pd.Index(["a", "b"], name="optimizer"))
    save_table("t", table, tmp_path)
    assert of_markdown(tmp_path / "t.md")[2] == ["a", shown]
    assert f"a & {latex} " in (tmp_path / "t.tex").read_text(encoding="utf-8")
    read = pd.read_csv(tmp_path / "t.csv", index_col="optimizer")
    np.testing.assert_array_equal(read["x"], table["x"])


def test_the_best_are_bold_and_what_ties_in_the_test_has_a_dagger(tmp_path: Path) -> None:
    ranks = pd.Series([2.0, 1.0, 1.0001, np.nan], index=pd.Index(list("abcd"), name="optimizer"))
    save_table("standings", ranks.to_frame("mean_rank"), tmp_path, marks=Marks(alike=["c", "a"]))
    assert of_markdown(tmp_path / "standings.md")[2:] == [
        ["a†", "2.00"],
        ["b", "**1.00**"],
        ["c†", "**1.00**"],
        ["d", "–"],
    ]
    assert r"a$^{\dagger}$ & 2.00" in (tmp_path / "standings.tex").read_text()
    assert r"b & \mathbf{1}.\mathbf{00}" in (tmp_path / "standings.tex").read_text()


def test_daggers_are_those_that_the_test_cannot_tell_from_the_leader(messy: Results, written: Path) -> None:
    result = Analysis(messy).comparisons[0]
    leader, *others = result.standings.index
    alike = {name for name in others if result.significance.pairwise.loc[leader, name] >= ALPHA}
    rows = of_markdown(written / "standings.md")[2:]
    assert {row[0].removesuffix("†") for row in rows if row[0].endswith("†")} == alike != set()


def test_bold_medians_are_best_in_the_direction_of_the_task(messy: Results, written: Path) -> None:
    header, _, *rows = of_markdown(written / "tasks.md")
    losses = Analysis(messy).final_losses.groupby(level=["task", "optimizer"]).median().unstack("optimizer")
    assert rows
    for task, *cells in rows:
        bold = {name for name, cell in zip(header[1:], cells, strict=True) if cell.startswith("**")}
        assert losses.loc[task].idxmin() in bold


def test_empty_tables_are_for_programs_only(tmp_path: Path) -> None:
    assert not save_table("t", pd.DataFrame({"x": []}), tmp_path)
    assert not save_table("u", pd.DataFrame({"x": np.arange(201) / 3}), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "u.csv"}
    assert pd.read_csv(tmp_path / "u.csv")["x"].tolist() == (np.arange(201) / 3).tolist()


def test_columns_are_chosen(plain: Results, tmp_path: Path) -> None:
    write_report(plain, tmp_path, columns=ChosenColumns(["wins,mean_rank", "pairs=p_value"]))
    assert of_markdown(tmp_path / "figures" / "standings.md")[0] == ["Optimizer", "Won", "Mean rank"]
    pairs = of_markdown(tmp_path / "figures" / "pairs.md")
    assert pairs[0] == ["First", "Second", "p"]
    assert len({frozenset(row[:2]) for row in pairs[2:]}) == len(pairs[2:]) == 6


@pytest.mark.parametrize(
    ("choice", "words"),
    [("nope", "known are optimizer, mean_rank"), ("t=x", "known are standings, pairs"), ("pairs=,", "names no column")],
)
def test_unknown_columns_are_a_usage_error(choice: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ChosenColumns([choice])


def test_methods_claim_what_was_done(plain: Results) -> None:
    text = methods(ReportData(Analysis(plain, seed=7)))
    assert "4 optimizers on 12 tasks" in text
    assert "its random seed is 7" in text
    assert "Wilcoxon's signed-rank test~\\cite{wilcoxon1945}" in text
    assert "Holm" in text
    runs = plain.runs[plain.runs["optimizer"].isin(["opt-1", "opt-4"]) & (plain.runs["seed"] == 0)]
    two = replace(plain, runs=runs, trials=plain.trials[plain.trials["run"].isin(runs["run"])])
    text = methods(ReportData(Analysis(two)))
    assert "the sign test~\\cite{dixon1946}" in text
    assert "Holm" not in text
    assert "Wilcoxon" not in text


def test_all_that_can_be_cited_has_an_entry() -> None:
    keys = {*PACKAGES.values(), *(key for group in COLLECTIONS.values() for key in group)}
    assert keys <= {*entries()}
    assert all(re.match(rf"@\w+{{{key},\n  author = ", entry) for key, entry in entries().items())


@pytest.fixture
def pdflatex() -> str:
    found = shutil.which("pdflatex")
    if found is None or shutil.which("bibtex") is None:
        pytest.skip("no LaTeX is installed (pdflatex, bibtex)")
    return found


def compiled(folder: Path, pdflatex: str) -> str:
    """What LaTeX says of the report's document."""
    command = [pdflatex, "-interaction=nonstopmode", "-no-shell-escape", "paper"]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    subprocess.run(["bibtex", "paper"], cwd=folder, capture_output=True, check=True)
    for _ in range(2):
        log = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout.decode(errors="replace")
    return log


def test_tables_compile_within_the_text_width(written: Path, pdflatex: str, tmp_path: Path) -> None:
    folder = shutil.copytree(written, tmp_path / "copy")
    log = compiled(folder, pdflatex)
    assert (folder / "paper.pdf").read_bytes().startswith(b"%PDF")
    assert not re.findall(PROBLEMS, log, flags=re.MULTILINE)


def test_all_columns_compile_within_the_text_width(messy: Results, pdflatex: str, tmp_path: Path) -> None:
    data = ReportData(Analysis(messy))
    tables = [(name, table) for section in SECTIONS for name, table in section(data).tables()]
    shown = [name for name, table in tables if save_table(name, table, tmp_path, columns=("all",))]
    assert {"standings", "pairs", "coverage"} <= {*shown}
    assert len(of_markdown(tmp_path / "standings.md")[0]) == pd.read_csv(tmp_path / "standings.csv").shape[1]
    write_document(data, shown, tmp_path)
    assert not re.findall(PROBLEMS, compiled(tmp_path, pdflatex), flags=re.MULTILINE)


def test_any_names_compile(plain: Results, pdflatex: str, tmp_path: Path) -> None:
    values = np.arange(len(HOSTILE)) / 7
    save_table("t", pd.DataFrame({"x": values}, index=pd.Index(HOSTILE, name="optimizer")), tmp_path)
    save_table(
        "u", pd.DataFrame({name: [1 / 7, -1e-9] for name in HOSTILE}, index=pd.Index([*"ab"], name="task")), tmp_path
    )
    write_document(ReportData(Analysis(plain)), ["t", "u"], tmp_path)
    log = compiled(tmp_path, pdflatex)
    assert not re.findall(PROBLEMS, log, flags=re.MULTILINE)
