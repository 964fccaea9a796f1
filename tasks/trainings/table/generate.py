"""Making a table again: `python -m optathlon.tasks.trainings.table.generate pipeline digits FILE`, minutes on one core.

Every trial is one of `sklearn/cash` or `networks/mlp`. Its seconds are those of the processor for training and scoring,
which other work on the machine hardly changes, and from the first epoch on where it went on from a lower level. What is
done is noted beside the file: the command goes on where
it was ended.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from optathlon.errors import UsageError
from optathlon.space import active_checker
from optathlon.task import Task
from optathlon.tasks.trainings.networks import Networks
from optathlon.tasks.trainings.sklearn import Sklearn
from optathlon.tasks.trainings.table.tables import SEEDS, SOURCES, Source
from optathlon.trial import Result, Status

KEPT = ("error", "test/error", "seconds", "log10_weights")
"""The measures that a table keeps, as far as its trainings have them."""

_PACKAGES = ("numpy", "scipy", "scikit-learn")
_USAGE = "usage: python -m optathlon.tasks.trainings.table.generate SOURCE DATASET FILE"


def training(source: Source, dataset: str) -> Task:
    """The task whose trials the table stores."""
    id = f"{source.task}/{dataset}"
    return Networks().make(id) if id.startswith(Networks.name) else Sklearn().make(id)


def completed(task: Task, config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration of a grid with the defaults of what the grid does not vary."""
    space = task.problem.space
    defaults = {name: one.default_value for name, one in space.items()}
    return active_checker(space)({**defaults, **config})


def rows(task: Task, source: Source, config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The trials of a configuration: a row for each seed and level."""
    full = completed(task, config)
    for seed in SEEDS:
        earlier = 0.0
        for level in source.fidelity.levels:
            start = time.process_time()
            result = _outcome(task, full, level, seed)
            seconds = time.process_time() - start + (earlier if result.reused else 0.0)
            earlier = seconds
            yield {
                **config,
                "seed": seed,
                source.fidelity.name: level,
                "status": str(result.status),
                **_measures(task, result, seconds),
            }


def _outcome(task: Task, config: Mapping[str, Any], level: float, seed: int) -> Result:
    try:
        return task.evaluate(config, fidelity=level, seed=seed)
    except ValueError as error:
        return Result(status=Status.CRASHED, error=str(error))


def _measures(task: Task, result: Result, seconds: float) -> dict[str, float]:
    names = [objective.name for objective in task.problem.objectives]
    known = {**dict(zip(names, result.values, strict=False)), **result.metrics, "seconds": seconds}
    return {name: known[name] for name in KEPT if name in known}


def _noted(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of earlier commands by configuration; a line that was cut off is made again."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            config, made = json.loads(line)
        except ValueError:
            continue
        found[json.dumps(config)] = made
    return found


def write(path: Path, trials: Sequence[Mapping[str, Any]], source: Source, dataset: str) -> None:
    """Store the trials, with what they were made with."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = (*source.grid.values, "seed", source.fidelity.name, "status", *KEPT)
    table = pa.table({name: [trial.get(name) for trial in trials] for name in columns if _is_known(name, trials)})
    packages = (*_PACKAGES, *(["torch"] if source.task.startswith("networks") else []))
    origin = {"task": f"{source.task}/{dataset}", **{package: version(package) for package in packages}}
    pq.write_table(table.replace_schema_metadata(origin), path, compression="zstd")


def _is_known(name: str, trials: Sequence[Mapping[str, Any]]) -> bool:
    return any(name in trial for trial in trials)


def main(arguments: Sequence[str]) -> None:
    """Make the table that the arguments name."""
    if len(arguments) != 3 or arguments[0] not in SOURCES or arguments[1] not in SOURCES[arguments[0]].optima:
        raise UsageError(_USAGE)
    source, dataset, path = SOURCES[arguments[0]], arguments[1], Path(arguments[2])
    notes = path.with_suffix(".notes")
    task, noted = training(source, dataset), _noted(notes)
    task.evaluate(completed(task, {}), fidelity=source.fidelity.lower, seed=0)  # imports count for no trial
    trials: list[dict[str, Any]] = []
    with notes.open("a", encoding="utf-8") as stream:
        for config in source.grid.configurations():
            made = noted.get(json.dumps(config))
            if made is None:
                made = list(rows(task, source, config))
                stream.write(f"\n{json.dumps([config, made])}")
                stream.flush()
            trials += made
    write(path, trials, source, dataset)
    notes.unlink()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UsageError as error:
        sys.exit(str(error))
