"""What is declared agrees with the folders. Where imports may point is checked by `make lint`."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("harness", "optimizers", "tasks", "subsets", "analysis", "archive", "configs")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def file_of(module: str) -> Path:
    """Where a module of the package lies."""
    _, *parts = module.split(".")
    folder = ROOT if parts[0] in FOLDERS else ROOT / "harness"
    stem = folder.joinpath(*parts)
    return stem.with_suffix(".py") if stem.with_suffix(".py").exists() else stem / "__init__.py"


def test_entry_points_name_classes_that_exist() -> None:
    for group, points in PROJECT["entry-points"].items():
        for name, place in points.items():
            module, _, cls = place.partition(":")
            tree = ast.parse(file_of(module).read_text())
            defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
            defined |= {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
            assert cls in defined, f"{group}: {name} = {place}"


def test_optimizers_and_tasks_are_found_in_their_folders() -> None:
    for folder in ("optimizers", "tasks"):
        for place in PROJECT["entry-points"][f"optathlon.{folder}"].values():
            assert place.startswith(f"optathlon.{folder}.")


def test_extras_that_messages_name_are_declared() -> None:
    """What optimizers, tasks and messages ask the user to install exists."""
    extras = set(PROJECT["optional-dependencies"])
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert len(paths) > 100
    for path in paths:
        for named in re.findall(r"optathlon\[([a-z0-9,-]+)\]'", path.read_text()):
            assert set(named.split(",")) <= extras, f"{path}: {named}"


def test_tests_mirror_the_folders() -> None:
    allowed = {*FOLDERS, "docs", "helpers"}
    for path in (ROOT / "tests").iterdir():
        if path.is_dir() and path.name != "__pycache__":
            assert path.name in allowed, f"tests/{path.name} mirrors no folder"
    assert not list((ROOT / "tests").rglob("__init__.py"))
