"""Examining an entry for the archive: a results folder that somebody else made.

It must be whole and as it was written, be of the tasks and the optimizers that this version of Optathlon knows under
these names, have every optimizer on every task of a part with the same seeds, and its values must be what the tasks
give: a sample of its trials is evaluated again, on tasks for which that is quick.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from optathlon.archive.names import parts_of_tasks, tasks_in
from optathlon.archive.packing import why_left_out
from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import MissingDependency, Unknown, UsageError
from optathlon.facts import Evaluation
from optathlon.registry.facts import known_facts
from optathlon.registry.optimizers import choose_optimizer
from optathlon.registry.tasks import make_task
from optathlon.results.damage import damaged_part
from optathlon.results.folder import PARTS, ResultsFolder
from optathlon.results.frames import Results, load
from optathlon.results.seal import METADATA
from optathlon.running.clocks import Clock
from optathlon.running.runs import RunSpec
from optathlon.running.seeds import noise_seeds
from optathlon.task import Task, agree
from optathlon.trial import Status

FEWEST_SEEDS = 3
"""With fewer seeds, luck looks like skill."""

SAMPLE = 200
"""Trials that are evaluated again."""

_QUICK = frozenset({Evaluation.FUNCTION, Evaluation.TABLE, Evaluation.SURROGATE})
_SLACK = 1e-9


Row = Mapping[Any, Any]
"""A row of a frame, by column."""


def faults(path: Path, *, sample: int = SAMPLE, seed: int = 0) -> Iterator[str]:
    """What is wrong with an entry, a line for each fault; none where it can be packed.

    Parameters
    ----------
    path:
        A results folder.
    sample:
        How many trials are evaluated again at most.
    seed:
        Seeds the choice of them.

    Raises `UsageError` where there is no results folder.
    """
    folder = ResultsFolder.open(path)
    broken = [*_altered_files(folder)]
    if broken:
        yield from broken
        return
    results = load(path)
    if results.runs.empty:
        yield f"{path}: it has no runs"
        return
    yield from _unfit_runs(results.runs)
    yield from _other_ids(results.runs)
    yield from _other_counts(results)
    tasks: dict[str, Task] = {}
    yield from _other_tasks(results.runs, tasks)
    yield from _other_code(results.runs)
    yield from _other_versions(results)
    yield from _gaps(results.runs)
    yield from _other_values(results, tasks, sample, seed)


def _altered_files(folder: ResultsFolder) -> Iterator[str]:
    """Files that are not as Optathlon wrote them."""
    for shard in folder.on_shards(list):
        if part := damaged_part(folder, shard):
            yield f"{folder.path / part / shard}: it is missing, or not as it was written"
            continue
        for part in PARTS:
            path = folder.path / part / shard
            if path.exists() and not {key.encode() for key in METADATA} <= {*(pq.read_metadata(path).metadata or {})}:
                yield f"{path}: it has no seal, so another program than Optathlon wrote it"


def _unfit_runs(runs: pd.DataFrame) -> Iterator[str]:
    reasons = why_left_out(runs)
    for reason, count in reasons[reasons != ""].value_counts().items():
        yield f"{count:,} runs can't be baselines: {reason}"


def _other_ids(runs: pd.DataFrame) -> Iterator[str]:
    """Runs that are not what their id, a hash of what identifies them, says."""
    for row in _rows(runs):
        spec = RunSpec(
            str(row["optimizer"]),
            str(row["task"]),
            str(row["task_version"]),
            int(row["seed"]),
            int(row["root_seed"]),
            Budget(float(row["budget"]), BudgetUnit(str(row["budget_unit"]))),
            int(row["n_workers"]),
            Clock(str(row["clock"])),
        )
        if spec.id != row["run"]:
            yield f"{_called(row)}: its id is not that of this optimizer, task, version, seed and budget: it was edited"


def _other_counts(results: Results) -> Iterator[str]:
    """Runs with other trials than they say."""
    trials = results.trials
    by_run = trials.groupby(trials["run"].astype(str))
    counts, spent, highest = by_run.size(), by_run["evaluations"].sum(), by_run["trial"].max()
    for row in _rows(results.runs):
        run, count = str(row["run"]), int(counts.get(row["run"], 0))
        if count != row["trials"] or (count and highest[run] != count - 1):
            yield f"{_called(row)}: it says that it has {row['trials']} trials, and has {count}"
        elif row["budget_unit"] == "evaluations" and count and abs(spent[run] - row["spent"]) > _SLACK * row["budget"]:
            yield f"{_called(row)}: it says that it spent {row['spent']:g} evaluations, its trials {spent[run]:g}"


def _other_tasks(runs: pd.DataFrame, tasks: dict[str, Task]) -> Iterator[str]:
    """Tasks that are unknown here, or others than here; the good ones are added to `tasks`."""
    done = runs[(runs["status"].astype(str) != Status.SKIPPED).to_numpy()]
    columns = ["task", "task_version", "fingerprint"]
    for id, version, fingerprint in done[columns].astype(str).drop_duplicates().itertuples(index=False):
        try:
            task = make_task(id)
            known = task.fingerprint()
        except UsageError as error:
            yield f"{id}: {error}"
            continue
        if task.version != version:
            yield f"{id}: there is no version {version} of it: this Optathlon has version {task.version}"
        elif not fingerprint or not agree(known, fingerprint):
            yield f"{id}: its fingerprint is {fingerprint or 'missing'}, here it is {known}: its data or code differ"
        else:
            tasks[id] = task


def _other_code(runs: pd.DataFrame) -> Iterator[str]:
    """Optimizers whose name stands for another source here."""
    done = runs[(runs["status"].astype(str) != Status.SKIPPED).to_numpy()]
    for optimizer, own in done.groupby(done["optimizer"].astype(str)):
        try:
            known = choose_optimizer(str(optimizer)).code
        except Unknown:
            yield f"{optimizer}: no optimizer has that name here: bring its code by --plugin"
            continue
        except MissingDependency as error:
            yield f"{optimizer}: it can't be examined: {error}"
            continue
        sources = {str(source) for source in own["code"].dropna().astype(str)}
        if not sources:
            yield f"{optimizer}: nothing says which code did its runs"
        elif sources != {known.source}:
            yield (
                f"{optimizer}: its code is {', '.join(sorted(sources))}, that of this name here is {known.source}: it "
                "was modified, so give it another name"
            )


def _other_versions(results: Results) -> Iterator[str]:
    """Versions of libraries that the session of the run did not have."""
    packages = {
        str(id): {_canonical(name): version for name, version in (row.get("packages") or {}).items()}
        for id, row in results.provenance.iterrows()
    }
    columns = ["optimizer", "provenance", "versions"]
    done = results.runs[(results.runs["status"].astype(str) != Status.SKIPPED).to_numpy()]
    for optimizer, session, text in done[columns].dropna().astype(str).drop_duplicates().itertuples(index=False):
        if session not in packages:
            yield f"{optimizer}: its session {session} is not among the provenance"
            continue
        for name, version in json.loads(text or "{}").items():
            installed = packages[session].get(_canonical(name))
            if " in " not in name and version != installed:
                yield f"{optimizer}: it says {name} {version}, and its session {session} had {installed or 'none'}"


def _gaps(runs: pd.DataFrame) -> Iterator[str]:
    """Tasks and seeds that are missing."""
    parts = parts_of_tasks()
    known = runs[runs["task"].astype(str).isin(parts.keys()).to_numpy()]
    place = known["task"].astype(str).map(parts)
    for (subset, part), of_part in known.groupby(place):
        wanted = tasks_in(subset, part)
        seeds = sorted(of_part["seed"].unique())
        if seeds != [*range(len(seeds))] or len(seeds) < FEWEST_SEEDS or {*of_part["root_seed"]} != {0}:
            yield (
                f"{subset}/{part}: its seeds are {', '.join(map(str, seeds))}: they must be 0, 1, … without a gap, "
                f"{FEWEST_SEEDS} at least, of the root seed 0"
            )
        for (optimizer, budget), own in of_part.groupby([of_part["optimizer"].astype(str), of_part["budget"]]):
            there = {*zip(own["task"].astype(str), own["seed"], strict=True)}
            for task in wanted:
                lacking = [str(number) for number in seeds if (task, number) not in there]
                if lacking:
                    yield f"{optimizer} on {task} with budget {budget:g}: no run with seed {', '.join(lacking)}"


def _other_values(results: Results, tasks: dict[str, Task], sample: int, seed: int) -> Iterator[str]:
    """Trials that are evaluated again and give something else."""
    quick = [id for id, facts in known_facts(tasks).items() if facts.kind in _QUICK]
    trials = results.trials
    candidates = trials[trials["task"].astype(str).isin(quick).to_numpy() & (trials["status"] == "ok").to_numpy()]
    roots = results.runs.set_index("run")["root_seed"]
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(candidates), min(sample, len(candidates)), replace=False)
    for row in _rows(candidates.iloc[np.sort(chosen)]):
        task = tasks[str(row["task"])]
        root = _root_trial(trials, row)
        noise = next(islice(noise_seeds(int(roots[row["run"]]), task.id, int(row["seed"])), root, None))
        level = None if np.isnan(row["fidelity"]) else float(row["fidelity"])
        result = task.evaluate(json.loads(row["config"]), fidelity=level, seed=noise)
        names = [f"value{f'_{number}' if number > 1 else ''}" for number in range(1, len(result.values) + 1)]
        names += [f"constraint_{number}" for number in range(1, len(result.constraints) + 1)]
        for name, value in zip(names, [*result.values, *result.constraints], strict=True):
            if not np.isclose(row[name], value, rtol=_SLACK, atol=0.0):
                yield (
                    f"run {row['run']} of {row['optimizer']} on {row['task']}, trial {row['trial']}: its {name} is "
                    f"{row[name]!r}, and evaluated again {value!r}: it was edited, or the task is not deterministic"
                )


def _root_trial(trials: pd.DataFrame, row: Row) -> int:
    """The number of the trial whose noise a trial has: its own, or that of the first one that it continues."""
    number, parent = int(row["trial"]), float(row["parent"])
    if np.isnan(parent):
        return number
    own = trials[(trials["run"] == row["run"]).to_numpy()].set_index("trial")["parent"]
    while not np.isnan(parent):
        number, parent = int(parent), float(own.loc[int(parent)])
    return number


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [*frame.to_dict("records")]


def _called(row: Row) -> str:
    """How messages call a run."""
    return f"run {row['run']} of {row['optimizer']} on {row['task']}, seed {row['seed']}"


def _canonical(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
