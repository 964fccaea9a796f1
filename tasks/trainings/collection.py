"""What the collections of trainings share: `NAME/FAMILY/DATASET` and its variants with a second objective."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem
from optathlon.stored_facts import StoredFacts
from optathlon.tasks.trainings.datasets import BUNDLED, DATASETS, Learning
from optathlon.tasks.trainings.family import Family
from optathlon.tasks.trainings.task import FIT_SECONDS, TrainingTask, error_of, size_of

ROWS = 500
"""Data sets of fewer rows are not recommended: on less than 100 validation rows, many configurations are equal."""

_ERRORS = {
    "classification": "the share of wrong labels on the validation rows",
    "regression": "the squared error on the validation rows relative to predicting their mean",
}


class Trainings(StoredFacts):
    """A collection whose tasks each train one model family on one data set.

    Ids are `NAME/FAMILY/DATASET`, and with a second objective `NAME/FAMILY-size/DATASET` (the size of the fitted model,
    for families that have one) and `NAME/FAMILY-mo/DATASET` (the time of fitting).

    Class attributes
    ----------------
    families:
        By name.
    timed:
        The families that are listed with the time of fitting, on the data sets that come with scikit-learn.
    licence, citation:
        Of the library that trains.
    always:
        Families that are recommended on every data set; of the others, every third task is.
    pointless:
        Families and data sets on which most of their configurations are equal, which are not recommended.
    """

    families: ClassVar[Mapping[str, Family]]
    timed: ClassVar[Sequence[str]] = ()
    licence: ClassVar[str]
    citation: ClassVar[str]
    always: ClassVar[Sequence[str]] = ()
    pointless: ClassVar[Mapping[str, Sequence[str]]] = {}

    def ids(self) -> Iterator[str]:
        """Every family on every data set that it can learn, with one objective and with two."""
        for family, variant, dataset in self._listed():
            yield f"{self.name}/{family}{variant}/{dataset}"

    def make(self, id: str) -> TrainingTask:
        """The task of that id; `KeyError` where there is none."""
        match id.split("/"):
            case [self.name, middle, dataset]:
                family, dash, variant = middle.partition("-")
                suffix = dash + variant
            case _:
                raise KeyError(id)
        if family not in self.families or dataset not in self._datasets(family) or suffix not in self._variants(family):
            raise KeyError(id)
        return TrainingTask(id, family, self.families[family], dataset, self._objectives(family, suffix, dataset))

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task; the search spaces are made once for each family and what it learns."""
        known: dict[tuple[str, str, Learning], Facts] = {}
        for family, variant, dataset in self._listed():
            data = DATASETS[dataset]
            key = family, variant, data.learning
            if key not in known:
                known[key] = self._family_facts(family, variant, dataset)
            facts = replace(
                known[key],
                description=self._description(family, variant, dataset),
                recommended=self._is_recommended(family, variant, dataset),
                seconds=float(f"{self.families[family].seconds * data.rows / 1000:.1g}"),
            )
            yield facts, (f"{self.name}/{family}{variant}/{dataset}",)

    def _listed(self) -> Iterator[tuple[str, str, str]]:
        """Family, variant and data set of every task that is listed."""
        for family in self.families:
            for variant in self._variants(family):
                for dataset in self._datasets(family):
                    if variant != "-mo" or (family in self.timed and dataset in BUNDLED):
                        yield family, variant, dataset

    def _variants(self, family: str) -> Sequence[str]:
        return ("", "-size", "-mo") if self.families[family].size else ("", "-mo")

    def _datasets(self, family: str) -> Sequence[str]:
        return [name for name, data in DATASETS.items() if data.learning in self.families[family].learnings]

    def _objectives(self, family: str, variant: str, dataset: str) -> tuple[Objective, ...]:
        data, size = DATASETS[dataset], self.families[family].size
        error = error_of(data.learning)
        match variant:
            case "-mo":
                return error, FIT_SECONDS
            case "-size" if size is not None:
                return error, size_of(size, data)
            case _:
                return (error,)

    def _family_facts(self, family: str, variant: str, dataset: str) -> Facts:
        """What holds for the family's tasks on all data sets of which the same is learnt."""
        chosen = self.families[family]
        space = chosen.space(DATASETS[dataset].learning)
        return Facts.of(
            Problem(space, self._objectives(family, variant, dataset), chosen.fidelity),
            kind=Evaluation.TRAINING,
            domain="tabular data",
            description="",
            noisy=True,
            licence=self.licence,
            citation=self.citation,
        )

    def _description(self, family: str, variant: str, dataset: str) -> str:
        chosen, data = self.families[family], DATASETS[dataset]
        outcome = f"{data.classes} classes" if data.classes else "a number"
        second = {"": "", "-mo": " Also minimised: the seconds that fitting takes."}.get(variant)
        if second is None and chosen.size is not None:
            second = f" Also minimised: {chosen.size.meaning}."
        return (
            f"Tunes {chosen.description}. Data: {data.description} ({data.rows} rows, {data.features} features, "
            f"{outcome}). Minimised: {_ERRORS[data.learning]}.{second}"
        )

    def _is_recommended(self, family: str, variant: str, dataset: str) -> bool:
        """Whether the task is one of those to compare optimizers on: none is like another."""
        if variant == "-mo" or DATASETS[dataset].rows < ROWS or dataset in self.pointless.get(family, ()):
            return False
        if family in self.always:
            return True
        place = list(self.families).index(family) + list(DATASETS).index(dataset)
        return place % 3 == (1 if variant else 0)
