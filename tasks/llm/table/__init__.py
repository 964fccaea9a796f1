"""A table of real tunings: what `llm/sft/tiny` gave on a grid, looked up in microseconds without torch.

`llm-table/sft-tiny` has the objective `1-lc_win_rate`, `llm-table/sft-tiny/OBJECTIVE[+OBJECTIVE…]` others out of
`OFFERED`. Epochs are the fidelity. A trial's `seed` picks one of the stored seeds, number `seed % n`; known optima are
those of the mean over the stored seeds, so that single results can be better. The cost is the seconds that the tuning
and scoring took. `optathlon.tasks.llm.table.generate` makes the table again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from importlib.resources import as_file, files
from typing import Any, ClassVar

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.task import Collection, Task
from optathlon.tasks.llm.objectives import MEANINGS, QUALITY
from optathlon.tasks.llm.table.grid import EPOCHS, SEEDS, configurations, grid_space
from optathlon.trial import Result, Status

BUDGET = 50
"""Full evaluations by default."""
FIDELITY = Fidelity("epochs", 1, EPOCHS, kind="int", resumable=True)
DEFAULT = "lc-win-rate"

OFFERED = {
    **QUALITY,
    "length": Objective("length", "minimize", 0.0, reference=128.0),
    "seconds": Objective("seconds", "minimize", 0.0, reference=60.0),
}
"""The objectives to choose from, by the names that `llm/sft` gives them."""

_NO_MEASURES = ("seed", "epochs", "status")

Row = tuple[Any, ...]


class LLMTable(Collection):
    """`llm-table/sft-tiny` and `llm-table/sft-tiny/OBJECTIVE[+OBJECTIVE…]`."""

    name: ClassVar[str] = "llm-table"
    description: ClassVar[str] = (
        "A table of real tunings of a tiny language model, multi-fidelity, also multi-objective"
    )

    def ids(self) -> Iterator[str]:
        """One for each of the objectives that the optimizer can learn of without noise of the clock, and two pairs."""
        yield f"{self.name}/sft-tiny"
        for objectives in ("win-rate", "exact-match", "loss", "lc-win-rate+length", "lc-win-rate+seconds"):
            yield f"{self.name}/sft-tiny/{objectives}"

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        start = f"{self.name}/sft-tiny"
        if id != start and not id.startswith(f"{start}/"):
            raise KeyError(id)
        objectives = id.removeprefix(start).removeprefix("/") or DEFAULT
        return TableTask(id, tuple(objectives.split("+")))

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task; the table is not read for them."""
        space = grid_space()
        for id in self.ids():
            objectives = id.removeprefix(f"{self.name}/sft-tiny").removeprefix("/") or DEFAULT
            names = objectives.split("+")
            measures = " and ".join(MEANINGS[name] for name in names)
            yield (
                Facts.of(
                    Problem(space, tuple(OFFERED[name] for name in names), FIDELITY),
                    kind=Evaluation.TABLE,
                    domain="language models",
                    description="Stored trials of full and low-rank tunings of a tiny language model (learning rate, "
                    f"batch size, optimizer, schedule, rank). Measured on prompts for validation: {measures}.",
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
    objectives:
        Names of `OFFERED`; `KeyError` for others.
    """

    def __init__(self, id: str, objectives: tuple[str, ...]) -> None:
        self.id = id
        self._chosen = tuple(OFFERED[name] for name in objectives)
        self.metadata = {"setup": "tiny", "table": "sft-tiny"}

    @cached_property
    def problem(self) -> Problem:
        """The grid; the optimum of a single objective is the best mean over the stored seeds."""
        from dataclasses import replace

        objectives = self._chosen
        if len(objectives) == 1:
            objectives = (replace(objectives[0], optimum=best_mean(objectives[0].name)),)
        return Problem(grid_space(), objectives, FIDELITY, budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """What the stored trial gave."""
        epochs = EPOCHS if fidelity is None else int(fidelity)
        stored = _stored()[_key(config, SEEDS[seed % len(SEEDS)], epochs)]
        if stored["status"] != Status.OK:
            return Result(status=Status(stored["status"]), error="the stored training failed so")
        names = [objective.name for objective in self._chosen]
        return Result(
            values=tuple(stored[name] for name in names),
            cost=stored["seconds"],
            metrics={name: value for name, value in stored.items() if name not in (*names, *_NO_MEASURES)},
        )


@cache
def best_mean(measure: str) -> float:
    """The least mean over the stored seeds of a measure after all epochs, of the configurations that never failed."""
    import numpy as np

    stored = _stored()
    means = []
    for config in configurations():
        rows = [stored[_key(config, seed, EPOCHS)] for seed in SEEDS]
        if all(row["status"] == Status.OK for row in rows):
            means.append(float(np.mean([row[measure] for row in rows])))
    return min(means)


@cache
def _stored() -> Mapping[Row, Mapping[str, Any]]:
    """The trials by configuration, seed and epoch."""
    import pyarrow.parquet as pq

    with as_file(files("optathlon.tasks.llm.table") / "sft-tiny.parquet") as path:
        rows = pq.read_table(path).to_pylist()
    hyperparameters = set(grid_space())
    return {
        _key(row, row["seed"], row["epochs"]): {
            name: value for name, value in row.items() if name not in hyperparameters
        }
        for row in rows
    }


def _key(config: Mapping[str, Any], seed: int, epochs: int) -> Row:
    varied = ("method", "learning_rate", "batch_size", "optimizer", "schedule")
    return (*(config[name] for name in varied), config.get("rank"), seed, epochs)
