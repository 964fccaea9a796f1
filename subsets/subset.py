"""Subsets as files: which tasks, how they were chosen, and from what."""

from __future__ import annotations

import os
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from optathlon.errors import UsageError, first_complaint, storage_errors, unknown
from optathlon.paths import expanded
from optathlon.yaml_file import read_yaml

PREFIX = "subset:"
"""What a task pattern starts with that names a subset."""

SUFFIXES = (".yaml", ".yml")
"""Of subset files; a name without one is that of a shipped subset."""

PartName = Literal["all", "dev", "test"]

Strata = Literal["collection"]
"""By what a part can have the same shares as all tasks."""

_NAME = re.compile(r"(?P<name>.*\.ya?ml|[^/]*)(/(?P<part>[^/]*))?")


class Part(BaseModel):
    """One of the disjoint sets of tasks that a subset consists of.

    Attributes
    ----------
    discrepancy:
        L-infinity star discrepancy to the target.
    other_discrepancy:
        That to the other target, for information.
    lower_bound:
        The proven lower bound on what any set of as many tasks reaches alone; `None` where nothing was proven.
    tasks:
        Fingerprints by task id; empty where a task has none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    discrepancy: float = Field(ge=0, le=1)
    other_discrepancy: float | None = Field(default=None, ge=0, le=1)
    lower_bound: float | None = Field(default=None, ge=0, le=1)
    tasks: dict[str, str] = Field(min_length=1)

    @property
    def gap(self) -> float | None:
        """By what share of itself the discrepancy may be above the least one, in [0, 1]; `None` without a bound."""
        if self.lower_bound is None:
            return None
        return max(0.0, 1 - self.lower_bound / self.discrepancy) if self.discrepancy else 0.0


class FeatureRecord(BaseModel):
    """What the points were made from; see `optathlon.subsets.TaskPoints`.

    Attributes
    ----------
    optimizers:
        One coordinate each.
    scale:
        Of the regrets.
    ranges:
        By optimizer, the mean regrets that became 0 and 1.
    budgets:
        The different budgets of the runs, e.g. `["100 evaluations"]`.
    seeds:
        The fewest and the most per task.
    tasks, distinct:
        How many tasks there were to choose from, and how many different points they gave.
    dropped, imputed, failed:
        Tasks left out, runs missing and runs failed, both of the latter counted as the worst.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimizers: list[str] = Field(min_length=1)
    scale: Literal["linear", "log"]
    ranges: dict[str, tuple[float, float]]
    budgets: list[str]
    seeds: tuple[int, int]
    tasks: int
    distinct: int
    dropped: list[str] = []
    imputed: int = 0
    failed: int = 0


class Subset(BaseModel):
    """A representative selection of tasks and its provenance; a small YAML file.

    Attributes
    ----------
    name:
        Of the file, without its suffix.
    type:
        Of the tasks, or `"any"`.
    target:
        Which distribution the points of each part resemble.
    seed:
        Of the search.
    strata:
        What each part has the same shares of as all tasks, `"collection"`; `None` where any tasks could be chosen.
    features:
        What the points were made from.
    parts:
        Disjoint: `dev` and `test`, or `all` tasks as one.
    optathlon:
        Version.
    command:
        That made it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: str
    target: Literal["empirical", "uniform"]
    seed: int
    strata: Strata | None = None
    features: FeatureRecord
    parts: dict[PartName, Part] = Field(min_length=1)
    optathlon: str
    command: str

    @model_validator(mode="after")
    def _parts_are_disjoint(self) -> Self:
        twice = {task for task in self.tasks if self.tasks.count(task) > 1}
        if twice:
            raise ValueError(f"{len(twice)} tasks are in several parts, e.g. {min(twice)}")
        return self

    @property
    def tasks(self) -> list[str]:
        """The ids of all parts' tasks."""
        return [task for part in self.parts.values() for task in part.tasks]

    @property
    def fingerprints(self) -> dict[str, str]:
        """Those of all parts' tasks, by id."""
        return {task: text for part in self.parts.values() for task, text in part.tasks.items()}

    def write(self, path: Path) -> None:
        """Write the YAML file `path`, at once or not at all."""
        content = self.model_dump(mode="json", exclude_none=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_text(yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=120))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    @classmethod
    def read(cls, name: str) -> Self:
        """The shipped subset of that name, or the one in the YAML file of that path.

        Raises `UsageError` where there is neither, or the file isn't a subset.
        """
        path: Path | Traversable = expanded(name)
        if not name.endswith(SUFFIXES):
            if name not in shipped():
                raise _no_shipped(name)
            path = _SHIPPED / f"{name}.yaml"
        elif not path.is_file():
            raise UsageError(f"no subset file {name!r}: make one with `optathlon subset select RESULTS`, {_HINT}")
        content = read_yaml(path, "subset")
        if not isinstance(content, dict):
            raise UsageError(f"{name!r} is not a subset: make one with `optathlon subset select RESULTS`")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            place, complaint = first_complaint(error)
            parts = filter(None, (*place.split("."), complaint))
            raise UsageError(f"{name!r} is not a subset: {': '.join(parts)}") from None


_SHIPPED = files("optathlon.subsets.shipped")

_HINT = "or see `optathlon list subsets`"


class _Dumper(yaml.SafeDumper):
    """Mappings with a line for each key, lists on one."""


_Dumper.add_representer(list, lambda dumper, items: dumper.represent_sequence("tag:yaml.org,2002:seq", items, True))


def shipped() -> list[str]:
    """The names of the subsets that come with Optathlon."""
    return sorted(item.name.removesuffix(".yaml") for item in _SHIPPED.iterdir() if item.name.endswith(".yaml"))


def subset_parts(pattern: str) -> tuple[Subset, dict[PartName, Part]]:
    """The subset that `subset:NAME`, `subset:NAME/dev` or `subset:NAME/test` names, and those of its parts.

    NAME may be a YAML file. Raises `UsageError` for unknown names and parts.
    """
    text = pattern.removeprefix(PREFIX)
    match = _NAME.fullmatch(text)
    if match is None:
        raise UsageError(f"can't read the task pattern {pattern!r}: write {PREFIX}NAME/dev or {PREFIX}FILE.yaml/dev")
    subset = Subset.read(match["name"])
    part = match["part"]
    if part is None:
        return subset, subset.parts
    if part not in subset.parts:
        raise unknown("part", part, subset.parts, where=f"the subset {match['name']!r}")
    return subset, {part: subset.parts[part]}


def subset_tasks(pattern: str) -> list[str]:
    """The task ids that a pattern as for `subset_parts` stands for."""
    _, parts = subset_parts(pattern)
    return [task for part in parts.values() for task in part.tasks]


def _no_shipped(name: str) -> UsageError:
    if name and Path(name).exists():
        return UsageError(f"{name!r} is not a subset: the names of subset files end in .yaml")
    if not shipped():
        return UsageError(f"unknown subset {name!r}: give a YAML file that `optathlon subset select RESULTS` made")
    return unknown("subset", name, shipped())
