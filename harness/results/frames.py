"""Stored results as pandas frames: what users and the analysis start from."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from optathlon.errors import UsageError, unknown
from optathlon.html_table import html_table
from optathlon.lazy import lazy_module
from optathlon.paths import quoted
from optathlon.redaction import redacted_id
from optathlon.results import arrow
from optathlon.results.flat import by_key, spread
from optathlon.results.folder import ResultsFolder, Rows, labels_in
from optathlon.results.schema import SPENT, TRIALS

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy_module("pandas")

_RUN_LABELS = ("optimizer", "task", "collection", "seed")

_COUNTED = f"{SPENT}evaluations"


@dataclass(frozen=True, repr=False)
class Results:
    """The frames of a results folder.

    Attributes
    ----------
    runs:
        One row per finished run: `run` (its id), `experiment`, `optimizer`, `options` (JSON), `task`,
        `task_version`, `fingerprint`, `collection`, `seed`, `root_seed`, `budget`, `budget_unit`
        ("evaluations", "seconds" or "cost"), `n_workers`, `clock` ("real", "virtual" or "charged"), `attempt`
        (from 1), `status`, `reason`, `error`, `trials` (their number), `spent` (in the budget's unit), `started` (UTC),
        `seconds` (wall-clock), `host`, `provenance`, `code` (a hash of the optimizer's source), `versions` (JSON: the
        distributions behind the optimizer). The last two are missing where unknown.
    trials:
        One row per trial, in run and trial order: `run`, `optimizer`, `task`, `collection`, `seed`, `trial`
        (from 0), `config` (JSON), `fidelity`, `parent`, `evaluations` (the trial's cost in full evaluations),
        `value` (first objective, as the user reads it; NaN after a failure), `value_2`, … (further objectives),
        `constraint_1`, … , one column per metric under its own name (`test/error`, …; as
        `metric:NAME` where NAME is one of these columns), `status`, `error`, `cost`
        (seconds), `ask_s`, `tell_s`, `evaluate_s` (seconds), `start`, `end` (seconds on the run's clock),
        `worker`, `over_budget`, `peak_memory` (bytes; of trials in a process of their own). Labels are categoricals.
        Of baselines (`optathlon.baselines`) only incumbents are there; `spent:evaluations` and
        `spent:full_fidelity_trials` say what the run had spent after each of them.
    tasks:
        One row per task and version, indexed by id: `version`, `fingerprint`, `collection`, `type`, `objectives` (list
        of dictionaries with `name`, `direction`, `lower`, `upper`, `optimum`, `reference`; `None` where unknown),
        `fidelity` (dictionary with `name`, `lower`, `upper`, `kind`, `log`, `resumable`, `levels`, or `None`),
        `constraints` (list of names), `space` (ConfigSpace's dictionary), `metadata` (dictionary), `data`
        (SHA-256 by data file).
    provenance:
        One row per session of the harness, indexed by id: `packages` (dictionary), `command`, `python`, `os`, …
    """

    runs: pd.DataFrame
    trials: pd.DataFrame
    tasks: pd.DataFrame
    provenance: pd.DataFrame

    def __repr__(self) -> str:
        counts = {"run": len(self.runs), "optimizer": self.runs["optimizer"].nunique()}
        counts |= {"task": self.runs["task"].nunique(), "trial": len(self.trials)}
        return f"<Results: {', '.join(f'{count:,} {noun}s' for noun, count in counts.items())}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: a line for each optimizer."""
        rows = []
        for optimizer, runs in self.runs.groupby(self.runs["optimizer"].astype(str), sort=True):
            statuses = runs["status"].astype(str).value_counts().sort_index()
            ended = ", ".join(f"{count:,} {status}" for status, count in statuses.items())
            rows.append((optimizer, runs["task"].nunique(), runs["seed"].nunique(), int(runs["trials"].sum()), ended))
        return html_table(repr(self).strip("<>"), ("optimizer", "tasks", "seeds", "trials", "runs"), rows)


def load(
    path: str | Path,
    *,
    optimizers: str | Sequence[str] | None = None,
    tasks: str | Sequence[str] | None = None,
    seeds: Collection[int] | None = None,
    columns: str | Sequence[str] | None = None,
) -> Results:
    """The results stored in the folder `path`, or those of them that are asked for; nothing else is read from disk.

    Parameters
    ----------
    path:
        A results folder.
    optimizers, tasks:
        An id or a pattern with `*` and `?`, such as `"bbob/*/d5/*"`, or several; by default all.
    seeds:
        By default all.
    columns:
        The columns of `trials` to read, such as `["value", "status"]`, beside the labels of their run and their
        number; by default all. Objectives (`"value"`), constraints (`"constraint_1"`) and metrics come all together.

    Raises `optathlon.errors.UsageError` where there is no results folder, or one of another format version, or where
    nothing in it has such a name.
    """
    folder = ResultsFolder.open(Path(path))
    stored = TRIALS.names if columns is None else stored_columns(columns)
    runs, trials = folder.read(wanted_runs(optimizers=optimizers, tasks=tasks, seeds=seeds), stored)
    described = indexed(described_tasks(folder, runs), "task")
    ran = described.index.isin(runs["task"].cast(pa.string()).to_pylist())
    return Results(
        runs=_frame(runs),
        trials=_trials_frame(runs, trials),
        tasks=described if tasks is None and optimizers is None and seeds is None else described[ran],
        provenance=indexed(folder.read_provenance(), "provenance"),
    )


def wanted_runs(
    *,
    optimizers: str | Sequence[str] | None = None,
    tasks: str | Sequence[str] | None = None,
    seeds: Collection[int] | None = None,
) -> Callable[[pa.Table], Rows]:
    """What chooses among stored runs those that `load` would read, for `ResultsFolder.read`."""

    def chosen(runs: pa.Table) -> Rows:
        rows = np.ones(len(runs), dtype=bool)
        for label, patterns in (("optimizer", optimizers), ("task", tasks)):
            if patterns is not None:
                codes, names = arrow.labels(runs[label])
                known = {names[code] for code in np.unique(codes).tolist()}
                found = {*matching(label, patterns, known)}
                rows &= np.array([name in found for name in names], bool)[codes]
        return rows if seeds is None else rows & np.isin(arrow.numbers(runs["seed"]), list(seeds))

    return chosen


def require_runs(results: Results, path: Path) -> None:
    """Raise `UsageError` where there are none in these results, which are those at `path`."""
    if results.runs.empty:
        raise UsageError(f"{str(path)!r} has no runs yet: see `optathlon status {quoted(path)}`")


def select(
    results: Results, *, optimizers: str | Sequence[str] | None = None, tasks: str | Sequence[str] | None = None
) -> Results:
    """Those of `results` that are asked for, as `load` with the same arguments."""
    kept = np.ones(len(results.runs), dtype=bool)
    for label, patterns in (("optimizer", optimizers), ("task", tasks)):
        if patterns is not None:
            names = results.runs[label].astype(str).to_numpy()
            kept &= np.isin(names, matching(label, patterns, names))
    runs = results.runs[kept].reset_index(drop=True)
    trials = results.trials[results.trials["run"].isin(runs["run"])].reset_index(drop=True)
    described = results.tasks[results.tasks.index.isin(runs["task"].astype(str))]
    return replace(results, runs=_used(runs), trials=_used(trials), tasks=described)


def has_all_trials(trials: pd.DataFrame) -> np.ndarray:
    """Shape (trials,), boolean: the trials of runs of which all are there, and not only incumbents."""
    if _COUNTED not in trials:
        return np.ones(len(trials), dtype=bool)
    whole: np.ndarray = trials[_COUNTED].isna().to_numpy()
    return whole


def matching(label: str, patterns: str | Sequence[str], names: Iterable[str]) -> list[str]:
    """The names that some pattern matches; `UsageError` where a pattern matches none."""
    known = sorted(set(names))
    matches = []
    for pattern in _several(patterns):
        # brackets belong to the ids of optimizers with options
        found = [name for name in known if name == pattern or fnmatchcase(name, pattern.replace("[", "[[]"))]
        if not found:
            raise unknown(label, pattern, known, where="these results")
        matches += found
    return matches


def described_tasks(folder: ResultsFolder, runs: pa.Table) -> list[dict[str, object]]:
    """All descriptions of tasks; `UsageError` where that of a task with runs is missing."""
    tasks = folder.read_tasks()
    missing = labels_in(runs["task"]) - {task["task"] for task in tasks}
    if missing:
        raise UsageError(
            f"no file in {str(folder.path / 'tasks')!r} describes {min(missing)!r}: repeat the `optathlon run` command "
            "of its runs, which describes it again"
        )
    return tasks


def stored_columns(columns: str | Sequence[str]) -> list[str]:
    """The columns of the store that hold these of `trials`."""
    stored = []
    for name in _several(columns):
        if re.fullmatch(r"value(_\d+)?", name):
            stored.append("values")
        elif re.fullmatch(r"constraint_\d+", name):
            stored.append("constraints")
        else:
            stored.append(name if name in TRIALS.names else "metrics")
    return stored


def _several(texts: str | Sequence[str]) -> Sequence[str]:
    """One text alone is not its letters."""
    return [texts] if isinstance(texts, str) else texts


def indexed(rows: list[dict[str, object]], key: str) -> pd.DataFrame:
    """Rows as a frame with `key` as its sorted index, also where there are none."""
    frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=[key])
    return frame.set_index(key).sort_index(kind="stable")


def _trials_frame(runs: pa.Table, trials: pa.Table) -> pd.DataFrame:
    """Trials with the labels of their run, and list columns spread over flat ones."""
    positions = pc.index_in(trials["run"].cast(pa.string()), runs["run"])
    columns: dict[str, pa.ChunkedArray | pa.Array] = {"run": trials["run"]}
    for label in _RUN_LABELS:
        columns[label] = runs[label].take(positions)
    for name in trials.column_names[1:]:
        match name:
            case "values":
                columns |= {_numbered("value", i): pa.array(one) for i, one in enumerate(spread(trials[name]))}
            case "constraints":
                columns |= {f"constraint_{i + 1}": pa.array(one) for i, one in enumerate(spread(trials[name]))}
            case "metrics":
                columns |= {_metric_name(metric): pa.array(one) for metric, one in by_key(trials[name]).items()}
            case _:
                columns[name] = trials[name]
    if "values" in trials.column_names:
        columns.setdefault("value", pa.nulls(len(trials), pa.float64()))
    return _frame(pa.table(columns))


def _frame(table: pa.Table) -> pd.DataFrame:
    """A pandas frame whose categories are sorted, so that it is the same however the shards came about."""
    frame = table.to_pandas()
    if "optimizer" in frame:
        frame["optimizer"] = frame["optimizer"].cat.rename_categories(redacted_id)  # earlier versions stored secrets
    return _used(frame)


def _used(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with sorted categories, and only those that occur."""
    frame = frame.copy(deep=False)
    for name in frame.select_dtypes("category"):
        used = frame[name].cat.remove_unused_categories()
        frame[name] = used.cat.set_categories(pd.Index(sorted(used.cat.categories), dtype="str"))
    return frame


def _metric_name(metric: str) -> str:
    reserved = metric in (*TRIALS.names, *_RUN_LABELS) or re.fullmatch(r"value(_\d+)?|constraint_\d+|spent:.*", metric)
    return f"metric:{metric}" if reserved else metric


def _numbered(name: str, index: int) -> str:
    return name if index == 0 else f"{name}_{index + 1}"
