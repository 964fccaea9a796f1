"""What the analysis says from incumbents is what it says from all trials, to the last digit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal
from simulation import (
    BLACKBOX,
    MESSY,
    MULTI_FIDELITY,
    MULTI_OBJECTIVE,
    TASKS,
    SimulatedOptimizer,
    SimulatedTask,
    simulate,
)

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.curves import MEASURES
from optathlon.analysis.metrics.axes import AXES, BUDGET
from optathlon.archive.frames import together
from optathlon.archive.incumbents import enters_front
from optathlon.archive.names import TableName
from optathlon.archive.packing import as_table
from optathlon.archive.tables import read_table, write_table
from optathlon.experiments.driver import run_experiment
from optathlon.experiments.experiment import Experiment
from optathlon.results.folder import ResultsFolder
from optathlon.results.frames import Results, load

NAME = TableName("subset", "dev", 20.0)
GRIDS = {
    "blackbox": (["random", "optuna-tpe", "nevergrad-de"], ["bbob/f1/d2/i1", "hpobench/nn/phoneme"]),
    "multi-objective": (["random", "optuna-nsga2", "pymoo-nsga2"], ["pymoo/zdt1/m2/d6", "bbob-biobj/f1/d2/i1"]),
    "multi-fidelity": (["random", "smac-hb", "optuna-tpe-hyperband"], ["mfh/h3/good", "sklearn/knn/friedman1"]),
    "multi-fidelity-objective": (["random", "smac-hpo"], ["sklearn/knn-mo/wine"]),
    "constrained": (["random", "optuna-tpe"], ["bbob-constrained/f1/d2/i1"]),
}


def test_a_front_is_entered_by_what_no_earlier_point_is_as_good_as() -> None:
    losses = np.array([[2.0, 2.0], [3.0, 3.0], [2.0, 2.0], [1.0, 3.0], [2.0, 1.0], [1.0, 1.0], [0.0, 5.0]])
    assert enters_front(losses).tolist() == [True, False, False, True, True, True, True]


@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_simulated_results_of_all_types_give_the_same_figures(seed: int, stated: bool, tmp_path: Path) -> None:
    both = (1.5, 1.5) if stated else (None, 1.2)
    optimizers = [SimulatedOptimizer("random"), SimulatedOptimizer("good", 3.0), SimulatedOptimizer("frail", 2.0, 0.3)]
    tasks = [
        SimulatedTask("toy/plain", optimum=0.0),
        SimulatedTask("toy/up", direction="maximize"),
        SimulatedTask("toy/bounded", constrained=True),
        SimulatedTask("toy/fidelity", MULTI_FIDELITY),
        SimulatedTask("toy/several", MULTI_OBJECTIVE, references=both),
        SimulatedTask("toy/several-up", MULTI_OBJECTIVE, "maximize", references=both),
    ]
    assert_same_figures(simulate(optimizers, tasks, root=seed), tmp_path)


def test_so_do_results_with_failures_and_skipped_runs(tmp_path: Path) -> None:
    assert_same_figures(simulate(MESSY, TASKS), tmp_path)


@pytest.mark.parametrize("kind", GRIDS)
def test_so_do_real_results(kind: str, tmp_path: Path, pinned_environment: None) -> None:
    optimizers, tasks = GRIDS[kind]
    out = tmp_path / "out"
    experiment = Experiment(
        optimizers=optimizers, tasks=tasks, seeds=[0, 1], budget="12", out=out, executor="in-process"
    )
    run_experiment(experiment)
    assert_same_figures(load(out), tmp_path, described_in(out))


def test_incumbents_beside_whole_results_rank_as_all_of_them_do(tmp_path: Path) -> None:
    names = ["random", "good", "mine"]
    tasks = [SimulatedTask(f"toy/t{number}", kind) for number, kind in enumerate([BLACKBOX, MULTI_OBJECTIVE] * 3)]
    everything = simulate([SimulatedOptimizer(name, skill) for skill, name in enumerate(names, 1)], tasks)
    others = of_optimizers(everything, ["random", "good"])
    mixed = joined(of_optimizers(everything, ["mine"]), thinned(others, tmp_path))
    assert_same(Analysis(everything), Analysis(mixed))
    assert Analysis(mixed).baselines == ["good", "random"]
    assert set(Analysis(mixed).whole_trials["optimizer"]) == {"mine"}


def test_a_derived_reference_is_that_of_all_trials(tmp_path: Path) -> None:
    task = SimulatedTask("toy/several", MULTI_OBJECTIVE, references=(None, None))
    results = simulate([SimulatedOptimizer("random"), SimulatedOptimizer("good", 4.0)], [task])
    rows = results.trials[(results.trials["status"] == "ok") & ~results.trials["over_budget"]]
    worst = rows[["value", "value_2"]].max().tolist()
    assert Analysis(thinned(results, tmp_path)).references["reference"].tolist() == worst


def assert_same_figures(results: Results, folder: Path, described: list[dict[str, str]] | None = None) -> None:
    few = thinned(results, folder, described)
    assert len(few.trials) <= len(results.trials)
    assert_same(Analysis(results), Analysis(few))


def assert_same(whole: Analysis, few: Analysis) -> None:
    drop = ["run", *(axis.name for axis in AXES[3:])]
    assert_frame_equal(plain(whole.trajectories).drop(columns=drop), plain(few.trajectories).drop(columns=drop))
    assert_frame_equal(whole.losses, few.losses)
    assert_frame_equal(whole.auc, few.auc)
    assert_frame_equal(whole.final_values, few.final_values)
    assert_frame_equal(whole.references, few.references)
    assert_frame_equal(whole.runtimes, few.runtimes)
    assert_frame_equal(whole.fixed_targets, few.fixed_targets)
    assert_frame_equal(whole.fixed_budgets, few.fixed_budgets)
    assert [*whole.regrets] == [*few.regrets]
    for title, regret in whole.regrets.items():
        assert_series_equal(regret, few.regrets[title])
    ranks = ["validation_rank", "test_rank", "test", "runs", "tasks"]
    assert_frame_equal(whole.generalisation[ranks], few.generalisation[ranks])
    assert len(whole.comparisons) == len(few.comparisons)
    for one, other in zip(whole.comparisons, few.comparisons, strict=True):
        assert_frame_equal(one.standings, other.standings)
        assert_frame_equal(one.bands, other.bands)
        for measure in MEASURES[:2]:
            for axis in AXES[:3]:
                curve = whole.curves.curve(measure, axis, one.comparison)
                same = few.curves.curve(measure, axis, other.comparison)
                assert (curve is None) == (same is None)
                if curve is not None and same is not None:
                    assert_frame_equal(curve.bands, same.bands)
    assert BUDGET in few.curves.axes or not few.has_course


def thinned(results: Results, folder: Path, described: list[dict[str, str]] | None = None) -> Results:
    """Only the incumbents, as they come back from disk."""
    absent = [name for name in ("code", "versions") if name not in results.runs]
    runs = results.runs.assign(**{name: pd.Categorical([None] * len(results.runs)) for name in absent})
    table = as_table(replace(results, runs=runs), described or [task_row(row) for _, row in results.tasks.iterrows()])
    write_table(folder, NAME, table)
    return together([read_table(folder, NAME)])


def task_row(row: Any) -> dict[str, str]:
    texts = {name: str(row[name]) for name in ("version", "fingerprint", "collection", "type")}
    values = {name: row[name] for name in ("objectives", "fidelity", "constraints", "space", "metadata")}
    return {"task": str(row.name), **texts, "data": "{}"} | {name: json.dumps(value) for name, value in values.items()}


def described_in(out: Path) -> list[dict[str, str]]:
    folder = ResultsFolder.open(out)
    return [*folder.on_shards(folder.task_rows).values()]


def of_optimizers(results: Results, names: list[str]) -> Results:
    runs, trials = (
        frame[frame["optimizer"].isin(names)].reset_index(drop=True) for frame in (results.runs, results.trials)
    )
    return replace(results, runs=runs, trials=trials)


def joined(first: Results, second: Results) -> Results:
    from optathlon.archive.joining import joined as join

    return join(first, second)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Labels as text."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("category"), str)).reset_index(drop=True)
