from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup
from simulation import BLACKBOX, MULTI_OBJECTIVE, TASKS, SimulatedOptimizer, SimulatedTask, shuffled, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.report import cells, task_curves, write_report
from optathlon.analysis.report.page import make_page
from optathlon.analysis.report.scope import title_of
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections import CHAPTERS
from optathlon.analysis.report.sections.anytime import Anytime
from optathlon.analysis.report.sections.differences import Differences, disagreement, power_sentences
from optathlon.analysis.report.sections.profiles import Profiles
from optathlon.analysis.report.sections.robustness import robustness
from optathlon.analysis.report.sections.runtimes import Runtimes
from optathlon.analysis.report.sections.standings import findings
from optathlon.analysis.report.sections.task_results import TaskResults
from optathlon.analysis.report.task_curves import TaskCurves
from optathlon.analysis.stats.power import Power
from optathlon.analysis.stats.significance import untested
from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

VOID = {"meta", "br"}


class Elements(HTMLParser):
    """Collects tags and attributes, and checks that elements nest."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name in ("href", "src", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def report(messy: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(messy, tmp_path_factory.mktemp("report") / "out")


def caveats(analysis: Analysis) -> list[Markup]:
    """What all sections warn of."""
    data = ReportData(analysis)
    return [caveat for chapter in CHAPTERS for section in chapter.sections for caveat in section(data).caveats()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def html(results: Results) -> str:
    return make_page(results).html("Report")


def test_page_is_well_formed_and_self_contained(report: Path) -> None:
    elements = Elements()
    elements.feed(text_of(report))
    assert elements.open == []
    assert all(link.startswith("#") or (report.parent / link).is_file() for link in elements.links)
    assert not {"link", "img", "iframe"} & set(elements.tags)
    assert elements.tags.count("script") == 2
    assert elements.tags.count("svg") == 4
    assert not re.search(r"https?://(?!www\.w3\.org/)", text_of(report))


def test_hostile_names_are_shown_not_run(report: Path) -> None:
    text = text_of(report)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; $x$" in text
    assert "&#39;x&lt;y&#39;" in text
    for figure in (report.parent / "figures").glob("*.svg"):
        assert "<script" not in text_of(figure)


def test_every_figure_and_table_is_written(report: Path) -> None:
    written = {path.name for path in (report.parent / "figures").iterdir()} - {"files.txt"}
    assert {*text_of(report.parent / "figures" / "files.txt").split()} == written
    written -= {"methods.tex", "paper.tex", "references.bib"}
    kinds: dict[str, set[str]] = {}
    for name in written:
        kinds.setdefault(Path(name).stem, set()).add(Path(name).suffix)
    figures = {name for name, endings in kinds.items() if endings == {".svg", ".csv"}}
    tables = {name for name, endings in kinds.items() if endings == {".csv", ".tex", ".md"}}
    empty = {name for name, endings in kinds.items() if endings == {".csv"}}
    assert figures | tables | empty == {*kinds}
    empty -= {"fixed_targets", "fixed_budgets"}  # long
    assert all(pd.read_csv(report.parent / "figures" / f"{name}.csv").empty for name in empty)
    assert figures >= {
        *("ranks", "ranks_by_type", "regret", "critical_difference", "wilcoxon_holm", "overhead", "aggregates"),
        *("profiles", "runtimes", "improvement", "sensitivity_of_ranking", "task_correlation"),
        *("runtimes_by_group", "time_to_target", "efficiency"),
    }
    assert tables >= {
        *("coverage", "run_failures", "trial_failures", "tasks", "standings", "hypervolume_references"),
        *("task_features", "sensitivity", "pairs", "generalisation"),
        *("time_to_target_scores", "virtual_best"),
    }
    table = pd.read_csv(report.parent / "figures" / "standings.csv", index_col="optimizer")
    assert table.index[-1] == "broken"
    assert table.loc["smac-bb", "skipped_runs"] == 12
    assert table["mean_rank"].dropna().is_monotonic_increasing


def test_same_results_same_bytes(messy: Results, report: Path, tmp_path: Path) -> None:
    again = write_report(shuffled(messy), tmp_path)
    for path in [report, *sorted((report.parent / "figures").iterdir())]:
        other = again.parent / path.relative_to(report.parent)
        assert path.read_bytes() == other.read_bytes(), path.name


def test_order_of_the_page(report: Path) -> None:
    headings = re.findall(r"<h2>(.*?)<", text_of(report))
    assert headings == [
        "Coverage and failures",
        "Performance over the budget",
        "Standings",
        "Can they be told apart?",
        "Does the ranking depend on choices?",
        "How good are they?",
        "Where each shines",
        "Does a subset say the same?",
        "Task by task",
        "Provenance",
    ]


def test_sections_and_figures_link_their_files(report: Path) -> None:
    files = re.findall(r'<a href="figures/([^"]*)" download>', text_of(report))
    assert len({*files}) == len(files)
    assert {*files} >= {
        *(f"{figure}.{ending}" for figure in ("ranks", "wilcoxon_holm", "runtimes") for ending in ("svg", "csv")),
        *(f"{table}.{ending}" for table in ("standings", "pairs", "tasks") for ending in ("csv", "tex")),
    }


def test_a_section_that_shows_nothing_says_what_it_takes(plain: Results) -> None:
    hidden = re.findall(r'<p class="absent">(.*?)</p>', html(plain))
    assert (
        "Not shown: Speed-up over random search, as it takes random search and another optimizer with two seeds."
        in hidden
    )
    assert "Not shown, as it takes a subset of the tasks to judge: --subset NAME." in hidden
    alone = re.findall(r'<p class="absent">(.*?)</p>', html(simulate([SimulatedOptimizer("random")], TASKS[:1])))
    assert "Not shown, as it takes two optimizers that ran the same tasks." in alone


def test_a_single_result_per_run_is_no_course(tmp_path: Path) -> None:
    rows = [(name, f"t{task}", 0, 1, task + len(name)) for name in ("a", "bb") for task in range(3)]
    table = pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"])
    table.to_csv(tmp_path / "t.csv", index=False)
    assert '<p class="absent">Not shown, as it takes runs of several trials.</p>' in html(
        load_table(tmp_path / "t.csv")
    )


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["quickstart"], "quickstart"),
        (["b", "", "a"], "a, b"),
        ([""], "Optathlon report"),
        ([*"abcd"], "Optathlon report"),
    ],
)
def test_the_title_is_the_name_of_the_experiment(plain: Results, names: list[str], title: str) -> None:
    called = [names[place % len(names)] for place in range(len(plain.runs))]
    assert title_of(replace(plain, runs=plain.runs.assign(experiment=called))) == title


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.6, "12,346"),
        (-1000.0, "−1,000"),
        (999.4, "999.4"),
        (0.25, "0.25"),
        (1.25e-7, "1.25 × 10⁻⁷"),
        (-3e9, "−3 × 10⁹"),
        (float("nan"), "–"),
    ],
)
def test_cells_are_written_for_readers(value: float, text: str) -> None:
    assert cells.number(value) == text


def test_trajectories_are_distances_where_the_optimum_is_known() -> None:
    """The page makes values of them, the optimum as the origin."""
    tasks = [SimulatedTask("t/low", optimum=-79.5), SimulatedTask("t/high", direction="maximize", optimum=1.25)]
    results = simulate([SimulatedOptimizer("a"), SimulatedOptimizer("b")], tasks, seeds=3)
    (course,) = (
        chart["views"]
        for name, chart in TaskResults(ReportData(Analysis(results))).charts().items()
        if name == "trajectories"
    )
    values = Analysis(results).final_values["median"]
    for task, sign, optimum in (("t/low", 1.0, -79.5), ("t/high", -1.0, 1.25)):
        view = course[f"fraction|{task}"]
        assert view["from"] == {"optimum": optimum, "sign": sign}
        low, mid, high = (unpacked(view[part]).reshape(2, -1) for part in ("low", "mid", "high"))
        np.testing.assert_allclose(optimum + sign * mid[:, -1].astype(float), values[task].to_numpy(), rtol=2e-6)
        assert (low[:, -1] <= mid[:, -1]).all() and (mid[:, -1] <= high[:, -1]).all()


def test_words_of_a_messy_experiment(messy: Results) -> None:
    analysis = Analysis(messy)
    lead, separation, *_ = findings(analysis)
    assert str(lead).startswith("<b>smac-bb</b> has the best mean rank: ")
    assert "among 5 optimizers at the end of the budget" in lead
    assert "over 9 of 12 tasks with 4 seeds each" in lead
    assert "can't be told apart from <b>hebo[acq=ei]</b>" in separation
    said = " ".join(map(str, caveats(analysis)))
    for words in (
        "not ranked: <b>broken</b>",
        "48 of 288 runs did not end well",
        "<b>tpe (30%)</b>",
        "3 of 12 tasks are left out of the ranking, as <b>smac-bb</b> did not run all of them: <b>fronts/a</b>",
        "hypervolume reference is given for <b>fronts/b</b> and <b>fronts/c</b>",
    ):
        assert words in said


def test_tasks_without_a_common_seed_are_told(plain: Results) -> None:
    runs = plain.runs
    uncommon = (runs["task"] == "toy/f1") & ((runs["optimizer"] == "opt-1") == (runs["seed"] > 1))
    said = " ".join(map(str, caveats(Analysis(replace(plain, runs=runs[~uncommon])))))
    assert Analysis(replace(plain, runs=runs[~uncommon])).results.trials["run"].nunique() == (~uncommon).sum()
    assert "On 1 task the optimizers share too few seeds: there, runs are compared unpaired" in said
    assert "left out" not in said


def test_who_lacks_seeds_is_told(plain: Results) -> None:
    runs = plain.runs
    slow = runs["optimizer"].isin(["opt-1", "opt-2"]) & (runs["seed"] == 4)
    said = " ".join(map(str, caveats(Analysis(replace(plain, runs=runs[~slow])))))
    pairs = runs[["task", "seed"]].drop_duplicates()
    assert (
        f"{(pairs['seed'] == 4).sum()} of {len(pairs)} pairs of task and seed are left out of the ranking, as "
        "<b>opt-1</b> and <b>opt-2</b> did not run all of them"
    ) in said


def test_clean_experiment_has_no_caveats(plain: Results) -> None:
    analysis = Analysis(plain)
    assert caveats(analysis) == []
    assert str(findings(analysis)[0]).startswith("<b>opt-4</b> has the best mean rank")


def test_separate_rankings_where_no_task_is_shared() -> None:
    optimizers = [
        *(SimulatedOptimizer(f"bb{i}", i + 1, skips=(MULTI_OBJECTIVE,)) for i in range(3)),
        *(SimulatedOptimizer(f"mo{i}", i + 1, skips=(BLACKBOX,)) for i in range(3)),
    ]
    tasks = [
        *(SimulatedTask(f"toy/{i}") for i in range(8)),
        *(SimulatedTask(f"fronts/{i}", MULTI_OBJECTIVE) for i in range(8)),
    ]
    results = simulate(optimizers, tasks, seeds=2, budget=8)
    page = make_page(results)
    text = page.html("Report")
    assert "ranked separately for each type of task" in text
    start = text.index('<section id="standings">')
    standings = text[start : text.index("</section>", start)]
    assert re.findall(r'<h3 id="(.*?)">(.*?)<', standings) == [
        ("standings-blackbox", "blackbox"),
        ("standings-multi-objective", "multi-objective"),
    ]
    assert "ranks_multi_objective" in {figure.name for section in page.sections for figure in section.figures()}


@pytest.mark.parametrize(
    ("optimizers", "words"),
    [
        ([SimulatedOptimizer("a")], "there is no ranking"),
        ([SimulatedOptimizer("a", failures=1.0), SimulatedOptimizer("b", skips=(BLACKBOX,))], "nothing to rank"),
        ([SimulatedOptimizer("b", skips=(BLACKBOX,))], "nothing to rank"),
        ([SimulatedOptimizer("a"), SimulatedOptimizer("b")], "There is one task only"),
    ],
)
def test_small_experiments_are_reported(optimizers: list[SimulatedOptimizer], words: str, tmp_path: Path) -> None:
    if all(optimizer.skips for optimizer in optimizers):
        both = simulate([SimulatedOptimizer("a"), *optimizers], [SimulatedTask("toy/f")], seeds=1)
        results = replace(
            both, runs=both.runs[both.runs["optimizer"] != "a"], trials=both.trials[both.trials["optimizer"] != "a"]
        )
    else:
        results = simulate(optimizers, [SimulatedTask("toy/f")], seeds=1)
    assert words in text_of(write_report(results, tmp_path))


def said(results: Results) -> str:
    analysis = Analysis(results)
    return " ".join(map(str, [*findings(analysis), *caveats(analysis)]))


def test_identical_optimizers_lead_nobody(plain: Results) -> None:
    trials = plain.trials.assign(value=plain.trials["trial"].astype(float))
    words = said(replace(plain, trials=trials))
    assert "<b>opt-4</b> share the same mean rank: 2.50 among 4 optimizers at the end of the budget, over" in words
    assert "All 4 optimizers tie on every task" in words


def test_optimizers_with_seeds_of_their_own_are_ranked_unpaired(plain: Results) -> None:
    runs = plain.runs[plain.runs["optimizer"].isin(["opt-1", "opt-2", "opt-4"])]
    own = runs["optimizer"].map({"opt-1": 0, "opt-2": 100, "opt-4": 200}).astype(int)
    apart = replace(plain, runs=runs.assign(seed=runs["seed"] + own))
    text = html(apart)
    assert "<b>opt-4</b> has the best mean rank" in text
    assert "over 12 tasks with 5 seeds each" in text
    assert text.count("compared unpaired, each with all of the others") == 1
    assert "not ranked" not in text
    assert Analysis(apart).comparisons[0].significance.is_better("opt-4", "opt-1")


def test_random_search_with_seeds_of_its_own_has_no_speed_up(plain: Results) -> None:
    """Where no task is paired there is no target, whatever the number of tasks."""
    runs = plain.runs.assign(optimizer=plain.runs["optimizer"].astype(str).replace("opt-1", "random"))
    trials = plain.trials.assign(optimizer=plain.trials["optimizer"].astype(str).replace("opt-1", "random"))
    moved = runs["seed"] + 100 * (runs["optimizer"] == "random")
    apart = replace(plain, runs=runs.assign(seed=moved), trials=trials)
    assert "has the best mean rank" in html(apart)


def test_an_optimizer_with_one_seed_leaves_the_others_theirs(plain: Results) -> None:
    runs = plain.runs[(plain.runs["optimizer"] != "opt-2") | (plain.runs["seed"] == 0)]
    (result,) = Analysis(replace(plain, runs=runs)).comparisons
    (everyone,) = Analysis(plain).comparisons
    found, before = (each.significance.uncorrected.drop("opt-2").drop(columns="opt-2") for each in (result, everyone))
    pd.testing.assert_frame_equal(found, before)
    text = html(replace(plain, runs=runs))
    assert "over 12 tasks with 1 to 5 seeds each" in text
    assert "left out" not in " ".join(map(str, caveats(Analysis(replace(plain, runs=runs)))))


def test_optimizers_without_a_common_task_are_not_ranked(plain: Results, tmp_path: Path) -> None:
    runs = plain.runs[plain.runs["optimizer"].isin(["opt-1", "opt-2"])]
    runs = runs[(runs["optimizer"] == "opt-1") == runs["task"].isin(["toy/f0", "toy/f1"])]
    text = text_of(write_report(replace(plain, runs=runs), tmp_path))
    assert "No two optimizers ran the same task: there is no ranking." in text
    assert text.count("not ranked") == 2


def test_runs_under_different_budgets_are_not_ranked(plain: Results) -> None:
    budgets = plain.runs["budget"].where(plain.runs["optimizer"] == "opt-1", 40.0)
    assert "toy/f0</b>, " in (words := said(replace(plain, runs=plain.runs.assign(budget=budgets))))
    assert "differ in budget, workers, clock or the task's version: such runs are never compared" in words
    assert "<b>opt-1</b> is left out of the ranking of all tasks" in words


def test_results_beyond_the_optimum_are_told(plain: Results) -> None:
    tasks = plain.tasks.copy()
    tasks.at["toy/f3", "objectives"] = [{**tasks.loc["toy/f3", "objectives"][0], "optimum": 0.5}]
    assert "stated optimum (noise, or a wrong optimum) on <b>toy/f3</b>: their regret" in said(
        replace(plain, tasks=tasks)
    )


def test_a_test_against_the_leader_is_told(plain: Results) -> None:
    analysis = Analysis(plain)
    (result,) = analysis.comparisons
    scores = -result.significance.scores
    analysis.comparisons = [replace(result, significance=replace(result.significance, scores=scores))]
    words = " ".join(map(str, findings(analysis)))
    assert "significantly better than <b>opt-4</b>: the two ways of averaging disagree" in words
    assert "It is significantly better" not in words


def test_figures_of_an_earlier_report_go_and_nothing_else(tmp_path: Path) -> None:
    optimizers = [SimulatedOptimizer("a", 2), SimulatedOptimizer("b")]
    tasks = [SimulatedTask("toy/f"), SimulatedTask("toy/g", MULTI_OBJECTIVE)]
    write_report(simulate(optimizers, tasks, seeds=2), tmp_path)
    folder = tmp_path / "figures"
    assert (folder / "ranks_by_type.svg").exists()
    (folder / "mine.svg").write_text("mine")
    with (folder / "files.txt").open("a") as manifest:
        manifest.write("../mine.txt\n")
    (tmp_path / "mine.txt").write_text("mine")
    write_report(simulate(optimizers, tasks[:1], seeds=2), tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert names >= {"mine.svg", "ranks.svg"}
    assert not {"ranks_by_type.svg", "ranks_by_type.csv"} & names
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.filterwarnings("ignore:Glyph 27")
def test_endless_errors_and_control_characters(plain: Results, tmp_path: Path) -> None:
    names = plain.runs["optimizer"].astype(str).replace("opt-1", "a --><b>\x1b")
    runs = plain.runs.assign(optimizer=names, status="crashed", reason="no " + "y" * 100_000)
    path = write_report(replace(plain, runs=runs), tmp_path)
    assert len(text_of(path)) < 400_000
    for figure in (tmp_path / "figures").glob("*.svg"):
        ElementTree.parse(figure)


def test_a_task_on_which_all_fail_is_reported(plain: Results, tmp_path: Path) -> None:
    fails = (plain.trials["task"] == "toy/f3").to_numpy()
    status = plain.trials["status"].astype(str).where(~fails, "crashed")
    trials = plain.trials.assign(status=status, value=plain.trials["value"].where(~fails))
    assert "mean rank" in text_of(write_report(replace(plain, trials=trials), tmp_path))


def test_curves_over_a_part_of_the_tasks_say_so(plain: Results) -> None:
    tasks = plain.tasks.copy()
    for name in ("toy/f1", "toy/f2"):
        tasks.at[name, "objectives"] = [{**tasks.loc[name, "objectives"][0], "optimum": None}]
    analysis = Analysis(replace(plain, tasks=tasks))
    found = Anytime(ReportData(analysis)).charts()["anytime"]["views"]
    assert found["optimum|fraction|all tasks"]["note"].endswith("Only 10 of the 12 tasks have this.")
    assert "Only" not in found["rank|fraction|all tasks"]["note"]


def sensitivity_of(scores: dict[tuple[str, str], dict[str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(scores).T.rename_axis(["choice", "scenario"]).rename_axis(columns="optimizer")
    long = pd.DataFrame({"score": table.stack(), "position": table.rank(axis=1).stack()})
    return long.reindex(
        pd.MultiIndex.from_tuples([(*key, name) for key in scores for name in table], names=long.index.names)
    )


def test_words_tell_what_was_tried_and_what_flips() -> None:
    steady = {("as reported", "mean rank"): {"a": 1.0, "b": 2.0}, ("seeds", "odd"): {"a": 1.0, "b": 2.0}}
    (words,) = robustness("all tasks", sensitivity_of(steady))
    assert words.startswith("The 1 other way to rank that was tried (half of the seeds) changes neither who leads nor")
    flipped = steady | {("failed runs", "rank last"): {"a": 2.0, "b": 1.0}}
    (words,) = robustness("blackbox", sensitivity_of(flipped))
    assert words == (
        "Another choice changes who leads on blackbox tasks: if failed runs rank last, <b>b</b> leads, not <b>a</b>."
    )


def test_words_tell_what_could_be_seen() -> None:
    ranks = untested(pd.Series({"a": 1.4, "b": 1.6}), 12, "")
    found = Power(tasks=12, seeds=4.0, between=1.0, within=1.0, alpha=0.05, power=0.8)
    first, second = power_sentences(found, ranks)
    assert "below 1.0" in first or "below 0.9" in first
    assert "less than 80 % of such experiments would find it." in first
    assert f"0.20 ranks, would take {found.tasks_needed(0.2)} tasks like these; more seeds on these alone" in second
    assert len(power_sentences(found, untested(pd.Series({"a": 1.0, "b": 2.9}), 12, ""))) == 1
    told_apart = replace(ranks, test="sign test", pairwise=ranks.pairwise.fillna(0.01))
    assert power_sentences(found, told_apart) == [first]
    hopeless, _ = power_sentences(replace(found, tasks=2), ranks)
    assert hopeless.startswith(
        "With 2 tasks and 4 seeds, even the largest difference of mean ranks there can be, 1, can't reliably be"
    )


def test_one_sentence_tells_where_another_test_disagrees(plain: Results) -> None:
    (result,) = Analysis(plain).comparisons
    tested = result.significance
    assert tested.is_better("opt-4", "opt-1")
    assert disagreement(tested, tested) == []
    alike = replace(tested, test="Friedman-Nemenyi", pairwise=tested.pairwise * 0 + 1.0)
    (lost,) = disagreement(tested, alike)
    assert "disagrees with the test that decides: it can't tell apart " in lost
    assert "<b>opt-1</b> and <b>opt-4</b>" in lost
    (gained,) = disagreement(alike, tested)
    assert "it tells apart" in gained
    assert "<b>opt-1</b> and <b>opt-4</b>" in gained
    assert disagreement(tested, replace(alike, test="")) == []
    (beyond,) = disagreement(replace(alike, test="", pairwise=alike.pairwise * np.nan), tested)
    assert "it tells apart" in beyond


def test_one_test_decides_every_sentence(tmp_path: Path) -> None:
    """`b` is never clearly better than `c` by itself, but is by ranks among all: two weak ones come between them."""
    order = ["abxyc"] * 12 + ["acbxy"] * 8
    rows = [(name, f"t{task:02}", 0, 1, place) for task, names in enumerate(order) for place, name in enumerate(names)]
    pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"]).to_csv(tmp_path / "t.csv", index=False)
    analysis = Analysis(load_table(tmp_path / "t.csv"))
    data = ReportData(analysis)
    (result,) = analysis.comparisons
    assert data.groups["all tasks"].nemenyi.differ("b", "c")
    assert not result.significance.differ("b", "c")
    head = " ".join(
        str(sentence) for chapter in CHAPTERS for section in chapter.sections for sentence in section(data).findings()
    )
    assert "Holm" in head
    assert "Nemenyi" not in head
    assert "Friedman" not in head
    primary, other = Differences(data).content()["comparisons"][0]["diagrams"]
    assert "This test decides what this page says of differences." in primary[1]
    assert "mean ranks here are not those of the standings" in other[1]
    assert other[1].count("Where it disagrees with the test that decides") == 1
    assert "<b>b</b> and <b>c</b>" in other[1]
    assert result.significance.mean_ranks.to_dict() == result.standings["mean_rank"].to_dict()


def trajectories_of(results: Results) -> dict[str, Any]:
    return TaskResults(ReportData(Analysis(results))).charts()["trajectories"]


def unpacked(numbers: dict[str, Any]) -> np.ndarray:
    data = base64.b64decode(numbers["data"])
    if numbers["bits"] == 24:
        data = b"".join(b"\0" + data[start : start + 3] for start in range(0, len(data), 3))
    return np.frombuffer(data, "<f8" if numbers["bits"] == 64 else "<f4")


def test_trajectories_stay_what_they_are_beside_one_that_is_far_out(tmp_path: Path) -> None:
    """Negative accuracies, and an optimizer with the penalty of a million."""
    ends = {"a": -0.938721, "b": -0.746107, "d": -0.544744, "far": 1e6}
    rows = [(name, "t", seed, step, end) for name, end in ends.items() for seed in range(3) for step in (1, 2)]
    path = tmp_path / "rows.csv"
    pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"]).to_csv(path, index=False)
    (view,) = (view for key, view in trajectories_of(load_table(path))["views"].items() if key.startswith("fraction|"))
    for part in ("mid", "low", "high"):
        drawn = unpacked(view[part]).reshape(4, -1)
        np.testing.assert_allclose(drawn[:, -1], list(ends.values()), rtol=2**-16)


def test_trajectories_that_are_close_to_each_other_keep_more_digits(tmp_path: Path) -> None:
    ends = {"a": 1000.001, "b": 1000.002, "c": 1000.003}
    rows = [(name, "t", seed, step, end) for name, end in ends.items() for seed in range(3) for step in (1, 2)]
    path = tmp_path / "rows.csv"
    pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"]).to_csv(path, index=False)
    for view in trajectories_of(load_table(path))["views"].values():
        drawn = unpacked(view["mid"]).reshape(3, -1)
        np.testing.assert_allclose(drawn[:, -1], list(ends.values()), rtol=1e-7)


def test_a_task_that_is_left_out_of_the_page_is_said_to_be(plain: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "absence" not in trajectories_of(plain)
    cells = plain.runs.groupby(["task", "optimizer"]).ngroups
    monkeypatch.setattr(task_curves, "_MOST_NUMBERS", 3 * 8 * cells // 2)
    chart = trajectories_of(plain)
    assert len({key.split("|")[1] for key in chart["views"]}) == -(-plain.runs["task"].nunique() // 2)
    assert "this page draws one of 2 tasks" in chart["absence"]


def test_optimizers_that_fail_often_are_not_listed_first(plain: Results) -> None:
    failed = (plain.runs["optimizer"] == "opt-4") & (plain.runs["seed"] < 3)
    trials = plain.trials[~plain.trials["run"].isin(plain.runs.loc[failed, "run"])]
    curves = TaskCurves(Analysis(replace(plain, trials=trials)))
    assert all(curves.best_first(task)[-1] == "opt-4" for task in curves.tasks)
    assert TaskCurves(Analysis(plain)).best_first("toy/f0")[0] == "opt-4"


def test_shorter_runs_are_told_and_logging_less_gains_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for task, seed in product(range(3), range(4)):
        best = np.inf
        for step, value in enumerate(rng.random(60), start=1):
            rows.append(("all", f"t{task}", seed, step, value))
            if value < best:
                rows.append(("improvements", f"t{task}", seed, step, value))
            best = min(best, value)
    pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"]).to_csv(tmp_path / "t.csv", index=False)
    analysis = Analysis(load_table(tmp_path / "t.csv"))
    runtimes = analysis.runtimes
    pd.testing.assert_frame_equal(runtimes.loc["all"], runtimes.loc["improvements"])
    words = " ".join(map(str, caveats(analysis)))
    assert "Much shorter runs than others have on the same tasks" in words
    assert "<b>improvements (" in words
    assert "<b>all (" not in words


def test_a_run_that_fails_at_once_is_no_free_restart(plain: Results) -> None:
    failed = (plain.runs["optimizer"] == "opt-4") & (plain.runs["seed"] == 0)
    runs = plain.runs.assign(status=plain.runs["status"].astype(str).where(~failed, "crashed"))
    trials = plain.trials[~plain.trials["run"].isin(runs.loc[failed, "run"])]
    spent = Analysis(replace(plain, runs=runs, trials=trials)).runtimes["spent"]
    assert (spent.xs("opt-4", level="optimizer") == 20).all()


def test_no_runs_is_a_usage_error(plain: Results, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs"):
        write_report(replace(plain, runs=plain.runs.iloc[:0]), tmp_path)


def test_saved_curves_of_counts_and_incumbents_are_steps(plain: Results) -> None:
    analysis = Analysis(plain)
    data = ReportData(analysis)
    sections = (Anytime(data), Profiles(data), Runtimes(data))
    figures = [figure for section in sections for figure in section.figures()]
    curves = {each.name: each.figure for each in figures if each.name in ("ranks", "regret", "profiles", "runtimes")}
    assert len(curves) == 4
    for name, figure in curves.items():
        labelled = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 2]
        assert labelled and {line.get_drawstyle() for line in labelled} == {"steps-post"}, name


def test_nothing_is_said_of_power_where_no_outcome_could_be_significant(tmp_path: Path) -> None:
    """`a` wins all 5 tasks, so ranks differ alike, but it takes 6 tasks to tell."""
    rows = [(name, f"t{task}", seed, 1, name) for task in range(5) for seed in (0, 1) for name in "ab"]
    table = pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"])
    table.assign(value=table["value"].map({"a": 0, "b": 1})).to_csv(tmp_path / "t.csv", index=False)
    data = ReportData(Analysis(load_table(tmp_path / "t.csv")))
    (shown,) = Differences(data).content()["comparisons"]
    assert shown["power"] == []
    ((_, words),) = shown["diagrams"]
    assert "it takes at least 6" in words
