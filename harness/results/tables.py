"""Results that other programs measured: a CSV or Parquet table as the frames of `optathlon.load`."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
from pyarrow import compute

from optathlon.errors import UsageError, unknown
from optathlon.results.frames import Results
from optathlon.results.provenance import provenance
from optathlon.results.schema import RUNS, TRIALS
from optathlon.task import short_hash
from optathlon.trial import Status

REQUIRED = ("optimizer", "task", "seed", "step", "value")
OPTIONAL = ("collection", "time", "test_value", "status")

_TEXT = ("optimizer", "task", "collection", "status")
_STATUSES = (Status.OK, Status.CRASHED, Status.TIMEOUT, Status.MEMORY, Status.DIVERGED, Status.INVALID)
_MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None")
_RUN = ["task", "optimizer", "seed"]
_SEED_DIGITS = 12
"""Of the hash of a seed that is a text."""
_LARGEST_SEED = 2**53
"""Beyond, floating-point numbers miss some."""

_ALIKE, _NEARLY_EQUAL = 0.6, 0.85
"""How like a known name a column's must be to be taken for it: one that must be there, and one that need not."""


def load_table(path: str | Path, *, direction: Literal["minimize", "maximize"] = "minimize") -> Results:
    """The results in a table with one row per observation, as `optathlon.load` would return them.

    Rows with equal `optimizer`, `task` and `seed` are a run, in any order; other columns than these are ignored:

    - `optimizer`, `task`: any text; blanks around it don't count.
    - `seed`: whole numbers or, e.g. for named folds, text, which becomes a number that depends on the text alone, so
      that it is the same in every table.
    - `step`: evaluations that the run has spent when it sees the value, the present one included. Steps may be left
      out. In a table whose smallest step is 0 they count from 0, and all are raised by one.
    - `value`: of the present trial or of the incumbent: both give the same incumbents. A missing value is a failed
      trial, and an infinite one an invalid one.
    - `collection`: by default what is before the first `/` of the tasks' names, or `all` where a name has none.
    - `time`: seconds since the run's start when it sees the value.
    - `test_value`: becomes the metric `test/value`.
    - `status`: `ok` (also where missing), `crashed`, `timeout`, `memory`, `diverged` or `invalid`; the value of a
      failed trial does not count.

    The budget of a run is the largest step of any run on its task. Times that the table doesn't tell are NaN or NaT.

    Parameters
    ----------
    path:
        A file `.csv`, `.csv.gz` or `.parquet`.
    direction:
        Of `value`, on all tasks.

    Raises `UsageError` where the file can't be read, has no rows, lacks a column or has one under a similar name, and
    where a row can't be meant: it names the first one, counted from 1 without the header.
    """
    file = Path(path)
    observations = _observations(_Table(file, _read(file)))
    source = _source(file)
    runs = _runs(observations, file.name, str(source.index[0]))
    return Results(runs, _trials(observations, runs), _tasks(observations, direction), source)


@dataclass(frozen=True)
class _Table:
    """A table as it was read, and complaints about its rows."""

    file: Path
    rows: pa.Table

    def __contains__(self, column: str) -> bool:
        return column in self.rows.column_names

    def error(self, complaint: str) -> UsageError:
        return UsageError(f"{str(self.file)!r}: {complaint}")

    def refuse(self, wrong: np.ndarray, complaint: str) -> None:
        """Raise `UsageError` where a row is wrong; `{}` in the complaint is the first one."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            others = len(rows) - 1
            more = f" (and {others} more {'row' if others == 1 else 'rows'})" if others else ""
            raise self.error(complaint.replace("{}", f"row {rows[0] + 1}{more}"))

    def text(self, column: str) -> pd.Categorical:
        """A column with its categories sorted."""
        labels = pd.Categorical(self._text(column).dictionary_encode().to_pandas())
        return labels.reorder_categories(sorted(labels.categories))

    def names(self, column: str) -> pd.Categorical:
        """A column of text in which nothing is empty."""
        labels = self.text(column)
        empty = [not name.strip() for name in labels.categories]
        self.refuse(np.array(empty)[labels.codes], f"no {column} in {{}}: name it, or leave the row out")
        return labels

    def numbers(self, column: str) -> np.ndarray:
        """Shape (rows,): a column of numbers; NaN where it is missing."""
        values = self.rows[column]
        if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_null(values.type):
            known: np.ndarray = values.cast(pa.float64(), safe=False).to_numpy()
            return known
        text = self._text(column).to_pandas()
        numbers: np.ndarray = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)
        wrong = np.isnan(numbers) & ~text.isin(_MISSING).to_numpy()
        example = text[wrong].iloc[0] if wrong.any() else ""
        self.refuse(wrong, f"the {column} in {{}} is not a number but {example!r}: fix it")
        return numbers

    def _text(self, column: str) -> pa.ChunkedArray:
        try:
            return compute.utf8_trim_whitespace(self.rows[column].cast(pa.string()).fill_null(""))
        except pa.ArrowException:
            kind = self.rows[column].type
            raise self.error(f"the column {column!r} holds {kind}: give numbers or text") from None


def _read(file: Path) -> pa.Table:
    if not file.is_file():
        raise UsageError(f"no file {str(file)!r}: give a .csv, .csv.gz or .parquet file")
    try:
        if file.name.endswith((".csv", ".csv.gz")):
            types = dict.fromkeys(_TEXT, pa.string())
            convert = pc.ConvertOptions(column_types=types, null_values=_MISSING, strings_can_be_null=False)
            return pc.read_csv(file, convert_options=convert)
        if file.name.endswith(".parquet"):
            return pq.read_table(file)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"can't read {str(file)!r} as a table: {' '.join(str(error).split())}") from None
    raise UsageError(f"can't tell what {str(file)!r} is: name it .csv, .csv.gz or .parquet")


def _observations(table: _Table) -> pd.DataFrame:
    """One row per observation: the known columns, its `row` in the file (from 0) and the number of its `run`.

    Runs are ordered by task, optimizer and seed, and their rows by step.
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
            "seed": _seeds(table),
            "collection": table.names("collection") if "collection" in table else _collections(tasks),
            "step": _steps(table),
            "time": table.numbers("time") if "time" in table else np.nan,
            "value": value,
            "status": status,
        }
    )
    if "test_value" in table:
        frame["test_value"] = table.numbers("test_value")
    frame["run"] = frame.groupby(_RUN, observed=True, sort=True).ngroup()
    frame = frame.sort_values(["run", "step"], kind="stable").reset_index(names="row")
    _check_runs(table, frame)
    return frame


def _check_columns(table: _Table) -> None:
    """Every column there once, and none that is probably meant but called otherwise."""
    columns = table.rows.column_names
    for name in (*REQUIRED, *OPTIONAL):
        if columns.count(name) > 1:
            raise table.error(f"two columns are called {name!r}: rename one")
        if name in columns:
            continue
        others = {_plain(column): column for column in columns if column not in (*REQUIRED, *OPTIONAL)}
        cutoff = _ALIKE if name in REQUIRED else _NEARLY_EQUAL
        for near in difflib.get_close_matches(name, others, n=1, cutoff=cutoff):
            raise table.error(f"no column {name!r}, but {others[near]!r}: rename it")
        if name in REQUIRED:
            raise table.error(f"no column {name!r}: it has {', '.join(map(repr, columns))}; rename the one you mean")


def _plain(column: str) -> str:
    return column.strip().lower().replace(" ", "_").replace("-", "_")


def _seeds(table: _Table) -> np.ndarray:
    kind = table.rows["seed"].type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        names = table.names("seed")
        numbers = [int(hashlib.sha256(name.encode()).hexdigest()[:_SEED_DIGITS], 16) for name in names.categories]
        of_rows: np.ndarray = np.array(numbers, dtype=np.int64)[names.codes]
        return of_rows
    seeds = table.numbers("seed")
    table.refuse(np.isnan(seeds), "no seed in {}: give one, or leave the row out")
    exact = (seeds == np.floor(seeds)) & (np.abs(seeds) <= _LARGEST_SEED)
    table.refuse(~exact, f"the seed in {{}} is not a whole number up to {_LARGEST_SEED}: fix it")
    return seeds.astype(np.int64)


def _steps(table: _Table) -> np.ndarray:
    steps = table.numbers("step")
    table.refuse(~np.isfinite(steps), "no finite step in {}: give the number of evaluations so far")
    table.refuse(steps < 0, "the step in {} is negative: give the number of evaluations so far")
    if steps.min() > 0:
        return steps
    table.refuse(
        steps != np.floor(steps), "steps start at 0, but the one in {} is not whole: count evaluations from above 0"
    )
    return steps + 1


def _values(table: _Table) -> tuple[np.ndarray, np.ndarray]:
    """Values, NaN where a trial failed, and statuses."""
    values = table.numbers("value")
    status = np.where(np.isinf(values), Status.INVALID, np.where(np.isnan(values), Status.CRASHED, Status.OK))
    if "status" in table:
        stated = table.text("status")
        for word in stated.categories:
            if word not in (*_STATUSES, *_MISSING):
                raise unknown("status", word, [status.value for status in _STATUSES], where=str(table.file))
        status = np.where(np.isin(stated, [Status.OK, *_MISSING]), status, np.asarray(stated))
    return np.where(status == Status.OK, values, np.nan), status


def _collections(tasks: pd.Categorical) -> pd.Categorical:
    prefixes = np.array([name.partition("/")[0] if "/" in name else "" for name in tasks.categories])
    names = prefixes if all(prefixes) else np.full(len(prefixes), "all")
    return pd.Categorical(names[tasks.codes])


def _check_runs(table: _Table, rows: pd.DataFrame) -> None:
    same_run = (rows["run"].diff() == 0).to_numpy()
    where = np.empty(len(rows), dtype=bool)

    def refuse(wrong: np.ndarray, complaint: str) -> None:
        where[rows["row"]] = wrong
        table.refuse(where, complaint)

    twice = same_run & (rows["step"].diff() == 0).to_numpy()
    refuse(twice, "optimizer, task, seed and step in {} are those of an earlier row: leave one out")
    first = rows.groupby("task", observed=True)["collection"].transform("first")
    refuse((rows["collection"] != first).to_numpy(), "the task in {} has another collection in other rows: choose one")
    if "time" not in table:
        return
    time = rows["time"]
    refuse(~((time >= 0) & np.isfinite(time)).to_numpy(), "no time >= 0 in {}: give all times, or no column 'time'")
    refuse(same_run & (time.diff() < 0).to_numpy(), "the time in {} is before that of an earlier step: fix it")


def _runs(rows: pd.DataFrame, source: str, provenance: str) -> pd.DataFrame:
    by_run = rows.groupby("run")
    last = by_run.last()
    frame = last[["optimizer", "task", "collection", "seed"]].reset_index(drop=True)
    budgets = rows.groupby("task", observed=True)["step"].max()
    columns: dict[str, Any] = {
        "run": [short_hash(json.dumps(run)) for run in frame[["optimizer", "task", "seed"]].itertuples(index=False)],
        "experiment": source,
        "optimizer": frame["optimizer"],
        "options": "{}",
        "task": frame["task"],
        "task_version": "1",
        "fingerprint": "",
        "collection": frame["collection"],
        "seed": frame["seed"],
        "root_seed": 0,
        "budget": frame["task"].astype(str).map(budgets).astype(float),
        "budget_unit": "evaluations",
        "n_workers": np.int32(1),
        "clock": "real",
        "attempt": np.int32(1),
        "status": "ok",
        "reason": _no_text(len(frame)),
        "error": _no_text(len(frame)),
        "trials": by_run.size().to_numpy(),
        "spent": last["step"].to_numpy(),
        "started": pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]"),
        "seconds": last["time"].to_numpy(),
        "host": "",
        "provenance": provenance,
    }
    return _labelled(pd.DataFrame(columns))


def _trials(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    by_run = rows.groupby("run")
    columns: dict[str, Any] = {
        "run": pd.Categorical(runs["run"])[rows["run"].to_numpy()],
        **{label: rows[label] for label in ("optimizer", "task", "collection", "seed")},
        "trial": by_run.cumcount().astype(np.int32),
        "config": "{}",
        "fidelity": np.nan,
        "parent": np.nan,
        "evaluations": by_run["step"].diff().fillna(rows["step"]),
        "value": rows["value"],
        **({"test/value": rows["test_value"]} if "test_value" in rows else {}),
        "status": rows["status"],
        "error": _no_text(len(rows)),
        "cost": np.nan,
        **dict.fromkeys(("ask_s", "tell_s", "evaluate_s"), np.float32(np.nan)),
        "start": by_run["time"].shift().fillna(rows["time"] * 0),
        "end": rows["time"],
        "worker": np.int32(0),
        "over_budget": False,
        "peak_memory": np.nan,
    }
    return _labelled(pd.DataFrame(columns))


def _tasks(rows: pd.DataFrame, direction: str) -> pd.DataFrame:
    first = rows.groupby("task", observed=True)["collection"].first()
    objective = {"name": "value", "direction": direction} | dict.fromkeys(("lower", "upper", "optimum", "reference"))
    described = [
        {
            "task": task,
            "version": "1",
            "fingerprint": "",
            "collection": collection,
            "type": "blackbox",
            "objectives": [objective],
            "fidelity": None,
            "constraints": [],
            "space": {},
            "metadata": {},
            "data": {},
        }
        for task, collection in first.items()
    ]
    return pd.DataFrame(described).set_index("task")


def _source(file: Path) -> pd.DataFrame:
    """The file, and what read it."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    reader = provenance()
    facts = {"file": file.name, "sha256": digest} | {name: reader[name] for name in ("command", "packages", "python")}
    return pd.DataFrame([{"provenance": short_hash(digest)} | facts]).set_index("provenance")


def _no_text(count: int) -> pd.Series:
    return pd.Series(np.nan, index=range(count), dtype="str")


def _labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with categoricals, their categories sorted, where `optathlon.load` has them."""
    schema = TRIALS if "trial" in frame else RUNS
    labels = [*_RUN[:2], "collection", *(field.name for field in schema if pa.types.is_dictionary(field.type))]
    return frame.astype(dict.fromkeys(labels, "category"))
