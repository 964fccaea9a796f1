"""Which baselines go beside other results, and why others don't."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from archived import QUICK, Grid

from optathlon.archive.frames import baselines
from optathlon.archive.joining import with_baselines
from optathlon.archive.known import known_runs
from optathlon.archive.packing import pack
from optathlon.errors import UsageError
from optathlon.registry.code import Code
from optathlon.registry.optimizers import choose_optimizer
from optathlon.results.frames import Results, load
from optathlon.subsets.performance import performance
from optathlon.subsets.subset import Subset


@pytest.fixture(scope="module")
def tables(entry: Path, grid: Grid, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`random` and `sobol` on three tasks, `halton` on two of them, `smac-hb`, which can't do any."""
    folder = tmp_path_factory.mktemp("tables")
    pack([entry, grid("halton", tasks=QUICK[:2]), grid("smac-hb")], folder, tmp_path_factory.mktemp("whole"))
    return folder


@pytest.fixture(scope="module")
def mine(grid: Grid) -> Results:
    return load(grid("lhs", seeds=(0, 1)))


def test_baselines_of_the_same_tasks_budgets_and_seeds_come(mine: Results, tables: Path) -> None:
    found = with_baselines(mine, folder=tables)
    assert found.baselines == ["random", "sobol"]
    runs = found.results.runs
    assert {*runs["optimizer"].astype(str)} == {"lhs", "random", "sobol"}
    assert (runs.groupby(runs["optimizer"].astype(str)).size() == 6).all()
    assert {*runs["seed"]} == {0, 1}
    assert found.results.tasks.index.is_unique


def test_others_are_left_out_by_name_and_reason(mine: Results, tables: Path) -> None:
    reasons = with_baselines(mine, folder=tables).left_out
    assert reasons.keys() == {"halton", "smac-hb"}
    assert reasons["halton"] == "it lacks 2 of 6 runs that most others have"
    assert reasons["smac-hb"].startswith("it can't do these tasks: the optimizer needs a multi-fidelity task")


def test_the_whole_has_the_name_of_the_results(mine: Results, tables: Path) -> None:
    for name in ("mine", ""):
        named = replace(mine, runs=mine.runs.assign(experiment=name))
        assert {*with_baselines(named, folder=tables).results.runs["experiment"].astype(str)} == {name, ""}


def test_an_incomplete_one_comes_where_it_is_named(mine: Results, tables: Path) -> None:
    assert with_baselines(mine, ["halton"], folder=tables).baselines == ["halton"]


def test_ones_own_runs_win(entry: Path, tables: Path) -> None:
    found = with_baselines(load(entry, optimizers=["random"]), folder=tables)
    assert found.left_out["random"] == "these results have their own runs of it"
    assert found.results.runs["run"].is_unique


def test_runs_that_ones_own_lack_are_filled_in_by_the_same_source(entry: Path, tables: Path, mine: Results) -> None:
    everything = load(entry)
    some = load(entry, tasks=QUICK[:1], optimizers=["random"])
    together = replace(
        mine,
        runs=pd.concat([mine.runs, some.runs]),
        trials=pd.concat([mine.trials, some.trials]),
        tasks=everything.tasks,
    )
    found = with_baselines(together, ["random"], folder=tables)
    assert found.baselines == ["random"]
    runs = found.results.runs
    of_random = runs[(runs["optimizer"].astype(str) == "random").to_numpy()]
    expected = everything.runs[(everything.runs["optimizer"] == "random") & (everything.runs["seed"] < 2)]
    assert {*of_random["run"].astype(str)} == {*expected["run"], *some.runs["run"]}
    assert of_random["run"].is_unique
    other = replace(together, runs=together.runs.assign(code="another source"))
    assert with_baselines(other, ["random"], folder=tables).left_out == {
        "random": "these results have their own runs of it"
    }


def test_baselines_come_on_more_tasks_under_the_same_conditions(entry: Path, grid: Grid, tables: Path) -> None:
    own = load(grid("random", "sobol", seeds=(0, 1), tasks=QUICK[2:]))
    assert with_baselines(own, folder=tables).baselines == []
    found = with_baselines(own, more_tasks=QUICK, folder=tables)
    assert found.baselines == ["halton", "random", "sobol"]
    alone = load(entry)
    expected = replace(alone, runs=alone.runs[alone.runs["seed"] < 2])
    losses = [
        performance(results, optimizers=["random", "sobol"]).losses.sort_index()
        for results in (found.results, expected)
    ]
    assert losses[0].to_dict() == losses[1].to_dict()
    assert len(losses[0]) == 12


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("budget", 9.0, "another budget (8)"),
        ("root_seed", 1, "another root seed (0)"),
        ("n_workers", 2, "other workers (1)"),
    ],
)
def test_other_conditions_are_told(column: str, value: float, reason: str, mine: Results, tables: Path) -> None:
    found = with_baselines(replace(mine, runs=mine.runs.assign(**{column: value})), folder=tables)
    assert found.baselines == []
    assert found.left_out["random"] == reason


def test_other_seeds_are_told(mine: Results, tables: Path) -> None:
    later = replace(mine, runs=mine.runs.assign(seed=mine.runs["seed"] + 7))
    assert with_baselines(later, folder=tables).left_out["sobol"] == "other seeds (0, 1, 2)"


def test_another_fingerprint_or_version_of_a_task_is_refused(mine: Results, tables: Path) -> None:
    other = replace(mine, tasks=mine.tasks.assign(fingerprint="0123456789abcdef"))
    with pytest.raises(UsageError, match="fingerprint is 0123456789abcdef"):
        with_baselines(other, folder=tables)
    newer = replace(mine, tasks=mine.tasks.assign(version="2"))
    with pytest.raises(UsageError, match="these results of version 2"):
        with_baselines(newer, folder=tables)


def test_results_on_other_tasks_are_refused(grid: Grid, tables: Path) -> None:
    elsewhere = load(grid("random", tasks=("bbob/f1/d2/i1",), seeds=(0,)))
    with pytest.raises(UsageError, match="no baselines are of the tasks"):
        with_baselines(elsewhere, folder=tables)


def test_an_unknown_name_is_refused(mine: Results, tables: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'random'"):
        with_baselines(mine, ["randon"], folder=tables)


def test_other_versions_of_libraries_are_told(mine: Results, tables: Path) -> None:
    assert not with_baselines(mine, folder=tables).remarks
    packages = [{**packages, "optathlon": "9.9"} for packages in mine.provenance["packages"]]
    other = replace(mine, provenance=mine.provenance.assign(packages=packages))
    (remark,) = with_baselines(other, folder=tables).remarks
    assert remark == "library versions differ from those of the baselines: optathlon 0.1.0, here 9.9"


def test_runs_of_the_same_source_are_known(entry: Path, tables: Path) -> None:
    code = choose_optimizer("random").code
    expected = {*load(entry, optimizers=["random"]).runs["run"]}
    assert known_runs(QUICK, {"random": code}, folder=tables) == expected
    assert known_runs(QUICK[:0], {"random": code}, folder=tables) == set()
    assert known_runs(QUICK, {"random": Code("another source", "")}, folder=tables) == set()


def test_the_commands_use_them(
    in_process: Callable[..., SimpleNamespace],
    tables: Path,
    grid: Grid,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for module in ("frames", "known", "names"):
        monkeypatch.setattr(f"optathlon.archive.{module}.SHIPPED", tables)
    folder = grid("lhs", seeds=(0, 1))
    told = in_process("report", folder, "--baselines", "--focus", "lhs", "--out", tmp_path / "page")
    assert told.returncode == 0, told.stderr
    assert "2 baselines: random, sobol" in told.stdout
    assert "left out: halton: it lacks 2 of 6 runs that most others have" in told.stdout
    page = (tmp_path / "page" / "index.html").read_text()
    assert "Of baselines only incumbents are known" in page
    tasks = [flag for task in QUICK for flag in ("-t", task)]
    planned = ["run", "-o", "random", "-o", "lhs", *tasks, "--seeds", "4", "--budget", "8", "--out", tmp_path / "new"]
    plan = in_process(*planned, "--baselines", "--dry-run")
    assert "to do    15" in plan.stdout
    assert "random: 9 of 12 runs ship as baselines and needn't be done" in plan.stdout
    named = in_process(*planned, "--baselines=lhs", "--dry-run")
    assert "to do    24" in named.stdout
    done = in_process(*planned, "--baselines")
    assert done.returncode == 0, done.stderr
    assert f"next: optathlon report {tmp_path / 'new'} --baselines" in done.stdout
    assert len(load(tmp_path / "new").runs) == 15
    resumed = in_process("resume", tmp_path / "new")
    assert "(0 new)" in resumed.stdout


def test_where_all_ships_nothing_is_to_be_reported(
    in_process: Callable[..., SimpleNamespace], tables: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for module in ("frames", "known", "names"):
        monkeypatch.setattr(f"optathlon.archive.{module}.SHIPPED", tables)
    told = in_process(
        *("run", "-o", "random", "-t", QUICK[0], "--seeds", "2", "--budget", "8", "--out", tmp_path, "--baselines")
    )
    assert (told.returncode, "next: optathlon report" in told.stdout) == (0, False)
    assert "next: runs of an optimizer of your own, or optathlon leaderboard" in told.stdout
    refused = in_process("report", tmp_path, "--baselines")
    assert refused.returncode == 2
    assert "these results hold no runs: baselines come beside runs of the same tasks" in refused.stderr


def test_seeds_that_do_not_ship_are_told(tables: Path) -> None:
    assert {*baselines(seeds=[1], folder=str(tables)).runs["seed"]} == {1}
    with pytest.raises(UsageError, match="there are no baselines with seeds 77, 78: they begin with 0"):
        baselines(seeds=[77, 78], folder=tables)


def test_one_baseline_is_one(mine: Results, tables: Path) -> None:
    assert next(with_baselines(mine, ["random"], folder=tables).lines()) == "1 baseline: random"


def test_subsets_are_chosen_and_validated_with_them(
    in_process: Callable[..., SimpleNamespace],
    tables: Path,
    grid: Grid,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Own runs with baselines give what the runs of all would; baselines alone do, too."""
    for module in ("frames", "names"):
        monkeypatch.setattr(f"optathlon.archive.{module}.SHIPPED", tables)
    monkeypatch.chdir(tmp_path)
    spanned = ("-k", "1", "--optimizers", "random,sobol", "--out", "one.yaml")
    names = ("lhs", "pymoo-ga", "gfo-spiral")
    own, every = grid(*names, seeds=(0, 1)), grid(*names, "random", "sobol", seeds=(0, 1))
    subsets, tables_of = [], []
    for flags in ((every,), (own, "--baselines")):
        chosen = in_process("subset", "select", *flags, *spanned)
        assert chosen.returncode == 0, chosen.stderr
        subsets.append(Subset.read("one.yaml").model_dump(exclude={"command"}))
        done = in_process("subset", "validate", *flags, "one.yaml", "--draws", "5", "--out", "found")
        assert done.returncode == 0, done.stderr
        tables_of.append({path.name: path.read_bytes() for path in sorted(Path("found").glob("*.csv"))})
    assert "subset validate" in chosen.stdout
    assert "--baselines one.yaml" in chosen.stdout
    assert "left out: smac-hb: it can't do these tasks" in done.stdout
    assert subsets[0] == subsets[1]
    assert tables_of[0]
    assert tables_of[0] == tables_of[1]
    alone = in_process("subset", "select", "--baselines=random,sobol", *spanned)
    assert alone.returncode == 0, alone.stderr
    assert "2 baselines, of 8 full evaluations" in alone.stdout
    assert Subset.read("one.yaml").features.seeds == (3, 3)
