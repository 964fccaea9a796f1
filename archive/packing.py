"""From results folders to tables of baselines, and to volumes of whole trials.

A pack can be repeated, killed and extended: what is there stays, what is new is added, and equal results give equal
files. Of several rows for one run the highest attempt holds, and among equals what was there before. For each table,
first the volume is there, then the table and its description together.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optathlon.analysis.metrics.columns import READ_COLUMNS
from optathlon.archive.incumbents import incumbents
from optathlon.archive.names import TableName, parts_of_tasks
from optathlon.archive.release import Volume, describe, volumes_of
from optathlon.archive.staging import alone, finish, staged
from optathlon.archive.tables import (
    KEPT_RUNS,
    SESSIONS,
    Table,
    chosen,
    incumbents_schema,
    numbers_of,
    read_labels,
    read_table,
    run_ids,
    table_names,
    write_table,
)
from optathlon.archive.whole import Attempts, attempts_at, write_volume
from optathlon.archive.withheld import command_without_folders, text_without_folders
from optathlon.errors import storage_errors
from optathlon.results.folder import ResultsFolder, Rows, add_task, conformed
from optathlon.results.frames import Results, load
from optathlon.results.schema import TASKS
from optathlon.running.clocks import Clock

_ORDER = ["task", "optimizer", "seed", "root_seed", "task_version"]


@dataclass(frozen=True)
class Packed:
    """What a pack did.

    Attributes
    ----------
    runs:
        How many runs each table has now.
    new:
        How many of them it had not before, or of a lower attempt.
    volumes:
        The files with the whole trials of the new ones.
    left_out:
        How many runs of the results are in no table, by reason.
    """

    runs: dict[TableName, int]
    new: dict[TableName, int]
    volumes: list[Volume]
    left_out: Counter[str]


def pack(sources: Sequence[Path], tables: Path, whole: Path) -> Packed:
    """Add the runs of results folders to the tables in a folder, and their trials as volumes to another one.

    Both folders are made if absent. Runs of other than full evaluations, with several workers or on a simulated clock
    are left out, as are those on tasks of no shipped subset.

    Raises `UsageError` where a source can't be read, or has changed meanwhile, and where a version of a task has
    different fingerprints; `StorageError` where something can't be written.
    """
    folders = [ResultsFolder.open(source) for source in sources]
    for made in (tables, whole):
        with storage_errors(made):
            made.mkdir(parents=True, exist_ok=True)
    left_out: Counter[str] = Counter()
    new: dict[TableName, int] = {}
    volumes: list[Volume] = []
    with alone(tables, whole):
        with storage_errors(tables):
            finish(tables)
        for name, (before, after) in sorted(_extended(folders, tables, left_out).items()):
            added = _newer(after.runs, before)
            new[name] = int(added.sum())
            if added.any():
                volumes.append(write_volume(folders, whole, name, after.runs.filter(pa.array(added))))
                _commit(tables, name, after, volumes[-1])
    runs = {name: len(read_labels(tables, name, ["seed"])) for name in table_names(tables)}
    return Packed(runs, new, volumes, left_out)


def _extended(
    sources: Sequence[ResultsFolder], tables: Path, left_out: Counter[str]
) -> dict[TableName, tuple[Attempts, Table]]:
    """Of each table that the sources have runs of: the attempts that it has, and what it is with theirs."""
    there = table_names(tables)
    found: dict[TableName, tuple[Attempts, Table]] = {}
    for source in sources:
        for name, table in _tables_of(source, left_out):
            if name in found:
                before, known = found[name]
                found[name] = before, _merged(known, table)
            elif name in there:
                known = read_table(tables, name)
                found[name] = attempts_at(known.runs), _merged(known, table)
            else:
                found[name] = {}, table
    return found


def _commit(tables: Path, name: TableName, table: Table, volume: Volume) -> None:
    """Have a table with the description of one more volume in a folder."""
    volumes = {one.file: one for one in [*volumes_of(str(name), tables), volume]}
    with storage_errors(tables), staged(tables, str(name)) as folder:
        write_table(folder, name, table)
        describe([*volumes.values()], str(name), folder)


def why_left_out(runs: pd.DataFrame) -> pd.Series:
    """By run: why it can't be in a table; empty where it can."""
    reasons = pd.Series("", index=runs.index)
    known = runs["task"].astype(str).isin(parts_of_tasks().keys())
    reasons[~known] = "on tasks of no shipped subset"
    reasons[(runs["n_workers"] != 1).to_numpy() | (runs["clock"].astype(str) != Clock.REAL).to_numpy()] = (
        "with several workers or a simulated clock"
    )
    reasons[(runs["budget_unit"].astype(str) != "evaluations").to_numpy()] = "with a budget of seconds or cost"
    return reasons


def table_of(task: str, budget: float) -> TableName:
    """The table that runs on this task with this budget are in."""
    return TableName(*parts_of_tasks()[task], float(budget))


def _tables_of(folder: ResultsFolder, left_out: Counter[str]) -> Iterator[tuple[TableName, Table]]:
    """What a results folder has for each table; other runs are counted."""
    results = load(folder.path, columns=READ_COLUMNS)
    reasons = why_left_out(results.runs)
    left_out.update(reasons[reasons != ""])
    described = folder.on_shards(folder.task_rows)
    kept = results.runs[(reasons == "").to_numpy()]
    names = [table_of(task, budget) for task, budget in zip(kept["task"].astype(str), kept["budget"], strict=True)]
    for name, runs in kept.groupby(pd.Series(names, index=kept.index, dtype=object)):
        versions = set(zip(runs["task"].astype(str), runs["task_version"].astype(str), strict=True))
        tasks = [described[key] for key in sorted(versions)]
        trials = results.trials[results.trials["run"].astype(str).isin(runs["run"].astype(str))]
        part = Results(runs, trials, results.tasks, results.provenance)
        yield name, as_table(part, tasks)


def as_table(results: Results, tasks: list[dict[str, str]]) -> Table:
    """Results with all trials as a table; `tasks` are the rows of `TASKS` that describe theirs."""
    labels = ["task", "optimizer", "task_version"]
    runs = results.runs.astype(dict.fromkeys(labels, str)).sort_values(_ORDER, ignore_index=True)
    failed = (results.trials["status"].astype(str) != "ok").groupby(results.trials["run"].astype(str)).sum()
    thinking = results.trials[["ask_s", "tell_s"]].astype(float).sum(axis=1, min_count=1)
    seconds = thinking.groupby(results.trials["run"].astype(str)).sum(min_count=1)
    facts = runs.assign(
        host="",
        error=runs["error"].map(_last_line),
        started=runs["started"].dt.floor("s"),
        failed_trials=failed.reindex(runs["run"].astype(str)).fillna(0).to_numpy(dtype=np.int32),
        optimizer_seconds=seconds.reindex(runs["run"].astype(str)).to_numpy(dtype=np.float32),
    )
    sessions = results.provenance[results.provenance.index.isin(runs["provenance"].astype(str))].sort_index()
    return Table(
        pa.Table.from_pandas(facts[KEPT_RUNS.names], schema=KEPT_RUNS, preserve_index=False).replace_schema_metadata(),
        _incumbents_table(results, runs),
        pa.Table.from_pylist(tasks, schema=TASKS),
        pa.Table.from_pylist([_session(str(id), row) for id, row in sessions.iterrows()], schema=SESSIONS),
    )


def _incumbents_table(results: Results, runs: pd.DataFrame) -> pa.Table:
    found = incumbents(results)
    row = pd.Index(runs["run"].astype(str)).get_indexer(pd.Index(found["run"].astype(str)))
    kinds = [name for name in found.columns.astype(str) if name.startswith(("value", "constraint_", "test/"))]
    numbers = sorted(name for name in kinds if found[name].notna().any())
    schema = incumbents_schema(numbers)
    ordered = found.assign(row=row).sort_values("row", kind="stable", ignore_index=True)
    absent = {name: np.nan for name in schema.names if name not in ordered}
    table = pa.Table.from_pandas(ordered.assign(**absent)[schema.names], schema=schema, preserve_index=False)
    return table.replace_schema_metadata()


def _session(id: str, row: pd.Series) -> dict[str, str]:
    content = {name: value for name, value in row.items() if not (isinstance(value, float) and np.isnan(value))}
    if "command" in content:
        content["command"] = command_without_folders(content["command"])
    return {"provenance": id, "content": json.dumps(content, sort_keys=True)}


def _last_line(error: object) -> str | None:
    lines = error.strip().splitlines() if isinstance(error, str) else []
    return text_without_folders(lines[-1].strip()) if lines else None


def _merged(known: Table, new: Table) -> Table:
    """The runs of both, each once; `known` itself where it has all of them."""
    added = _newer(new.runs, attempts_at(known.runs))
    if not added.any():
        return known
    replacing = {*run_ids(new.runs.filter(pa.array(added)))}
    staying = np.array([id not in replacing for id in run_ids(known.runs)], dtype=bool)
    return _stacked(chosen(known, staying), chosen(new, added))


def _newer(runs: pa.Table, before: Attempts) -> Rows:
    """Which runs are not among those before, or only with a lower attempt."""
    return np.array([before.get(id, 0) < attempt for id, attempt in attempts_at(runs).items()], dtype=bool)


def _stacked(first: Table, second: Table) -> Table:
    runs = pa.concat_tables([first.runs, second.runs]).unify_dictionaries().combine_chunks()
    keys = pa.table({name: _plain(runs[name]) for name in _ORDER})
    order = pc.sort_indices(keys, [(name, "ascending") for name in _ORDER]).to_numpy()
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    numbers = sorted({*numbers_of(first.incumbents), *numbers_of(second.incumbents)})
    schema = incumbents_schema(numbers)
    parts = [conformed(table.incumbents, schema) for table in (first, second)]
    both = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
    row = np.concatenate([parts[0]["row"].to_numpy(), parts[1]["row"].to_numpy() + len(first.runs)])
    row = place[row]
    by_run = np.argsort(row, kind="stable")
    both = both.set_column(both.schema.get_field_index("row"), "row", pa.array(row, pa.int32())).take(by_run)
    return Table(
        runs.take(order),
        both,
        pa.Table.from_pylist(_tasks_of_both([*first.tasks.to_pylist(), *second.tasks.to_pylist()]), schema=TASKS),
        pa.Table.from_pylist(_sessions_of_both([*first.sessions.to_pylist(), *second.sessions.to_pylist()]), SESSIONS),
    )


def _tasks_of_both(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    tasks: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        add_task(tasks, row, "the pack")
    return [tasks[key] for key in sorted(tasks)]


def _sessions_of_both(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    known = {row["provenance"]: row for row in rows}
    return [known[id] for id in sorted(known)]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
