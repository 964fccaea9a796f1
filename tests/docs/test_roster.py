"""The page of optimizers says what their classes declare, and names none that is not there."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from optathlon import Capability, Optimizer
from optathlon.environment import Environment
from optathlon.optimizer import Pending
from optathlon.registry.plugins import declared

DOCS = Path(__file__).resolve().parents[2] / "docs"
IDS = set(declared("optathlon.optimizers"))


@pytest.fixture(scope="module")
def roster() -> ModuleType:
    spec = importlib.util.spec_from_file_location("roster_page", DOCS / "roster.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_each_optimizer_in_both_lists() -> None:
    page = (DOCS / "optimizers.md").read_text()
    for pattern in (r"^\| `([\w-]+)` \| [✓|]", r"^- `([\w-]+)`: "):
        assert sorted(re.findall(pattern, page, re.MULTILINE)) == sorted(IDS)


def test_times_are_of_optimizers_that_are_there(roster: ModuleType) -> None:
    assert json.loads(roster.OVERHEAD.read_text())["milliseconds"].keys() <= IDS


def test_the_advice_names_optimizers_that_are_there() -> None:
    advice = (DOCS / "optimizers.md").read_text().partition("## Which to reach for")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([\w-]+)`", advice))
    assert named and named <= IDS


class Method(Optimizer):
    """A method (Someone 2020).

    And more.
    """

    capabilities = frozenset({Capability.CATEGORICALS, Capability.MULTI_FIDELITY, Capability.RESUMABLE})
    packages = ("skopt",)
    install = "pip install it"
    pending = Pending.WAITS
    reference = "Someone 2020, arXiv:2001.01234"

    def __init__(self, problem: Any, seed: int) -> None: ...

    def ask(self) -> Any: ...

    def tell(self, trial: Any, result: Any) -> None: ...


class Needy(Method):
    """Another."""

    capabilities = frozenset({Capability.MULTI_OBJECTIVE, Capability.CONSTRAINTS, Capability.MULTI_FIDELITY})
    requires = capabilities
    pending = Pending.IGNORES


def test_a_row_says_what_the_class_declares(roster: ModuleType) -> None:
    found = [*roster.abilities({"method": Method, "needy": Needy}, {"needy": [0.0123, 1234.5, None]})]
    assert found[2:] == [
        "| `method` | ✓ | | | uses, continues | 1 | | waits | – / – / – |",
        "| `needy` | | | | needs | 2+ | needs | ignores | <0.1 / 1,200 / – |",
    ]


def test_libraries_have_their_version_and_their_methods(roster: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roster, "pins", lambda: {"scikit-optimize": "0.10.2"})
    assert [*roster.libraries({"method": Method})] == [
        "### scikit-optimize",
        "",
        "Version 0.10.2.",
        "",
        "`pip install it`",
        "",
        "- `method`: A method (Someone 2020). Someone 2020, [arXiv:2001.01234](https://arxiv.org/abs/2001.01234).",
        "",
    ]


class Apart(Method):
    """Elsewhere."""

    environment = Environment("apart", requirements=("openbox==0.9.0", "numpy==1.26.4"))
    install = ""
    reference = ""


def test_an_environment_of_its_own_is_named(roster: ModuleType) -> None:
    assert [*roster.libraries({"apart": Apart})] == [
        "### openbox",
        "",
        "Version 0.9.0.",
        "",
        "In an environment of its own: `optathlon env create apart`",
        "",
        "- `apart`: Elsewhere.",
        "",
    ]


@pytest.mark.parametrize(
    ("reference", "link"),
    [
        ("A 1997, doi:10.1023/A:1008202821328", "A 1997, [doi:10.1023/A:1008202821328](https://doi.org/10.1023/A:1008202821328)"),
        ("B 2001, https://jmlr.org/b/", "B 2001, [jmlr.org/b](https://jmlr.org/b)"),
        ("C 1950", "C 1950"),
    ],
)  # fmt: skip
def test_references_become_links(roster: ModuleType, reference: str, link: str) -> None:
    assert roster.linked(reference) == link
