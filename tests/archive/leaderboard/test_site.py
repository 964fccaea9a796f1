"""The site as files: links, determinism, what is refused; and the command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from simulation import BLACKBOX, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.archive.leaderboard import facts, write_leaderboard
from optathlon.archive.together import together
from optathlon.errors import UsageError
from optathlon.optimizer import Capability
from optathlon.results.frames import Results

ROOT = Path(__file__).resolve().parents[3]
InProcess = Callable[..., SimpleNamespace]


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in ("href", "src") and value is not None:
                self.found.append(value)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def site(messy: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_leaderboard(messy, tmp_path_factory.mktemp("site"), title="All of <them>").parent


def test_every_link_leads_to_a_file(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    reached = {site / "index.html"}
    for page in pages:
        links = Links()
        links.feed(page.read_text())
        targets = {(page.parent / link).resolve() for link in links.found}
        assert targets, page
        assert all(target.is_file() and target.is_relative_to(site) for target in targets), page
        reached |= targets
    assert {page.resolve() for page in pages} <= {page.resolve() for page in reached}, "no page is without a link"


def test_every_optimizer_and_every_task_has_a_page(site: Path, messy: Results) -> None:
    assert len([*(site / "optimizers").iterdir()]) == messy.runs["optimizer"].nunique()
    ran = messy.runs[messy.runs["status"] != "skipped"]
    assert len([*(site / "tasks").iterdir()]) == ran["task"].nunique()


def test_optimizers_that_can_do_no_task_are_told_apart(tmp_path: Path) -> None:
    able = [SimulatedOptimizer("random"), SimulatedOptimizer("a", 2.0)]
    unable = [SimulatedOptimizer(name, skips=(BLACKBOX,)) for name in ("b", "c", "d")]
    index = write_leaderboard(simulate([*able, *unable], [SimulatedTask("toy/f1")]), tmp_path / "some").read_text()
    assert "<dt>optimizers</dt><dd>2</dd>" in index
    assert "<dt>more can&#39;t do any of the tasks</dt><dd>3</dd>" in index
    index = write_leaderboard(simulate(able, [SimulatedTask("toy/f1")]), tmp_path / "all").read_text()
    assert "<dt>optimizers</dt><dd>2</dd>" in index
    assert "any of the tasks" not in index


def test_boards_name_who_has_fewer_seeds(plain: Results, tmp_path: Path) -> None:
    assert "fewer seeds" not in write_leaderboard(plain, tmp_path).read_text()
    is_late = (plain.runs["optimizer"].astype(str) == "b") & (plain.runs["seed"] >= 3)
    index = write_leaderboard(replace(plain, runs=plain.runs[~is_late.to_numpy()]), tmp_path).read_text()
    (said,) = re.findall(r"With fewer seeds than others: (.*?)</p>", index)
    assert re.sub("<[^>]*>", "", said).startswith("b (36 of 60 runs).")


def test_one_task_has_no_interval_of_chances(plain: Results, tmp_path: Path) -> None:
    one = plain.runs[(plain.runs["task"].astype(str) == "toy/f1").to_numpy()]
    write_leaderboard(replace(plain, runs=one), tmp_path)
    for page in (tmp_path / "index.html", tmp_path / "optimizers" / "c.html"):
        text = page.read_text()
        assert 'class="interval centred' in text
        assert "centred better" not in text and "centred worse" not in text, page


def test_the_best_on_a_task_is_told_by_budget(plain: Results, tmp_path: Path) -> None:
    half = plain.runs["task"].astype(str) == "toy/f1"
    longer = plain.runs[~half.to_numpy()]
    longer = longer.assign(run=longer["run"] + "-long", budget=500.0)
    trials = plain.trials.assign(run=plain.trials["run"].astype(str) + "-long")
    both = together([plain, replace(plain, runs=longer, trials=trials)])
    write_leaderboard(both, tmp_path)
    text = (tmp_path / "tasks.html").read_text()
    assert re.findall("best median, ([^<]*)<", text) == ["20 full evaluations", "500 full evaluations"]
    (row,) = re.findall(r"(?s)<tr>\n<th scope=\"row\"><a[^>]*>toy/f1<.*?</tr>", text)
    assert row.endswith("<td></td>\n</tr>"), "no run of the longer budget"


@pytest.mark.parametrize("name", ["optimizers/c.html", "tasks/toy-f1.html"])
def test_without_scripts_it_is_said_that_charts_are_missing(plain: Results, tmp_path: Path, name: str) -> None:
    write_leaderboard(plain, tmp_path)
    text = (tmp_path / name).read_text()
    assert len(re.findall("<noscript>.*which are off.*</noscript>", text)) == text.count("<figure") == 1


def test_names_can_do_no_harm(site: Path) -> None:
    index = (site / "index.html").read_text()
    assert "All of &lt;them&gt;" in index
    for page in site.rglob("*.html"):
        assert "<script>alert" not in page.read_text() and "<b>bold" not in page.read_text()


def test_the_same_results_give_the_same_bytes(site: Path, messy: Results, tmp_path: Path) -> None:
    shuffled = replace(messy, runs=messy.runs.sample(frac=1, random_state=3))
    write_leaderboard(shuffled, tmp_path / "again", title="All of <them>")
    assert contents(tmp_path / "again") == contents(site)


def test_an_earlier_leaderboard_makes_room(plain: Results, tmp_path: Path) -> None:
    write_leaderboard(plain, tmp_path)
    assert (tmp_path / "optimizers" / "a.html").is_file()
    own = tmp_path / "CNAME"
    own.write_text("leaderboard.example.org")
    without = plain.runs[plain.runs["optimizer"].astype(str) != "a"]
    write_leaderboard(replace(plain, runs=without), tmp_path)
    assert not (tmp_path / "optimizers" / "a.html").exists() and (tmp_path / "optimizers" / "b.html").is_file()
    assert own.exists(), "what it did not write stays"


def test_an_earlier_leaderboard_stays_until_there_is_a_new_one(plain: Results, tmp_path: Path) -> None:
    write_leaderboard(plain, tmp_path)
    before = contents(tmp_path)
    alone = plain.runs[plain.runs["optimizer"].astype(str) == "a"]
    with pytest.raises(UsageError, match="nothing to rank"):
        write_leaderboard(replace(plain, runs=alone), tmp_path)
    assert contents(tmp_path) == before


def test_a_folder_of_something_else_is_refused(plain: Results, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(UsageError, match="is not a leaderboard"):
        write_leaderboard(plain, tmp_path)
    assert (tmp_path / "index.html").read_text() == "mine"


def test_nothing_to_rank_is_one_line(plain: Results, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hold no runs"):
        write_leaderboard(replace(plain, runs=plain.runs[:0]), tmp_path / "site")
    alone = plain.runs[plain.runs["optimizer"].astype(str) == "a"]
    with pytest.raises(UsageError, match="no two optimizers ran the same task"):
        write_leaderboard(replace(plain, runs=alone), tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_the_overheads_are_those_that_were_measured() -> None:
    copy = ROOT / "archive" / "leaderboard" / "overhead.json"
    measured = (ROOT / "benchmarks" / "optimizer_overhead.json").read_text()
    assert copy.read_text() == measured, "cp benchmarks/optimizer_overhead.json archive/leaderboard/overhead.json"
    milliseconds = json.loads(measured)["milliseconds"]
    assert facts.overhead_of("ax") == milliseconds["ax"][0], "where only few were measured"
    assert facts.overhead_of("dehb") == milliseconds["dehb"][1]
    assert facts.overhead_of("smac-bb[acquisition=ei]") == facts.overhead_of("smac-bb")
    assert facts.overhead_of("mine") != facts.overhead_of("mine"), "NaN"


def test_facts_are_those_of_the_class() -> None:
    known = facts.facts_of("optuna-nsga2[population_size=10]")
    assert known.library == "optuna" and "several objectives" in known.abilities and known.method
    assert facts.facts_of("dehb").needs == ("fidelities",) or "fidelities" in facts.facts_of("dehb").abilities
    assert facts.facts_of("somebodys-own") == facts.Facts()
    assert set(facts._ABILITIES) <= set(Capability)


def test_the_command_ranks_what_ships(in_process: InProcess, tmp_path: Path) -> None:
    from optathlon import baselines

    done = in_process("leaderboard", "--out", tmp_path, "-t", "bbob/*")
    assert done.returncode == 0, done.stderr
    shipped = baselines(tasks=["bbob/*"]).runs
    assert len([*(tmp_path / "optimizers").iterdir()]) == shipped["optimizer"].nunique()
    ran = shipped[shipped["status"].astype(str) != "skipped"]
    assert len([*(tmp_path / "tasks").iterdir()]) == ran["task"].nunique()
    refused = in_process("leaderboard", "--out", tmp_path, "--baselines")
    assert refused.returncode == 2 and "give a results folder" in refused.stderr


def test_an_entry_stands_beside_what_ships(in_process: InProcess, tmp_path: Path) -> None:
    given = ("-o", "mine=optathlon.optimizers.random:RandomSearch", "--seeds", "2", "--budget", "50")
    run = ("run", "-t", "bbob/f16/d5/i1", "-t", "bbob/f17/d5/i1", *given, "--out", tmp_path / "entry")
    assert in_process(*run, "--executor", "in-process").returncode == 0
    done = in_process("leaderboard", tmp_path / "entry", "--baselines", "--out", tmp_path / "site")
    assert done.returncode == 0, done.stderr
    pages = {page.stem for page in (tmp_path / "site" / "optimizers").iterdir()}
    assert {"mine", "random"} <= pages and len(pages) > 10


def test_the_command(in_process: InProcess, tmp_path: Path) -> None:
    for part, optimizers in (("one", ("random", "sobol")), ("two", ("lhs",))):
        given = [word for name in optimizers for word in ("-o", name)]
        run = ("run", "-t", "bbob/f?/d2/i1", *given, "--seeds", "2", "--budget", "6", "--out", tmp_path / part)
        assert in_process(*run, "--executor", "in-process").returncode == 0
    done = in_process("leaderboard", tmp_path / "one", tmp_path / "two", "--out", tmp_path / "site", "--title", "Mine")
    assert done.returncode == 0, done.stderr
    index = (tmp_path / "site" / "index.html").read_text()
    assert "3 optimizers are ranked on the 9 tasks that all of them ran" in index and "<h1>Mine</h1>" in index
    again = in_process("leaderboard", tmp_path / "one", "--out", tmp_path / "one")
    assert again.returncode == 2 and "is not a leaderboard" in again.stderr
    missing = in_process("leaderboard", tmp_path / "none", "--out", tmp_path / "other")
    assert missing.returncode == 2 and missing.stderr.count("\n") == 1
