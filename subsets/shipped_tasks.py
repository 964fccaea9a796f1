"""Which tasks the subsets that ship have, read without `optathlon.subsets.subset`, which loads pydantic."""

from __future__ import annotations

from importlib.resources import files

import yaml

_FOLDER = files("optathlon.subsets.shipped")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quick one, where it was built."""


def shipped_parts() -> dict[str, dict[str, list[str]]]:
    """The ids of the tasks by subset and part; subsets in the order of their names, all else as in their files."""
    found = sorted((file.name.removesuffix(".yaml"), file) for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))
    contents = {name: yaml.load(file.read_text(encoding="utf-8"), Loader=_LOADER) for name, file in found}
    return {
        name: {part: [*said["tasks"]] for part, said in content["parts"].items()} for name, content in contents.items()
    }
