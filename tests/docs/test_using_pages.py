"""The pages on choosing and using an optimizer: the table is current, and the example works as it stands."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from optathlon.registry.plugins import declared

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def fitting() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fitting_page", DOCS / "fitting.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_current(fitting: ModuleType) -> None:
    page = fitting.PAGE.read_text()
    assert page == fitting.filled(page), "run python docs/fitting.py --write"


@pytest.mark.parametrize("page", ["which-optimizer.md", "tune.md"])
def test_every_optimizer_that_is_named_is_there(page: str) -> None:
    libraries = {name.partition("-")[0] for name in declared("optathlon.optimizers")}
    named = re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)`", (DOCS / page).read_text())
    unknown = {name for name in named if name.partition("-")[0] in libraries} - declared("optathlon.optimizers").keys()
    assert not unknown


def test_the_example_of_asking_and_telling_works(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(import optathlon\n.*?)```", (DOCS / "tune.md").read_text(), re.DOTALL)
    calls: list[dict[str, Any]] = []

    def my_training(rate: float, solver: str) -> float:
        calls.append({"rate": rate, "solver": solver})
        return rate + (solver == "sgd")

    exec(code.replace("smac-hpo", "optuna-tpe"), {"my_training": my_training})
    assert len(calls) == 40
    best = min(calls, key=lambda one: one["rate"] + (one["solver"] == "sgd"))
    assert ast.literal_eval(capsys.readouterr().out) == best
