"""Tasks of a table: its stored trials answer for the evaluations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optathlon.budget import Budget
from optathlon.facts import Facts
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.tables.answers import Answers, Exact, Nearest
from optathlon.tables.cells import Cells
from optathlon.tables.descriptor import Descriptor
from optathlon.task import Task, short_hash
from optathlon.trial import Result

if TYPE_CHECKING:
    from optathlon.tables.surrogate import Surrogate


class TableTask(Task):
    """One group of a table's stored trials, or all of them.

    Parameters
    ----------
    id:
        Of the task.
    descriptor:
        What the table means.
    file, sha256:
        The table and its checksum.
    cells:
        The stored trials.
    described_in:
        The name of the descriptor's file; empty where it has none.

    A trial's `seed` picks one of its n stored repetitions, number `seed % n`. A known optimum is that of the mean over
    the repetitions, so single trials may be better.
    """

    def __init__(
        self, id: str, descriptor: Descriptor, file: Path, sha256: str, cells: Cells, described_in: str = ""
    ) -> None:
        self.id = id
        self.version = descriptor.version
        self._descriptor = descriptor
        self._file = file
        self._sha256 = sha256
        self._cells = cells
        self._described_in = described_in
        self._full = cells.levels[-1]
        self._levels: dict[float | None, float | None] = {None: self._full} | {level: level for level in cells.levels}

    @cached_property
    def problem(self) -> Problem:
        """The hyperparameters, objectives and levels that the task's rows have."""
        budget = self._descriptor.budget
        varied = sum(not domain.is_constant for domain in self._cells.space.domains)
        return Problem(
            self._cells.space.configuration_space(),
            tuple(self._objective(place, name) for place, name in enumerate(self._descriptor.objectives)),
            self._fidelity,
            budget=Budget.parse(budget) if budget else Budget.for_dimension(varied),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """What the table answers."""
        return self._answers.one(config, self._level(fidelity), seed)

    def evaluate_many(
        self, configs: Sequence[Mapping[str, Any]], *, fidelity: float | None, seeds: Sequence[int]
    ) -> list[Result]:
        """What the table answers, together."""
        return self._answers.many(configs, self._level(fidelity), seeds) if configs else []

    def prepare(self) -> None:
        """Fit what answers."""
        self._answers  # noqa: B018, it is made on first use

    def fingerprint(self) -> str:
        """Hashes of the descriptor, of the table's file, and of the values at five probes."""
        return ".".join([short_hash(self._descriptor.semantics()), self._sha256[:16], super().fingerprint()])

    def data_files(self) -> Mapping[str, str]:
        """The table's checksum, by the name that the descriptor gives it."""
        return {self._descriptor.table: self._sha256}

    @cached_property
    def metadata(self) -> Mapping[str, str | int | float | bool]:  # type: ignore[override]
        """Where the task comes from, how large it is, and how good the surrogate."""
        cells, descriptor = self._cells, self._descriptor
        known: dict[str, str | int | float | bool] = {
            "table": self._file.name,
            "sha256": self._sha256,
            "answer": descriptor.answer,
            "rows": len(cells.rows),
            "configurations": len(cells.configs),
            "dimension": len(cells.space.domains),
            "domain": descriptor.domain,
            "licence": descriptor.licence,
        }
        known |= {key: text for key in ("description", "citation") if (text := getattr(descriptor, key))}
        if self._described_in:
            known["descriptor"] = self._described_in
        if descriptor.answer == "surrogate":
            return known | self._surrogate.quality()
        if len(descriptor.objectives) > 1:
            known["optimal_hypervolume"] = self._hypervolume()
        return known

    def facts(self) -> Facts:
        """What is known of it, of which the descriptor says a part."""
        descriptor = self._descriptor
        is_fitted = descriptor.answer == "surrogate"
        return Facts.of(
            self.problem,
            kind=descriptor.evaluation,
            domain=descriptor.domain,
            description=descriptor.description,
            noisy=self._cells.is_noisy and not is_fitted,
            optimum=len(self._cells.full) > 0 and not is_fitted,
            licence=descriptor.licence,
            citation=descriptor.citation,
        )

    @cached_property
    def _answers(self) -> Answers:
        match self._descriptor.answer:
            case "exact":
                return Exact(self._cells)
            case "nearest":
                return Nearest(self._cells)
            case "surrogate":
                return self._surrogate

    @cached_property
    def _surrogate(self) -> Surrogate:
        from optathlon.tables.surrogate import Surrogate

        source = f"{self._descriptor.semantics()} {self._sha256} {self.id}"
        return Surrogate(self._descriptor, self._cells, source)

    @cached_property
    def _fidelity(self) -> Fidelity | None:
        declared = self._descriptor.fidelity
        if declared is None:
            return None
        return Fidelity(
            declared.column, levels=tuple(self._cells.levels), log=declared.log, resumable=declared.resumable
        )

    def _level(self, fidelity: float | None) -> float | None:
        try:
            return self._levels[fidelity]
        except KeyError:
            assert self._fidelity is not None and fidelity is not None
            return self._fidelity.snapped(fidelity)

    def _objective(self, place: int, name: str) -> Objective:
        declared = self._descriptor.objectives[name]
        best, worst = (min, max) if declared.direction == "minimize" else (max, min)
        stored = self._cells.full[:, place].tolist()
        several = len(self._descriptor.objectives) > 1
        succeeded = self._cells.values[self._cells.failure == 0, place].tolist()
        known = several or self._descriptor.answer == "surrogate"
        return Objective(
            name,
            declared.direction,
            -math.inf if declared.lower is None else declared.lower,
            math.inf if declared.upper is None else declared.upper,
            optimum=None if known or not stored else best(stored),
            reference=(worst(succeeded) if declared.reference is None else declared.reference) if several else None,
        )

    def _hypervolume(self) -> float:
        """Of the means of all configurations that never failed at the full level."""
        import moocore

        signs = np.array([1.0 if one.direction == "minimize" else -1.0 for one in self.problem.objectives])
        reference = signs * np.array([one.reference for one in self.problem.objectives])
        return float(moocore.hypervolume(signs * self._cells.full, ref=reference))
