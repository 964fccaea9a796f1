"""Tables as tasks by one call."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from optathlon.tables.examination import examine, tasks_of
from optathlon.tables.task import TableTask

Words = str | Mapping[str, Any]
"""What a descriptor file says of a column: a word, or keys with their values."""


def table_task(
    table: str | Path,
    *,
    id: str,
    hyperparameters: Mapping[str, Words],
    objectives: Mapping[str, Words],
    fidelity: Words | None = None,
    cost: str | None = None,
    seed: str | None = None,
    metrics: Sequence[str] = (),
    status: Words | None = None,
    where: Mapping[str, Any] | None = None,
    answer: Literal["exact", "nearest", "surrogate"] = "exact",
    missing: Literal["failure", "refuse"] = "refuse",
    duplicates: Literal["repetitions", "refuse"] = "refuse",
    budget: str | float | None = None,
    version: str = "1",
    description: str = "",
    domain: str = "unknown",
    licence: str = "unstated",
    citation: str = "",
) -> TableTask:
    """Make a task of a table of past trials.

    Parameters
    ----------
    table:
        A `.csv` or `.parquet` file; a relative path is below the folder of the file that calls this.
    id:
        `"collection/name"`.
    hyperparameters, objectives, fidelity, cost, seed, metrics, status, where, answer, missing, duplicates, budget,
    version, description, domain, licence, citation:
        As in a descriptor file: see `optathlon.tables.descriptor.Descriptor`. Where that has one task per group,
        `where` picks the rows of one.

    Raises `UsageError` with the first problem of the table, and `MissingData` where there is none.
    """
    content: dict[str, Any] = {
        "id": id,
        "table": str(table),
        "hyperparameters": hyperparameters,
        "objectives": objectives,
        "fidelity": fidelity,
        "cost": cost,
        "seed": seed,
        "metrics": metrics,
        "status": status,
        "where": where or {},
        "answer": answer,
        "missing": missing,
        "duplicates": duplicates,
        "version": version,
        "description": description,
        "domain": domain,
        "licence": licence,
        "citation": citation,
    }
    if budget is not None:
        content["budget"] = budget
    caller = sys._getframe(1).f_globals.get("__file__")
    folder = Path(caller).parent if caller else Path()
    return tasks_of(examine(content, folder), str(table))[id]


__all__ = ["table_task"]
