"""The source that code comes from: the text of a module, and of the modules that it imports and nobody installed.

Imports are found in the text, wherever they stand in it, so that what is imported late counts too. They are followed
into modules of the same package, or beside the same plugin file, and into all others that no installer has put in place
(`site-packages`), as somebody may be working on them. The rest is told by its version. What is imported by a name that
is only computed is not found.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

PLUGIN_PREFIX = "optathlon_plugin_"
"""What the packages that stand for folders of plugin files are called."""

_OWN = "optathlon"
"""What this package's own modules share is told by its version."""

_DYNAMIC = frozenset({"eval", "exec", "globals", "vars", "__import__", "import_module", "modules"})
"""Whoever uses these may reach anything of a module by a computed name."""


@dataclass
class Sources:
    """Texts of modules by name, which is empty for the first, and top-level names of other modules that they import."""

    texts: dict[str, bytes] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)


def sources_of(module: ModuleType) -> Sources:
    """The text of a module, and of all that it imports in turn; nothing where it has no file."""
    place = _Place.of(module)
    if place is None:
        return Sources()
    text = place.read(place.file)
    return place.following(ast.parse(text), text)


def sources_for(module: ModuleType, name: str) -> Sources:
    """The same, but of the module itself only what its function or class `name` can depend on.

    That is its definition, what it names, and in turn what that names; and all statements that do something when the
    module is imported, except for other tasks (`as_task`).
    """
    place = _Place.of(module)
    if place is None:
        return Sources()
    text = place.read(place.file)
    needed = _Statements(ast.parse(text), place).needed_by(name)
    lines = text.splitlines()
    parts = [b"\n".join(lines[_first_line(statement) - 1 : statement.end_lineno]) for statement in needed]
    return place.following(ast.Module(needed, []), b"\n".join(parts))


@dataclass(frozen=True)
class _Place:
    """Where a module stands, and where those that belong to it do.

    Attributes
    ----------
    file:
        The module's file.
    package:
        What its relative imports count from.
    loader:
        What has read it, and may still know what was read.
    prefix, root:
        What the names of modules that belong to it begin with, and the folder where they are.
    """

    file: Path
    package: str
    loader: Any
    prefix: str
    root: Path

    @classmethod
    def of(cls, module: ModuleType) -> _Place | None:
        """The place of a module; `None` where it has no file of source."""
        file = Path(getattr(module, "__file__", None) or "")
        if file.suffix != ".py" or not file.is_file():
            return None
        spec = module.__spec__
        package = (spec.parent if spec else "") or ""
        parts = package.split(".")
        prefix = ".".join(parts[:2] if parts[0] == _OWN else parts[:1])
        folders = getattr(sys.modules.get(prefix), "__path__", ())
        root = next((Path(folder) for folder in folders if file.is_relative_to(folder)), file.parent)
        return cls(file, package, spec.loader if spec else None, prefix, root)

    def read(self, path: Path) -> bytes:
        """The text of a file."""
        text: bytes = self.loader.get_data(str(path)) if hasattr(self.loader, "get_data") else path.read_bytes()
        return text

    def following(self, tree: ast.Module, text: bytes) -> Sources:
        """The text, and what the tree imports."""
        found = Sources({"": text})
        self._follow(dict.fromkeys(_imported(tree, self.package)), found)
        if self.prefix.startswith(PLUGIN_PREFIX):  # which says where the folder is
            found.texts = {name.removeprefix(f"{self.prefix}."): text for name, text in found.texts.items()}
        return found

    def files(self, name: str) -> list[tuple[str, Path]]:
        """The files that run when a module is imported, with their names; none where an installer brought them."""
        if self.prefix and f"{name}.".startswith(f"{self.prefix}."):
            return list(_along(self.root, self.prefix, name.removeprefix(self.prefix).strip(".")))
        if self.prefix.startswith(PLUGIN_PREFIX):
            beside = list(_along(self.root, self.prefix, name))
            if beside and beside[0][1] != self.file:  # a module does not import itself
                return beside
        top, _, rest = name.partition(".")
        return [step for folder in _working_copies(top) for step in _along(folder, top, rest)]

    def _follow(self, names: Iterable[str], found: Sources) -> None:
        for name in names:
            files = self.files(name)
            if not files:
                found.others.add(name.partition(".")[0])
            for label, path in files:
                if label not in found.texts and path != self.file:
                    found.texts[label] = self.read(path)
                    inner = label if path.name == "__init__.py" else label.rpartition(".")[0]
                    self._follow(_imports(found.texts[label], inner), found)


class _Statements:
    """The statements of a module, and which of them need which."""

    def __init__(self, tree: ast.Module, place: _Place) -> None:
        self._all = tree.body
        self._binding: dict[str, list[ast.stmt]] = {}
        self._always: list[ast.stmt] = []
        for statement in tree.body:
            names = _bound(statement)
            for name in names:
                self._binding.setdefault(name, []).append(statement)
            if not (names or _does_nothing(statement)) or (names and self._acts(statement, place)):
                self._always.append(statement)

    def needed_by(self, name: str) -> list[ast.stmt]:
        """Those that `name`, or the import of the module, may depend on, in their order."""
        needed: set[ast.stmt] = set()
        waiting = [*self._always, *self._binding.get(name, ())]
        while waiting:
            statement = waiting.pop()
            if statement in needed:
                continue
            needed.add(statement)
            names = _named(statement)
            if names & _DYNAMIC:
                return self._all
            for used in names | set(_bound(statement)):
                waiting += self._binding.get(used, ())
                waiting += self._heirs(used)
        return [statement for statement in self._all if statement in needed]

    def _heirs(self, name: str) -> list[ast.stmt]:
        """Classes that are derived from this one of the module: a registry may find them by it."""
        if not any(isinstance(statement, ast.ClassDef) for statement in self._binding.get(name, ())):
            return []
        classes = (statement for statement in self._all if isinstance(statement, ast.ClassDef))
        return [heir for heir in classes if any(name in _named(base) for base in heir.bases)]

    @staticmethod
    def _acts(statement: ast.stmt, place: _Place) -> bool:
        """Whether a statement that binds names may do more than that."""
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return not all(_is_as_task(decorator) for decorator in statement.decorator_list)
            case ast.Import() | ast.ImportFrom():
                return any(place.files(name) for name in _imported(statement, place.package))
            case ast.Assign() | ast.AnnAssign():
                return any(isinstance(node, ast.Call) for node in ast.walk(statement))
            case _:
                return True


def _along(folder: Path, prefix: str, name: str) -> Iterator[tuple[str, Path]]:
    """The files on the way to the module `name` below a package or plugin folder, with their whole names."""
    if (folder / "__init__.py").is_file() and not prefix.startswith(PLUGIN_PREFIX):
        yield prefix, folder / "__init__.py"
    elif folder.suffix == ".py":
        yield prefix, folder
    for part in filter(None, name.split(".")):
        folder, prefix = folder / part, f"{prefix}.{part}"
        if (folder / "__init__.py").is_file():
            yield prefix, folder / "__init__.py"
        elif (file := folder.with_name(f"{part}.py")).is_file():
            yield prefix, file
            return
        elif not folder.is_dir():
            return


def _working_copies(top: str) -> tuple[Path, ...]:
    """Where a module or package is that somebody may be working on; nothing where it is installed or not there."""
    if top == _OWN or top in sys.stdlib_module_names:
        return ()
    with suppress(ImportError, ValueError, AttributeError):
        if spec := importlib.util.find_spec(top):
            places = map(Path, spec.submodule_search_locations or [spec.origin or ""])
            return tuple(place for place in places if not {"site-packages", "dist-packages"} & set(place.parts))
    return ()


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """The whole names of what is imported, but for type checkers alone; a part of a module may be a module too."""
    match tree:
        case ast.If(test=test) if "TYPE_CHECKING" in _named(test):
            children: list[ast.AST] = [*tree.orelse]
        case ast.Import():
            yield from (alias.name for alias in tree.names)
            return
        case ast.ImportFrom():
            base = _absolute(tree.module or "", tree.level, package)
            yield from filter(None, [base, *(f"{base}.{alias.name}".strip(".") for alias in tree.names)])
            return
        case ast.Call(
            func=ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(str(name)), *_],
        ):
            plain = name.lstrip(".")
            yield from filter(None, [_absolute(plain, len(name) - len(plain), package)])
            children = [*ast.iter_child_nodes(tree)]
        case _:
            children = [*ast.iter_child_nodes(tree)]
    for child in children:
        yield from _imported(child, package)


def _absolute(module: str, level: int, package: str) -> str:
    """The whole name of a module that is imported with so many dots, which count from the package."""
    parts = package.split(".")
    return ".".join(filter(None, [*(parts[: len(parts) - level + 1] if level else []), module]))


@lru_cache(maxsize=4096)
def _imports(text: bytes, package: str) -> tuple[str, ...]:
    """The whole names of what a module imports, each once; many optimizers may share a working copy of a library."""
    try:
        return tuple(dict.fromkeys(_imported(ast.parse(text), package)))
    except (SyntaxError, ValueError):  # it will fail where it is imported, if it is
        return ()


def _bound(statement: ast.stmt) -> Collection[str]:
    """The names that a statement of a module gives a meaning to, where that may be all that it does."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.Import() | ast.ImportFrom():
            return [alias.asname or alias.name.partition(".")[0] for alias in statement.names]
        case ast.Assign():
            return {node.id for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        case ast.AnnAssign(target=ast.Name(name)):
            return [name]
        case _:
            return []


def _does_nothing(statement: ast.stmt) -> bool:
    """Whether it is a docstring, or only runs where the module is a program."""
    match statement:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.If(
            test=ast.Compare(left=ast.Name("__name__"), ops=[ast.Eq()], comparators=[ast.Constant("__main__")]),
            orelse=[],
        ):
            return True
        case _:
            return False


def _named(tree: ast.AST) -> set[str]:
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def _is_as_task(decorator: ast.expr) -> bool:
    match decorator:
        case ast.Call(func=ast.Name("as_task") | ast.Attribute(attr="as_task")):
            return True
        case _:
            return False


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])
