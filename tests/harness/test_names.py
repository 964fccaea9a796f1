"""Dotted names of ours, in docstrings, comments and documentation, are names of things that exist."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("analysis", "archive", "benchmarks", "configs", "docs", "harness", "optimizers", "subsets", "tasks")
NAME = re.compile(r"(?<![\w/.-])optathlon((?:\.[A-Za-z_]\w*)+)")
ROOMS_BESIDE_THE_HARNESS = ("analysis", "archive", "configs", "optimizers", "subsets", "tasks")
FILES = {"json"}
"""`optathlon.json` is the mark of a results folder."""
KEYS = {"archive", "format", "seal"}
"""Of the metadata of its Parquet files."""


def texts() -> list[Path]:
    """The files in which names are looked up."""
    found = [path for folder in FOLDERS for kind in ("py", "md", "yaml") for path in (ROOT / folder).rglob(f"*.{kind}")]
    return sorted([*found, ROOT / "README.md", ROOT / "pyproject.toml"])


def entry_point_groups() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {group.removeprefix("optathlon.") for group in project["entry-points"]}


@cache
def is_known(name: str) -> bool:
    """Whether `a.b.c` is a module of ours, something in one, or a member of that."""
    rest = name.split(".")
    place = ROOT if rest[0] in ROOMS_BESIDE_THE_HARNESS else ROOT / "harness"
    while rest and (place / rest[0]).is_dir():
        place, rest = place / rest[0], rest[1:]
    if rest and (place / f"{rest[0]}.py").exists():
        return has(place / f"{rest[0]}.py", rest[1:])
    return has(place / "__init__.py", rest)


def has(module: Path, names: list[str]) -> bool:
    """Whether a module defines, imports or lazily offers the name, and that its members."""
    if not names:
        return True
    body = ast.parse(module.read_text()).body
    for name in names:
        found = [node for node in body if name in defined(node)]
        if not found:
            return name in module.read_text() and module.name == "__init__.py"
        body = found[0].body if isinstance(found[0], ast.ClassDef) else []
    return True


def defined(node: ast.stmt) -> set[str]:
    """The names that a statement of a module or a class defines."""
    match node:
        case ast.ClassDef() | ast.FunctionDef():
            return {node.name}
        case ast.Assign():
            return {target.id for target in node.targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name for alias in node.names}
        case ast.If():
            return set().union(*map(defined, node.body))
        case _:
            return set()


def test_every_dotted_name_is_one_of_something() -> None:
    allowed = entry_point_groups() | FILES | KEYS
    unknown = {
        f"{path.relative_to(ROOT)}: optathlon{match[1]}"
        for path in texts()
        for match in NAME.finditer(path.read_text())
        if match[1][1:] not in allowed and not is_known(match[1][1:])
    }
    assert not unknown


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("running.runs.RunSpec.attempt", True),
        ("load", True),
        ("Budget", True),
        ("tasks.bbob", True),
        ("optimizers.random.RandomSearch", True),
        ("running.loop.imputation", False),
        ("loop", False),
        ("running.nowhere", False),
        ("errors.Hindered", False),
    ],
)
def test_what_is_there_is_told_from_what_is_not(name: str, known: bool) -> None:
    assert is_known(name) is known
