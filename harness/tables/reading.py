"""From the columns of a table to its trials, with all that is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from optathlon.tables.columns import Columns
from optathlon.tables.descriptor import Descriptor
from optathlon.tables.findings import Findings
from optathlon.tables.hyperparameters import HyperparameterReader
from optathlon.tables.trials import Coded, Failure, Trials, coded
from optathlon.tables.values import did_you_mean, order_of, written_as
from optathlon.trial import Status, Value


def read_trials(descriptor: Descriptor, columns: Columns, findings: Findings) -> Trials | None:
    """The trials of a table; `None` where columns are missing, or can't be understood."""
    return _Reader(descriptor, columns, findings).trials()


class _Reader:
    def __init__(self, descriptor: Descriptor, columns: Columns, findings: Findings) -> None:
        self._descriptor = descriptor
        self._columns = columns
        self._findings = findings
        self._kept = self._chosen()

    def trials(self) -> Trials | None:
        declared = self._descriptor
        reader = HyperparameterReader(declared.hyperparameters, self._columns, self._findings, self._kept)
        hyperparameters = reader.read()
        self._kept = reader.kept
        values = [self._numbers(one.column or name) for name, one in declared.objectives.items()]
        failure, failures = self._failures(values)
        found = Trials(
            hyperparameters,
            self._level(),
            self._ordered(declared.seed),
            self._group(),
            self._stacked([numbers for numbers, _ in values]),
            self._stacked([self._numbers(one.test)[0] for one in declared.objectives.values() if one.test]),
            self._stacked([self._numbers(column)[0] for column in declared.metrics]),
            self._cost(failure == 0),
            failure,
            failures,
            self._kept,
        )
        if not self._kept.any():
            self._findings.problems.append("no row of the table is left: see `where`, and the ranges")
        is_whole = all(column in self._columns for column in declared.columns())
        return found if is_whole and len(hyperparameters) == len(declared.searched) else None

    def _chosen(self) -> np.ndarray:
        """The rows that `where` asks for."""
        kept = np.ones(len(self._columns), dtype=bool)
        for column, wanted in self._descriptor.where.items():
            if column in self._columns:
                codes, values = self._columns.values(column)
                for value in wanted:
                    if not any(map(written_as(value), values)):
                        self._findings.problems.append(
                            f"where.{column}: no row has {value!r}{did_you_mean(value, values)}"
                        )
                kept &= np.array([any(written_as(text)(value) for text in wanted) for value in values])[codes]
        return kept

    def _numbers(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """As `Columns.numbers`; nothing is wrong with a column that isn't there, which is a problem already."""
        if column in self._columns:
            return self._columns.numbers(column, self._findings)
        return np.full(len(self._columns), np.nan), np.zeros(len(self._columns), dtype=bool)

    def _stacked(self, blocks: Sequence[np.ndarray]) -> np.ndarray:
        return np.column_stack(blocks) if blocks else np.empty((len(self._columns), 0))

    def _level(self) -> Coded:
        fidelity = self._descriptor.fidelity
        if fidelity is None or fidelity.column not in self._columns:
            return Coded(np.zeros(len(self._columns), dtype=np.int64), [None])
        numbers, empty = self._columns.numbers(fidelity.column, self._findings)
        wrong = self._kept & (empty | (numbers <= 0) | np.isinf(numbers))
        self._findings.refuse(wrong, "the fidelity must be a number above 0, which it is not in {}: fix it")
        whole = bool((numbers[self._kept] == np.floor(numbers[self._kept])).all())
        return coded(np.where(self._kept, numbers, np.nan), whole)

    def _ordered(self, column: str | None) -> Coded:
        """A column of whatever has an order; one value for all rows where there is none."""
        if column is None or column not in self._columns:
            return Coded(np.zeros(len(self._columns), dtype=np.int64), [None])
        codes, values = self._columns.values(column)
        order = sorted(range(len(values)), key=lambda place: order_of(values[place]))
        return Coded(np.argsort(order)[codes], [values[place] for place in order])

    def _group(self) -> Coded:
        codes, names = np.zeros(len(self._columns), dtype=np.int64), [""]
        for column in self._descriptor.group:
            if column in self._columns:
                own = self._ordered(column)
                self._findings.refuse(
                    self._kept & np.array([value is None for value in own.values])[own.codes],
                    f"no value of the group {column!r} in {{}}: fill it in, or leave these rows out by `where`",
                )
                codes = codes * len(own.values) + own.codes
                names = [f"{first}/{_part(value)}" for first in names for value in own.values]
        self._refuse_equal_groups(codes, names)
        return Coded(codes, names)

    def _refuse_equal_groups(self, codes: np.ndarray, names: Sequence[str]) -> None:
        present = Counter(names[code] for code in np.unique(codes[self._kept]))
        for name in (name for name, count in present.items() if count > 1):
            self._findings.problems.append(
                f"several groups would have the id {self._descriptor.id}{name}: rename them in the table"
            )

    def _failures(self, values: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, list[Failure]]:
        """How each row failed; what has no finite value fails, or is a problem, as the descriptor says."""
        failure, failures = self._stated_failures()
        for name, (numbers, empty) in zip(self._descriptor.objectives, values, strict=True):
            for wrong, what in ((empty, "has no value"), (np.isinf(numbers), "is infinite")):
                rows = self._kept & (failure == 0) & wrong
                if self._descriptor.missing == "refuse":
                    remedy = "fix it, or say `missing: failure` where these trials failed"
                    self._findings.refuse(rows, f"the objective {name!r} {what} in {{}}: {remedy}")
                else:
                    self._findings.note(rows, f"failed trials: {{}}, where the objective {name!r} {what}")
                failure[rows] = len(failures)
                failures.append((Status.DIVERGED, f"in the table {name!r} {what}"))
        return failure, failures

    def _stated_failures(self) -> tuple[np.ndarray, list[Failure]]:
        """Which trials the status column says failed."""
        failures: list[Failure] = [(Status.OK, "")]
        status = self._descriptor.status
        if not status or status.column not in self._columns:
            return np.zeros(len(self._columns), dtype=np.int64), failures
        codes, words = self._columns.values(status.column)
        failures += [(_status(word), f"the table says {word!r}") for word in words if word not in status.ok]
        order = iter(range(1, len(failures)))
        failure = np.array([0 if word in status.ok else next(order) for word in words])[codes]
        for place, (_, text) in enumerate(failures[1:], start=1):
            self._findings.note(self._kept & (failure == place), f"failed trials: {{}}, of which {text}")
        return failure, failures

    def _cost(self, succeeded: np.ndarray) -> np.ndarray:
        column = self._descriptor.cost
        if column is None:
            return np.full(len(self._columns), np.nan)
        cost, _ = self._numbers(column)
        if column in self._columns:
            rows = self._kept
            self._findings.refuse(rows & (cost < 0), "the cost is negative in {}: fix it")
            self._findings.refuse(rows & np.isinf(cost), "the cost is infinite in {}: fix it")
            self._findings.note(rows & succeeded & np.isnan(cost), "no cost in {}: virtual clocks can't be used there")
        return cost


def _part(value: Value | None) -> str:
    """A group's value as part of an id."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return "".join(one if one.isalnum() or one in "._-+=@" else "-" for one in text)


def _status(word: Value | None) -> Status:
    """What a table calls a failed trial, if it is one of the known ways; else it crashed."""
    known = {Status.CRASHED, Status.TIMEOUT, Status.MEMORY, Status.DIVERGED, Status.INVALID}
    return next((status for status in known if status == str(word).lower()), Status.CRASHED)
