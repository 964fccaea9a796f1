"""What `docs/keys.md` says of YAML files: their keys, from the classes that read them."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from optathlon.experiments.executors.dask import DaskOptions
from optathlon.experiments.executors.ray import RayOptions
from optathlon.experiments.executors.slurm import SlurmOptions
from optathlon.experiments.experiment import Execution, Experiment
from optathlon.subsets.subset import FeatureRecord, Part, Subset
from optathlon.tasks.llm.kinds.decode import DecodeSection
from optathlon.tasks.llm.kinds.merge.experts import MergeSection
from optathlon.tasks.llm.kinds.preference.pairs import PreferenceSection
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.training import Recipe
from optathlon.tasks.llm.tunable_model import Adapter

HIDDEN = {Setup: {"name", "folder", "sections"}}
"""Fields that aren't keys: they come from the file's name and place."""

DESCRIBED = re.compile(r"^(?P<names>\w+(?:, \w+)*):\n(?P<text>(?:^    .*\n?)+)", re.MULTILINE)


def parts() -> Mapping[str, str]:
    """A table of keys for each kind of file."""
    return {
        "experiment": table(Experiment, Execution),
        "slurm": table(SlurmOptions),
        "ray": table(RayOptions),
        "dask": table(DaskOptions),
        "setup": table(Setup),
        "recipe": table(Recipe),
        "adapter": table(Adapter),
        "preference": table(PreferenceSection),
        "merge": table(MergeSection),
        "decode": table(DecodeSection),
        "subset": table(Subset),
        "features": table(FeatureRecord),
        "part": table(Part),
    }


def table(cls: type, *bases: type) -> str:
    """The keys that a class reads, with those that it has from `bases`."""
    meanings = {name: text for base in (*bases, cls) for name, text in described(base)}
    keys = {name: default for name, default in defaults(cls).items() if name not in HIDDEN.get(cls, ())}
    rows = []
    for meaning, names in groupby(keys, meanings.__getitem__):
        together = [*names]
        values = [*dict.fromkeys(keys[name] for name in together)]
        rows.append(f"| {', '.join(f'`{name}`' for name in together)} | {', '.join(values)} | {meaning} |")
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


def described(cls: type) -> Iterator[tuple[str, str]]:
    """The names in the docstring's list of parameters or attributes, each with what is said of it, in one line."""
    for match in DESCRIBED.finditer((inspect.getdoc(cls) or "") + "\n"):
        for name in match["names"].split(", "):
            yield name, " ".join(match["text"].split()).replace("|", "\\|")


def defaults(cls: type) -> dict[str, str]:
    """By field, its default as YAML has it; `needed` where there is none."""
    if issubclass(cls, BaseModel):
        fields: dict[str, Any] = {
            name: PydanticUndefined if field.is_required() else field.get_default(call_default_factory=True)
            for name, field in cls.model_fields.items()
        }
    else:
        fields = {
            field.name: PydanticUndefined
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            else field.default_factory()
            if field.default_factory is not dataclasses.MISSING
            else field.default
            for field in dataclasses.fields(cls)
        }
    return {name: shown(value) for name, value in fields.items()}


def shown(value: object) -> str:
    """A default value, as a cell of a table."""
    if value is PydanticUndefined:
        return "needed"
    if value is None or value in ("", [], {}, ()):
        return ""
    if isinstance(value, str | bool | int | float | list | tuple):
        return f"`{value if isinstance(value, str) else json.dumps(value)}`"
    return f"`{value}`"
