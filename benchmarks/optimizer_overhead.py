"""CPU time that optimizers themselves take per trial: `python benchmarks/optimizer_overhead.py [ID ...]`.

Of each optimizer a run of 10, one of 50 and one of 200 trials on eight floats. What is kept is the mean of `ask` and
`tell` over the last fifth of each, in milliseconds, in `benchmarks/optimizer_overhead.json`, from which
`docs/roster.py` takes it. Each optimizer runs in a process of its own, with one thread; of those in an environment of
their own, which are another process, it is the wall-clock time. Without ids it measures those that were not measured
yet; a run that takes more than `LIMIT` is given up, and so are longer ones.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from optathlon.registry.plugins import optimizer_names

STORED = Path(__file__).with_suffix(".json")
OBSERVATIONS = (10, 50, 200)
DIMENSION = 8
LIMIT = 60.0
"""Seconds for one run."""


def milliseconds(id: str, trials: int) -> float | None:
    """The mean time of `ask` and `tell` over the last fifth of a run; `None` where the run takes too long."""
    from optathlon import Budget, Capability, Constraint, Fidelity, Objective, Problem, Result
    from optathlon.registry.optimizers import choose_optimizer
    from optathlon.registry.tasks import make_task
    from optathlon.space import active_checker

    choice = choose_optimizer(id)
    requires = choice.cls.requires
    tasks = [make_task(f"bbob/f{function}/d{DIMENSION}/i1") for function in (15, 1)]
    objectives = tasks[: 2 if Capability.MULTI_OBJECTIVE in requires else 1]
    constraints = (Constraint("c"),) if Capability.CONSTRAINTS in requires else ()
    multi_fidelity = bool(requires & {Capability.MULTI_FIDELITY, Capability.RESUMABLE})
    problem = Problem(
        tasks[0].problem.space,
        objectives=tuple(Objective(f"f{number}") for number, _ in enumerate(objectives)),
        fidelity=Fidelity("epochs", 1, 27, "int", resumable=True) if multi_fidelity else None,
        constraints=constraints,
        budget=Budget(trials),
    )
    check = active_checker(problem.space)
    clock = time.perf_counter if choice.cls.environment else time.process_time
    began = clock()
    optimizer = choice.start(problem, 0)
    taken = []
    for index in range(trials):
        before = clock()
        if before - began > LIMIT:
            return None
        proposed = optimizer.ask()
        asked = clock() - before
        assert proposed is not None, f"{id} waits while nothing is pending"
        trial = replace(proposed, id=index, config=check(proposed.config))
        values = tuple(task.evaluate(trial.config, fidelity=None, seed=0).values[0] for task in objectives)
        violated = tuple(float(trial.config["x0"]) for _ in constraints)
        result = Result(values, losses=values, constraints=violated)
        before = clock()
        optimizer.tell(trial, result)
        taken.append(asked + clock() - before)
    last = taken[-max(1, trials // 5) :]
    return 1000 * sum(last) / len(last)


def measure(id: str) -> None:
    """Print the times of one optimizer as a JSON list."""
    found: list[float | None] = []
    for trials in OBSERVATIONS:
        time_taken = None if None in found else milliseconds(id, trials)
        found.append(None if time_taken is None else float(f"{time_taken:.3g}"))
    print(json.dumps(found))


def machine() -> str:
    """What it is measured on, in words."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "a CPU")
    return f"one thread of {model}, Python {platform.python_version()}"


def store(stored: dict[str, Any]) -> None:
    """Write the file, with a line per optimizer."""
    rows = ",\n".join(f"  {json.dumps(id)}: {json.dumps(row)}" for id, row in sorted(stored["milliseconds"].items()))
    STORED.write_text(f'{{\n "machine": {json.dumps(stored["machine"])},\n "milliseconds": {{\n{rows}\n }}\n}}\n')


def main(ids: list[str]) -> None:
    """Measure the optimizers and keep what was measured of others."""
    stored = json.loads(STORED.read_text()) if STORED.exists() else {"milliseconds": {}}
    stored["machine"] = machine()
    for id in ids or [name for name in optimizer_names() if name not in stored["milliseconds"]]:
        done = subprocess.run([sys.executable, __file__, "--one", id], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{id}: {(done.stderr.strip().splitlines() or ['it died'])[-1]}", file=sys.stderr)
            continue
        stored["milliseconds"][id] = json.loads(done.stdout.splitlines()[-1])
        print(f"{id}: {stored['milliseconds'][id]} ms", flush=True)
        store(stored)


if __name__ == "__main__":
    from optathlon.running.environment import pin

    pin()
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2])
    else:
        main(sys.argv[1:])
