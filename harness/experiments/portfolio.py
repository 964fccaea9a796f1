"""Making a portfolio from stored results: its candidates, their losses on every task, and its file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optathlon.errors import UsageError
from optathlon.problem import Objective
from optathlon.registry.tasks import make_task
from optathlon.results.best import BestOfTask, best_configurations
from optathlon.results.folder import write_atomically
from optathlon.results.frames import Results
from optathlon.running.evaluation import evaluate, fingerprint_of
from optathlon.task import Task, agree
from optathlon.trial import Trial

Tell = Callable[[int, int], None]
"""Called with how many evaluations are done, and of how many."""

_UNNAMED = {"name", "format_version", "python_module_version", "json_format_version"}
"""What may differ between descriptions of one search space."""


@dataclass(frozen=True)
class Candidates:
    """Configurations that may enter a portfolio, with their losses.

    Attributes
    ----------
    tasks:
        Ids, sorted.
    configurations:
        Each once, in the order in which they were found, task by task, the best first.
    losses:
        Shape (configurations, tasks): to minimise; NaN where the evaluation failed or was not feasible.
    found_on:
        Shape (configurations, tasks), boolean: among the best of which tasks it is.
    evaluated:
        How many of the losses are not stored, and were evaluated.
    """

    tasks: list[str]
    configurations: list[dict[str, Any]]
    losses: np.ndarray
    found_on: np.ndarray
    evaluated: int


def candidates(results: Results, per_task: int, *, seed: int = 0, tell: Tell = lambda done, total: None) -> Candidates:
    """The best configurations of each task, evaluated on all others where no result is stored.

    Parameters
    ----------
    results:
        Runs on tasks of one objective that share a search space, with the trials' `config`.
    per_task:
        How many of each task.
    seed:
        The seed of the noise of what is evaluated, at the full fidelity.
    tell:
        Told how far it is.

    Raises `UsageError` where there are no results, for tasks of several objectives, where search spaces differ, and
    where a task is another one today than when its results were stored.
    """
    _require_one_space(results)
    stored = best_configurations(results, top=len(results.trials) or 1)
    best = [one for one in stored if one.best]
    if not best:
        raise UsageError("these results hold no configuration that succeeded: run an experiment first")
    _require_one_version(best)
    texts = dict.fromkeys(_text(each.config) for one in best for each in one.best[:per_task])
    places = {text: place for place, text in enumerate(texts)}
    losses = np.full((len(texts), len(best)), np.nan)
    full = {str(name): (row["fidelity"] or {}).get("upper") for name, row in results.tasks.iterrows()}
    known, found_on = np.zeros_like(losses, dtype=bool), np.zeros_like(losses, dtype=bool)
    for column, one in enumerate(best):
        for rank, each in enumerate(one.best):
            place = places.get(_text(each.config))
            if place is not None and each.fidelity in (None, full[one.task]):
                losses[place, column] = _loss(one, next(iter(each.values.values())))
                known[place, column] = True
            if place is not None and rank < per_task:
                found_on[place, column] = True
    configurations = [json.loads(text) for text in texts]
    missing = [*zip(*np.nonzero(~known), strict=True)]
    tasks = _tasks(results, sorted({best[column].task for _, column in missing}))
    for done, (place, column) in enumerate(missing):
        tell(done, len(missing))
        losses[place, column] = _evaluated(tasks[best[column].task], configurations[place], seed)
    return Candidates([one.task for one in best], configurations, losses, found_on, len(missing))


def write_portfolio(path: Path, found: Candidates, chosen: list[int], means: list[float]) -> None:
    """Write the chosen candidates to a JSON file.

    Parameters
    ----------
    path:
        The file; its folder is made if absent.
    found, chosen:
        The candidates, and the places of those of the portfolio, in order.
    means:
        The mean scaled loss of the portfolio's first one, two, … configurations.
    """
    content = {
        "tasks": found.tasks,
        "mean_losses": [round(mean, 6) for mean in means],
        "configurations": [found.configurations[place] for place in chosen],
    }
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def _require_one_space(results: Results) -> None:
    ran = results.tasks[results.tasks.index.isin(results.runs["task"].astype(str))]
    several = [str(name) for name, row in ran.iterrows() if len(row["objectives"]) != 1]
    if several:
        raise UsageError(f"{several[0]!r} has several objectives, and a portfolio is for one: leave it out by --task")
    spaces: dict[str, str] = {}
    for name, row in ran.iterrows():
        if not row["space"]:
            raise UsageError(f"the results of {str(name)!r} don't say its search space: give a results folder")
        spaces.setdefault(_space_text(row["space"]), str(name))
    if len(spaces) > 1:
        first, second, *_ = spaces.values()
        raise UsageError(
            f"the tasks have {len(spaces)} search spaces, such as those of {first!r} and {second!r}, and a portfolio "
            "is of one: choose tasks that share it by --task"
        )


def _require_one_version(best: list[BestOfTask]) -> None:
    names = [one.task for one in best]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"these results hold {twice!r} in several versions: give results of one")


def _space_text(space: Mapping[str, Any]) -> str:
    return json.dumps({key: space[key] for key in sorted({*space} - _UNNAMED)}, sort_keys=True, default=str)


def _text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)


def _tasks(results: Results, names: list[str]) -> dict[str, Task]:
    """The tasks of these ids; `UsageError` where one is another than its results are of."""
    made = {name: make_task(name) for name in names}
    for name, task in made.items():
        stored = str(results.tasks.loc[[name], "fingerprint"].iloc[0] or "")
        if not agree(stored, fingerprint_of(task)):
            raise UsageError(f"{name!r} is another task than these results are of (fingerprints differ): run it again")
    return made


def _loss(task: BestOfTask, value: float) -> float:
    (direction,) = task.directions.values()
    return Objective("it", "maximize" if direction == "maximize" else "minimize").loss(value)


def _evaluated(task: Task, config: Mapping[str, Any], seed: int) -> float:
    """The loss of a configuration at full fidelity; NaN where that fails or is not feasible."""
    result = evaluate(task, Trial(dict(config)), seed)
    if not result.ok or any(value > 0 for value in result.constraints):
        return float("nan")
    return task.problem.objectives[0].loss(result.values[0])


def means_of(scaled: np.ndarray, chosen: list[int]) -> Iterator[float]:
    """The mean over tasks of the best scaled loss of the first one, two, … of the chosen candidates."""
    yield from np.minimum.accumulate(scaled[chosen], axis=0).mean(axis=1).tolist()
