"""The page on tables shows an example that is run, word for word."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from optathlon.problem import TaskType
from optathlon.registry.plugins import load_descriptor, load_plugin
from optathlon.registry.tasks import make_task
from optathlon.tables.descriptor import Descriptor, FidelityColumn, HyperparameterColumn, ObjectiveColumn, StatusColumn
from optathlon.testing.conformance import task_checks

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLES = DOCS / "examples"
PAGE = (DOCS / "your-own-table.md").read_text()


def block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert match
    return match[1]


def rows() -> list[dict[str, Any]]:
    table = pd.read_csv(EXAMPLES / "networks.csv")
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def test_the_page_shows_the_descriptor_of_at_most_20_lines() -> None:
    shown = block("yaml")
    assert shown == (EXAMPLES / "networks.yaml").read_text()
    assert len(shown.splitlines()) <= 20


def test_the_example_has_fidelity_cost_two_objectives_and_failures(own_plugins: None) -> None:
    assert load_descriptor(EXAMPLES / "networks.yaml") == ["mine/networks"]
    for check in task_checks("mine/networks"):
        check()
    task = make_task("mine/networks")
    assert task.problem.type is TaskType.MULTI_FIDELITY_OBJECTIVE
    failed = 0
    for row in rows():
        config = {name: row[name] for name in ("solver", "rate", "width")}
        if row["solver"] == "sgd":
            config["momentum"] = row["momentum"]
        result = task.evaluate(config, fidelity=row["epochs"], seed=row["seed"])
        assert result.cost == row["seconds"]
        if row["status"] == "ok":
            assert result.values == (row["val_error"], row["weights"])
        else:
            failed += 1
            assert (result.status, result.values) == (row["status"], ())
            assert math.isnan(row["val_error"])
    assert failed


def test_the_call_from_python_makes_a_task_of_the_same_table(own_plugins: None, tmp_path: Path) -> None:
    (tmp_path / "networks.csv").write_bytes((EXAMPLES / "networks.csv").read_bytes())
    plugin = tmp_path / "plugin.py"
    plugin.write_text(block("python"))
    load_plugin(plugin)
    task = make_task("mine/adam")
    stored = [row for row in rows() if row["solver"] == "adam"]
    for row in stored:
        config = {"rate": row["rate"], "width": row["width"]}
        assert task.evaluate(config, fidelity=row["epochs"], seed=row["seed"]).values == (row["val_error"],)
    assert task.metadata["rows"] == len(stored)


@pytest.mark.parametrize("model", [Descriptor, HyperparameterColumn, ObjectiveColumn, FidelityColumn, StatusColumn])
def test_every_key_is_on_the_page(model: Any) -> None:
    assert [key for key in model.model_fields if f"`{key}" not in PAGE and f"\n{key}: " not in PAGE] == []


def test_the_descriptor_is_yaml_for_other_programs_too() -> None:
    assert Descriptor.model_validate(yaml.safe_load(block("yaml"))).answer == "exact"
