"""`optathlon report` as a user gives it: what it prints, where it writes, and what it refuses."""

from __future__ import annotations

import re
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optathlon.cli.report import part_of
from optathlon.cli.steps import StepsDisplay

Command = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `t.csv`, where `mine` wins on eight tasks of eight."""
    rows = [
        f"{name},suite/f{task},0,0,{value + task}"
        for task in range(8)
        for name, value in (("mine", 0.1), ("other", 0.5), ("\u202e<b>odd</b>", 0.9))
    ]
    (tmp_path / "t.csv").write_text("\n".join(["optimizer,task,seed,step,value", *rows]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_prints_its_conclusion_in_plain_words_and_opens_the_page(
    here: Path, in_process: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    done = in_process("report", "t.csv", "--focus", "mine", "--open")
    assert done.returncode == 0, done.stderr
    words = [line for line in done.stdout.splitlines() if line]
    assert words[0] == "mine has place 1 of 3 by mean rank: it is significantly better than all others."
    assert words[1].startswith("mine has the best mean rank: 1.00 among 3 optimizers")
    assert words[-1] == f"the report is {Path('t-report', 'index.html')}"
    assert "8 tasks are few" in done.stdout
    assert "\u202e" not in done.stdout
    page = here / "t-report" / "index.html"
    assert "Is it better?" in page.read_text(encoding="utf-8")
    assert opened == [page.as_uri()]
    assert "no browser was found" in done.stderr


def test_a_report_of_a_part_leaves_the_full_one_alone(here: Path, in_process: Command) -> None:
    full = here / "t-report" / "index.html"
    full.parent.mkdir()
    full.write_text("the full one")
    done = in_process("report", "t.csv", "-o", "mine", "-o", "other")
    assert done.returncode == 0, done.stderr
    assert full.read_text() == "the full one"
    (part,) = [path for path in here.iterdir() if path.is_dir() and path != full.parent]
    assert part.name.startswith("t-report-mine-other-")
    assert f"the report of a part of the results is {Path(part.name, 'index.html')}" in done.stdout


@pytest.mark.parametrize(
    ("flags", "written"), [((), {".svg"}), (("--pdf",), {".svg", ".pdf"}), (("--png",), {".svg", ".png"})]
)
def test_figures_are_in_the_formats_that_are_asked_for(
    here: Path, in_process: Command, flags: tuple[str, ...], written: set[str]
) -> None:
    done = in_process("report", "t.csv", *flags)
    assert done.returncode == 0, done.stderr
    files = {path.suffix for path in (here / "t-report" / "figures").glob("wilcoxon_holm.*")}
    assert files - {".csv"} == written
    links = re.findall(r'href="figures/wilcoxon_holm([.]\w+)"', (here / "t-report" / "index.html").read_text("utf-8"))
    assert {*links} == files


def test_each_part_has_a_folder_of_its_own() -> None:
    parts = [([], []), (["a*"], []), ([], ["a*"]), (["a"], []), (["ä"], []), (["ö"], []), (["x" * 300], ["y/" * 90])]
    names = [part_of(optimizers, tasks) for optimizers, tasks in parts]
    assert names[0] == ""
    assert len({*names}) == len(names)
    assert all(re.fullmatch(r"-[a-z0-9-]{6,50}", name) for name in names[1:])
    assert part_of(["b", "a"], []) == part_of(["a", "b"], [])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--focus", "mien"), "unknown optimizer in focus 'mien' in these results: did you mean 'mine'?"),
        (("--focus", ""), "unknown optimizer in focus '' in these results: known: "),
        (("-o", "other", "--focus", "mine"), "unknown optimizer in focus 'mine' in these results: known: other"),
    ],
)
def test_a_focus_that_is_not_there_is_one_line(
    here: Path, in_process: Command, arguments: tuple[str, ...], complaint: str
) -> None:
    done = in_process("report", "t.csv", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not [path for path in here.iterdir() if path.is_dir()]


def test_steps_are_told_now_and_then_where_nobody_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("optathlon.cli.steps.time.monotonic", lambda: now)
    with StepsDisplay("reading") as tell:
        for done in range(30):
            now = float(done)
            tell("statistics", done, 30)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["statistics: 11 of 30", "statistics: 22 of 30"]
