from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optathlon import Budget, BudgetUnit, Result, as_task
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.running.clocks import Clock
from optathlon.running.evaluation import SequentialEvaluator
from optathlon.running.journal import Journal
from optathlon.running.runs import RunSpec, execute

SPEC = RunSpec("optuna-tpe[a=1]", "bbob/f1/d2/i1", "1", 3, 0, Budget(50))


def test_a_run_id_is_a_hash_of_its_content() -> None:
    content = json.dumps(["optuna-tpe[a=1]", "bbob/f1/d2/i1", "1", 3, 0, "50", 1])
    assert SPEC.id == hashlib.sha256(content.encode()).hexdigest()[:16] == "e5c33e5a349660fa"


def test_a_run_id_hangs_on_no_process() -> None:
    code = (
        "from optathlon.running.runs import RunSpec; from optathlon import Budget;"
        "print(RunSpec('optuna-tpe[a=1]', 'bbob/f1/d2/i1', '1', 3, 0, Budget(50)).id)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == SPEC.id


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": "optuna-tpe"},
        {"optimizer": "optuna-tpe[a=2]"},
        {"task": "bbob/f1/d2/i2"},
        {"task_version": "2"},
        {"seed": 4},
        {"root_seed": 1},
        {"budget": Budget(51)},
        {"budget": Budget(50.000001)},
        {"budget": Budget(50, BudgetUnit.SECONDS)},
        {"budget": Budget(50, BudgetUnit.COST)},
        {"n_workers": 2},
        {"clock": Clock.VIRTUAL},
        {"clock": Clock.CHARGED},
    ],
    ids=str,
)
def test_each_part_of_its_identity_counts(change: dict[str, Any]) -> None:
    assert replace(SPEC, **change).id != SPEC.id


def test_the_same_budget_is_the_same_run() -> None:
    for amount in (50, 1_234_567):
        assert replace(SPEC, budget=Budget(amount)).id == replace(SPEC, budget=Budget(float(amount))).id
    assert replace(SPEC, budget=Budget.parse("2h")).id == replace(SPEC, budget=Budget.parse("120min")).id


def test_the_name_of_the_optimizer_is_all_that_changes_its_seed(tmp_path: Path) -> None:
    """Two names of one class are two optimizers: their runs differ; noise and everything else is shared."""
    noise: dict[str, list[int]] = {}

    @as_task("toy/runs", space={"x": (0.0, 1.0)}, budget=6)
    def task(config: dict[str, float], seed: int) -> Result:
        noise.setdefault(current, []).append(seed)
        return Result(values=(config["x"],))

    cls = choose_optimizer("optathlon.optimizers.random:RandomSearch").cls

    def configs(spec: RunSpec) -> list[dict[str, object]]:
        optimizer = OptimizerChoice(spec.optimizer, cls, {})
        journal = Journal(tmp_path / spec.id, {})
        outcome = execute(spec, optimizer, task, lambda history: SequentialEvaluator(task), journal)
        return [dict(record.config) for record in outcome.trials]

    outcomes = {}
    for current in ("one", "two", "one again"):
        name = current.partition(" ")[0]
        spec = RunSpec(name, task.id, "1", 0, 0, Budget(6))
        outcomes[current] = configs(spec)
    assert outcomes["one"] == outcomes["one again"] != outcomes["two"]
    assert noise["one"] == noise["two"] == noise["one again"]
    longer = RunSpec("one", task.id, "1", 0, 0, Budget(9))
    assert configs(longer)[:6] == outcomes["one"]


def test_a_run_that_is_done_again_is_the_same_run() -> None:
    assert replace(SPEC, attempt=2).id == SPEC.id
