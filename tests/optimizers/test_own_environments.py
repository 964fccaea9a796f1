"""What holds of every optimizer that runs in an environment of its own, whether that is here or not."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from roster import CLASSES

from optathlon.remote.adapters import source_files
from optathlon.remote.environments import ENVIRONMENT_VARIABLE, missing

APART = [name for name in CLASSES if CLASSES[name].environment]


@pytest.mark.parametrize("name", APART)
def test_versions_are_exact(name: str) -> None:
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", one) for one in CLASSES[name].environment.requirements)


@pytest.mark.parametrize("name", APART)
def test_the_child_needs_no_optathlon(name: str) -> None:
    (text,) = source_files(CLASSES[name]).values()
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert imports
    assert not [node for node in imports if "optathlon" in ast.unparse(node)]


@pytest.mark.parametrize("name", APART)
def test_without_it_the_command_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    environment: Any = CLASSES[name].environment
    assert missing(environment).endswith(f"optathlon env create {environment.name}")


def test_optimizers_that_share_an_environment_declare_the_same() -> None:
    found: dict[str, Any] = {}
    for name in APART:
        environment: Any = CLASSES[name].environment
        assert found.setdefault(environment.name, environment) == environment, name
