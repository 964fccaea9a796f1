"""Who may import whom (design, section 3), and that what tools need agrees with the folders."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"harness": "optathlon"} | {
    name: f"optathlon.{name}" for name in ("optimizers", "tasks", "subsets", "analysis", "configs")
}
PUBLIC = {
    "optathlon",
    "optathlon.budget",
    "optathlon.data",
    "optathlon.encoding",
    "optathlon.errors",
    "optathlon.function_task",
    "optathlon.generators",
    "optathlon.llm.judging",
    "optathlon.optimizer",
    "optathlon.problem",
    "optathlon.resources",
    "optathlon.space",
    "optathlon.task",
    "optathlon.trial",
}
"""The harness's public interfaces: all that an optimizer or a task may import of it."""

FILES = {folder: sorted((ROOT / folder).rglob("*.py")) for folder in PACKAGES}


def module_name(folder: str, path: Path) -> str:
    parts = path.relative_to(ROOT / folder).with_suffix("").parts
    return ".".join([PACKAGES[folder], *(part for part in parts if part != "__init__")])


def imports(path: Path) -> Iterator[tuple[str, bool, int]]:
    """Modules that a file imports, whether when it is itself imported, and the level of a relative import."""
    tree = ast.parse(path.read_text(), str(path))
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name, at_import(node), 0) for alias in names)
            case ast.ImportFrom(module=module, level=level):
                yield module or "", at_import(node), level


def at_import(node: ast.AST) -> bool:
    """Whether the statement is carried out when its module is imported."""
    while hasattr(node, "parent"):
        node = node.parent
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return False
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return False
    return True


def cases(*folders: str) -> list[object]:
    return [pytest.param(folder, path, id=str(path.relative_to(ROOT))) for folder in folders for path in FILES[folder]]


def test_there_is_something_to_look_at() -> None:
    for folder in ("harness", "optimizers", "tasks", "analysis"):
        assert FILES[folder], folder


@pytest.mark.parametrize(("folder", "path"), cases(*PACKAGES))
def test_no_import_is_relative(folder: str, path: Path) -> None:
    assert [name for name, _, level in imports(path) if level] == []


@pytest.mark.parametrize(("folder", "path"), cases("optimizers", "tasks"))
def test_optimizers_and_tasks_import_public_interfaces_and_never_each_other(folder: str, path: Path) -> None:
    own = module_name(folder, path)
    allowed_parts = (".".join(own.split(".")[:3]),) if path.parent != ROOT / folder else ()
    for name, _, _ in imports(path):
        if name.split(".")[0] == "optathlon":
            inside = any(name == part or name.startswith(f"{part}.") for part in allowed_parts)
            assert name in PUBLIC or inside, f"{own} imports {name}"


@pytest.mark.parametrize(("folder", "path"), cases("optimizers", "tasks"))
def test_optimizers_and_tasks_load_libraries_when_used(folder: str, path: Path) -> None:
    free = {*sys.stdlib_module_names, "numpy", "ConfigSpace", "pydantic", "optathlon"}
    eager = {name.split(".")[0] for name, now, _ in imports(path) if now}
    assert eager <= free


@pytest.mark.parametrize(("folder", "path"), cases("analysis", "subsets"))
def test_analysis_evaluates_nothing(folder: str, path: Path) -> None:
    forbidden = (
        "optathlon.optimizers",
        "optathlon.tasks",
        "optathlon.registry",
        "optathlon.running.loop",
        "optathlon.running.runs",
        "optathlon.running.evaluation",
    )
    for name, _, _ in imports(path):
        assert not name.startswith(forbidden), f"{path} imports {name}"


@pytest.mark.parametrize(("folder", "path"), cases("harness"))
def test_the_harness_finds_optimizers_and_tasks_by_name_only(folder: str, path: Path) -> None:
    for name, now, _ in imports(path):
        assert not name.startswith(("optathlon.optimizers", "optathlon.tasks")), f"{path} imports {name}"
        assert not (now and name.startswith(("optathlon.analysis", "optathlon.subsets"))), f"{path} imports {name}"


def test_entry_points_name_classes_that_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for folder in ("optimizers", "tasks"):
        for name, place in project["entry-points"][f"optathlon.{folder}"].items():
            module, _, cls = place.partition(":")
            assert module.startswith(f"optathlon.{folder}.")
            stem = ROOT / folder / Path(*module.split(".")[2:])
            path = stem.with_suffix(".py") if stem.with_suffix(".py").exists() else stem / "__init__.py"
            tree = ast.parse(path.read_text())
            defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
            defined |= {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
            assert cls in defined, f"{name}: {place}"


def test_extras_are_declared() -> None:
    """What adapters, collections and messages ask the user to install exists."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for folder in PACKAGES:
        for path in FILES[folder]:
            for named in re.findall(r"optathlon\[([a-z0-9,-]+)\]'", path.read_text()):
                assert set(named.split(",")) <= set(extras), f"{path}: {named}"


def test_the_tree_for_type_checkers_agrees_with_the_folders() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / ".typing" / "link.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    tree = ROOT / ".typing" / "optathlon"
    for folder in PACKAGES:
        for path in FILES[folder]:
            linked = tree.joinpath(*module_name(folder, path).split(".")[1:])
            linked = linked / "__init__.py" if path.name == "__init__.py" else linked.with_suffix(".py")
            assert linked.resolve() == path


def test_tests_mirror_the_folders() -> None:
    allowed = {*PACKAGES, "docs", "helpers"}
    for path in (ROOT / "tests").iterdir():
        if path.is_dir() and path.name != "__pycache__":
            assert path.name in allowed, f"tests/{path.name} mirrors no folder"
    assert not list((ROOT / "tests").rglob("__init__.py"))
