"""How planning, resuming and compacting grow with the number of runs: `python benchmarks/scale.py [FOLDER]`.

By simulation: 28 optimizers that never run, on BBOB functions, and finished runs that are written rather than done,
with three trials each of the full schema. 1.9 million runs are 28 optimizers x 3,336 tasks x 20 seeds. Every
measurement has a process of its own, so that its peak memory is its own; seconds are of CPU. Goals for 1.9 million
runs:

- planning with nothing finished: <= 60 s and <= 2 GB;
- resuming with all finished (setting damaged shards aside, reading what is finished, planning without it): <= 30 s and
  <= 2 GB, from shards of 200 runs as well as from compacted ones;
- `optathlon compact`: at most one file per 10,000 runs afterwards (from 100,000 runs on; three files are the fewest);
- growth with the number of runs: linear or better, so exponents of about 1 or less.

FOLDER, by default a temporary one, takes about 1 GB.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from optathlon.experiments.experiment import Experiment
from optathlon.experiments.plan import make_plan
from optathlon.optimizers.random import RandomSearch
from optathlon.registry.plugins import plugins
from optathlon.registry.tasks import make_task
from optathlon.results.compact import compact
from optathlon.results.damage import set_aside_damaged
from optathlon.results.folder import ResultsFolder
from optathlon.results.rows import Session, run_row
from optathlon.results.writer import ShardWriter
from optathlon.running.accounting import RunOutcome, TrialRecord
from optathlon.running.environment import pin
from optathlon.task import short_hash
from optathlon.trial import Status

OPTIMIZERS = [f"simulated-{number}" for number in range(28)]
SEEDS = 20
TASKS = (2, 18, 179, 1_786, 3_336)
RUNS_PER_SHARD = 200
TRIALS_PER_RUN = 3


@dataclass(frozen=True)
class Measured:
    """Seconds of CPU and megabytes at the peak of one process."""

    seconds: float
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:8.2f} s {self.megabytes:6.0f} MB"


def experiment(tasks: int) -> Experiment:
    """The first of 24 functions x 6 dimensions x 24 instances."""
    plugins.optimizers |= {name: type("Simulated", (RandomSearch,), {}) for name in OPTIMIZERS}
    ids = [f"bbob/f{f}/d{d}/i{i}" for i in range(1, 25) for d in (2, 3, 5, 10, 20, 40) for f in range(1, 25)]
    return Experiment(optimizers=OPTIMIZERS, tasks=ids[:tasks], seeds=list(range(SEEDS)))


def number_of_runs(tasks: int) -> int:
    """All runs of that many tasks."""
    return len(OPTIMIZERS) * tasks * SEEDS


def plan(tasks: int, _folder: Path) -> None:
    """Plan with nothing finished."""
    assert len(make_plan(experiment(tasks), ()).todo) == number_of_runs(tasks)


def resume(tasks: int, folder: Path) -> None:
    """What repeating a finished command does before it says that all is done."""
    results = ResultsFolder.open(folder)
    assert not set_aside_damaged(results)
    finished = set(results.finished()["run"].to_pylist())
    assert len(make_plan(experiment(tasks), finished).done) == number_of_runs(tasks)


def compacting(_tasks: int, folder: Path) -> None:
    """The command itself."""
    compact(ResultsFolder.open(folder))


def simulate(tasks: int, folder: Path) -> None:
    """Write finished runs in the order of the plan, as a worker does; `folder/N` has those of the first N tasks."""
    os.fsync = lambda fd: None  # nothing here is worth keeping
    results = ResultsFolder.create(folder / "whole")
    writer, session, now = ShardWriter(results), Session("host", "provenance"), datetime.now(UTC)
    for number, spec in enumerate(make_plan(experiment(tasks), ()).todo, start=1):
        outcome = RunOutcome(
            Status.OK, [trial(number, index) for index in range(TRIALS_PER_RUN)], float(TRIALS_PER_RUN)
        )
        fingerprint = short_hash(spec.task)
        if not writer.has_described(spec.task):
            writer.describe(make_task(spec.task), fingerprint)
        seconds = 0.1 + number % 997 / 1e4
        writer.add(run_row(spec, outcome, session, {}, fingerprint, now, seconds), outcome.trials)
        done, rest = divmod(number, len(OPTIMIZERS) * SEEDS)
        if number % RUNS_PER_SHARD == 0 or (rest == 0 and done in TASKS):
            writer.flush()
        if rest == 0 and done in TASKS:
            link(results.path, folder / str(done))


def trial(number: int, index: int) -> TrialRecord:
    """One trial of a run, with values that compress about as badly as real ones."""
    noise = (number * TRIALS_PER_RUN + index) * 0.6180339887498949 % 1
    return TrialRecord(
        trial=index,
        config={"x0": noise * 10 - 5, "x1": 5 - noise * 10},
        fidelity=None,
        parent=None,
        evaluations=1.0,
        values=(noise**2,),
        constraints=None,
        metrics=None,
        status="ok",
        error=None,
        cost=None,
        ask_s=1e-5 + noise / 1e6,
        tell_s=1e-6 + noise / 1e7,
        evaluate_s=1e-5 + noise / 1e5,
        start=index * 1e-4,
        end=index * 1e-4 + noise / 1e5,
        worker=0,
        over_budget=False,
    )


def link(folder: Path, copy: Path) -> Path:
    """A copy that takes no space: files of a results folder are replaced or deleted, never changed."""
    shutil.copytree(folder, copy, copy_function=os.link)
    return copy


STEPS: dict[str, Callable[[int, Path], None]] = {
    "plan": plan,
    "resume": resume,
    "compact": compacting,
    "simulate": simulate,
}


def measure(step: str, tasks: int, folder: Path) -> Measured:
    """Do a step in a process of its own."""
    command = [sys.executable, __file__, step, str(tasks), str(folder)]
    return Measured(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def measured(step: str, tasks: int, folder: Path) -> None:
    """The process that `measure` starts."""
    began = time.process_time()
    STEPS[step](tasks, folder)
    seconds = time.process_time() - began
    print(json.dumps({"seconds": seconds, "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}))


def files(folder: Path) -> list[Path]:
    """The files of all shards."""
    return [path for part in ("runs", "trials", "tasks") for path in (folder / part).iterdir()]


def size(folder: Path) -> int:
    """Bytes of all shards."""
    return sum(path.stat().st_size for path in files(folder))


def main(folder: Path) -> None:
    """Measure and print everything."""
    began = time.monotonic()
    measure("simulate", max(TASKS), folder)
    print(
        f"{number_of_runs(max(TASKS)):,} runs of {TRIALS_PER_RUN} trials written in {time.monotonic() - began:.0f} s, "
        f"{RUNS_PER_SHARD} per shard; each column is seconds of CPU and peak memory",
        f"{'runs':>9}  {'plan':^20} {'resume, small shards':^20} {'compact':^20} {'resume, compacted':^20}"
        f" {'files before, after':>20} {'per 10,000 runs':>15} {'bytes/run before, after':>24}",
        sep="\n",
        flush=True,
    )
    table = {tasks: row(tasks, folder / str(tasks)) for tasks in TASKS}
    small, large = TASKS[-3], TASKS[-1]
    print(f"growth exponents from {number_of_runs(small):,} to {number_of_runs(large):,} runs:")
    names = ("plan", "resume, small shards", "compact", "resume, compacted")
    for name, first, last in zip(names, table[small], table[large], strict=True):
        print(f"  {name}: {math.log(last.seconds / first.seconds) / math.log(large / small):.2f} (goal 1)")


def row(tasks: int, small: Path) -> list[Measured]:
    """Measure one number of runs, and print it."""
    runs = number_of_runs(tasks)
    compacted = link(small, small.with_name(f"{tasks}-compacted"))
    measurements = [
        measure("plan", tasks, small),
        measure("resume", tasks, small),
        measure("compact", tasks, compacted),
        measure("resume", tasks, compacted),
    ]
    before, after = len(files(small)), len(files(compacted))
    print(
        f"{runs:9,}  {' '.join(map(str, measurements))} {before:12,} {after:7,} {after / runs * 1e4:15.2f} "
        f"{size(small) / runs:16.0f} {size(compacted) / runs:7.0f}",
        flush=True,
    )
    return measurements


if __name__ == "__main__":
    pin()
    match sys.argv[1:]:
        case [step, tasks, place]:
            measured(step, int(tasks), Path(place))
        case [place]:
            main(Path(place))
        case _:
            with tempfile.TemporaryDirectory() as place:
                main(Path(place))
