"""Importing plugin files: each folder of such files is a package of its own, in which its modules find each other.

So two folders may have modules of the same names, a file beside a plugin hides no installed library from others, and a
module that is imported late is the one that was there at first: what was read once is what runs, and what is hashed.
"""

from __future__ import annotations

import builtins
import importlib.util
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from optathlon.errors import UsageError
from optathlon.source import PLUGIN_PREFIX
from optathlon.text import described


class PluginFolder(MetaPathFinder):
    """A folder of plugin files as a package, which takes the place of an earlier one of the same folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._name = PLUGIN_PREFIX + _digest(str(path))
        self._texts: dict[str, bytes] = {}
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{self._name}.")]:
            del sys.modules[name]
        sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, "_name", None) != self._name]
        sys.meta_path.insert(0, self)
        package = sys.modules[self._name] = ModuleType(self._name)
        package.__path__ = [str(path)]

    def is_edited(self) -> bool:
        """Whether a file has another text now than was read of it, or is gone."""
        return any(_text_now(path) != text for path, text in self._texts.items())

    def modules_elsewhere(self) -> list[str]:
        """The names of imported modules in other places whose text was read, if one of them was edited."""
        elsewhere = {path: text for path, text in self._texts.items() if not Path(path).is_relative_to(self.path)}
        if all(_text_now(path) == text for path, text in elsewhere.items()):
            return []
        modules = [(name, getattr(module, "__file__", None)) for name, module in sys.modules.items()]
        return [name for name, file in modules if file in elsewhere]

    def load(self, path: Path) -> ModuleType:
        """Import one of its files, with those beside it in reach. It sees no command line but its own name.

        Raises `UsageError` in one line where it raises anything or exits.
        """
        stem = path.stem if path.stem.isidentifier() else f"file_{_digest(path.stem)}"
        printed = io.StringIO()
        try:
            with _as_program(path), redirect_stdout(printed), redirect_stderr(printed):
                module = self._loaded(f"{self._name}.{stem}", path)
        except KeyboardInterrupt:
            raise
        except SystemExit as end:
            last = [*printed.getvalue().split("\n"), str(end)] if end.code else ["SystemExit"]
            raise UsageError(
                f"the plugin {str(path)!r} exits while it is imported ({' '.join(last).strip()}): put what only a "
                "program does under `if __name__ == '__main__':`"
            ) from None
        except BaseException as error:  # a plugin may raise anything while it is imported
            raise UsageError(f"can't import the plugin {str(path)!r}: {described(error)}") from error
        print(printed.getvalue(), end="", file=sys.stderr)
        return module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module of this package; `None` for others."""
        if not fullname.startswith(f"{self._name}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path, self)
        return spec

    def find(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """As `__import__` in one of its modules: what stands beside that module comes before all else."""
        top = name.partition(".")[0]
        itself = globals is not None and globals.get("__name__") == f"{self._name}.{top}"
        if level or itself or not self._has(top):
            try:
                return builtins.__import__(name, globals, locals, fromlist or (), level)
            except ModuleNotFoundError as missing:  # a folder without `__init__.py` comes after all else
                if level or itself or missing.name != top or not (self.path / top).is_dir():
                    raise
        module = importlib.import_module(f"{self._name}.{name}")
        if fromlist:
            return builtins.__import__(module.__name__, globals, locals, fromlist)
        return sys.modules[f"{self._name}.{top}"]

    def text(self, path: str) -> bytes:
        """The text of a file, as it was first read."""
        if path not in self._texts:
            self._texts[path] = Path(path).read_bytes()
        return self._texts[path]

    def _has(self, top: str) -> bool:
        return any((self.path / place).is_file() for place in (f"{top}.py", f"{top}/__init__.py"))

    def _loaded(self, name: str, path: Path) -> ModuleType:
        if name in sys.modules:
            return sys.modules[name]
        loader = _Loader(name, str(path), self)
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        assert spec is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        return module


class _Loader(SourceFileLoader):
    """Runs a module from the text that its folder has of it, with the folder's imports."""

    def __init__(self, name: str, path: str, folder: PluginFolder) -> None:
        super().__init__(name, path)
        self._folder = folder

    def path_stats(self, path: str) -> Mapping[str, Any]:
        """There is no bytecode to compare with: two texts of the same second and size would look the same."""
        raise OSError(path)

    def get_data(self, path: str) -> bytes:
        """The text of a file."""
        return self._folder.text(path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": self._folder.find}
        super().exec_module(module)


@contextmanager
def _as_program(path: Path) -> Iterator[None]:
    """Within this block the command line is that of the file, without arguments."""
    before = sys.argv
    sys.argv = [str(path)]
    try:
        yield
    finally:
        sys.argv = before


def _text_now(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]
