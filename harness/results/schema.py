"""The columns of a results folder. Raise `FORMAT` whenever an older reader would misread them."""

from __future__ import annotations

import pyarrow as pa

FORMAT = 2
"""Version of the layout below, kept in the results folder's `optathlon.json` and in each shard's metadata."""

FORMAT_KEY = "optathlon.format"
"""Its key in the metadata."""

SPENT = "spent:"
"""Begins the columns of trials that say what a run had spent, where not all of its trials are there."""

_LABEL = pa.dictionary(pa.int32(), pa.string())

RUNS = pa.schema(
    [
        ("run", pa.string()),
        ("experiment", _LABEL),
        ("optimizer", _LABEL),
        ("options", _LABEL),
        ("task", _LABEL),
        ("task_version", _LABEL),
        ("fingerprint", _LABEL),
        ("collection", _LABEL),
        ("seed", pa.int64()),
        ("root_seed", pa.int64()),
        ("budget", pa.float64()),
        ("budget_unit", _LABEL),
        ("n_workers", pa.int32()),
        ("clock", _LABEL),
        ("attempt", pa.int32()),
        ("status", _LABEL),
        ("reason", pa.string()),
        ("error", pa.string()),
        ("trials", pa.int64()),
        ("spent", pa.float64()),
        ("started", pa.timestamp("us", tz="UTC")),
        ("seconds", pa.float64()),
        ("host", _LABEL),
        ("provenance", _LABEL),
        ("code", _LABEL),
        ("versions", _LABEL),
    ]
)
"""One row per finished run. `options` is JSON; `spent` is in the budget's unit; `seconds` is wall-clock time; `code`
is a hash of the optimizer's source, and `versions` (JSON) are those of the distributions behind it; both are null where
unknown. Of several rows for one run the highest `attempt` holds, and among equals the first shard by name."""

TRIALS = pa.schema(
    [
        ("run", _LABEL),
        ("trial", pa.int32()),
        ("config", pa.string()),
        ("fidelity", pa.float64()),
        ("parent", pa.int32()),
        ("evaluations", pa.float64()),
        ("values", pa.list_(pa.float64())),
        ("constraints", pa.list_(pa.float64())),
        ("metrics", pa.map_(pa.string(), pa.float64())),
        ("status", _LABEL),
        ("error", pa.string()),
        ("cost", pa.float64()),
        ("ask_s", pa.float32()),
        ("tell_s", pa.float32()),
        ("evaluate_s", pa.float32()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("worker", pa.int32()),
        ("over_budget", pa.bool_()),
        ("peak_memory", pa.int64()),
    ]
)
"""One row per trial: `config` is JSON of the active hyperparameters; `evaluations` is what the trial cost in full
evaluations; `values` are as the user reads them and null after a failure; `cost` is in seconds; `start` and `end`
are seconds on the run's clock; `peak_memory` is in bytes, where the trial had a process of its own."""

STORED_TRIALS = TRIALS.set(0, pa.field("run", pa.string()))
"""`TRIALS` as they are written: `run` has the type that it has in `RUNS`, so that other programs can join the two."""

TASKS = pa.schema(
    [
        ("task", pa.string()),
        ("version", pa.string()),
        ("fingerprint", pa.string()),
        ("collection", pa.string()),
        ("type", pa.string()),
        ("objectives", pa.string()),
        ("fidelity", pa.string()),
        ("constraints", pa.string()),
        ("space", pa.string()),
        ("metadata", pa.string()),
        ("data", pa.string()),
    ]
)
"""One row per task that has runs; the last six columns are JSON; `data` has the SHA-256 of data files."""
