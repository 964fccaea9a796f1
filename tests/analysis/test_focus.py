from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from score_frames import scores_of
from simulation import MULTI_FIDELITY, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.report import write_report
from optathlon.analysis.report.page import make_page
from optathlon.analysis.report.section import ReportData
from optathlon.analysis.report.sections.focus import Focus
from optathlon.analysis.stats.focus import mean_effects, rank_leads, tasks_won
from optathlon.errors import UsageError
from optathlon.results.frames import Results


def focus_on(results: Results, name: str) -> Focus:
    return Focus(ReportData(Analysis(results), focus=name))


@pytest.fixture(scope="module")
def skilled() -> Results:
    optimizers = [SimulatedOptimizer(name, skill) for name, skill in (("weak", 0.2), ("mine", 2.0), ("strong", 20.0))]
    return simulate([*optimizers, SimulatedOptimizer("twin", 2.0)], [SimulatedTask(f"toy/f{i}") for i in range(14)])


def test_leads_are_the_shares_of_seeds_won_less_those_lost() -> None:
    values = np.random.default_rng(0).integers(0, 3, size=(6, 4, 3)).astype(float)
    leads = rank_leads(scores_of(values), "o1")
    assert leads.columns.tolist() == ["o0", "o2"]
    for number, other in ((0, "o0"), (2, "o2")):
        expected = np.sign(values[:, :, number] - values[:, :, 1]).mean(axis=1)
        np.testing.assert_allclose(leads[other], expected)
        assert tasks_won(leads).loc[other].tolist() == [
            (expected > 0).sum(),
            (expected == 0).sum(),
            (expected < 0).sum(),
        ]


def test_means_leave_out_what_is_lacking() -> None:
    effects = pd.DataFrame({"a": [1.0, 0.0, np.nan], "b": [np.nan] * 3, "c": [0.5] * 3})
    found = mean_effects(effects)
    assert found["estimate"].tolist()[::2] == [0.5, 0.5]
    assert found.loc["c"].tolist() == [0.5, 0.5, 0.5]
    assert found.loc["b"].isna().all()


def test_intervals_are_those_of_the_plain_loop() -> None:
    rng = np.random.default_rng(0)
    effects = pd.DataFrame({"a": rng.normal(size=20)})
    drawn = [effects["a"].to_numpy()[rng.integers(0, 20, 20)].mean() for _ in range(4000)]
    found = mean_effects(effects, resamples=4000, level=0.8).loc["a"]
    assert [found["low"], found["high"]] == pytest.approx(np.quantile(drawn, [0.1, 0.9]).tolist(), abs=0.02)


def test_the_sentence_and_the_table_say_what_the_primary_test_says(skilled: Results) -> None:
    section = focus_on(skilled, "mine")
    (told,) = section.findings()
    assert re.fullmatch(
        r"<b>mine</b> has place [23] of 4 by mean rank: it is significantly better than <b>weak</b>, is significantly "
        r"worse than <b>strong</b>, and can't be told apart from <b>twin</b>\.",
        str(told),
    )
    (_, table), (_, tasks) = section.tables()
    assert table["verdict"].to_dict() == {"strong": "worse", "weak": "better", "twin": "can't be told apart"}
    (result,) = section.data.analysis.comparisons
    for other, row in table.iterrows():
        assert row["p_corrected"] == result.significance.pairwise.loc["mine", other]
        assert row["p_value"] == result.significance.uncorrected.loc["mine", other]
        assert row["wins"] + row["ties"] + row["losses"] == 14
        assert row["runs_won_low"] <= row["runs_won"] <= row["runs_won_high"]
    assert table.loc["weak", "runs_won"] > 0.9 > 0.1 > table.loc["strong", "runs_won"]
    assert table.loc["weak", "regret_lead_low"] > 0 > table.loc["strong", "regret_lead_high"]
    assert table.loc["weak", "most_ahead_on"].startswith("toy/")
    assert len(tasks) == 14


def test_regret_leads_are_differences_of_mean_regrets(skilled: Results) -> None:
    section = focus_on(skilled, "mine")
    (_, table), _ = section.tables()
    standings = section.data.analysis.comparisons[0].standings["regret"]
    for other, lead in table["regret_lead"].items():
        assert lead == pytest.approx(standings[other] - standings["mine"])


def test_where_it_wins_is_by_kind_of_task() -> None:
    simple = [SimulatedTask(f"toy/f{i}") for i in range(8)]
    hard = [SimulatedTask(f"curves/c{i}", MULTI_FIDELITY) for i in range(8)]
    optimizers = [SimulatedOptimizer("mine", 3.0), SimulatedOptimizer("other", 1.0)]
    (comparison,) = focus_on(simulate(optimizers, [*simple, *hard]), "mine").content()["comparisons"]
    rows = {label: (tasks, cells) for label, tasks, cells in comparison["kinds"].rows}
    assert rows["collection: toy"][0] == rows["type: multi-fidelity"][0] == 8
    assert all(int(cells[0].text.removesuffix(" %")) > 50 for _, cells in rows.values())


def test_it_is_found_on_the_page_and_in_files(skilled: Results, tmp_path: Path) -> None:
    page = write_report(skilled, tmp_path, focus="mine").read_text(encoding="utf-8")
    assert page.index("<b>mine</b> has place") < page.index("has the best mean rank")
    assert page.index("<h2>Coverage and failures") < page.index("<h2>Is it better?")
    written = pd.read_csv(tmp_path / "figures" / "focus.csv", index_col="optimizer")
    assert set(written.index) == {"weak", "strong", "twin"}
    assert "lead over weak" in pd.read_csv(tmp_path / "figures" / "focus_tasks.csv").columns


def test_without_a_focus_there_is_nothing_of_it(skilled: Results) -> None:
    section = Focus(ReportData(Analysis(skilled)))
    assert not [*section.findings(), *section.tables(), *section.content()["comparisons"]]


def test_an_unknown_focus_is_one_line_with_the_nearest_name(skilled: Results) -> None:
    with pytest.raises(UsageError, match="unknown optimizer in focus 'mien' in these results: did you mean 'mine'"):
        make_page(skilled, focus="mien")


def test_what_cannot_be_compared_is_said(messy: Results) -> None:
    assert "no result that counts" in str(*focus_on(messy, "broken").findings())


def test_too_few_tasks_to_test_is_said() -> None:
    results = simulate([SimulatedOptimizer("mine"), SimulatedOptimizer("other")], [SimulatedTask("toy/f")])
    section = focus_on(results, "mine")
    assert str(*section.findings()).endswith("whether it is better than <b>other</b> can't be tested.")
    (_, table), _ = section.tables()
    assert table["verdict"].tolist() == ["not tested"]
