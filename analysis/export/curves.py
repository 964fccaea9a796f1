"""What is exported, whatever the format: functions with numbers, and each run's improvements by evaluations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optathlon.analysis.csv_file import write_csv
from optathlon.analysis.metrics.axes import OrderedTrials
from optathlon.analysis.metrics.comparable import comparable
from optathlon.analysis.metrics.countable import countable
from optathlon.analysis.metrics.coverage import has_failed
from optathlon.analysis.metrics.objectives import is_multi_objective, optimal_loss, signs
from optathlon.errors import UsageError

if TYPE_CHECKING:
    from optathlon.results.frames import Results

BBOB, OTHERS = "bbob", "others"

LEGEND = "functions.csv"

_DIRECTIONS = {1.0: "minimize", -1.0: "maximize"}
_BBOB_ID = re.compile(r"bbob/f(\d+)/d(\d+)/i(\d+)( \(.*)?")
_SLACK = 1e-9
"""Of sums of fidelity levels such as 52/3."""


@dataclass(frozen=True)
class Function:
    """A task as a numbered function.

    Attributes
    ----------
    suite:
        `"bbob"`, whose numbers are those of BBOB, or `"others"`, numbered from 1 in the order of the tasks' ids.
    number, dimension, instance:
        As both formats identify a problem; the instance of others is 1.
    name, task:
        The function's name, and the id of the task.
    sign:
        1 where values are minimised, -1 where they are maximised.
    optimum:
        The best attainable loss; NaN where it is unknown.
    """

    suite: str
    number: int
    dimension: int
    instance: int
    name: str
    task: str
    sign: float
    optimum: float

    @property
    def place(self) -> tuple[int, int, int]:
        """Its number, dimension and instance."""
        return self.number, self.dimension, self.instance


@dataclass(frozen=True)
class Curve:
    """A run.

    Attributes
    ----------
    optimizer, function, seed:
        What it is a run of.
    evaluations:
        Shape (improvements,), rising: full evaluations spent, rounded up, when the run improves.
    losses:
        Shape (improvements,), falling: the loss that it has then. Failed trials only spend evaluations.
    total:
        Evaluations of the whole run; of one that failed, those of the longest run on the task, since tools restart
        runs that reach nothing in simulation, and one that breaks down at once would be a free restart.
    last:
        The loss of its last trial; NaN where that failed or does not count.
    """

    optimizer: str
    function: Function
    seed: int
    evaluations: np.ndarray
    losses: np.ndarray
    total: int
    last: float


@dataclass(frozen=True)
class Exported:
    """What was written and what was not.

    Attributes
    ----------
    folder:
        Where it is.
    runs:
        How many runs were written.
    without_result:
        How many of them have no result; they are written as runs that reach nothing.
    left_out:
        Why not, by task id.
    runs_left_out:
        How many runs of the tasks written were left out, because they have no trials.
    """

    folder: Path
    runs: int
    without_result: int
    left_out: Mapping[str, str]
    runs_left_out: int


def export(
    results: Results,
    folder: str | Path,
    obstacle: Callable[[pd.Series], str],
    write: Callable[[list[Curve], Path], None],
) -> Exported:
    """Write the runs on all tasks without obstacle, by suite and optimizer, and a legend of the functions.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    folder:
        To be made; `UsageError` where it has something in it.
    obstacle:
        Why a row of the `tasks` frame can't be written; empty where it can.
    write:
        Writes the curves of one optimizer on one suite to a folder.
    """
    out = Path(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{str(out)!r} is there already: delete it, or give another folder (--out)")
    results = comparable(results)
    obstacles = {str(task): obstacle(row) for task, row in results.tasks.iterrows()}
    functions = _functions(results.tasks[[not obstacles[str(task)] for task in results.tasks.index]])
    curves = _curves(results, functions)
    if not curves:
        reasons = ", ".join(sorted({*obstacles.values()} - {""})) or "no trials"
        raise UsageError(f"no run of these results can be written in this format: {reasons}")
    out.mkdir(parents=True, exist_ok=True)
    names = file_names(curve.optimizer for curve in curves)
    for (suite, optimizer), members in grouped(curves, lambda curve: (curve.function.suite, curve.optimizer)):
        target = out / suite / names[optimizer]
        target.mkdir(parents=True)
        write(members, target)
    write_csv(_legend(functions.values()), out / LEGEND, index=False)
    return Exported(
        out,
        len(curves),
        sum(not len(curve.losses) for curve in curves),
        {task: reason for task, reason in obstacles.items() if reason},
        int(results.runs["task"].isin(list(functions)).sum()) - len(curves),
    )


def several_objectives(task: pd.Series) -> str:
    """The obstacle that a task with several objectives is, in words; empty where it has one."""
    return "several objectives" if is_multi_objective(task) else ""


def grouped(curves: Iterable[Curve], key: Callable[[Curve], Any]) -> Iterator[tuple[Any, list[Curve]]]:
    """The curves by key, in ascending order of keys; curves with equal keys keep their order."""
    for value, members in groupby(sorted(curves, key=key), key):
        yield value, list(members)


_LONGEST_NAME = 120
"""File systems allow 255 bytes, of which the formats take some for themselves."""


def file_names(names: Iterable[str]) -> dict[str, str]:
    """For each distinct name, in alphabetical order, one of its own that is fit for files and quotation marks."""
    found: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for name in sorted(set(names)):
        plain = re.sub(r"[^A-Za-z0-9.=+-]+", "_", name)[:_LONGEST_NAME].strip("_.") or "_"
        taken[plain] += 1
        found[name] = plain if taken[plain] == 1 else f"{plain}__{taken[plain]}"
    return found


def _functions(tasks: pd.DataFrame) -> dict[str, Function]:
    """By the id of the task."""
    found: dict[str, Function] = {}
    others = 0
    for id, task in tasks.sort_index().iterrows():
        metadata = task["metadata"] if isinstance(task["metadata"], Mapping) else {}
        match = _BBOB_ID.fullmatch(str(id))
        others += match is None
        number, dimension, instance = (
            (int(match[1]), int(match[2]), int(match[3])) if match else (others, _dimension(task, metadata), 1)
        )
        found[str(id)] = Function(
            suite=BBOB if match else OTHERS,
            number=number,
            dimension=dimension,
            instance=instance,
            name=str(metadata.get("function_name", f"f{number}" if match else id)),
            task=str(id),
            sign=float(signs(task)[0]),
            optimum=optimal_loss(task),
        )
    return found


def _dimension(task: pd.Series, metadata: Mapping[str, object]) -> int:
    """The number of hyperparameters; 1 where it is unknown."""
    stated = metadata.get("dimension")
    space = task["space"] if isinstance(task["space"], Mapping) else {}
    return stated if isinstance(stated, int) and stated > 0 else max(1, len(space.get("hyperparameters", ())))


def _curves(results: Results, functions: Mapping[str, Function]) -> list[Curve]:
    """The runs on these functions that have trials or failed, by optimizer, function and seed."""
    ordered = OrderedTrials(results)
    signs_of_runs = ordered.runs["task"].map({task: function.sign for task, function in functions.items()})
    counts = countable(results.trials, results.tasks)[ordered.rows]
    values = signs_of_runs.to_numpy(dtype=float)[ordered.run] * ordered.column("value")
    losses = np.where(counts, values, np.nan)
    evaluations = np.ceil(ordered.spent("evaluations") - _SLACK).astype(int)
    starts = np.searchsorted(ordered.run, np.arange(len(ordered.runs) + 1))
    longest = pd.Series(evaluations).groupby(ordered.runs["task"].to_numpy()[ordered.run]).max().to_dict()
    found = []
    labels = (ordered.runs[label].astype(str).tolist() for label in ("optimizer", "task"))
    seeds, failures = ordered.runs["seed"].tolist(), has_failed(ordered.runs).tolist()
    for start, end, optimizer, task, seed, failed in zip(
        starts[:-1], starts[1:], *labels, seeds, failures, strict=True
    ):
        most = longest.get(task, 0) if failed else 0
        if task in functions and (most or evaluations[start:end].any()):
            found.append(_curve(optimizer, functions[task], seed, evaluations[start:end], losses[start:end], most))
    return sorted(found, key=lambda curve: (curve.optimizer, curve.function.place, curve.function.task, curve.seed))


def _curve(
    optimizer: str, function: Function, seed: int, evaluations: np.ndarray, losses: np.ndarray, least: int
) -> Curve:
    """A run that is charged `least` evaluations at least."""
    best = np.fmin.accumulate(losses)
    improvements = np.flatnonzero(losses < np.append(np.inf, np.nan_to_num(best[:-1], nan=np.inf)))
    spent = evaluations[improvements]
    kept = improvements[np.append(spent[1:] > spent[:-1], True)[: len(spent)]]
    total = max(least, int(evaluations[-1]) if len(evaluations) else 0)
    last = float(losses[-1]) if total == evaluations.max(initial=0) else np.nan
    return Curve(optimizer, function, seed, evaluations[kept], losses[kept], total, last)


def _legend(functions: Iterable[Function]) -> pd.DataFrame:
    """Which function is which task; the optimum in the task's own units."""
    rows = [
        asdict(function) | {"direction": _DIRECTIONS[function.sign], "optimum": function.sign * function.optimum}
        for function in sorted(functions, key=lambda function: (function.suite, function.place, function.task))
    ]
    return pd.DataFrame(rows).drop(columns="sign")
