"""The frames of `optathlon.load`, made from observations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from optathlon.results.failures import with_status_of_trials
from optathlon.results.frames import Results
from optathlon.results.provenance import provenance
from optathlon.results.schema import RUNS, TRIALS
from optathlon.task import short_hash


def results_of(observations: pd.DataFrame, file: Path) -> Results:
    """The results of a file with these observations, as `observations` returns them."""
    source = _source(file)
    runs = _runs(observations, file.name, str(source.index[0]))
    trials = _trials(observations, runs)
    return Results(with_status_of_trials(runs, trials), trials, _tasks(observations), source)


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
        "code": _no_text(len(frame)),
        "versions": _no_text(len(frame)),
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


def _tasks(rows: pd.DataFrame) -> pd.DataFrame:
    first = rows.groupby("task", observed=True)[["collection", "direction"]].first().astype(str)
    unknown = dict.fromkeys(("lower", "upper", "optimum", "reference"))
    described = [
        {
            "task": task,
            "version": "1",
            "fingerprint": "",
            "collection": collection,
            "type": "blackbox",
            "objectives": [{"name": "value", "direction": direction} | unknown],
            "fidelity": None,
            "constraints": [],
            "space": {},
            "metadata": {},
            "data": {},
        }
        for task, collection, direction in first.itertuples()
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
    labels = [
        "task",
        "optimizer",
        "collection",
        *(field.name for field in schema if pa.types.is_dictionary(field.type)),
    ]
    return frame.astype(dict.fromkeys(labels, "category"))
