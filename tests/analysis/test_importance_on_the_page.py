"""What the page says of the importance of hyperparameters."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import ConfigurationSpace
from simulation import MULTI_FIDELITY, MULTI_OBJECTIVE, SimulatedOptimizer, SimulatedTask, simulate

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.report.page import make_page
from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.results.tables import load_table

TASKS = [
    *(SimulatedTask(f"toy/{name}") for name in ("plain", "flat", "few", "fixed", "split")),
    SimulatedTask("curves/a", MULTI_FIDELITY),
    SimulatedTask("fronts/a", MULTI_OBJECTIVE),
]


@pytest.fixture(scope="module")
def results() -> Results:
    """On most tasks the value is mostly x; "toy/split" was run with two budgets."""
    simulated = simulate([SimulatedOptimizer("p"), SimulatedOptimizer("q")], TASKS)
    trials, runs = simulated.trials, simulated.runs
    trials = trials[~trials["over_budget"] | (trials["task"] != "toy/few")]
    task, points = trials["task"], np.random.default_rng(0).random((len(trials), 2))
    points[task == "toy/few"] = np.round(points[task == "toy/few"])
    value = np.where(task == "toy/flat", 1.0, points @ [1.0, 0.1])
    failed = (task == "toy/plain") & (trials["trial"] < 2)
    longer = (runs["task"] == "toy/split") & (runs["seed"] > 1)
    spaces = {"toy/fixed": {"k": 3}}
    space = [
        ConfigurationSpace(spaces.get(name, {"x": (0.0, 1.0), "y": (0.0, 1.0)})).to_serialized_dict()
        for name in simulated.tasks.index
    ]
    return replace(
        simulated,
        runs=runs.assign(budget=np.where(longer, 30.0, 20.0)),
        trials=trials.assign(
            config=[json.dumps({"x": x, "y": y}) for x, y in points],
            value=value,
            status=np.where(failed, "crashed", "ok"),
        ),
        tasks=simulated.tasks.assign(space=space),
    )


@pytest.fixture(scope="module")
def page(results: Results) -> str:
    return make_page(results, importance=["*"]).html("Report")


def said_on(page: str) -> dict[str, str]:
    """What is said by task, with the table below it."""
    _, *parts = re.split(r'<div data-control="task" data-option="(.*?)">', page)
    said = {
        task: re.search(r"<h4>Which hyperparameters matter</h4>(.*?)\n</div>\n(?!</div>)", text, re.DOTALL)
        for task, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return {task: found.group(1) for task, found in said.items() if found}


@pytest.mark.filterwarnings("error::RuntimeWarning")  # a task without hyperparameters is among them
def test_what_was_learnt_from_and_what_was_not_is_said(page: str) -> None:
    said = said_on(page)
    assert "Sobol index of ranks, on 144 different configurations that count (successful, feasible" in said["toy/plain"]
    assert "24 of 168 trials did not count: what makes them fail is not seen here." in said["toy/plain"]
    assert "on 118 different" in said["curves/a"]
    assert "131 of 249 trials did not count" in said["curves/a"]
    assert "did not count" not in said["toy/few"]
    assert "Sobol index of ranks of error, on" in said["fronts/a"]
    assert '<th scope="row">x</th>' in said["toy/plain"]


def test_no_more_is_claimed_than_a_forest_can_tell(page: str) -> None:
    said = said_on(page)["toy/plain"]
    assert "estimate of, usually below," in said
    assert "It shrinks effects, weak ones most. The spread is that over shuffles and folds, not the error." in said
    assert "±" not in said


def test_why_there_is_nothing_to_tell(page: str) -> None:
    said = said_on(page)
    assert "too few different configurations that count to tell: 4; 30 are needed" in said["toy/few"]
    assert "all 160 different configurations that count have the same loss" in said["toy/flat"]
    assert "no hyperparameter that can vary" in said["toy/fixed"]
    assert not [task for task in ("toy/few", "toy/flat", "toy/fixed") if "<table>" in said[task]]


def test_a_table_of_another_program_has_no_search_space(tmp_path: Path) -> None:
    rows = [(name, "t0", 0, step, 1 / step) for name in "ab" for step in range(1, 9)]
    pd.DataFrame(rows, columns=["optimizer", "task", "seed", "step", "value"]).to_csv(tmp_path / "t.csv", index=False)
    page = make_page(load_table(tmp_path / "t.csv"), importance=["t0"]).html("Report")
    assert "The search space is not stored with these results" in said_on(page)["t0"]


def test_ids_labels_and_patterns_of_tasks(page: str, results: Results) -> None:
    both = ["toy/split (budget 20)", "toy/split (budget 30)"]
    assert {*both} < {*said_on(page)}
    analysis = Analysis(results)
    assert analysis.labels_of(["toy/split"]) == both
    assert analysis.labels_of([both[1], "toy/fl*", "toy/flat"]) == ["toy/flat", both[1]]
    assert analysis.labels_of([]) == []
    with pytest.raises(UsageError, match="toy/spilt"):
        analysis.labels_of(["toy/spilt"])
