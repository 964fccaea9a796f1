"""Code that was edited since this process read it, as in a notebook: it is read again, and never runs by its old text.

What is compared is text, not times: that of plugin files and of what stands beside them, of the packages that nobody
installed and that an optimizer imports, and of table descriptors. It happens between experiments only, so that within
one all is the same code.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from optathlon.registry.loading import PluginFolder
from optathlon.registry.plugins import load_file, plugins, stamps
from optathlon.source import PLUGIN_PREFIX, sources_of

_OWN = "optathlon"
_INSTALLED = {"site-packages", "dist-packages"}


def note_source(module: ModuleType) -> None:
    """Remember the text of an optimizer's module, and of what it imports, unless it is installed or a plugin's."""
    name = module.__name__
    file = Path(getattr(module, "__file__", None) or "")
    is_foreign = name.startswith((f"{_OWN}.", PLUGIN_PREFIX)) or _INSTALLED & {*file.parts} or file.suffix != ".py"
    if name not in plugins.sources and not is_foreign:
        plugins.sources[name] = _texts(module)


def reload_edited() -> None:
    """Read again what was edited since it was read; what plugin files bring is registered again.

    Raises `UsageError` where an edited file can't be read.
    """
    for name, texts in list(plugins.sources.items()):
        if name not in sys.modules or _texts(sys.modules[name]) != texts:
            _drop_modules(label or name for label in texts)
            del plugins.sources[name]
    edited = [folder for folder in plugins.folders.values() if folder.is_edited()]
    again = [path for folder in edited for path in _forget_folder(folder)]
    again += [path for path, known in list(plugins.stamps.items()) if known != stamps(known)]
    for path in again:
        _forget_descriptor(path)
    for path in again:
        if path.is_file():
            load_file(path)


def _forget_folder(folder: PluginFolder) -> list[Path]:
    """Forget all that a folder's files have brought; those of them that were registered."""
    _drop_modules(folder.modules_elsewhere())
    del plugins.folders[folder.path]
    forgotten = [path for path in plugins.modules if path.parent == folder.path]
    registered = [path for path in forgotten if path in plugins.registered]
    for path in forgotten:
        _forget_items(list(vars(plugins.modules.pop(path)).values()))
        plugins.registered.pop(path, None)
    return registered


def _forget_items(items: list[Any]) -> None:
    """Nothing of these optimizers, collections and tasks is registered any more."""
    brought = set(map(id, items))
    for known in (plugins.optimizers, plugins.incomplete, plugins.tasks):
        for name in [name for name, item in known.items() if id(item) in brought]:
            del known[name]
    for name in [name for name, source in plugins.collections.items() if id(type(source)) in brought]:
        del plugins.collections[name]


def _forget_descriptor(path: Path) -> None:
    plugins.stamps.pop(path, None)
    for task in plugins.descriptors.pop(path, ()):
        plugins.tasks.pop(task, None)


def _drop_modules(names: Iterable[str]) -> None:
    """Let modules be imported again, from their text: bytecode of the same second and size would look current."""
    for name in names:
        module = sys.modules.pop(name, None)
        if file := getattr(module, "__file__", None):
            with suppress(OSError, NotImplementedError):
                Path(importlib.util.cache_from_source(file)).unlink()
    importlib.invalidate_caches()


def _texts(module: ModuleType) -> dict[str, bytes]:
    """The texts of a module and of what it imports; none where its file is not Python at this moment."""
    try:
        return dict(sources_of(module).texts)
    except (SyntaxError, ValueError):
        return {}
