"""Real training of small networks with torch, on data sets that need no download.

A task trains a multi-layer perceptron, or on images a convolutional network. The splits, the error, and what the
optimizer doesn't see are those of `sklearn/mlp`. Epochs are the fidelity, and it is resumable: a process keeps the
states of its last trainings, and a trial at a higher level goes on from there, with the same result as from scratch.
A trial's seed draws the first weights, the order of the rows, and what is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.resources import Resources
from optathlon.stored_facts import StoredFacts
from optathlon.task import PROBES, Task, short_hash
from optathlon.tasks.trainings.datasets import DATASETS
from optathlon.tasks.trainings.networks.architectures import ARCHITECTURES, LARGEST
from optathlon.trial import Result, Status

BUDGET = 50
"""Full trainings by default."""
EPOCHS = Fidelity("epochs", 1, 27, kind="int", log=True, resumable=True)

_WEIGHTS = Objective("log10_weights", "minimize", 0.0, LARGEST, reference=LARGEST)
_ERRORS = {"classification": Objective("error", "minimize", 0.0, 1.0, reference=1.0)}
_ERRORS["regression"] = Objective("error", "minimize", 0.0, reference=1.0)


class Networks(StoredFacts):
    """`networks/{mlp,cnn}/DATASET`, and with the number of weights as second objective `networks/{mlp,cnn}-size/…`."""

    name: ClassVar[str] = "networks"
    description: ClassVar[str] = "Real training of small networks with torch, over epochs, resumable"
    packages: ClassVar[tuple[str, ...]] = ("torch", "sklearn")
    install: ClassVar[str] = "pip install 'optathlon[networks]'"

    def ids(self) -> Iterator[str]:
        """Each architecture on its data sets, with one objective and with two."""
        for architecture, variant, dataset in _listed():
            yield f"{self.name}/{architecture}{variant}/{dataset}"

    def make(self, id: str) -> NetworkTask:
        """The task of that id; `KeyError` where there is none."""
        for architecture, variant, dataset in _listed():
            if id == f"{self.name}/{architecture}{variant}/{dataset}":
                return NetworkTask(id, architecture, dataset, _objectives(variant, dataset))
        raise KeyError(id)

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task: there are few."""
        for architecture, variant, dataset in _listed():
            id, data = f"{self.name}/{architecture}{variant}/{dataset}", DATASETS[dataset]
            lost = "the share of wrong labels" if data.classes else "the squared error relative to predicting the mean"
            yield (
                Facts.of(
                    self.make(id).problem,
                    kind=Evaluation.TRAINING,
                    domain="neural networks",
                    description=f"Tunes {ARCHITECTURES[architecture].description}. Data: {data.description} "
                    f"({data.rows} rows). Minimised: {lost} on the validation rows"
                    + (", and the decimal logarithm of the number of weights." if variant else "."),
                    noisy=True,
                    seconds=1.0,
                    recommended=True,
                    licence="BSD-3-Clause",
                    citation="Paszke et al. 2019, PyTorch: An Imperative Style, High-Performance Deep Learning Library",
                ),
                (id,),
            )


class NetworkTask(Task):
    """One architecture on one data set.

    Parameters
    ----------
    id:
        Of the task.
    architecture:
        A key of `ARCHITECTURES`.
    dataset:
        A key of `DATASETS`.
    objectives:
        `error`, alone or with `log10_weights`.
    """

    resources = Resources(isolated=True)

    def __init__(self, id: str, architecture: str, dataset: str, objectives: tuple[Objective, ...]) -> None:
        self.id = id
        self._architecture = architecture
        self._dataset = dataset
        self._objectives = objectives
        self.metadata = {"family": architecture, "dataset": dataset, "learning": DATASETS[dataset].learning}

    @cached_property
    def problem(self) -> Problem:
        """The architecture's search space."""
        return Problem(ARCHITECTURES[self._architecture].space(), self._objectives, EPOCHS, budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Train for so many epochs; a loss that is not finite is a failure of the status `diverged`."""
        from optathlon.tasks.trainings.networks.training import trained

        training = trained(self._architecture, self._dataset, config, seed, until=int(fidelity or EPOCHS.upper))
        if training.diverged:
            return Result(status=Status.DIVERGED, error="the loss is not finite", cost=training.seconds)
        measured = training.measured()
        names = [objective.name for objective in self._objectives]
        return Result(
            values=tuple(measured[name] for name in names),
            cost=training.seconds,
            metrics={name: value for name, value in measured.items() if name not in names},
            reused=training.resumed,
        )

    def prepare(self) -> None:
        """Import torch and load the data."""
        import torch  # noqa: F401

        from optathlon.tasks.trainings.splits import load_split

        load_split(self._dataset)

    def fingerprint(self) -> str:
        """A hash of the errors (one decimal) at five probes after one epoch: processors round differently."""
        from optathlon.space import probes

        results = [self.evaluate(config, fidelity=1, seed=0) for config in probes(self.problem.space, PROBES)]
        return short_hash("\n".join(f"{result.values[0]:.1f}" if result.ok else "failed" for result in results))


def _listed() -> Iterator[tuple[str, str, str]]:
    """Architecture, variant and data set of every task."""
    for name, architecture in ARCHITECTURES.items():
        for variant in ("", "-size"):
            for dataset in architecture.datasets:
                yield name, variant, dataset


def _objectives(variant: str, dataset: str) -> tuple[Objective, ...]:
    error = _ERRORS[DATASETS[dataset].learning]
    return (error, _WEIGHTS) if variant else (error,)
