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

import numpy as np

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Fidelity, Objective, Problem, TaskType
from optathlon.task import Collection, Task
from optathlon.tasks.llm.objectives import QUALITY
from optathlon.tasks.llm.table.grid import EPOCHS, SEEDS, configurations, grid_space
from optathlon.trial import Result, Status

BUDGET = 50
"""Full evaluations by default."""
DEFAULT = "lc-win-rate"
_START = "llm-table/sft-tiny"

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
        yield _START
        for objectives in ("win-rate", "exact-match", "loss", "lc-win-rate+length", "lc-win-rate+seconds"):
            yield f"{_START}/{objectives}"

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task; recommended is the first one."""
        for id in self.ids():
            joined = _joined(id)
            objectives = joined.split("+")
            facts = Facts(
                type=TaskType.MULTI_FIDELITY if len(objectives) == 1 else TaskType.MULTI_FIDELITY_OBJECTIVE,
                kind=Evaluation.TABLE,
                domain="language models",
                description="Method, learning rate, batch size, optimizer, schedule and rank of tuning a tiny language "
                f"model on instructions, looked up in 2,304 stored trials. Scored by {' and '.join(objectives)} of the "
                "tuned model's answers.",
                ordinals=3,
                categoricals=3,
                conditional=True,
                objectives=len(objectives),
                noisy=True,
                fidelity="epochs",
                resumable=True,
                optimum=len(objectives) == 1,
                seconds=1e-5,
                recommended=joined == DEFAULT,
                licence="Apache-2.0",
            )
            yield facts, [id]

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        if id != _START and not id.startswith(f"{_START}/"):
            raise KeyError(id)
        return TableTask(id, tuple(_joined(id).split("+")))


def _joined(id: str) -> str:
    """The objectives in an id, joined by `+`."""
    return id.removeprefix(_START).removeprefix("/") or DEFAULT


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
        epochs = Fidelity("epochs", 1, EPOCHS, kind="int", resumable=True)
        return Problem(grid_space(), objectives, epochs, budget=Budget(BUDGET))

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
