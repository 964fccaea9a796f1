"""How loading and reporting grow with the number of trials: `python benchmarks/report.py [FOLDER]`.

By simulation: 50 optimizers of different skill on tasks of four collections, 5 seeds and 100 trials per run, written as
a results folder (with configurations). Every measurement is `optathlon report FOLDER` in a process of its own: loading,
ranks over the budget with 1,000 bootstrap resamples, all other statistics, the page and all figures and tables. Seconds
are of CPU, also as multiples of what `python -c 'import pandas, matplotlib'` takes, as machines differ. Goals:

- 1 million trials (40 tasks): <= 30 times as much, <= 1.5 GB, and a page of <= 5 MB;
- 10 million trials (400 tasks): <= 300 s and <= 4 GB;
- growth with the number of trials: linear or better, so exponents of about 1 or less.

FOLDER, by default a temporary one, takes about 1 GB.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from optathlon.results.folder import ResultsFolder
from optathlon.results.schema import RUNS, TRIALS
from optathlon.results.writer import new_shard, write_shard
from optathlon.running.environment import pin

OPTIMIZERS, SEEDS, TRIALS_PER_RUN = 50, 5, 100
TASKS = (4, 40, 400)


@dataclass(frozen=True)
class Measured:
    """Seconds of CPU, megabytes at the peak of the process, and megabytes of the page."""

    seconds: float
    megabytes: float
    page: float


def number_of_trials(tasks: int) -> int:
    """All trials on that many tasks."""
    return OPTIMIZERS * tasks * SEEDS * TRIALS_PER_RUN


def simulate(tasks: int, path: Path) -> None:
    """A results folder with one shard per task."""
    vars(os)["fsync"] = lambda _descriptor: None  # nothing here is worth keeping
    folder = ResultsFolder.create(path)
    for task in range(tasks):
        rng = np.random.default_rng([tasks, task])
        write_shard(folder, new_shard(), runs_on(task), [trials_on(task, rng)], [task_row(task)])


def name_of(task: int) -> str:
    """Four collections."""
    return f"suite-{task % 4}/task-{task}"


def run_ids(task: int) -> list[str]:
    """Optimizer by optimizer, seed by seed."""
    return [f"{task:08x}{optimizer:04x}{seed:04x}" for optimizer in range(OPTIMIZERS) for seed in range(SEEDS)]


def runs_on(task: int) -> pa.Table:
    """Every optimizer with every seed on one task."""
    count = OPTIMIZERS * SEEDS
    columns = {
        "run": run_ids(task),
        "experiment": ["simulated"] * count,
        "optimizer": [f"optimizer-{number:02}" for number in range(OPTIMIZERS) for _ in range(SEEDS)],
        "options": ["{}"] * count,
        "task": [name_of(task)] * count,
        "task_version": ["1"] * count,
        "fingerprint": ["f"] * count,
        "collection": [name_of(task).partition("/")[0]] * count,
        "seed": list(range(SEEDS)) * OPTIMIZERS,
        "root_seed": [0] * count,
        "budget": [float(TRIALS_PER_RUN)] * count,
        "budget_unit": ["evaluations"] * count,
        "n_workers": [1] * count,
        "clock": ["real"] * count,
        "attempt": [1] * count,
        "status": ["ok"] * count,
        "trials": [TRIALS_PER_RUN] * count,
        "spent": [float(TRIALS_PER_RUN)] * count,
        "started": [datetime(2026, 1, 1, tzinfo=UTC)] * count,
        "seconds": [1.0] * count,
        "host": ["host"] * count,
        "provenance": ["p"] * count,
    }
    return pa.table({field.name: pa.array(columns.get(field.name, [None] * count), field.type) for field in RUNS})


def trials_on(task: int, rng: np.random.Generator) -> pa.Table:
    """Losses of a random search whose best-so-far depends on skill; some trials fail."""
    runs = OPTIMIZERS * SEEDS
    count = runs * TRIALS_PER_RUN
    skill = np.repeat(rng.normal(np.linspace(1, 3, OPTIMIZERS), 0.4).clip(0.3), SEEDS * TRIALS_PER_RUN)
    losses = rng.random(count) ** skill * 10.0 ** rng.integers(-2, 3)
    failed = rng.random(count) < 0.01
    points = rng.random((count, 3)).round(12)
    seconds = rng.lognormal(-5, 1, count).astype(np.float32)
    ends = np.cumsum(seconds.reshape(runs, -1), axis=1).ravel().astype(float)
    columns = {
        "run": np.repeat(np.array(run_ids(task), dtype=object), TRIALS_PER_RUN),
        "trial": np.tile(np.arange(TRIALS_PER_RUN), runs),
        "config": [f'{{"x0":{x},"x1":{y},"x2":{z}}}' for x, y, z in points.tolist()],
        "evaluations": np.ones(count),
        "values": [None if bad else [loss] for bad, loss in zip(failed.tolist(), losses.tolist(), strict=True)],
        "status": np.where(failed, "crashed", "ok").astype(object),
        "error": np.where(failed, "RuntimeError: diverged", np.array(None)),
        "cost": seconds.astype(float),
        "ask_s": seconds / 3,
        "tell_s": seconds / 30,
        "evaluate_s": seconds / 2,
        "start": ends - seconds,
        "end": ends,
        "worker": np.zeros(count, dtype=int),
        "over_budget": np.zeros(count, dtype=bool),
    }
    known = {name: pa.array(values) for name, values in columns.items()}
    arrays = [
        known[field.name].cast(field.type) if field.name in known else pa.nulls(count, field.type) for field in TRIALS
    ]
    return pa.Table.from_arrays(arrays, schema=TRIALS)


def task_row(task: int) -> dict[str, str]:
    """One objective of unknown optimum over three numbers."""
    objective = {
        "name": "error",
        "direction": "minimize",
        "lower": None,
        "upper": None,
        "optimum": None,
        "reference": None,
    }
    hyperparameters = [{"name": f"x{i}", "type": "uniform_float", "lower": 0.0, "upper": 1.0} for i in range(3)]
    described = {
        "objectives": [objective],
        "fidelity": None,
        "constraints": [],
        "space": {"hyperparameters": hyperparameters, "conditions": []},
        "metadata": {},
        "data": {},
    }
    labels = {"task": name_of(task), "version": "1", "fingerprint": "f", "type": "blackbox"}
    return labels | {"collection": name_of(task).partition("/")[0]} | {k: json.dumps(v) for k, v in described.items()}


def report(path: Path) -> None:
    """The command itself, in this process."""
    from optathlon.analysis.report import write_report
    from optathlon.cli.source import read_results

    page = write_report(read_results(path), path / "report")
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = time.process_time()
    print(json.dumps({"seconds": seconds, "megabytes": used.ru_maxrss / 1e3, "page": page.stat().st_size / 1e6}))


def measure(path: Path) -> Measured:
    """Report in a process of its own."""
    command = [sys.executable, __file__, "report", str(path)]
    return Measured(**json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def unit() -> float:
    """Seconds of CPU, the least of three, that Python takes to import what every report needs."""
    return min(cpu_of([sys.executable, "-c", "import pandas, matplotlib"]) for _ in range(3))


def cpu_of(command: list[str]) -> float:
    """Seconds of CPU that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(folder: Path) -> None:
    """Measure and print everything."""
    print(f"{'trials':>11} {'tasks':>6} {'CPU':>9} {'times':>6} {'memory':>9} {'page':>8}", flush=True)
    table = {}
    for tasks in TASKS:
        simulate(tasks, folder / str(tasks))
        found = table[tasks] = measure(folder / str(tasks))
        print(
            f"{number_of_trials(tasks):11,} {tasks:6} {found.seconds:7.1f} s {found.seconds / unit():6.0f} "
            f"{found.megabytes:6.0f} MB "
            f"{found.page:5.1f} MB",
            flush=True,
        )
    small, large = TASKS[-2:]
    exponent = math.log(table[large].seconds / table[small].seconds) / math.log(large / small)
    sizes = f"{number_of_trials(small):,} to {number_of_trials(large):,}"
    print(f"growth exponent from {sizes} trials: {exponent:.2f} (goal 1)")


if __name__ == "__main__":
    pin()
    match sys.argv[1:]:
        case ["report", place]:
            report(Path(place))
        case [place]:
            main(Path(place))
        case _:
            with tempfile.TemporaryDirectory() as place:
                main(Path(place))
