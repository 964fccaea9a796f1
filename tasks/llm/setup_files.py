"""Setups in YAML files: `NAME.yaml` in the folder `llm` of the data folder makes one of one's own.

Its keys are the fields of `Setup`, and the names of the kinds of tasks that have a section (see `Section`). Files that
it names are relative to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from optathlon.data import data_root
from optathlon.errors import UsageError, first_complaint, unknown
from optathlon.llm.judging import make_judge
from optathlon.tasks.llm.parts import PARTS, SCORED
from optathlon.tasks.llm.setups import BUILT_IN_SETUPS, TINY, Section, Setup
from optathlon.yaml_file import read_yaml

Valid = TypeVar("Valid")

_NONE: Mapping[str, type[Section]] = MappingProxyType({})
_JUDGES = (  # none is the default: it would have to be one that can't read most texts
    "write `judge: verifier` where every example has its right answer, or likelihood('path/to/another/model'), "
    "pandalm('path/to/PandaLM-7B-v1') or endpoint('https://…/v1', 'MODEL')"
)


def load_setup(name: str, sections: Mapping[str, type[Section]] = _NONE) -> Setup:
    """The setup of that name; `KeyError` where there is none, `UsageError` where its file is wrong.

    `sections` are those that it may have, by their keys.
    """
    if name in BUILT_IN_SETUPS:
        return BUILT_IN_SETUPS[name]
    path = data_root() / "llm" / f"{name}.yaml"
    if not path.is_file():
        raise KeyError(name)
    return read_setup(path, sections)


def read_setup(path: Path, sections: Mapping[str, type[Section]] = _NONE) -> Setup:
    """The setup in a YAML file, named after it; `sections` as in `load_setup`."""
    content = read_yaml(path, "setup")
    if not isinstance(content, dict):
        raise UsageError(f"the setup {str(path)!r} is not a mapping: write `model: …`, `data: …`")
    return make_setup(path.stem, content, path.parent, sections)


def make_setup(
    name: str, content: Mapping[str, Any], folder: Path, sections: Mapping[str, type[Section]] = _NONE
) -> Setup:
    """A setup of what a YAML file holds; `sections` as in `load_setup`.

    Raises `UsageError` for unknown keys, with the nearest match, and wrong values.
    """
    where = f"the setup {name!r}"
    shared = [one.name for one in fields(Setup) if one.name not in ("name", "folder", "sections")]
    _refuse_unknown_keys(content, [*shared, *sections], where)
    given = [
        _read_section(content[key], section, f"{where}: {key}") for key, section in sections.items() if key in content
    ]
    values = {key: value for key, value in content.items() if key in shared}
    setup = _validated(Setup, {**values, "name": name, "folder": str(folder), "sections": given}, where)
    built_in = "questions" in content or setup.model == TINY.model
    if (setup.data or not built_in) and set(setup.data) != set(PARTS):
        raise UsageError(
            f"{where}: data needs exactly the sources {', '.join(PARTS)}, not {', '.join(setup.data) or 'none'}"
        )
    if weighed := [source.file for part in SCORED for source in setup.data.get(part, ()) if source.weight != 1.0]:
        raise UsageError(f"{where}: {weighed[0]} has a weight, which only sources of `train` may have")
    if not setup.judge:
        raise UsageError(f"{where} has no judge: {_JUDGES}")
    for call in (setup.judge, setup.scored_by):
        make_judge(call)
    return setup


def _read_section(content: object, section: type[Section], where: str) -> Section:
    if isinstance(content, Mapping):
        _refuse_unknown_keys(content, section.model_fields, where)
    return _validated(section, content, where)


def _refuse_unknown_keys(content: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in content:
        if key not in known:
            raise unknown("key", str(key), known, where=where)


def _validated(kind: type[Valid], content: object, where: str) -> Valid:
    """`content` as a `kind`. Raises `UsageError` with the first wrong value."""
    try:
        return TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        place, complaint = first_complaint(error)
        raise UsageError(": ".join(filter(None, (where, place, complaint)))) from None
