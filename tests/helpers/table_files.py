"""Tables of trials and their descriptors, as tests write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from optathlon.tables import Examination, TableTask, examine, tasks_of

LEVELS = (1, 3, 9)
SEEDS = (0, 1, 2)
GRID: dict[str, Any] = {
    "id": "mine/grid",
    "table": "trials.csv",
    "hyperparameters": {"rate": "ordinal", "width": "ordinal", "kind": "categorical"},
    "objectives": {"val_error": {"direction": "minimize", "test": "test_error"}},
    "fidelity": {"column": "epochs", "resumable": "true"},
    "cost": "seconds",
    "seed": "seed",
    "metrics": ["weights"],
}
"""Describes `grid_rows`."""


def grid_rows() -> pd.DataFrame:
    """A full grid of 3 x 2 x 2 configurations, 3 levels and 3 seeds."""
    keys = [
        (rate, width, kind, epochs, seed)
        for rate in (0.001, 0.01, 0.1)
        for width in (8, 64)
        for kind in ("relu", "tanh")
        for epochs in LEVELS
        for seed in SEEDS
    ]
    rows = pd.DataFrame(keys, columns=["rate", "width", "kind", "epochs", "seed"])
    number = pd.Series(range(len(rows)))
    rows["val_error"] = (number * 37 % 101) / 101
    rows["test_error"] = (number * 53 % 103) / 103
    rows["seconds"] = rows["epochs"] * rows["width"] / 7
    rows["weights"] = rows["width"] * 11
    return rows


def examined(rows: pd.DataFrame, folder: Path, base: Mapping[str, Any] = GRID, /, **keys: Any) -> Examination:
    """What comes of the rows, in a file as the description's key `table` says, with some of its keys replaced."""
    content = {**base, **keys}
    file = folder / content["table"]
    rows.to_parquet(file) if file.suffix == ".parquet" else rows.to_csv(file, index=False)
    return examine({key: value for key, value in content.items() if value is not None}, folder)


def made(rows: pd.DataFrame, folder: Path, base: Mapping[str, Any] = GRID, /, **keys: Any) -> TableTask:
    """The only task of the rows."""
    (task,) = tasks_of(examined(rows, folder, base, **keys), "the table").values()
    return task
