"""Examining an entry for the archive: a results folder that somebody else made.

It must be whole and as it was written, be of the tasks and the optimizers that this version of Optathlon knows under
these names, have every optimizer on every task of a part with the same seeds, and its values must be what the tasks
give: its accounts are kept again, a sample of its trials is evaluated again on tasks for which that is quick, and a few
of its runs are done again by their optimizer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from optathlon.archive.incumbents import incumbents
from optathlon.archive.names import SHIPPED, parts_of_tasks, tasks_in
from optathlon.archive.packing import table_of, why_left_out
from optathlon.archive.replaying import Row, by_optimizer, from_stored, record_of
from optathlon.archive.tables import table_names
from optathlon.budget import Budget, BudgetUnit
from optathlon.errors import Unknown, UsageError
from optathlon.facts import Evaluation
from optathlon.registry.capabilities import mismatch
from optathlon.registry.code import Code
from optathlon.registry.facts import known_facts
from optathlon.registry.optimizers import OptimizerChoice, choose_optimizer
from optathlon.registry.tasks import make_task
from optathlon.results.damage import damaged_part
from optathlon.results.folder import PARTS, ResultsFolder
from optathlon.results.frames import Results, load
from optathlon.results.seal import METADATA
from optathlon.results.writer import task_row
from optathlon.running.accounting import TrialRecord
from optathlon.running.clocks import Clock
from optathlon.running.runs import RunSpec
from optathlon.task import Task, agree
from optathlon.trial import Status

FEWEST_SEEDS = 3
"""With fewer seeds, luck looks like skill."""

SAMPLE = 200
"""Trials that are evaluated again."""

REPEAT = 3
"""Runs that their optimizer does again."""

_DESCRIBED = ("type", "objectives", "fidelity", "constraints", "space", "metadata")

_QUICK = frozenset({Evaluation.FUNCTION, Evaluation.TABLE, Evaluation.SURROGATE})
_SLACK = 1e-9
"""What is computed may differ so much between machines, relative to its size; what is looked up does not."""


def faults(path: Path, *, sample: int = SAMPLE, repeat: int = REPEAT, seed: int = 0) -> Iterator[str]:
    """What is wrong with an entry, a line for each fault; none where it can be packed.

    Parameters
    ----------
    path:
        A results folder.
    sample:
        How many trials are evaluated again at most.
    repeat:
        How many runs their optimizer does again at most.
    seed:
        Seeds the choice of both.

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
    if malformed := [*_malformed(results)]:
        yield from malformed
        return
    yield from _unfit_runs(results.runs)
    edited = [*_other_ids(results.runs)]
    tasks: dict[str, Task] = {}
    yield from _other_tasks(results.runs, tasks)
    edited += _other_descriptions(folder, tasks)
    yield from edited
    optimizers: dict[str, OptimizerChoice] = {}
    yield from _other_code(results.runs, optimizers)
    yield from _other_versions(results)
    yield from _gaps(results.runs)
    yield from _unfounded_skips(results.runs, optimizers)
    if not edited:
        yield from _other_trials(folder, results, tasks, optimizers, sample, repeat, np.random.default_rng(seed))


def alone(path: Path, tables: Path = SHIPPED) -> Iterator[str]:
    """A line for each part and budget of a good entry of which `tables` have nothing, so that it can't be compared."""
    runs = load(path, columns=()).runs
    known = table_names(tables)
    for name in sorted({*map(table_of, runs["task"].astype(str), runs["budget"])} - {*known}):
        there = ", ".join(f"{one.budget:g}" for one in known if one.place == name.place)
        yield (
            f"no baselines of {name.place} have {name.budget:g} full evaluations ({there or 'none at all'}): packed, "
            "it is compared with nothing"
        )


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


def _malformed(results: Results) -> Iterator[str]:
    """Values that no run or trial has."""
    runs, trials = results.runs, results.trials
    for of, frame, kinds in (
        ("runs", runs, {"status": Status, "budget_unit": BudgetUnit, "clock": Clock}),
        ("trials", trials, {"status": Status}),
    ):
        for column, kind in kinds.items():
            for value in sorted({*frame[column].astype(str)} - {*kind}):
                yield f"{of}: there is no {column} {value!r}"
    for of, frame, column in (("runs", runs, "options"), ("runs", runs, "versions"), ("trials", trials, "config")):
        texts = frame[column].dropna().astype(str) if column == "versions" else frame[column].astype(str)
        if wrong := sum(not _is_object(text) for text in texts.unique()):
            yield f"{of}: {wrong:,} values of {column} are no JSON objects"
    if not (np.isfinite(runs["budget"]) & (runs["budget"] > 0)).all():
        yield "runs: a budget must be a positive number"


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, TypeError):
        return False


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


def _other_descriptions(folder: ResultsFolder, tasks: Mapping[str, Task]) -> Iterator[str]:
    """Tasks that are described otherwise than they are."""
    for (id, _), row in folder.on_shards(folder.task_rows).items():
        if id in tasks:
            known = task_row(tasks[id], row["fingerprint"])
            for column in _DESCRIBED:
                if _description(row[column]) != _description(known[column]):
                    yield f"{id}: its {column} is not as stored with its runs: the description was edited"


def _description(text: str) -> Any:
    """A column of a description, without the versions of the library that wrote it."""
    try:
        content = json.loads(text)
    except ValueError:
        return text
    if not isinstance(content, dict):
        return content
    return {name: value for name, value in content.items() if not name.endswith("_version")}


def _other_code(runs: pd.DataFrame, optimizers: dict[str, OptimizerChoice]) -> Iterator[str]:
    """Optimizers whose name stands for another source or options here; the good ones are added to `optimizers`."""
    done = runs[(runs["status"].astype(str) != Status.SKIPPED).to_numpy()]
    for optimizer, own in done.groupby(done["optimizer"].astype(str)):
        try:
            choice = choose_optimizer(str(optimizer))
        except Unknown:
            yield f"{optimizer}: no optimizer has that name here: bring its code by --plugin or -o NAME=FILE.py:CLASS"
            continue
        except UsageError as error:
            yield f"{optimizer}: it can't be examined: {error}"
            continue
        sources = {str(source) for source in own["code"].dropna().astype(str)}
        unnamed = _unnamed_versions(own["versions"], choice.code)
        if not sources:
            yield f"{optimizer}: nothing says which code did its runs"
        elif sources != {choice.code.source}:
            yield (
                f"{optimizer}: its code is {', '.join(sorted(sources))}, that of this name here is "
                f"{choice.code.source}: it was modified, so give it another name"
            )
        elif unnamed:
            yield f"{optimizer}: nothing says which version of {', '.join(unnamed)} did some of its runs"
        elif other := {*own["options"].astype(str)} - {json.dumps(choice.options)}:
            yield f"{optimizer}: its options are {min(other)}, and by its name {json.dumps(choice.options)}"
        else:
            optimizers[str(optimizer)] = choice


def _unnamed_versions(versions: pd.Series, code: Code) -> list[str]:
    """The distributions behind an optimizer of which some run doesn't say the version."""
    said = [json.loads(text) if isinstance(text, str) else {} for text in versions.astype(object).unique()]
    return [name for name in json.loads(code.versions or "{}") if not all(name in each for each in said)]


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


def _unfounded_skips(runs: pd.DataFrame, optimizers: Mapping[str, OptimizerChoice]) -> Iterator[str]:
    """Runs that are recorded as skipped, and could be done."""
    skipped = runs[(runs["status"].astype(str) == Status.SKIPPED).to_numpy()]
    columns = ["optimizer", "task", "budget", "n_workers"]
    for id, name, budget, workers in skipped[columns].drop_duplicates().itertuples(index=False):
        with suppress(UsageError):  # what is unknown is told elsewhere
            optimizer = optimizers.get(str(id)) or choose_optimizer(str(id))
            problem = replace(make_task(str(name)).problem, budget=Budget(float(budget)), n_workers=int(workers))
            if not mismatch(optimizer.cls, problem):
                yield f"{id} on {name}: its runs are recorded as skipped, and it can do them"


def _other_trials(
    folder: ResultsFolder,
    results: Results,
    tasks: Mapping[str, Task],
    optimizers: Mapping[str, OptimizerChoice],
    sample: int,
    repeat: int,
    rng: np.random.Generator,
) -> Iterator[str]:
    """Runs with other trials than they say, or than come of doing them again."""
    runs = results.runs
    can_be_done = (why_left_out(runs) == "").to_numpy() & runs["task"].astype(str).isin(tasks).to_numpy()
    doable = {*runs["run"][can_be_done]}
    kinds = {id: facts.kind for id, facts in known_facts(tasks).items()}
    evaluated = _evaluated(results, [id for id, kind in kinds.items() if kind in _QUICK], sample, rng)
    repeatable = [id for id, optimizer in optimizers.items() if optimizer.cls.deterministic]
    used_up = can_be_done & (runs["status"] == Status.OK).to_numpy() & runs["optimizer"].isin(repeatable).to_numpy()
    repeated = {*rng.permutation(runs["run"][used_up])[:repeat]}
    for row, trials in _stored(folder):
        run, found = row["run"], []
        if len(trials) != row["trials"]:
            found = [f"it says that it has {row['trials']} trials, and has {len(trials)}"]
        elif run in doable:
            task = tasks[row["task"]]
            slack = 0.0 if kinds.get(task.id) is Evaluation.TABLE else _SLACK
            found = [*from_stored(row, trials, task, evaluated.get(run, ()), slack)]
            if not found and run in repeated:
                found = [*by_optimizer(row, trials, task, optimizers[row["optimizer"]])]
        yield from (f"{_called(row)}: {line}" for line in found)


def _stored(folder: ResultsFolder) -> Iterator[tuple[Row, list[TrialRecord]]]:
    """Runs with their trials, but for the skipped ones."""
    runs, trials = folder.read()
    names = pc.index_in(trials["run"].cast(pa.string()), runs["run"]).to_numpy()
    ends = np.searchsorted(names, np.arange(len(runs)), side="right")
    for row, start, end in zip(runs.to_pylist(), [0, *ends[:-1]], ends, strict=True):
        if row["status"] != Status.SKIPPED or start < end:
            yield row, [record_of(trial) for trial in trials.slice(start, end - start).to_pylist()]


def _evaluated(results: Results, quick: list[str], sample: int, rng: np.random.Generator) -> dict[str, set[int]]:
    """By run, the trials that are evaluated again: half of them are the best of their run, which decide most."""
    trials = results.trials
    candidates = trials[trials["task"].astype(str).isin(quick).to_numpy() & (trials["status"] == "ok").to_numpy()]
    labels = ["run", "trial"]
    best = incumbents(results).dropna(subset="value").groupby("run", observed=True).tail(1)[labels]
    is_best = pd.MultiIndex.from_frame(candidates[labels].astype({"run": str})).isin(
        pd.MultiIndex.from_frame(best.astype({"run": str}))
    )
    order = rng.permutation(len(candidates))
    first = order[is_best[order]][: sample - sample // 2]
    others = order[~np.isin(order, first)][: sample - len(first)]
    found: dict[str, set[int]] = {}
    for run, number in candidates.iloc[[*first, *others]][labels].astype({"run": str}).itertuples(index=False):
        found.setdefault(run, set()).add(number)
    return found


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [*frame.to_dict("records")]


def _called(row: Row) -> str:
    """How messages call a run."""
    return f"run {row['run']} of {row['optimizer']} on {row['task']}, seed {row['seed']}"


def _canonical(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
