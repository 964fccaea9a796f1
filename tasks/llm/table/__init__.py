"""Tables of real tunings: what `llm/sft` gave on grids, looked up in microseconds without torch.

`llm-table/sft-tiny` and `llm-table/sft-smol` have the objective `1-lc_win_rate`, `llm-table/sft-SETUP/OBJECTIVE[+…]`
others out of `OFFERED`. Epochs are the fidelity. A trial's `seed` picks one of the stored seeds, number `seed % n`;
known optima are those of the mean over the stored seeds, so that single results can be better. The cost is the seconds
that the tuning and scoring took. `optathlon.tasks.llm.table.generate` makes the tables again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from importlib.resources import as_file, files
from typing import Any, ClassVar

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.stored_facts import StoredFacts
from optathlon.task import Task
from optathlon.tasks.llm.objectives import MEANINGS, QUALITY
from optathlon.tasks.llm.table.grid import TABLES, VARIED, Table
from optathlon.trial import Result, Status

BUDGET = 50
"""Full evaluations by default."""
DEFAULT = "lc-win-rate"

OFFERED = {
    **QUALITY,
    "length": Objective("length", "minimize", 0.0, reference=128.0),
    "seconds": Objective("seconds", "minimize", 0.0, reference=60.0),
}
"""The objectives to choose from, by the names that `llm/sft` gives them."""

_NO_MEASURES = ("seed", "epochs", "status")

Row = tuple[Any, ...]


class LLMTable(StoredFacts):
    """`llm-table/sft-SETUP` and `llm-table/sft-SETUP/OBJECTIVE[+OBJECTIVE…]`."""

    name: ClassVar[str] = "llm-table"
    description: ClassVar[str] = "Tables of real tunings of small language models, multi-fidelity, also multi-objective"

    def ids(self) -> Iterator[str]:
        """Those of the default, and of the objectives that each table lists."""
        for name, table in TABLES.items():
            yield f"{self.name}/{name}"
            yield from (f"{self.name}/{name}/{objectives}" for objectives in table.listed)

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        table, objectives = _parts(id)
        return TableTask(id, table, objectives)

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task; the tables are not read for them."""
        for id in self.ids():
            table, names = _parts(id)
            measures = " and ".join(MEANINGS[name] for name in names)
            yield (
                Facts.of(
                    Problem(table.grid.space(), tuple(OFFERED[name] for name in names), _fidelity(table)),
                    kind=Evaluation.TABLE,
                    domain="language models",
                    description=f"Stored trials of {table.tunings} (learning rate, batch size, schedule, rank and, for "
                    f"tiny, the optimizer). Measured on prompts for validation: {measures}.",
                    noisy=True,
                    optimum=len(names) == 1,
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
        As above.
    table:
        Which ones.
    objectives:
        Names of `OFFERED`; `KeyError` for others.
    """

    def __init__(self, id: str, table: Table, objectives: tuple[str, ...]) -> None:
        self.id = id
        self._table = table
        self._chosen = tuple(OFFERED[name] for name in objectives)
        self.metadata = {"setup": table.setup_name, "table": table.name}

    @cached_property
    def problem(self) -> Problem:
        """The grid; the optimum of a single objective is the best mean over the stored seeds."""
        objectives = self._chosen
        if len(objectives) == 1:
            objectives = (replace(objectives[0], optimum=best_mean(self._table.name, objectives[0].name)),)
        return Problem(self._table.grid.space(), objectives, _fidelity(self._table), budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """What the stored trial gave."""
        seeds = self._table.seeds
        epochs = self._table.epochs if fidelity is None else int(fidelity)
        stored = stored_trials(self._table.name)[_key(config, seeds[seed % len(seeds)], epochs)]
        if stored["status"] != Status.OK:
            return Result(status=Status(stored["status"]), error="the stored training failed so")
        names = [objective.name for objective in self._chosen]
        told = {*names, *_NO_MEASURES}
        return Result(
            values=tuple(stored[name] for name in names),
            cost=stored["seconds"],
            metrics={name: value for name, value in stored.items() if name not in told and value is not None},
        )


@cache
def best_mean(name: str, measure: str) -> float:
    """The least mean over the stored seeds of a measure after all epochs, of the configurations that never failed."""
    import numpy as np

    table, stored = TABLES[name], stored_trials(name)
    means = []
    for config in table.grid.configurations():
        rows = [stored[_key(config, seed, table.epochs)] for seed in table.seeds]
        if all(row["status"] == Status.OK for row in rows):
            means.append(float(np.mean([row[measure] for row in rows])))
    return min(means)


@cache
def stored_trials(name: str) -> Mapping[Row, Mapping[str, Any]]:
    """The trials of a table by configuration, seed and epoch."""
    import pyarrow.parquet as pq

    table = TABLES[name]
    with as_file(files("optathlon.tasks.llm.table") / f"{name}.parquet") as path:
        rows = pq.read_table(path).to_pylist()
    hyperparameters = set(table.grid.space())
    return {
        _key(row, row["seed"], row["epochs"]): {
            name: value for name, value in row.items() if name not in hyperparameters
        }
        for row in rows
    }


def _parts(id: str) -> tuple[Table, tuple[str, ...]]:
    """The table and the names of the objectives; `KeyError` where there is no such table."""
    collection, _, rest = id.partition("/")
    table, _, objectives = rest.partition("/")
    if collection != LLMTable.name or id.endswith("/"):
        raise KeyError(id)
    return TABLES[table], tuple((objectives or DEFAULT).split("+"))


def _fidelity(table: Table) -> Fidelity:
    return Fidelity("epochs", 1, table.epochs, kind="int", resumable=True)


def _key(config: Mapping[str, Any], seed: int, epochs: int) -> Row:
    return (*(config.get(name) for name in VARIED), seed, epochs)
