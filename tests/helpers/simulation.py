"""Simulated results in the shape of `optathlon.results.frames.Results`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from optathlon.results.frames import Results

_LABELS = (
    *("run", "optimizer", "task", "collection", "status", "experiment", "options", "task_version", "fingerprint"),
    *("budget_unit", "host", "provenance"),
)
"""The columns that the store keeps as categoricals (`run` in the trials only)."""

BLACKBOX, MULTI_FIDELITY, MULTI_OBJECTIVE = "blackbox", "multi-fidelity", "multi-objective"


@dataclass(frozen=True)
class SimulatedTask:
    id: str
    type: str = BLACKBOX
    direction: str = "minimize"
    optimum: float | None = None
    constrained: bool = False
    references: tuple[float | None, float | None] = (1.5, 1.5)

    @property
    def row(self) -> dict[str, object]:
        name = "error" if self.direction == "minimize" else "accuracy"
        first = _objective(name, self.direction, self.optimum, self.references[0])
        both = [first, _objective("latency", "minimize", None, self.references[1])]
        fidelity = {"name": "epochs", "lower": 1.0, "upper": 27.0, "kind": "int", "log": True, "resumable": False}
        return {
            "task": self.id,
            "version": "1",
            "fingerprint": "f",
            "collection": self.id.partition("/")[0],
            "type": self.type,
            "objectives": both if self.type == MULTI_OBJECTIVE else [first],
            "fidelity": fidelity if self.type == MULTI_FIDELITY else None,
            "constraints": ["memory"] if self.constrained else [],
            "space": {},
            "metadata": {"dimension": 3},
            "data": {},
        }


@dataclass(frozen=True)
class SimulatedOptimizer:
    """A random search whose best-so-far improves with `skill`, fails with `failures` and skips task types."""

    id: str
    skill: float = 1.0
    failures: float = 0.0
    skips: tuple[str, ...] = ()
    seconds: float = 1e-3


@dataclass
class Frames:
    runs: list[dict[str, object]] = field(default_factory=list)
    trials: list[pd.DataFrame] = field(default_factory=list)


def simulate(
    optimizers: list[SimulatedOptimizer],
    tasks: list[SimulatedTask],
    *,
    seeds: int = 4,
    budget: float = 20.0,
    root: int = 0,
) -> Results:
    """Frames of every optimizer on every task; each run's numbers depend on its own labels only."""
    frames = Frames()
    for optimizer in optimizers:
        for task in tasks:
            for seed in range(seeds):
                _simulate_run(frames, optimizer, task, seed, budget, root)
    return Results(
        runs=_labelled(pd.DataFrame(frames.runs)),
        trials=_labelled(pd.concat(frames.trials, ignore_index=True)),
        tasks=pd.DataFrame([task.row for task in tasks]).set_index("task").sort_index(),
        provenance=_provenance(),
    )


def _simulate_run(
    frames: Frames, optimizer: SimulatedOptimizer, task: SimulatedTask, seed: int, budget: float, root: int
) -> None:
    run = f"{optimizer.id}|{task.id}|{seed}"
    rng = np.random.default_rng([root, *run.encode()])
    skipped = task.type in optimizer.skips
    crashed = optimizer.failures >= 1
    status = "skipped" if skipped else "crashed" if crashed else "ok"
    trials = _simulate_trials(rng, optimizer, task, budget) if not skipped else pd.DataFrame()
    labels = {
        "run": run,
        "optimizer": optimizer.id,
        "task": task.id,
        "collection": task.id.partition("/")[0],
        "seed": seed,
    }
    frames.runs.append(
        {
            **labels,
            "experiment": "e",
            "options": "{}",
            "task_version": "1",
            "fingerprint": "f",
            "root_seed": 0,
            "budget": budget,
            "budget_unit": "evaluations",
            "n_workers": 1,
            "clock": "real",
            "attempt": 1,
            "status": status,
            "reason": f"can't do {task.type}" if skipped else "ask raised ValueError: no" if crashed else None,
            "error": None,
            "trials": len(trials),
            "spent": float(trials["evaluations"].sum()) if len(trials) else 0.0,
            "started": pd.Timestamp("2026-01-02T03:04:05", tz="UTC"),
            "seconds": 1.0,
            "host": "h",
            "provenance": "p1",
        }
    )
    if len(trials):
        front = pd.DataFrame({name: [value] * len(trials) for name, value in labels.items()})
        frames.trials.append(pd.concat([front, trials], axis=1))


def _simulate_trials(
    rng: np.random.Generator, optimizer: SimulatedOptimizer, task: SimulatedTask, budget: float
) -> pd.DataFrame:
    count = int(budget) * (3 if task.type == MULTI_FIDELITY else 1) + 1
    levels = np.where(rng.random(count) < 0.5, 27.0, 9.0) if task.type == MULTI_FIDELITY else np.full(count, np.nan)
    evaluations = np.where(np.isnan(levels), 1.0, levels / 27.0)
    spent = np.cumsum(evaluations)
    kept = np.flatnonzero(spent >= budget)[0] + 2
    loss = rng.random(count) ** optimizer.skill
    failed = rng.random(count) < optimizer.failures
    frame = pd.DataFrame(
        {
            "trial": np.arange(count, dtype=np.int32),
            "config": "{}",
            "fidelity": levels,
            "parent": pd.array([None] * count, dtype="Int32").to_numpy(dtype=float, na_value=np.nan),
            "evaluations": evaluations,
            "value": np.where(failed, np.nan, loss if task.direction == "minimize" else 1 - loss),
            "value_2": np.where(failed | (task.type != MULTI_OBJECTIVE), np.nan, 1 - loss + rng.random(count) * 0.3),
            "constraint_1": np.where(failed | (not task.constrained), np.nan, rng.normal(size=count)),
            "test/error": loss,
            "status": np.where(failed, "crashed", "ok"),
            "error": np.where(failed, "Traceback\nRuntimeError: diverged", np.array(None)),
            "cost": 2.0,
            "ask_s": (rng.lognormal(size=count) * optimizer.seconds).astype(np.float32),
            "tell_s": (rng.lognormal(size=count) * optimizer.seconds / 10).astype(np.float32),
            "evaluate_s": np.float32(0.01),
            "start": np.arange(count, dtype=float),
            "end": np.arange(count) + 1.0,
            "worker": 0,
            "over_budget": spent > budget * (1 + 1e-9),
        }
    )
    return frame.iloc[: min(kept, count)]


def _objective(name: str, direction: str, optimum: float | None, reference: float | None) -> dict[str, object]:
    return {
        "name": name,
        "direction": direction,
        "lower": None,
        "upper": None,
        "optimum": optimum,
        "reference": reference,
    }


def _labelled(frame: pd.DataFrame) -> pd.DataFrame:
    labels = [name for name in _LABELS if name in frame and (name != "run" or "trial" in frame)]
    return frame.astype(dict.fromkeys(labels, "category"))


def _provenance() -> pd.DataFrame:
    row: dict[str, object] = {
        "provenance": "p1",
        "packages": {"numpy": "2.0", "smac": "2.4"},
        "command": "optathlon run --tasks 'x<y'",
        "python": "3.11.2",
        "os": "Linux",
        "cpu": "some CPU",
        "git_commit": None,
        "gpu": [],
        "environment": {"PYTHONHASHSEED": "0"},
    }
    return pd.DataFrame([row]).set_index("provenance")


def shuffled(results: Results, seed: int = 0) -> Results:
    """The same results with their rows in another order."""
    return replace(
        results,
        runs=results.runs.sample(frac=1, random_state=seed),
        trials=results.trials.sample(frac=1, random_state=seed),
        tasks=results.tasks.sample(frac=1, random_state=seed),
    )


def together(first: Results, second: Results) -> Results:
    """Results of the same tasks, merged."""
    runs = pd.concat(
        [first.runs.astype({"run": str, "optimizer": str}), second.runs.astype({"run": str, "optimizer": str})]
    )
    trials = pd.concat(
        [first.trials.astype({"run": str, "optimizer": str}), second.trials.astype({"run": str, "optimizer": str})]
    )
    return replace(first, runs=_labelled(runs), trials=_labelled(trials))


TASKS = [
    *(SimulatedTask(f"toy/f{i}", optimum=0.0) for i in range(5)),
    SimulatedTask("toy/acc", direction="maximize"),
    SimulatedTask("toy/box", constrained=True),
    *(SimulatedTask(f"curves/{name}", MULTI_FIDELITY) for name in ("mnist", "higgs")),
    SimulatedTask("fronts/a", MULTI_OBJECTIVE),
    SimulatedTask("fronts/b", MULTI_OBJECTIVE, "maximize", references=(-0.5, None)),
    SimulatedTask("fronts/c", MULTI_OBJECTIVE, references=(None, None)),
]

MESSY = [
    SimulatedOptimizer("random", 1.0),
    SimulatedOptimizer("tpe", 2.0, failures=0.3),
    SimulatedOptimizer("smac-bb", 3.0, skips=(MULTI_OBJECTIVE,), seconds=0.3),
    SimulatedOptimizer("hebo[acq=ei]", 2.5, seconds=2.0),
    SimulatedOptimizer("broken", failures=1.0),
    SimulatedOptimizer("<script>alert(1)</script> $x$", 1.2),
]
