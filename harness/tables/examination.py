"""From a descriptor and its table to tasks, with all that is wrong on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from optathlon.errors import MissingData, UsageError
from optathlon.paths import expanded
from optathlon.tables.answers import Exact
from optathlon.tables.cells import Cells
from optathlon.tables.columns import Columns, read_columns
from optathlon.tables.descriptor import Descriptor, mistakes, read_descriptor
from optathlon.tables.findings import Findings
from optathlon.tables.reading import read_trials
from optathlon.tables.surrogate import LEAST_CONFIGURATIONS, MOST_CELLS
from optathlon.tables.task import TableTask
from optathlon.tables.trials import Trials

_MOST_COUNTED = 1_000_000
"""Configurations of a conditional grid that are counted one after the other."""


@dataclass
class Examination:
    """What comes of a descriptor and its table.

    Attributes
    ----------
    findings:
        Problems, and what is worth knowing. With problems there are no tasks.
    tasks:
        By id.
    columns:
        What was read of the table, if it could be.
    """

    findings: Findings
    tasks: dict[str, TableTask] = field(default_factory=dict)
    columns: Columns | None = None


def examine_file(path: Path) -> Examination:
    """Examine a descriptor file. Raises `UsageError` where it is not YAML, and `MissingData` without the table."""
    return examine(read_descriptor(path), path.parent, path.name)


def examine(content: Mapping[str, Any], folder: Path, described_in: str = "") -> Examination:
    """Examine the keys of a descriptor whose table is below `folder`; it stands in the file `described_in`, if any.

    Raises `MissingData` where there is no table.
    """
    findings = Findings()
    descriptor = _descriptor(content, findings)
    if descriptor is None:
        return Examination(findings)
    is_broken = bool(findings.problems)
    file = folder / expanded(descriptor.table)
    try:
        columns = read_columns(file, descriptor.columns(), findings)
    except MissingData as error:
        if findings.problems:
            return Examination(findings)
        raise error from None
    if columns is None:
        return Examination(findings)
    trials = read_trials(descriptor, columns, findings)
    if trials is not None and not is_broken:
        _check_keys(descriptor, trials, findings)
    if trials is None or findings.problems:
        return Examination(findings, columns=columns)
    tasks = dict(_tasks(descriptor, columns, trials, findings, described_in))
    return Examination(findings, {} if findings.problems else tasks, columns)


def tasks_of(found: Examination, name: str) -> dict[str, TableTask]:
    """The tasks by id. Raises `UsageError` with the first problem, and how to see the others, for a table or descriptor
    of that name.
    """
    if problems := found.findings.problems:
        more = len(problems) - 1
        others = f" (and {more} more: see `optathlon table check {name}`)" if more else ""
        raise UsageError(f"{name}: {problems[0]}{others}")
    return found.tasks


def _descriptor(content: Mapping[str, Any], findings: Findings) -> Descriptor | None:
    """The checked descriptor; what is wrong is a problem, and is passed over where the rest can be understood."""
    try:
        return Descriptor.model_validate(content)
    except ValidationError as error:
        findings.problems += mistakes(error)
        wrong = [_place(found) for found in error.errors()]
    try:
        return Descriptor.model_validate(_without(content, wrong, ()))
    except ValidationError:
        return None


def _place(found: Any) -> tuple[Any, ...]:
    """What to pass over, so that the rest can be checked: an unknown key, or a column with something wrong."""
    if found["type"] == "extra_forbidden":
        return tuple(found["loc"])
    return tuple(found["loc"][: 2 if found["loc"][:1] in (("hyperparameters",), ("objectives",)) else 1])


def _without(content: Any, places: Sequence[tuple[Any, ...]], here: tuple[Any, ...]) -> Any:
    """The content without what stands at these places."""
    if not isinstance(content, Mapping):
        return content
    return {key: _without(value, places, (*here, key)) for key, value in content.items() if (*here, key) not in places}


def _tasks(
    descriptor: Descriptor, columns: Columns, trials: Trials, findings: Findings, described_in: str
) -> Iterator[tuple[str, TableTask]]:
    gaps = _Gaps()
    left_out: list[tuple[str, str]] = []
    kept = np.flatnonzero(trials.kept)
    groups = trials.group.codes[kept]
    for group in np.unique(groups).tolist():
        id = f"{descriptor.id}{trials.group.values[group]}"
        cells = Cells(descriptor, trials, kept[groups == group])
        if reason := _unusable(descriptor, cells):
            left_out.append((id, reason))
            continue
        gaps.add(id, descriptor, cells)
        yield id, TableTask(id, descriptor, columns.file, columns.sha256, cells, described_in)
    for id, reason in left_out:
        told = findings.notes if descriptor.group and len(left_out) < len(np.unique(groups)) else findings.problems
        told.append(f"left out: {id}: {reason}" if told is findings.notes else f"{id}: {reason}")
    gaps.tell(descriptor, findings)


def _check_keys(descriptor: Descriptor, trials: Trials, findings: Findings) -> None:
    """Rows of one configuration, level and repetition are a problem, or repetitions."""
    import pandas as pd

    keys = [*trials.hyperparameters.values(), trials.level, trials.repetition, trials.group]
    fine = np.ones(len(trials.kept), dtype=bool)
    fine[list(findings.wrong)] = False
    kept = np.flatnonzero(trials.kept & fine)
    frame = pd.DataFrame({number: key.codes[kept] for number, key in enumerate(keys)})
    repeated = np.zeros(len(trials.kept), dtype=bool)
    repeated[kept[frame.duplicated().to_numpy()]] = True
    what = f"{int(repeated.sum()):,} rows have the key of an earlier row ({{}})"
    if descriptor.duplicates == "refuse":
        findings.refuse(
            repeated,
            f"{what}: name the column that tells them apart as `seed` or `group`, or say `duplicates: repetitions`",
        )
    else:
        findings.note(repeated, f"{what} and are repetitions")


def _unusable(descriptor: Descriptor, cells: Cells) -> str:
    """Why there can be no task of these trials; empty where there can."""
    if len(cells.configs) == 1:
        return "it has only one configuration"
    full = cells.means(cells.values)[cells.level == len(cells.levels) - 1]
    full = full[np.isfinite(full).all(axis=1)]
    if not len(full):
        return "no configuration has a value at the full level"
    for name, values in zip(descriptor.objectives, full.T, strict=True):
        if values.min() == values.max():
            return f"the objective {name!r} is {values[0]:g} everywhere at the full level"
    if descriptor.answer == "surrogate" and len(cells.level) > MOST_CELLS:
        return (
            f"a surrogate is fitted to {MOST_CELLS:,} configurations x levels at most, and it has {len(cells.level):,}"
        )
    if descriptor.answer == "surrogate" and len(cells.configs) < LEAST_CONFIGURATIONS:
        return f"a surrogate needs {LEAST_CONFIGURATIONS} configurations, and it has {len(cells.configs)}"
    return ""


@dataclass
class _Gaps:
    """What the tasks' grids lack, together."""

    total: int = 0
    lacking: int = 0
    first: str = ""
    short: int = 0
    short_first: str = ""

    def add(self, id: str, descriptor: Descriptor, cells: Cells) -> None:
        """Count what one task's table lacks."""
        counts = np.bincount(cells.config, minlength=len(cells.configs))
        short = np.flatnonzero(counts < len(cells.levels))
        if len(short) and not self.short:
            config = cells.configuration(int(short[0]))
            there = [f"{cells.levels[place]:g}" for place in cells.level[cells.config == short[0]]]
            self.short_first = f"{id}: {config} has only {', '.join(there[:10])}"
        self.short += len(short)
        if descriptor.answer != "exact":
            return
        size = cells.space.grid_size(_MOST_COUNTED) * len(cells.levels)
        self.total += size
        self.lacking += size - len(cells.level)
        if size > len(cells.level) and not self.first:
            exact = Exact(cells)
            gaps = (pair for pair in product(cells.space.grid(), cells.levels) if exact.cell(*pair) is None)
            config, level = next(gaps)
            self.first = f"{id}: {config}" + ("" if level is None else f" at {level:g}")

    def tell(self, descriptor: Descriptor, findings: Findings) -> None:
        """What is lacking is a problem, or fails."""
        if self.short:
            findings.notes.append(
                f"{self.short:,} configurations lack some levels of the fidelity (the first is of {self.short_first})"
            )
        if not self.lacking > 0:
            return
        text = (
            f"{self.lacking:,} of {self.total:,} cells of the grid have no row, {self.lacking / self.total:.1%} "
            f"(the first is of {self.first})"
        )
        if descriptor.missing == "refuse":
            findings.problems.append(f"{text}: say `missing: failure`, or `answer: nearest` or `answer: surrogate`")
        else:
            findings.notes.append(f"{text}: they fail")


__all__ = ["Examination", "examine", "examine_file", "tasks_of"]
