"""The interface of tasks and of the collections that generate them."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

from optathlon.data_source import DataSource
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Problem
from optathlon.resources import IN_PROCESS, Resources
from optathlon.trial import Result

PROBES = 5
"""How many fixed configurations a task's fingerprint evaluates."""


class Task(ABC):
    """An objective with its search space, objectives, fidelity, budget and metadata.

    Class or instance attributes
    ----------------------------
    id:
        A path that sorts and globs well, e.g. `"bbob/f15/d5/i1"`; its first part names the collection.
    version:
        Raise it whenever results change; runs of different versions are different runs.
    metadata:
        What is worth knowing for analysis, e.g. `{"dimension": 5}`; JSON values. A multi-objective task whose
        Pareto front is known gives its hypervolume against the reference point as `"optimal_hypervolume"`.
    resources:
        What a trial takes and may take at most; by default it is evaluated in the worker, without limits.
    """

    id: str
    version: str = "1"
    metadata: Mapping[str, str | int | float | bool] = {}
    resources: Resources = IN_PROCESS

    @cached_property
    @abstractmethod
    def problem(self) -> Problem:
        """What an optimizer may know; built on first use, cheap, without loading data."""

    @abstractmethod
    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Evaluate the active hyperparameters `config` at level `fidelity` (`None`: the full one).

        `seed` (0 <= seed < 2**32) drives all noise: the same arguments give the same result. Exceptions are
        recorded by the harness as a crashed trial, but for `optathlon.errors.Unavailable`: no trial can be evaluated
        then, so that the command ends, and goes on from there when it is repeated.
        """

    def evaluate_many(
        self, configs: Sequence[Mapping[str, Any]], *, fidelity: float | None, seeds: Sequence[int]
    ) -> list[Result]:
        """Evaluate configurations at one level, each with its seed: the same results as one after the other.

        Tables and surrogates override it where together is quicker.
        """
        return [
            self.evaluate(config, fidelity=fidelity, seed=seed) for config, seed in zip(configs, seeds, strict=True)
        ]

    def prepare(self) -> None:  # noqa: B027, most tasks load nothing
        """Load what every trial needs, so that no trial is charged for it, nor ended at its limits.

        It is called in each process of their own that the task's trials have; what it raises is met again by them.
        """

    def fingerprint(self) -> str:
        """A short hash of the values at five fixed probes: it differs where the task's data or code differ.

        They are evaluated at the lowest and the full fidelity. Values enter with six significant digits, so that it is
        the same on every machine. A task whose values are not reproducible, or expensive, overrides this. Several
        hashes with dots between them are compared one by one, as far as both sides have them (`agree`). One that is
        not always known is the last and begins with `~`.
        """
        return short_hash("\n".join(self.probed()))

    def probed(self) -> Iterator[str]:
        """The values at the probes, as text, one after the other."""
        from optathlon.space import probes

        fidelity = self.problem.fidelity
        levels = (None,) if fidelity is None else (fidelity.lower, fidelity.upper)
        for config in probes(self.problem.space, PROBES):
            for level in levels:
                yield self.probe(config, level)

    def probe(self, config: Mapping[str, Any], fidelity: float | None) -> str:
        """The values there with seed 0, as text."""
        return " ".join(f"{value:.6g}" for value in self.evaluate(config, fidelity=fidelity, seed=0).values)

    def facts(self) -> Facts:
        """What is known of it, besides its problem, for people and for filters.

        This default knows what the problem shows. Tasks that stand alone override it; a collection of many tells the
        facts of all (`Collection.facts`) without making them.
        """
        return Facts.of(self.problem, kind=Evaluation.UNKNOWN, domain="unknown", description="")

    def notes(self) -> Sequence[str]:
        """What people should know of its data before they read results, in a line each, once it has been prepared.

        For example how many examples were left out. `optathlon run` prints it in the end.
        """
        return ()

    def data_files(self) -> Mapping[str, str]:
        """SHA-256 of the data files that the values come from, by path in the data folder, once they are loaded."""
        return {}


class Collection(ABC):
    """A family of tasks from one source: it generates them by id.

    Class attributes
    ----------------
    name:
        The first part of every id.
    description:
        One line for `optathlon list collections`.
    packages, install:
        Import names of the packages its tasks need, and the command that installs them.
    data:
        How to get the data files that its tasks need, as an imperative; empty where they need none.
    sources:
        Where these files are published, for `optathlon data fetch`.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    data: ClassVar[str] = ""
    sources: ClassVar[tuple[DataSource, ...]] = ()

    @abstractmethod
    def ids(self) -> Iterator[str]:
        """The ids to list and to match patterns against, without building tasks."""

    @abstractmethod
    def make(self, id: str) -> Task:
        """The task of that id (which need not be listed); `KeyError` where there is none."""

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """The listed ids in groups, in their order, each with the facts that hold for all tasks of the group.

        This default makes every task. Collections of many tasks override it, so that thousands take milliseconds.
        """
        for id in self.ids():
            facts = self.make(id).facts()
            yield (facts if facts.description else replace(facts, description=self.description)), (id,)


def agree(first: str, second: str) -> bool:
    """Whether two fingerprints may be of one task: they are equal in all parts that both have.

    A part (between dots) is missing at the end where a version of Optathlon or a machine does not know it.
    """
    return not first or not second or all(map(str.__eq__, first.split("."), second.split(".")))


def lasting(fingerprint: str) -> str:
    """The parts of a fingerprint that are always known; others begin with `~`."""
    return ".".join(part for part in fingerprint.split(".") if not part.startswith("~"))


def short_hash(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
