from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulation import MULTI_OBJECTIVE, SimulatedOptimizer, SimulatedTask, shuffled, simulate

from optathlon.analysis.report import representativeness, write_report
from optathlon.analysis.report.representativeness import conclusions, subset_study
from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.subsets.plots import plot_agreement
from optathlon.subsets.subset import Subset
from optathlon.subsets.validation import CHOSEN, MEDOIDS, RANDOM, STRATIFIED, Agreement, Methods

HOSTILE = "<i>b</i> $x$"
CHOOSERS = ["random", "de"]
IDS = [f"{collection}/f{i:02}" for collection in ("toy", "curves") for i in range(12)]


@pytest.fixture(scope="module")
def grid() -> Results:
    """Two optimizers to choose by and four to hold out, on 24 tasks of one type and two of another."""
    optimizers = [
        *(SimulatedOptimizer(name, skill) for name, skill in zip(CHOOSERS, (1.0, 2.0), strict=True)),
        *(SimulatedOptimizer(name, skill) for name, skill in (("a", 1.0), (HOSTILE, 1.2), ("c", 1.4), ("d", 1.6))),
    ]
    tasks = [
        *(SimulatedTask(id, optimum=0.0) for id in IDS),
        *(SimulatedTask(f"mo/{i}", MULTI_OBJECTIVE) for i in "ab"),
    ]
    return simulate(optimizers, tasks, seeds=3, budget=8)


@pytest.fixture(scope="module")
def blackbox(grid: Results) -> Results:
    """Without the tasks of the other type: the page has fewer groups of tasks to draw."""
    return of_tasks(grid, IDS)


def of_tasks(results: Results, tasks: list[str]) -> Results:
    return replace(results, runs=results.runs[results.runs["task"].isin(tasks)])


@pytest.fixture(autouse=True, scope="module")
def quick_selection() -> Iterator[None]:
    """Every size is the first tasks: the search itself is tested elsewhere."""

    def select(points: np.ndarray, k: int, **options: object) -> SimpleNamespace:
        assert options == {"target": "empirical", "strata": None, "seed": 0}
        return SimpleNamespace(indices=tuple(range(k)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("optathlon.subsets.selection.select_subset", select)
        yield


def subset_of(parts: dict[str, list[str]], *, chosen_by: list[str] | None = None, name: str = "mine") -> Subset:
    features = {
        "optimizers": chosen_by or CHOOSERS,
        "scale": "linear",
        "ranges": {},
        "budgets": ["8 evaluations"],
        "seeds": (3, 3),
        "tasks": 24,
        "distinct": 24,
    }
    return Subset.model_validate(
        {
            "name": name,
            "type": "blackbox",
            "target": "empirical",
            "seed": 0,
            "features": features,
            "parts": {
                part: {"discrepancy": 0.1, "other_discrepancy": 0.2, "tasks": dict.fromkeys(tasks, "f")}
                for part, tasks in parts.items()
            },
            "optathlon": "0.1.0",
            "command": "optathlon subset results -k 6",
        }
    )


HOSTILE_NAME = "<script>alert(1)</script>"
SUBSET = subset_of({"dev": IDS[::4], "test": IDS[1::4]}, name=HOSTILE_NAME)
WITHOUT_SIZES = subset_of({"all": IDS[::4]}, chosen_by=["random", "never-run"])


def section(path: Path) -> str:
    found = re.search(r'<section id="subset">.*?</section>', path.read_text(encoding="utf-8"), re.DOTALL)
    return found.group() if found else ""


@pytest.fixture(scope="module")
def without(blackbox: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report without the section, in a folder where one with it was before."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "figures").mkdir()
    stale = ("subset_by_size.svg", "subset_by_size.png", "subset_by_size.csv", "subset_methods.csv")
    for name in stale:
        (folder / "figures" / name).write_text("earlier")
    (folder / "figures" / "files.txt").write_text("\n".join(stale))
    return write_report(blackbox, folder)


@pytest.fixture(scope="module")
def report(blackbox: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(blackbox, tmp_path_factory.mktemp("with"), subset=SUBSET)


@pytest.fixture(scope="module")
def found(grid: Results) -> representativeness.Representativeness:
    return subset_study(grid, SUBSET)


def files(page: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in [page, *(page.parent / "figures").iterdir()]}


def test_the_section_is_added_and_the_rest_is_as_without(without: Path, report: Path) -> None:
    plain, with_section = files(without), files(report)
    assert set(with_section) - set(plain) == {
        *(f"subset_by_size.{kind}" for kind in ("svg", "csv")),
        *(f"subset_methods.{kind}" for kind in ("csv", "tex", "md")),
    }
    with_it = with_section.pop("index.html").decode()
    assert "only the subset" in with_it
    page = plain.pop("index.html").decode()
    assert "Not shown, as it takes a subset of the tasks to judge" in page
    assert "only the subset" not in page
    for name in [name for name in plain if name.startswith("sensitivity") or name in ("files.txt", "paper.tex")]:
        del plain[name], with_section[name]
    assert all(with_section[name] == content for name, content in plain.items())
    headings = re.findall(r"<h2>(.*?)<", with_it)
    assert headings[-4:-1] == ["Where each shines", "Does a subset say the same?", "Task by task"]


@pytest.mark.slow  # as of the whole report, which is always tested
def test_same_results_same_bytes(blackbox: Results, report: Path, tmp_path: Path) -> None:
    assert files(report) == files(write_report(shuffled(blackbox), tmp_path / "again", subset=SUBSET))


def test_the_section_shows_what_the_study_found(found: representativeness.Representativeness, report: Path) -> None:
    shown = section(report)
    for part in ("dev", "test"):
        agreement = found.agreements[part]
        assert f"Kendall&#39;s τ is {agreement.tau:.2f} (95 % interval {agreement.tau_low:.2f} to" in shown
        assert f'<h3 id="subset-{part}">{part}<' in shown
        random = found.methods[part].measures.loc[RANDOM, 6]
        assert f'<th scope="row">random, 200 draws</th><td class="n"><strong>{random["tau"]:.2f}</strong></td>' in shown
    assert shown.count("<svg") == 1
    table = pd.read_csv(report.parent / "figures" / "subset_methods.csv", index_col=["part", "method", "k"])
    pd.testing.assert_frame_equal(table, found.table)


def test_hostile_names_are_shown_not_run(report: Path) -> None:
    assert "<script>alert" not in report.read_text(encoding="utf-8")
    assert "<i>b" not in section(report)
    assert "&lt;i&gt;b&lt;/i&gt; $x$" in section(report)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;/dev" in section(report)


def test_optimizers_used_for_choosing_are_not_ranked(
    grid: Results, found: representativeness.Representativeness
) -> None:
    assert found.optimizers == (HOSTILE, "a", "c", "d")
    assert found.tasks == 24
    assert found.by_size is not None
    assert found.by_size.measures.index.unique("k").tolist() == [5, 10]
    assert set(found.by_size.measures.index.unique("method")) == {CHOSEN, RANDOM, STRATIFIED, MEDOIDS}
    assert any("Few optimizers are held out" in note for note in found.notes)
    chosen = subset_study(grid, SUBSET, optimizers=["c", "a"], sizes=[3, 9], draws=5)
    assert chosen.optimizers == ("a", "c")
    assert chosen.by_size is not None
    assert chosen.by_size.measures.index.unique("k").tolist() == [3, 9]


def test_without_those_it_was_chosen_by_there_are_no_sizes(grid: Results) -> None:
    found = subset_study(grid, WITHOUT_SIZES, draws=5)
    assert found.by_size is None
    assert found.table.index.unique("method").tolist() == [CHOSEN, RANDOM, STRATIFIED]
    said = " ".join([*conclusions(found), *found.notes])
    assert "Not all of random and never-run, by which the subset was chosen, have runs enough here" in said
    assert "suffice" not in said


def test_what_is_dropped_is_said(grid: Results) -> None:
    runs = grid.runs
    lacking = (runs["optimizer"] == "c") & ((runs["task"] == IDS[2]) | ((runs["task"] == IDS[0]) & (runs["seed"] == 1)))
    found = subset_study(replace(grid, runs=runs[~lacking]), SUBSET, draws=5)
    assert found.tasks == 23
    said = " ".join(found.notes)
    assert re.search(rf"1 task of 24 are not in the full set, .*: {IDS[2]}\.", said)
    pairs = found.tasks * runs["seed"].nunique()
    assert f"1 of {pairs} pairs of task and seed are left out, as c did not run all of them, on {IDS[0]}." in said


def test_one_seed_is_said(grid: Results) -> None:
    found = subset_study(replace(grid, runs=grid.runs[grid.runs["seed"] == 0]), SUBSET, draws=5)
    assert any("one seed per task, so there are no intervals" in note for note in found.notes)
    assert "interval" not in conclusions(found)[0]
    assert found.smallest is None


@pytest.mark.parametrize(
    ("kept", "parts", "message"),
    [
        (["random", "de", "a"], {"all": IDS[:5]}, "only a is held out, and a ranking needs 2"),
        (None, {"all": [*IDS[:5], "bbob/f1", "bbob/f2"]}, "2 of the 7 tasks of the subset are not in these results"),
    ],
)
def test_what_cannot_be_validated_is_refused(
    grid: Results, kept: list[str] | None, parts: dict[str, list[str]], message: str, tmp_path: Path
) -> None:
    results = grid if kept is None else replace(grid, runs=grid.runs[grid.runs["optimizer"].isin(kept)])
    with pytest.raises(UsageError, match=message) as error:
        write_report(results, tmp_path / "out", subset=subset_of(parts))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def agreement(**changes: object) -> Agreement:
    ranks = pd.DataFrame({"full": [1.0, 2.0], "subset": [1.0, 2.0]}, index=pd.Index(["a", "b"], name="optimizer"))
    values = {
        **{"k": 6, "tasks": 24, "seeds": (3, 3), "tau": 0.9, "tau_low": 0.85, "tau_high": 1.0, "top1": True},
        **{"top1_share": 0.7, "rank_error": 0.1, "rank_error_low": 0.1, "rank_error_high": 0.2, "mean_ranks": ranks},
    }
    return Agreement(**(values | changes))


def told(percentiles: tuple[float, float] = (0.7, 0.7), *, smallest: int | None = None, **changes: Any) -> str:
    """The conclusions of a study with one part, whose agreement is as given."""
    row = {"draws": 200, "tau": 0.8, "tau_percentile": percentiles[0], "rank_error_percentile": percentiles[1]}
    index = pd.MultiIndex.from_tuples([(RANDOM, 6), (CHOSEN, 6)], names=["method", "k"])
    methods = Methods(pd.DataFrame([row, row], index=index), {})
    found = representativeness.Representativeness(
        subset=subset_of({"all": IDS[:6]}),
        optimizers=("a", "b"),
        tasks=24,
        agreements={"all": agreement(**changes)},
        methods={"all": methods},
        by_size=methods,
        smallest=smallest,
        draws=200,
        level=0.95,
        threshold=0.8,
        notes=(),
    )
    return " ".join(conclusions(found))


def test_words_follow_the_numbers() -> None:
    assert "mine says the same: between the rankings of the 2 held-out optimizers (a and b) on its 6 tasks" in told()
    assert "τ is 0.90 (95 % interval 0.85 to 1.00). The best is the same, a (in 70 % of the resamples)." in told()
    assert "seems to say the same, but chance in the runs leaves it open" in told(tau_low=0.8)
    assert "does not say the same" in told(tau=0.8, tau_low=0.7)
    assert "does not say the same: " in (words := told(tau=-0.5, tau_low=-1.0))
    assert "τ is −0.50 (95 % interval −1.00 to 1.00)" in words
    unknown: dict[str, Any] = {"tau_low": np.nan, "tau_high": np.nan, "top1_share": np.nan}
    assert "as far as one seed per task can tell" in told(**unknown)
    assert "interval" not in told(smallest=5, **unknown).partition("suffice")[0]
    ranks = pd.DataFrame({"full": [1.0, 2.0], "subset": [2.0, 1.0]}, index=["a", "b"])
    assert "The best differs: b on the subset, a on all tasks." in told(top1=False, mean_ranks=ranks)


def test_words_on_random_subsets_and_sizes() -> None:
    assert "than 95 % of 200 random subsets of the same size by τ, and than 90 % by the difference" in told((0.95, 0.9))
    assert "was worth it" in told((0.95, 0.9))
    assert "was worth it" not in told((0.95, 0.89))
    assert "gained nothing; random ones reach τ = 0.80 on average" in told((0.49, 0.2))
    assert "gained nothing" not in told((0.5, 0.2))
    assert "not even 6 tasks, the most tried" in told()
    assert "5 tasks suffice: from there on, the whole interval of τ lies above 0.8" in told(smallest=5)


def measures() -> pd.DataFrame:
    index = pd.MultiIndex.from_product([[CHOSEN, MEDOIDS, RANDOM, STRATIFIED], [5, 10]], names=["method", "k"])
    return pd.DataFrame({"tau": 0.7, "tau_low": 0.5, "tau_high": 0.9}, index=index)


def test_the_figure_shows_methods_threshold_and_smallest_size() -> None:
    figure = plot_agreement(measures(), threshold=0.8, smallest=10, parts={"dev": agreement(), "test": agreement()})
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("random, 5 to 95 %", "random, mean", "stratified, mean", "k-medoids", "star discrepancy"),
        *("the subset, dev", "the subset, test"),
    ]
    assert {text.get_text() for text in figure.axes[0].texts} == {"τ = 0.8", "10 suffice"}
    fewer = plot_agreement(measures().drop([MEDOIDS, STRATIFIED]), threshold=0.5, smallest=None, parts={})
    assert [text.get_text() for text in fewer.axes[0].texts] == ["τ = 0.5"]
    assert len(fewer.legends[0].get_texts()) == 3


def test_the_command_takes_a_file(
    in_process: Callable[..., SimpleNamespace], grid: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys = [id for id in IDS if id.startswith("toy/")]
    results = of_tasks(grid, toys)
    monkeypatch.setattr("optathlon.results.frames.load", lambda path, **filters: results)
    file = tmp_path / "mine.yaml"
    subset_of({"all": toys[::2]}, chosen_by=["random", "never-run"]).write(file)
    done = in_process("report", tmp_path, "--subset", file, "--out", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    shown = section(tmp_path / "report" / "index.html")
    assert "mine seems to say the same" in shown or "mine says the same" in shown or "mine does not" in shown
    assert '<th scope="col">6 tasks chosen by</th>' in shown
    assert "<h3" not in shown
    assert "<svg" not in shown
    assert not list((tmp_path / "report" / "figures").glob("subset_by_size*"))
    done = in_process("report", tmp_path, "--subset", tmp_path / "other.yaml")
    assert done.returncode == 2
    assert re.fullmatch(r"optathlon: no subset file .*\n", done.stderr)


def without_runs(grid: Results, optimizers: list[str], tasks: list[str]) -> Results:
    runs = grid.runs.astype({"optimizer": str, "task": str})
    gone = runs["optimizer"].isin(optimizers) & runs["task"].isin(tasks)
    return replace(grid, runs=grid.runs[~gone.to_numpy()])


def test_who_ran_little_more_than_the_subset_does_not_confine_all_tasks_to_it(grid: Results) -> None:
    others = [id for id in IDS if id not in SUBSET.tasks]
    found = subset_study(without_runs(grid, ["d"], others), SUBSET, sizes=[4], draws=5)
    assert "d" not in found.optimizers
    assert found.tasks == len(IDS)
    assert any("d (runs on 12 tasks, where others have 24)" in note for note in found.notes)


def test_a_subset_is_not_held_against_itself(grid: Results) -> None:
    others = [id for id in IDS if id not in SUBSET.tasks]
    with pytest.raises(UsageError, match="all of them in the subset"):
        subset_study(without_runs(grid, ["c", "d"], others), SUBSET, optimizers=["c", "d"], draws=5)


def test_other_budgets_and_changed_tasks_are_seen(grid: Results) -> None:
    half = replace(grid, runs=grid.runs.assign(budget=4.0))
    assert any("other budgets (4 evaluations)" in note for note in subset_study(half, SUBSET, draws=5).notes)
    named = grid.runs["optimizer"].astype(str).isin(["a", "c"])
    mixed = replace(grid, runs=grid.runs.assign(budget=grid.runs["budget"].where(~named, 4.0)))
    with pytest.raises(UsageError, match="differ in their conditions"):
        subset_study(mixed, SUBSET, optimizers=["a", "c"], draws=5)
    stale = SUBSET.model_copy(
        update={
            "parts": {
                name: part.model_copy(update={"tasks": dict.fromkeys(part.tasks, "other")})
                for name, part in SUBSET.parts.items()
            }
        }
    )
    with pytest.raises(UsageError, match="have changed since the subset was chosen"):
        subset_study(grid, stale, optimizers=["a", "c"], draws=5)
