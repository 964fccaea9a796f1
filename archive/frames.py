"""Baselines as frames, like those of `optathlon.load`."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from optathlon.archive.names import SHIPPED, TableName
from optathlon.archive.tables import Table, numbers_of, read_table, run_ids, table_names
from optathlon.errors import UsageError, unknown
from optathlon.results.frames import Results, indexed, matching
from optathlon.results.schema import RUNS, SPENT, TRIALS

_JSON = ("objectives", "fidelity", "constraints", "space", "metadata", "data")
_LABEL = pa.dictionary(pa.int32(), pa.string())
_OPTIMIZER_FACTS = ("failed_trials", "optimizer_seconds")


def baselines(
    part: str | None = None,
    *,
    budget: float | None = None,
    optimizers: str | Sequence[str] | None = None,
    tasks: str | Sequence[str] | None = None,
    seeds: Collection[int] | None = None,
    folder: str | Path | None = None,
) -> Results:
    """The results that ship with Optathlon, or those of them that are asked for, as the frames of `optathlon.load`.

    Only incumbents are there: of each run the trials that were the best so far (with several objectives those that no
    earlier one dominates), and the last one, which says what the run has spent and has no value unless it is one of
    them. They have no configurations and no times, and are enough for standings, trajectories and hypervolumes, which
    are the same from them as from all trials. `runs` has two columns more: `failed_trials` (their number) and
    `optimizer_seconds` (of `ask` and `tell` in the whole run, on the machine that did it).

    Parameters
    ----------
    part:
        A subset or a part of one, `"blackbox"` or `"blackbox/dev"`; by default all.
    budget:
        In full evaluations, such as 50; by default all that there are.
    optimizers, tasks:
        An id or a pattern with `*` and `?`, or several; by default all.
    seeds:
        By default all.
    folder:
        A folder of such tables, as `optathlon archive pack` writes them; by default those that ship.

    Raises `optathlon.errors.UsageError` where nothing of that is there.
    """
    place = SHIPPED if folder is None else Path(folder)
    names = _chosen_names(table_names(place), part, budget)

    def wanted(runs: pa.Table) -> np.ndarray:
        return np.ones(len(runs), bool) if seeds is None else np.isin(runs["seed"].to_numpy(), list(seeds))

    found = [read_table(place, name, wanted) for name in names]
    if not any(len(table.runs) for table in found):
        raise UsageError(f"there are no baselines with seeds {', '.join(map(str, seeds or ()))}: they begin with 0")
    return _selected(together(found), optimizers, tasks)


def baselines_on(tasks: Collection[str], *, folder: Path | None = None) -> Results | None:
    """All baselines on these tasks; `None` where there are none."""
    place = SHIPPED if folder is None else folder
    known = pa.array(sorted(tasks), pa.string())

    def wanted(runs: pa.Table) -> np.ndarray:
        mask: np.ndarray = pc.is_in(runs["task"].cast(pa.string()), known).to_numpy(zero_copy_only=False)
        return mask

    tables = (read_table(place, name, wanted) for name in names_with(tasks, place))
    found = [table for table in tables if len(table.runs)]
    return together(found) if found else None


def names_with(tasks: Collection[str], folder: Path) -> list[TableName]:
    """The tables that have runs on some of these tasks."""
    from optathlon.archive.names import parts_of_tasks

    places = {parts_of_tasks()[task] for task in tasks if task in parts_of_tasks()}
    return [name for name in table_names(folder) if (name.subset, name.part) in places]


def together(tables: Sequence[Table]) -> Results:
    """Tables as one set of frames."""
    runs = pa.concat_tables([table.runs for table in tables]).unify_dictionaries().combine_chunks()
    sizes = np.cumsum([0, *(len(table.runs) for table in tables)])[:-1]
    rows = [table.incumbents["row"].to_numpy() + start for table, start in zip(tables, sizes, strict=True)]
    incumbents = pa.concat_tables([table.incumbents for table in tables], promote_options="default")
    described = pa.concat_tables([table.tasks for table in tables]).to_pylist()
    sessions = pa.concat_tables([table.sessions for table in tables]).to_pylist()
    ids = pa.array(run_ids(runs), pa.string())
    return Results(
        runs=_runs_frame(runs, ids),
        trials=_trials_frame(runs, ids, incumbents.unify_dictionaries().combine_chunks(), np.concatenate(rows)),
        tasks=_tasks_frame(described),
        provenance=_sessions_frame(sessions),
    )


def _chosen_names(known: list[TableName], part: str | None, budget: float | None) -> list[TableName]:
    names = [name for name in known if part in (None, name.subset, name.place)]
    if not names:
        places = sorted({name.place for name in known})
        if part is None or not places:
            raise UsageError("no baselines are here: pack some with `optathlon archive pack RESULTS --out FOLDER`")
        raise unknown("part with baselines", part, places)
    of_budget = [name for name in names if budget in (None, name.budget)]
    if not of_budget:
        budgets = ", ".join(f"{amount:g}" for amount in sorted({name.budget for name in names}))
        raise UsageError(f"there are no baselines of {budget:g} full evaluations: give one of {budgets}")
    return of_budget


def _selected(results: Results, optimizers: str | Sequence[str] | None, tasks: str | Sequence[str] | None) -> Results:
    from optathlon.results.frames import select

    if optimizers is None and tasks is None:
        return results
    for label, patterns in (("optimizer", optimizers), ("task", tasks)):
        if patterns is not None:
            matching(label, patterns, results.runs[label].astype(str).to_numpy())
    return select(results, optimizers=optimizers, tasks=tasks)


def _runs_frame(runs: pa.Table, ids: pa.Array) -> pd.DataFrame:
    columns = {"run": ids, "collection": _collections(runs)}
    ordered = {name: columns[name] if name in columns else runs[name] for name in (*RUNS.names, *_OPTIMIZER_FACTS)}
    return _with_sorted_labels(pa.table(ordered).to_pandas())


def _trials_frame(runs: pa.Table, ids: pa.Array, incumbents: pa.Table, row: np.ndarray) -> pd.DataFrame:
    """Incumbents with the labels of their run, and the columns of trials of which nothing is known."""
    of = pa.array(row)
    count = len(incumbents)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "run": pa.DictionaryArray.from_arrays(pa.array(row, pa.int32()), ids),
        "optimizer": runs["optimizer"].take(of),
        "task": runs["task"].take(of),
        "collection": _collections(runs).take(of),
        "seed": runs["seed"].take(of),
    }
    numbers = {name: incumbents[name].fill_null(np.nan) for name in sorted(numbers_of(incumbents), key=_natural)}
    for field in list(TRIALS)[1:]:
        match field.name:
            case "trial" | "status":
                columns[field.name] = incumbents[field.name]
            case "values":
                columns |= {name: numbers[name] for name in numbers if name.startswith("value")}
            case "constraints":
                columns |= {name: numbers[name] for name in numbers if name.startswith("constraint_")}
            case "metrics":
                columns |= {name: numbers[name] for name in numbers if name not in columns}
            case "worker":
                columns[field.name] = pa.array(np.zeros(count, np.int32))
            case "over_budget":
                columns[field.name] = pa.array(np.zeros(count, bool))
            case _:
                columns[field.name] = pa.nulls(count, field.type)
    columns |= {name: incumbents[name].cast(pa.float64()) for name in incumbents.column_names if name.startswith(SPENT)}
    return _with_sorted_labels(pa.table(columns).to_pandas())


def _natural(name: str) -> tuple[str, int]:
    """`value`, `value_2`, …, `value_10`."""
    stem, _, number = name.rpartition("_")
    return (stem, int(number)) if number.isdecimal() else (name, 0)


def _collections(runs: pa.Table) -> pa.DictionaryArray:
    """The collection of each run's task."""
    tasks = runs["task"].combine_chunks()
    names = pa.array([task.partition("/")[0] for task in tasks.dictionary.to_pylist()], pa.string())
    return names.take(tasks.indices).dictionary_encode().cast(_LABEL)


def _with_sorted_labels(frame: pd.DataFrame) -> pd.DataFrame:
    for name in frame.select_dtypes("category"):
        used = frame[name].cat.remove_unused_categories()
        frame[name] = used.cat.set_categories(pd.Index(sorted(used.cat.categories), dtype="str"))
    return frame


def _tasks_frame(rows: list[dict[str, str]]) -> pd.DataFrame:
    known = {(row["task"], row["version"]): row for row in rows}
    decoded = [known[key] | {name: json.loads(known[key][name]) for name in _JSON} for key in sorted(known)]
    return indexed(decoded, "task")


def _sessions_frame(rows: list[dict[str, str]]) -> pd.DataFrame:
    known = {row["provenance"]: json.loads(row["content"]) for row in rows}
    return indexed([{"provenance": id} | known[id] for id in sorted(known)], "provenance")
