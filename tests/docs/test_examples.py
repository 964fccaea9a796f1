"""The examples of the documentation are run, and the pages show them as they are."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from optathlon.llm.judging import Prompt, ask_both_orders
from optathlon.registry.plugins import load_file, load_plugin
from optathlon.testing.conformance import Check, collection_checks, optimizer_checks, task_checks

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


def test_the_example_collection_and_its_tasks_conform() -> None:
    load_file(DOCS / "examples" / "quadratics.py")
    for check in (*collection_checks("quadratics"), *task_checks("quadratics/d3")):
        check()


def test_every_optimizer_and_collection_is_documented() -> None:
    from optathlon.registry.plugins import collection_names, optimizer_names

    optimizers = (DOCS / "optimizers.md").read_text()
    tasks = (DOCS / "tasks.md").read_text()
    assert all(f"`{name}`" in optimizers for name in optimizer_names() if name != "local-search")
    assert all(f"## {name}\n" in tasks for name in collection_names() if name not in ("mine", "quadratics"))


def test_the_page_shows_the_example_judge_and_it_judges() -> None:
    page = code_blocks("judges.md")
    example = without_docstring(DOCS / "examples" / "shorter.py")
    assert example in [block.strip() for block in page]
    found: dict[str, Any] = {}
    exec(example, found)
    judge = found["Shorter"](margin=2)
    prompts = [Prompt("a", "?"), Prompt("b", "?"), Prompt("c", "?")]
    (asked, swapped) = (["1", "12345", "12"], ["1234", "1", "123"])
    assert ask_both_orders(judge, prompts, asked, swapped).preferences.tolist() == [[1.0, 0.0, 0.5]] * 2
    assert ask_both_orders(judge, prompts, swapped, asked).preferences.tolist() == [[0.0, 1.0, 0.5]] * 2
    assert judge.id == "shorter(margin=2)"


def test_the_snippet_on_win_rates_at_equal_length_runs() -> None:
    """The model wins by its length alone: the judge likes it less at equal length than as it is."""
    (code,) = [block for block in code_blocks("judges.md") if "length_controlled(" in block]
    found: dict[str, Any] = {}
    exec(code, found)
    assert found["found"].identified
    assert found["found"].length > 0
    assert found["found"].win_rate < found["model"].preferences.mean()
