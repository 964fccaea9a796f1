"""The examples of the documentation are run, and the pages show them as they are."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from optathlon.registry.plugins import load_plugin
from optathlon.testing.conformance import Check, optimizer_checks, task_checks

DOCS = Path(__file__).resolve().parents[2] / "docs"


def code_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def without_docstring(path: Path) -> str:
    return path.read_text().split('"""\n', 1)[1].strip()


def test_the_page_shows_the_example_adapter() -> None:
    example = without_docstring(DOCS / "examples" / "local_search.py")
    assert example == code_blocks("your-own-optimizer.md")[0].strip()
    lines = [line for line in example.splitlines() if line.strip()]
    assert len(lines[lines.index("class LocalSearch(Optimizer):") :]) <= 20


@pytest.mark.parametrize("check", optimizer_checks(f"{DOCS / 'examples' / 'local_search.py'}:LocalSearch"), ids=str)
def test_the_example_adapter_conforms(check: Check) -> None:
    check()


def test_the_example_task_conforms_and_has_its_optimum() -> None:
    branin = load_plugin(DOCS / "examples" / "branin.py").branin
    for check in task_checks("mine/branin"):
        check()
    (objective,) = branin.problem.objectives
    for x, y in [(-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475)]:
        assert branin({"x": x, "y": y}) == pytest.approx(objective.optimum, abs=1e-12)


def test_every_optimizer_and_collection_is_documented() -> None:
    from optathlon.registry.plugins import collection_names, optimizer_names

    optimizers = (DOCS / "optimizers.md").read_text()
    tasks = (DOCS / "tasks.md").read_text()
    assert all(f"`{name}`" in optimizers for name in optimizer_names() if name != "local-search")
    assert all(f"## {name}\n" in tasks for name in collection_names() if name != "mine")
