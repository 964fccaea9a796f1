"""Exports, against the loggers of IOHprofiler and COCO, against their readers, and against loops over the trials."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from simulation import MULTI_FIDELITY, SimulatedOptimizer, SimulatedTask, shuffled, simulate

from optathlon.analysis import incumbents_at, trajectories
from optathlon.analysis.export.coco import NO_VALUE, export_coco
from optathlon.analysis.export.curves import file_names
from optathlon.analysis.export.ioh import export_ioh
from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

EXPORTS = pytest.mark.parametrize("export", [export_ioh, export_coco])
TARGETS = (1.0, 0.3, 0.1, 0.03, 0.01)

COCO_LOG = """\
% f evaluations | g evaluations | best noise-free fitness - Fopt (7.948000000000e+01) + sum g_i+ | ...
1 0 +4.729649431e+01 +1.267764943e+02 +1.267764943e+02 +1.1822e-01 +4.5046e+00 -3.5584e+00 +4.4865e+00 -1.8817e+00
2 0 +2.695468624e+01 +1.064346862e+02 +1.064346862e+02 -7.6674e-01 +3.2770e+00 -9.0801e-01 +4.9594e-01 -4.7244e+00
3 0 +9.958574150e+00 +8.943857415e+01 +8.943857415e+01 +2.5351e+00 +3.8143e-01 -1.7027e+00 +2.8843e+00 -1.9681e+00
30 0 +9.958574150e+00 +8.943857415e+01 +8.943857415e+01 +2.5351e+00 +3.8143e-01 -1.7027e+00 +2.8843e+00 -1.9681e+00
"""
COCO_INFO = """\
suite = 'bbob', funcId = 1, DIM = 5, Precision = 1.000e-08, algId = 'rnd', coco_version = '2.8.2', logger = 'bbob', \
data_format = 'bbob-new2', settings = ''
%{blank}
data_f1/bbobexp_f1_DIM5.dat, 1:30|1.0e+01
""".format(blank=" ")
"""What coco-experiment 2.8.2 wrote of 30 random points on BBOB's f1 in dimension 5, instance 1."""


def evaluated(values: Sequence[float], path: Path, *, task: str, optimum: float = math.nan) -> Results:
    """One run of the optimizer `rnd` with these values."""
    table = pd.DataFrame({"optimizer": "rnd", "task": task, "seed": 0, "value": values})
    table.assign(step=range(1, len(values) + 1)).to_csv(path, index=False)
    results = load_table(path)
    objective = results.tasks["objectives"].iloc[0][0] | {"optimum": optimum}
    return replace(results, tasks=results.tasks.assign(objectives=[[objective]]))


def ioh_log(values: Sequence[float], folder: Path) -> tuple[dict[str, Any], list[list[str]]]:
    """What IOHexperimenter's own logger writes when a function has these values."""
    ioh = pytest.importorskip("ioh")
    iterator = iter(values)
    ioh.problem.wrap_real_problem(lambda _: next(iterator), "recited", ioh.OptimizationType.MIN)
    problem = ioh.get_problem("recited", 1, 2)
    logger = ioh.logger.Analyzer(root=str(folder), folder_name="own", algorithm_name="rnd")
    problem.attach_logger(logger)
    for _ in values:
        problem([0.0, 0.0])
    problem.reset()
    logger.close()
    return read_ioh(folder / "own")


def read_ioh(folder: Path) -> tuple[dict[str, Any], list[list[str]]]:
    (described,) = folder.rglob("*.json")
    (data,) = folder.rglob("*.dat")
    return json.loads(described.read_text()), [line.split() for line in data.read_text().splitlines()]


@pytest.mark.parametrize(
    "values",
    [
        [3.0, 4.0, 1.5, 2.0, 1.25, 9.0],
        [1.0, 2.0, 0.5],
        [math.inf, 3.0, math.inf, 2.0, math.inf],
        [5.0],
        [2.0, 2.0, 2.0],
    ],
)
def test_ioh_data_are_those_of_its_logger(values: list[float], tmp_path: Path) -> None:
    expected, expected_rows = ioh_log(values, tmp_path)
    export_ioh(evaluated(values, tmp_path / "t.csv", task="bbob/f1/d2/i1"), tmp_path / "ours")
    found, rows = read_ioh(tmp_path / "ours")
    assert list(found) == list(expected)
    for key in ("version", "maximization", "attributes"):
        assert found[key] == expected[key]
    assert found["algorithm"]["name"] == expected["algorithm"]["name"]
    (scenario,), (expected_scenario,) = found["scenarios"], expected["scenarios"]
    assert list(scenario) == list(expected_scenario)
    (run,), (expected_run,) = scenario["runs"], expected_scenario["runs"]
    for ours, theirs in ((run, expected_run), (run["best"], expected_run["best"])):
        assert {key: ours[key] for key in ("evals", "y") if key in ours} == {
            key: theirs[key] for key in ("evals", "y") if key in theirs
        }
    assert rows[0] == expected_rows[0]
    assert [row[0] for row in rows] == [row[0] for row in expected_rows]
    assert [row[1] == "None" for row in rows] == [row[1] == "None" for row in expected_rows]
    numbers = [float(row[1]) for row in rows[1:] if row[1] != "None"]
    assert numbers == [float(row[1]) for row in expected_rows[1:] if row[1] != "None"]


def test_coco_data_are_those_of_its_logger(tmp_path: Path) -> None:
    values = [float(line.split()[3]) for line in COCO_LOG.splitlines()[1:4]]
    results = evaluated([*values, *[200.0] * 27], tmp_path / "t.csv", task="bbob/f1/d5/i1", optimum=79.48)
    export_coco(results, tmp_path / "out")
    folder = tmp_path / "out" / "bbob" / "rnd"
    (info,) = folder.glob("*.info")
    unversioned = COCO_INFO.replace("coco_version = '2.8.2', ", "").replace(", settings = ''", "")
    assert info.name == "bbobexp_f1.info"
    assert info.read_text() == unversioned
    for suffix in (".dat", ".tdat"):
        lines = (folder / "data_f1" / f"bbobexp_f1_DIM5{suffix}").read_text().splitlines()
        assert lines[0].startswith(COCO_LOG.partition(" + sum")[0])
        expected = [line.split()[:5] for line in COCO_LOG.splitlines()[1:]]
        assert [line.split()[:2] for line in lines[1:]] == [row[:2] for row in expected]
        numbers = np.array([line.split() for line in lines[1:]], dtype=float)
        np.testing.assert_allclose(numbers, np.array(expected, dtype=float), rtol=1e-8)


Histories = dict[tuple[str, str, int], list[tuple[int, float]]]


@pytest.fixture(scope="module")
def known() -> Results:
    """Tasks with known optima: minimised, maximised, constrained, with a fidelity; failures, and no result at all."""
    optimizers = [SimulatedOptimizer("tpe[n=1]", 2.0, failures=0.3), SimulatedOptimizer("broken", failures=1.0)]
    tasks = [
        SimulatedTask("toy/low", optimum=-0.001),
        SimulatedTask("toy/high", direction="maximize", optimum=1.001),
        SimulatedTask("toy/box", optimum=0.0, constrained=True),
        SimulatedTask("curves/a", MULTI_FIDELITY, optimum=0.0),
    ]
    return simulate(optimizers, tasks, seeds=4)


def histories(results: Results) -> Histories:
    """By optimizer, task and seed: evaluations, rounded up, and distance to the optimum (NaN: none) of all trials."""
    found: Histories = {}
    inside = results.trials[~results.trials["over_budget"]]
    for (optimizer, task, seed), trials in inside.groupby(["optimizer", "task", "seed"], observed=True):
        row = results.tasks.loc[task]
        sign = -1 if row["objectives"][0]["direction"] == "maximize" else 1
        spent = 0.0
        history = []
        for trial in trials.sort_values("trial").itertuples():
            spent += trial.evaluations
            full = row["fidelity"] is None or trial.fidelity == row["fidelity"]["upper"]
            feasible = not row["constraints"] or trial.constraint_1 <= 0
            counts = trial.status == "ok" and full and feasible
            distance = sign * (trial.value - row["objectives"][0]["optimum"]) if counts else math.nan
            history.append((math.ceil(spent - 1e-9), distance))
        found[optimizer, task, seed] = history
    return found


def best(history: list[tuple[int, float]]) -> float:
    return min((distance for _, distance in history if not math.isnan(distance)), default=NO_VALUE)


def expected_running_time(runs: list[list[tuple[int, float]]], target: float) -> float:
    """Evaluations of all runs until they reach the target or end, by run that reaches it (Hansen et al. 2021)."""
    hits = [next((spent for spent, distance in run if distance <= target), None) for run in runs]
    spent = [run[-1][0] if hit is None else hit for run, hit in zip(runs, hits, strict=True)]
    reached = sum(hit is not None for hit in hits)
    return sum(spent) / reached if reached else math.inf


def by_function(results: Results, folder: Path) -> dict[tuple[str, int], list[list[tuple[int, float]]]]:
    """The histories by optimizer (as its folder is called) and number of the function, in the order of seeds."""
    numbers = pd.read_csv(folder / "functions.csv").set_index("task")["number"]
    names = file_names(results.runs["optimizer"])
    found: dict[tuple[str, int], list[list[tuple[int, float]]]] = {}
    for (optimizer, task, _), history in sorted(histories(results).items()):
        found.setdefault((names[optimizer], int(numbers[task])), []).append(history)
    return found


def read_coco(path: Path) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = []
    for line in path.read_text().splitlines():
        if line.startswith("%"):
            runs.append([])
        else:
            spent, constraints, distance, *_ = line.split()
            assert constraints == "0"
            runs[-1].append((int(spent), float(distance)))
    return runs


def test_coco_data_have_our_running_times_and_final_values(known: Results, tmp_path: Path) -> None:
    done = export_coco(known, tmp_path / "out")
    assert (done.runs, done.without_result, done.left_out, done.runs_left_out) == (32, 16, {}, 0)
    expected = by_function(known, tmp_path / "out")
    found = {
        (path.parents[1].name, int(re.findall(r"f(\d+)_", path.name)[0])): read_coco(path)
        for path in (tmp_path / "out").rglob("*.dat")
    }
    assert found.keys() == expected.keys()
    for key, runs in found.items():
        for run, history in zip(runs, expected[key], strict=True):
            assert run[0][0] == 1
            assert run[-1][0] == history[-1][0]
            assert run[-1][1] == pytest.approx(best(history), rel=1e-8)
        for target in TARGETS:
            assert expected_running_time(runs, target) == expected_running_time(expected[key], target)


def test_cocopp_reads_our_running_times_and_final_values(known: Results, tmp_path: Path) -> None:
    pproc = pytest.importorskip("cocopp.pproc", exc_type=ImportError)
    export_coco(known, tmp_path / "out")
    expected = by_function(known, tmp_path / "out")
    for folder in (tmp_path / "out" / "others").iterdir():
        sets = pproc.DataSetList([str(folder)])
        assert len(sets) == 4
        for data in sets:
            runs = expected[folder.name, data.funcId]
            assert data.consistency_check()
            assert data.maxevals.tolist() == [run[-1][0] for run in runs]
            np.testing.assert_allclose(data.finalfunvals, [best(run) for run in runs], rtol=1e-8)
            # cocopp knows the first evaluation at which each of its own targets (by steps of 10^0.2) was reached
            for target in 10.0 ** np.arange(0, -2.1, -0.2):
                assert data.detERT([target * (1 + 1e-12)])[0] == expected_running_time(runs, target)


@EXPORTS
def test_iohinspector_reads_our_final_values(export: Callable[..., Any], known: Results, tmp_path: Path) -> None:
    inspector = pytest.importorskip("iohinspector", exc_type=ImportError)
    export(known, tmp_path / "out")
    manager = inspector.DataManager()
    manager.add_folder(str(tmp_path / "out"))
    overview = manager.overview.sort("algorithm_name", "function_id", "run_id")
    runs = [run for _, runs in sorted(by_function(known, tmp_path / "out").items()) for run in runs]
    assert overview["evals"].to_list() == [run[-1][0] for run in runs]
    if export is export_coco:
        lowest = manager.load(monotonic=False).group_by("data_id").min()
        found = dict(zip(lowest["data_id"], lowest["raw_y"], strict=True))
        assert [found[id] for id in overview["data_id"]] == pytest.approx([best(run) for run in runs], rel=1e-8)
    else:
        legend = pd.read_csv(tmp_path / "out" / "functions.csv").set_index("number").loc[list(overview["function_id"])]
        sign = np.where(legend["direction"] == "maximize", -1, 1)
        distances = sign * (overview["best_y"].to_numpy() - legend["optimum"].to_numpy())
        assert np.nan_to_num(distances, nan=NO_VALUE).tolist() == pytest.approx([best(run) for run in runs])


def test_ioh_data_have_our_incumbents(known: Results, tmp_path: Path) -> None:
    """Also of maximised values, which stay as they are."""
    export_ioh(known, tmp_path / "out")
    tasks = known.tasks
    names = {name: optimizer for optimizer, name in file_names(known.runs["optimizer"]).items()}
    expected = histories(known)
    seen = 0
    for path in (tmp_path / "out").rglob("*.json"):
        described = json.loads(path.read_text())
        objective = tasks.loc[described["function_name"], "objectives"][0]
        assert described["maximization"] == (objective["direction"] == "maximize")
        assert described["algorithm"]["name"] == names[path.parent.name]
        sign = -1 if described["maximization"] else 1
        (scenario,) = described["scenarios"]
        parts = (path.parent / scenario["path"]).read_text().split("evaluations raw_y\n")[1:]
        for seed, (run, part) in enumerate(zip(scenario["runs"], parts, strict=True)):
            history = expected[described["algorithm"]["name"], described["function_name"], seed]
            rows = [line.split() for line in part.splitlines()]
            assert (int(rows[0][0]), int(rows[-1][0])) == (1, history[-1][0])
            assert run["evals"] == history[-1][0]
            values = [(int(spent), float(value)) for spent, value in rows if value != "None"]
            improvements: dict[int, float] = {}
            for spent, distance in history:
                if distance < min(improvements.values(), default=math.inf):
                    improvements[spent] = distance
            if not improvements:
                assert (run["best"]["y"], values) == (None, [])
                continue
            assert sign * (run["best"]["y"] - objective["optimum"]) == pytest.approx(best(history))
            written = {spent: sign * (value - objective["optimum"]) for spent, value in values}
            assert {spent: written[spent] for spent in improvements} == pytest.approx(improvements)
            assert written.keys() - improvements.keys() <= {history[-1][0]}
            seen += 1
    assert seen == 16


@EXPORTS
def test_nothing_is_dropped_in_silence(export: Callable[..., Any], messy: Results, tmp_path: Path) -> None:
    done = export(messy, tmp_path / "out")
    legend = pd.read_csv(tmp_path / "out" / "functions.csv")
    assert sorted([*legend["task"], *done.left_out]) == sorted(messy.tasks.index)
    of_tasks = messy.runs[messy.runs["task"].isin(legend["task"])]
    assert done.runs + done.runs_left_out == len(of_tasks)
    assert done.runs == len(messy.trials[messy.trials["task"].isin(legend["task"])]["run"].unique())
    assert done.left_out["fronts/a"] == "several objectives"
    assert done.left_out.get("curves/mnist", "") == ("no known optimum" if export is export_coco else "")
    failed = of_tasks["optimizer"] == "broken"
    assert done.without_result == failed.sum() > 0


@EXPORTS
def test_skipped_runs_are_counted(export: Callable[..., Any], tmp_path: Path) -> None:
    task = SimulatedTask("toy/a", optimum=0.0)
    results = simulate([SimulatedOptimizer("a"), SimulatedOptimizer("b", skips=("blackbox",))], [task], seeds=3)
    done = export(results, tmp_path / "out")
    assert (done.runs, done.runs_left_out) == (3, 3)


@EXPORTS
def test_the_order_of_rows_makes_no_difference(export: Callable[..., Any], known: Results, tmp_path: Path) -> None:
    export(known, tmp_path / "one")
    export(shuffled(known), tmp_path / "two")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) > 10
    for path in files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


@EXPORTS
def test_bbob_tasks_keep_their_numbers(export: Callable[..., Any], tmp_path: Path) -> None:
    tasks = [SimulatedTask(f"bbob/f{f}/d{d}/i{i}", optimum=0.0) for f, d, i in ((15, 5, 1), (15, 5, 12), (15, 2, 3))]
    export(simulate([SimulatedOptimizer("a")], [*tasks, SimulatedTask("toy/a", optimum=0.0)]), tmp_path / "out")
    legend = pd.read_csv(tmp_path / "out" / "functions.csv").set_index("task")
    assert legend.loc["bbob/f15/d5/i12", ["suite", "number", "dimension", "instance"]].tolist() == ["bbob", 15, 5, 12]
    assert legend.loc["toy/a", ["suite", "number", "dimension", "instance"]].tolist() == ["others", 1, 3, 1]
    (described,) = [*(tmp_path / "out" / "bbob").rglob("*.json"), *(tmp_path / "out" / "bbob").rglob("*.info")]
    text = described.read_text()
    if export is export_coco:
        assert re.findall(r"DIM = (\d+)", text) == ["2", "5"]
        assert re.findall(r", (\d+):20\|", text) == ["3"] * 4 + ["1"] * 4 + ["12"] * 4
    else:
        scenarios = json.loads(text)["scenarios"]
        assert [scenario["dimension"] for scenario in scenarios] == [2, 5]
        assert [run["instance"] for run in scenarios[1]["runs"]] == [1] * 4 + [12] * 4


def test_hostile_names_get_files_of_their_own() -> None:
    names = ["a b", "a/b", "<script>'$", "../..", "smac[x=1]", "ä", ""]
    found = file_names(names)
    assert found.keys() == set(names)
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_=+-][A-Za-z0-9._=+-]*", name) for name in found.values())


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_table_of_results_has_their_incumbents(direction: Literal["minimize", "maximize"], tmp_path: Path) -> None:
    optimizers = [SimulatedOptimizer("a", 2.0, failures=0.3), SimulatedOptimizer("b", failures=1.0)]
    own = simulate(optimizers, [SimulatedTask("toy/a", direction=direction), SimulatedTask("b", direction=direction)])
    kept = own.trials[~own.trials["over_budget"]]
    step = kept.groupby("run", observed=True)["evaluations"].cumsum()
    table = kept.assign(step=step, time=kept["end"])[["optimizer", "task", "seed", "step", "value", "status", "time"]]
    table.sample(frac=1, random_state=0).to_csv(tmp_path / "t.csv", index=False)
    foreign = load_table(tmp_path / "t.csv", direction=direction)
    assert foreign.trials["status"].eq("crashed").sum() == kept["status"].eq("crashed").sum()
    for column in ("value", "loss", "wall_clock"):
        found, expected = (
            incumbents_at(trajectories(results), results.runs, column=column) for results in (foreign, own)
        )
        pd.testing.assert_frame_equal(found, expected)


@EXPORTS
def test_what_is_there_is_not_overwritten(export: Callable[..., Any], known: Results, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        export(known, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_results_without_any_optimum_are_refused(tmp_path: Path) -> None:
    results = simulate([SimulatedOptimizer("a")], [SimulatedTask("toy/a")])
    with pytest.raises(UsageError, match="no known optimum"):
        export_coco(results, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["ioh", "coco"])
def test_the_command_tells_what_it_wrote(
    in_process: Callable[..., SimpleNamespace], format: str, tmp_path: Path
) -> None:
    pytest.importorskip("pymoo")
    out = tmp_path / "results"
    names = ("-t", "bbob/f1/d2/i1", "-t", "pymoo/zdt1/m2/d6", "-o", "random")
    assert in_process("run", *names, "--budget", 3, "--seeds", 2, "--out", out).returncode == 0
    done = in_process("export", out, "--format", format)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"2 runs in {out / format}; which function is which task: {out / format / 'functions.csv'}",
        "left out for several objectives: pymoo/zdt1/m2/d6",
    ]
    again = in_process("export", out, "--format", format)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1


@pytest.mark.parametrize("kept", [0, 3])
def test_runs_that_fail_early_are_no_free_restarts(kept: int, tmp_path: Path) -> None:
    results = simulate([SimulatedOptimizer("a", 2.0)], [SimulatedTask("toy/f", optimum=0.0)], seeds=4)
    failed = results.runs["seed"] < 2
    runs = results.runs.assign(status=results.runs["status"].astype(str).where(~failed, "crashed"))
    trials = results.trials[~((results.trials["seed"] < 2) & (results.trials["trial"] >= kept))]
    done = export_coco(replace(results, runs=runs, trials=trials), tmp_path / "coco")
    assert (done.runs, done.runs_left_out) == (4, 0)
    (info,) = (tmp_path / "coco").rglob("*.info")
    totals = re.findall(r" 1:(\d+)\|", info.read_text())
    assert totals == ["20"] * 4


def test_names_of_files_are_short_and_of_their_own() -> None:
    names = ["x" * 300 + end for end in "abc"] + ["ä" * 300, "x" * 120]
    found = file_names(names)
    assert len({*found.values()}) == len(names)
    assert max(map(len, found.values())) < 130
