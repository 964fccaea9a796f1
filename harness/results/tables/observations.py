"""The rows of a table as observations of runs, checked."""

from __future__ import annotations

import difflib
import re

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute

from optathlon.errors import unknown
from optathlon.results.tables.numbers import numbers, times
from optathlon.results.tables.seeds import seeds
from optathlon.results.tables.table import KNOWN, MISSING, REQUIRED, Direction, Table, plain
from optathlon.trial import Status

RUN = ["task", "optimizer", "seed"]

_STATUSES = (Status.OK, Status.CRASHED, Status.TIMEOUT, Status.MEMORY, Status.DIVERGED, Status.INVALID)
_DIRECTIONS = ("minimize", "maximize")

_ALIKE, _NEARLY_EQUAL = 0.6, 0.85
"""How like a known name a column's must be to be taken for it: one that must be there, and one that need not."""

_UNREAD = {
    r"fidelity": "lower levels would count as full ones: keep the rows at the full level, and leave the column out",
    r"value_\d+": "only one objective is read from a table: give each a table of its own, and leave the column out",
    r"constraint_\d+": "infeasible rows would count: give them the status 'invalid', and leave the column out",
}
"""Columns of `optathlon.load` without which others mean something else."""

_OF_TRIALS = ", or, where the rows are no results but past trials, make a task of them: see `optathlon table`"

_SAYS_DIRECTION = r"(is_)?(higher|larger|greater|bigger|lower|smaller)_(is_)?better|(is_)?(maxim|minim)i[sz]ed?"
_MEANS_DIRECTION = (
    r"(min|max)(imi([sz]ed?|[sz]ing|[sz]ation))?|(higher|larger|greater|bigger|lower|smaller)([ _-](is[ _-])?better)?"
)
"""Names of columns, and values, that tell which values are better."""


def observations(table: Table, direction: Direction | None) -> pd.DataFrame:
    """One row per observation: the known columns, its `row` in the file (from 0) and the number of its `run`.

    Runs are ordered by task, optimizer and seed, and their rows by step. Values are NaN where a trial failed. Without
    a column `direction`, all tasks have `direction`, by default `"minimize"`.
    """
    _check_columns(table)
    if not len(table.rows):
        raise table.error("the table has no rows")
    tasks = table.names("task")
    value, status = _values(table)
    frame = pd.DataFrame(
        {
            "task": tasks,
            "optimizer": table.names("optimizer"),
            "seed": seeds(table),
            "collection": table.names("collection") if "collection" in table else _collections(tasks),
            "direction": _directions(table, direction),
            "step": _steps(table),
            "time": times(table) if "time" in table else np.nan,
            "value": value,
            "status": status,
        }
    )
    if "test_value" in table:
        frame["test_value"] = numbers(table, "test_value")
    frame["run"] = frame.groupby(RUN, observed=True, sort=True).ngroup()
    frame = frame.sort_values(["run", "step"], kind="stable").reset_index(names="row")
    _check_runs(table, frame)
    return frame


def _check_columns(table: Table) -> None:
    """Every column there once, none that is probably meant but called otherwise, or that must not be ignored."""
    columns = table.rows.column_names
    ignored = [column for column in columns if column not in KNOWN]
    others = {plain(column): column for column in ignored}
    for name in KNOWN:
        if columns.count(name) > 1:
            raise table.error(f"two columns are called {name!r}: rename one")
        if name in columns:
            continue
        cutoff = _ALIKE if name in REQUIRED else _NEARLY_EQUAL
        for near in difflib.get_close_matches(name, others, n=1, cutoff=cutoff):
            raise table.error(f"no column {name!r}, but {others[near]!r}: rename it")
        if name in REQUIRED:
            raise table.error(
                f"no column {name!r}: it has {', '.join(map(repr, columns))}; rename the one you mean"
                f"{_OF_TRIALS if 'value' not in columns else ''}"
            )
    for index, column in enumerate(columns):
        if column not in KNOWN:
            _refuse_meaningful(table, column, table.rows.column(index))


def _refuse_meaningful(table: Table, column: str, values: pa.ChunkedArray) -> None:
    """Refuse a column that would be ignored although others mean something else with it."""
    varies = len(values.unique()) > 1
    for pattern, complaint in _UNREAD.items():
        if varies and re.fullmatch(pattern, plain(column)):
            raise table.error(f"the column {column!r} is not read, and {complaint}")
    if "direction" not in table and _says_direction(column, values):
        raise table.error(
            f"the column {column!r} seems to tell which values are better: replace it by one called 'direction' with "
            "'minimize' or 'maximize', or leave it out"
        )


def _says_direction(column: str, values: pa.ChunkedArray) -> bool:
    if re.fullmatch(_SAYS_DIRECTION, plain(column)):
        return True
    if not pa.types.is_string(values.type) and not pa.types.is_large_string(values.type):
        return False
    words = {word.strip().lower() for word in compute.unique(values.drop_null()).to_pylist()} - {""}
    return bool(words) and all(re.fullmatch(_MEANS_DIRECTION, word) for word in words)


def _directions(table: Table, direction: Direction | None) -> pd.Categorical:
    if "direction" not in table:
        return pd.Categorical(np.full(len(table.rows), direction or "minimize", dtype=object))
    stated = table.names("direction")
    for word in stated.categories:
        if word not in _DIRECTIONS:
            raise unknown("direction", word, _DIRECTIONS, where=str(table.file))
    if direction is not None:
        table.refuse(
            np.asarray(stated != direction),
            f"the direction in {{}} is not {direction!r}, as asked for: leave out the column, or --{direction}",
        )
    return stated


def _steps(table: Table) -> np.ndarray:
    if pa.types.is_duration(table.kind("step")):
        raise table.unusable("step", "numbers of evaluations, and durations as 'time'")
    steps = numbers(table, "step")
    table.refuse(~np.isfinite(steps), "no finite step in {}: give the number of evaluations so far")
    table.refuse(steps < 0, "the step in {} is negative: give the number of evaluations so far")
    if steps.min() > 0:
        return steps
    table.refuse(
        steps != np.floor(steps), "steps start at 0, but the one in {} is not whole: count evaluations from above 0"
    )
    return steps + 1


def _values(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Values, NaN where a trial failed, and statuses."""
    values = numbers(table, "value")
    status = np.where(np.isinf(values), Status.INVALID, np.where(np.isnan(values), Status.CRASHED, Status.OK))
    if "status" in table:
        stated = table.text("status")
        for word in stated.categories:
            if word not in (*_STATUSES, *MISSING):
                raise unknown("status", word, [status.value for status in _STATUSES], where=str(table.file))
        status = np.where(np.isin(stated, [Status.OK, *MISSING]), status, np.asarray(stated))
    return np.where(status == Status.OK, values, np.nan), status


def _collections(tasks: pd.Categorical) -> pd.Categorical:
    prefixes = np.array([name.partition("/")[0] if "/" in name else "" for name in tasks.categories])
    names = prefixes if all(prefixes) else np.full(len(prefixes), "all")
    return pd.Categorical(names[tasks.codes])


def _check_runs(table: Table, rows: pd.DataFrame) -> None:
    same_run = (rows["run"].diff() == 0).to_numpy()
    where = np.empty(len(rows), dtype=bool)

    def refuse(wrong: np.ndarray, complaint: str) -> None:
        where[rows["row"]] = wrong
        table.refuse(where, complaint)

    twice = same_run & (rows["step"].diff() == 0).to_numpy()
    refuse(twice, "optimizer, task, seed and step in {} are those of an earlier row: leave one out")
    for label in ("collection", "direction"):
        codes = rows[label].cat.codes
        first = codes.groupby(rows["task"], observed=True).transform("first")
        refuse((codes != first).to_numpy(), f"the task in {{}} has another {label} in other rows: choose one")
    if "time" not in table:
        return
    time = rows["time"]
    refuse(~((time >= 0) & np.isfinite(time)).to_numpy(), "no time >= 0 in {}: give all times, or no column 'time'")
    refuse(same_run & (time.diff() < 0).to_numpy(), "the time in {} is before that of an earlier step: fix it")
