"""Which tasks the subsets that ship have, read without `optathlon.subsets.subset`, which loads pydantic."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, cast

from optathlon.yaml_file import read_yaml

_FOLDER = files("optathlon.subsets.shipped")


def shipped_parts() -> dict[str, dict[str, list[str]]]:
    """The ids of the tasks by subset and part; subsets in the order of their names, all else as in their files."""
    found = sorted((file.name.removesuffix(".yaml"), file) for file in _FOLDER.iterdir() if file.name.endswith(".yaml"))
    contents = {name: cast("dict[str, Any]", read_yaml(file, "subset")) for name, file in found}
    return {
        name: {part: [*said["tasks"]] for part, said in content["parts"].items()} for name, content in contents.items()
    }
