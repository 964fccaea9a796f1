"""Tables of real trainings: what `sklearn/cash` and `networks/mlp` gave on a grid, looked up in microseconds.

`training-table/pipeline/DATASET` has pipelines of five models over the share of training rows,
`training-table/network/DATASET` multi-layer perceptrons over epochs. With `-mo` the seconds of training and scoring are
minimised too, and with `-size` the number of weights. A trial's `seed` picks one of the stored seeds, number
`seed % n`; known optima are those of the mean over the stored seeds, so that single results can be better. The cost is
the stored seconds. `optathlon.tasks.trainings.table.generate` makes a table again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib.resources import as_file, files
from typing import Any, ClassVar

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem
from optathlon.stored_facts import StoredFacts
from optathlon.task import Task
from optathlon.tasks.trainings.datasets import DATASETS
from optathlon.tasks.trainings.table.tables import SECONDS, SEEDS, SOURCES, WEIGHTS, Source, file_name
from optathlon.tasks.trainings.task import error_of
from optathlon.trial import Result, Status

BUDGET = 50
"""Full evaluations by default."""
_VARIANTS: Mapping[str, Objective] = {"-mo": SECONDS, "-size": WEIGHTS}

Row = tuple[Any, ...]


class TrainingTable(StoredFacts):
    """`training-table/{pipeline,network}/DATASET`, with `-mo` and `-size` for two objectives."""

    name: ClassVar[str] = "training-table"
    description: ClassVar[str] = "Tables of real trainings of pipelines and of networks, multi-fidelity"

    def ids(self) -> Iterator[str]:
        """Every table, with one objective and with two."""
        for source, variant, dataset in _listed():
            yield f"{self.name}/{source}{variant}/{dataset}"

    def make(self, id: str) -> TableTask:
        """The task of that id; `KeyError` where there is none."""
        for source, variant, dataset in _listed():
            if id == f"{self.name}/{source}{variant}/{dataset}":
                return TableTask(id, source, variant, dataset)
        raise KeyError(id)

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task: there are few."""
        for source, variant, dataset in _listed():
            id, data = f"{self.name}/{source}{variant}/{dataset}", DATASETS[dataset]
            second = {"": "", "-mo": " and the seconds that it took", "-size": " and the number of weights"}[variant]
            yield (
                Facts.of(
                    self.make(id).problem,
                    kind=Evaluation.TABLE,
                    domain=SOURCES[source].domain,
                    description=f"Stored trials of {SOURCES[source].description}. Data: {data.description} "
                    f"({data.rows} rows). Minimised: the error on the validation rows{second}.",
                    noisy=True,
                    seconds=1e-5,
                    recommended=True,
                    licence="Apache-2.0",
                ),
                (id,),
            )


class TableTask(Task):
    """A look-up of stored trials.

    Parameters
    ----------
    id:
        Of the task.
    source:
        A key of `SOURCES`.
    variant:
        Empty, `-mo` or `-size`.
    dataset:
        One that the source has a table of.
    """

    def __init__(self, id: str, source: str, variant: str, dataset: str) -> None:
        self.id = id
        self._names = source, dataset
        self._source = SOURCES[source]
        error = error_of(DATASETS[dataset].learning)
        best = replace(error, optimum=self._source.optima[dataset])
        self._objectives = (error, _VARIANTS[variant]) if variant else (best,)
        self._values = [objective.name for objective in self._objectives]
        self._metrics = [name for name in self._source.measures if name not in self._values]
        self.metadata = {"table": source, "dataset": dataset, "learning": DATASETS[dataset].learning}

    @cached_property
    def problem(self) -> Problem:
        """The grid."""
        return Problem(self._source.grid.space(), self._objectives, self._source.fidelity, budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """What the stored trial gave; one that failed is a failure again."""
        level = self._source.fidelity.upper if fidelity is None else fidelity
        known = stored(*self._names)[_key(self._source, config, SEEDS[seed % len(SEEDS)], level)]
        if known["status"] != Status.OK:
            return Result(status=Status(known["status"]), error="the stored training failed so", cost=known["seconds"])
        return Result(
            values=tuple([known[name] for name in self._values]),
            cost=known["seconds"],
            metrics={name: known[name] for name in self._metrics},
        )


@cache
def stored(source: str, dataset: str) -> Mapping[Row, Mapping[str, Any]]:
    """The trials of a table by the values of the grid's hyperparameters (`None`: not active), seed and level."""
    import pyarrow.parquet as pq

    made = SOURCES[source]
    with as_file(files("optathlon.tasks.trainings.table") / file_name(source, dataset)) as path:
        rows = pq.read_table(path).to_pylist()
    return {
        _key(made, row, row["seed"], row[made.fidelity.name]): {
            name: row[name] for name in ("status", "seconds", *made.measures)
        }
        for row in rows
    }


def best_mean(source: str, dataset: str) -> float:
    """The least mean error over the seeds at the full level, of configurations that never failed.

    It is what `Source.optima` holds.
    """
    made, found = SOURCES[source], stored(source, dataset)
    means = []
    for config in made.grid.configurations():
        rows = [found[_key(made, config, seed, made.fidelity.upper)] for seed in SEEDS]
        if all(row["status"] == Status.OK for row in rows):
            means.append(sum(row["error"] for row in rows) / len(rows))
    return float(min(means))


def _key(source: Source, config: Mapping[str, Any], seed: int, level: float) -> Row:
    return (*map(config.get, source.grid.values), seed, level)


def _listed() -> Iterator[tuple[str, str, str]]:
    """Source, variant and data set of every task."""
    for name, source in SOURCES.items():
        for variant in ("", *(variant for variant, second in _VARIANTS.items() if second.name in source.measures)):
            for dataset in source.optima:
                yield name, variant, dataset
