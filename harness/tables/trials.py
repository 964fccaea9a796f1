"""The rows of a table as trials: which configuration, level and repetition each is, and what came of it, checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optathlon.tables.columns import Columns
from optathlon.tables.descriptor import Descriptor, HyperparameterColumn
from optathlon.tables.findings import Findings
from optathlon.tables.values import alike, did_you_mean, number_of, order_of, places_of, written_as
from optathlon.trial import Status, Value

Failure = tuple[Status, str]
"""How a trial failed, and what is said of it."""

INACTIVE = -1
"""The code of a hyperparameter that a row doesn't have."""


@dataclass(frozen=True)
class Coded:
    """A column by codes, shape (rows,): places in the list of its values; `INACTIVE` where it has none."""

    codes: np.ndarray
    values: Sequence[Any]

    def having(self, rows: np.ndarray) -> Coded:
        """Of these rows, and with the values that they have."""
        places, codes = np.unique(self.codes[rows], return_inverse=True)
        empty = int(len(places) > 0 and places[0] == INACTIVE)
        return Coded(codes - empty, [self.values[place] for place in places[empty:]])


@dataclass(frozen=True)
class Trials:
    """What a table holds; all arrays have a place for each of its rows.

    Attributes
    ----------
    hyperparameters:
        By name, parents before their children. Numbers ascend, and levels and choices are in their order.
    level:
        The fidelity's levels, ascending; the single level `None` where there is no fidelity.
    repetition:
        What tells trials of a configuration and level apart.
    group:
        The values of the group's columns, joined by `/`; the single one `""` without groups.
    values, tests, metrics:
        Shape (rows, how many there are): as the table has them, NaN where it has nothing.
    cost:
        Seconds, NaN where unknown.
    failure:
        Places in `failures`, whose first one is none.
    kept:
        Which rows count.
    """

    hyperparameters: Mapping[str, Coded]
    level: Coded
    repetition: Coded
    group: Coded
    values: np.ndarray
    tests: np.ndarray
    metrics: np.ndarray
    cost: np.ndarray
    failure: np.ndarray
    failures: Sequence[Failure]
    kept: np.ndarray


def read_trials(descriptor: Descriptor, columns: Columns, findings: Findings) -> Trials | None:
    """The trials of a table; `None` where problems keep them from being understood."""
    return _Reader(descriptor, columns, findings).trials()


class _Reader:
    def __init__(self, descriptor: Descriptor, columns: Columns, findings: Findings) -> None:
        self._descriptor = descriptor
        self._columns = columns
        self._findings = findings
        self._kept = self._chosen()

    def trials(self) -> Trials | None:
        before = len(self._findings.problems)
        hyperparameters = self._hyperparameters()
        values = {name: self._numbers(one.column or name) for name, one in self._descriptor.objectives.items()}
        tests = [self._numbers(one.test) for one in self._descriptor.objectives.values() if one.test]
        metrics = [self._numbers(column) for column in self._descriptor.metrics]
        failure, failures = self._failures(values)
        found = Trials(
            hyperparameters,
            self._level(),
            self._ordered(self._descriptor.seed),
            self._group(),
            *(_stacked(block, len(self._columns)) for block in (list(values.values()), tests, metrics)),
            self._cost(failure == 0),
            failure,
            failures,
            self._kept,
        )
        if len(self._findings.problems) == before and not self._kept.any():
            self._findings.problems.append("no row of the table is left: see `where`, and the ranges")
        return None if len(self._findings.problems) > before else found

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

    def _numbers(self, column: str) -> np.ndarray:
        if column not in self._columns:
            return np.full(len(self._columns), np.nan)
        return self._columns.numbers(column, self._findings)

    def _hyperparameters(self) -> dict[str, Coded]:
        found: dict[str, Coded] = {}
        for name in self._in_order():
            one = self._descriptor.hyperparameters[name]
            column = one.column or name
            if column not in self._columns:
                continue
            active = self._active(name, one, found)
            if active is None:
                continue
            read = self._range if one.has_range else self._choices
            found[name] = read(name, one, column, active & self._kept)
        return found

    def _in_order(self) -> Iterator[str]:
        """The hyperparameters' names, parents before their children; what waits for itself is a problem."""
        left = dict(self._descriptor.hyperparameters)
        done: set[str] = set()
        while left:
            ready = [name for name, one in left.items() if not (one.when.keys() & left.keys())]
            if not ready:
                self._findings.problems.append(f"the conditions of {', '.join(left)} form a circle: see `when`")
                return
            yield from ready
            done.update(ready)
            left = {name: one for name, one in left.items() if name not in done}

    def _active(self, name: str, one: HyperparameterColumn, found: Mapping[str, Coded]) -> np.ndarray | None:
        """The rows in which a hyperparameter is active; `None` where its parents are not known."""
        active = np.ones(len(self._columns), dtype=bool)
        for parent, texts in one.when.items():
            if parent not in self._descriptor.hyperparameters:
                hint = did_you_mean(parent, list(self._descriptor.hyperparameters))
                self._findings.problems.append(f"hyperparameters.{name}.when: no hyperparameter {parent!r}{hint}")
                return None
            if self._descriptor.hyperparameters[parent].kind == "float":
                self._findings.problems.append(
                    f"hyperparameters.{name}.when: {parent!r} is a float, which has no values to name: make it ordinal"
                )
                return None
            if parent not in found:
                return None
            values = found[parent].values
            for text in texts:
                if not any(map(written_as(text), values)):
                    self._findings.problems.append(
                        f"hyperparameters.{name}.when: {parent!r} is nowhere {text!r}{did_you_mean(text, values)}"
                    )
            places = [place for place, value in enumerate(values) if any(written_as(text)(value) for text in texts)]
            active &= np.isin(found[parent].codes, places)
        return active

    def _range(self, name: str, one: HyperparameterColumn, column: str, active: np.ndarray) -> Coded:
        numbers = self._columns.numbers(column, self._findings)
        refuse = self._findings.refuse
        refuse(active & np.isnan(numbers), f"no value of the hyperparameter {name!r} in {{}}: fill it in, or say `when`")
        refuse(active & np.isinf(numbers), f"the hyperparameter {name!r} is infinite in {{}}: fix it")
        if one.kind == "integer":
            whole = np.isnan(numbers) | (numbers == np.floor(numbers))
            refuse(active & ~whole, f"the hyperparameter {name!r} is no whole number in {{}}: make it a float")
        if one.log:
            refuse(active & (numbers <= 0), f"the hyperparameter {name!r} has a log scale, but values <= 0 in {{}}")
        lower, upper = (-np.inf if one.lower is None else one.lower), (np.inf if one.upper is None else one.upper)
        outside = active & ((numbers < lower) | (numbers > upper))
        self._findings.note(outside, f"left out: {{}}, where {name!r} is outside of [{lower:g}, {upper:g}]")
        self._kept &= ~outside
        return _coded(np.where(active, numbers, np.nan), one.kind == "integer")

    def _choices(self, name: str, one: HyperparameterColumn, column: str, active: np.ndarray) -> Coded:
        codes, values = self._columns.values(column)
        if one.character is not None:
            values = [_character(value, one.character) for value in values]
        empty = np.array([value is None for value in values], dtype=bool)[codes]
        if one.character is not None:
            self._findings.refuse(active & empty, f"{column!r} has no character number {one.character} in {{}}")
        else:
            self._findings.refuse(
                active & empty, f"no value of the hyperparameter {name!r} in {{}}: fill it in, or say `when`"
            )
        active = active & ~empty
        levels = self._levels(name, one, [values[code] for code in np.unique(codes[active])], codes, values, active)
        known = np.array(places_of(values, levels), dtype=np.int64)[codes]
        self._findings.refuse(
            active & (known == INACTIVE), f"the hyperparameter {name!r} is none of its levels in {{}}: see `levels`"
        )
        return Coded(np.where(active, known, INACTIVE), levels)

    def _levels(
        self,
        name: str,
        one: HyperparameterColumn,
        present: list[Value | None],
        codes: np.ndarray,
        values: list[Value | None],
        active: np.ndarray,
    ) -> list[Value]:
        """The values of an ordinal or categorical hyperparameter, in their order."""
        if one.kind == "categorical":
            known = {value: None for value in present if value is not None}
            return list(one.levels) or sorted(known, key=order_of)
        numbers = [number_of(value) for value in (one.levels or present)]
        if one.levels and None in numbers:
            return list(one.levels)
        if None in numbers:
            wrong = np.array([number_of(value) is None for value in values], dtype=bool)[codes] & active
            example = next(value for value in present if number_of(value) is None)
            self._findings.refuse(
                wrong,
                f"the ordinal hyperparameter {name!r} is no number but {example!r} in {{}}: give its `levels` in their "
                "order, or make it categorical",
            )
        found = dict.fromkeys(number for number in numbers if number is not None)
        return alike(found if one.levels else sorted(found))

    def _level(self) -> Coded:
        fidelity = self._descriptor.fidelity
        if fidelity is None or fidelity.column not in self._columns:
            return Coded(np.zeros(len(self._columns), dtype=np.int64), [None])
        numbers = self._columns.numbers(fidelity.column, self._findings)
        wrong = self._kept & ~((numbers > 0) & np.isfinite(numbers))
        self._findings.refuse(wrong, "the fidelity must be a number above 0, which it is not in {}: fix it")
        whole = bool((numbers[self._kept] == np.floor(numbers[self._kept])).all())
        return _coded(np.where(self._kept, numbers, np.nan), whole)

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
        present = [names[code] for code in np.unique(codes[self._kept])]
        for name in sorted({name for name in present if present.count(name) > 1}) if len(set(present)) < len(present) else ():
            self._findings.problems.append(
                f"several groups would have the id {self._descriptor.id}{name}: rename them in the table"
            )

    def _failures(self, values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, list[Failure]]:
        """How each row failed; what has no finite value fails, or is a problem, as the descriptor says."""
        failures: list[Failure] = [(Status.OK, "")]
        failure = np.zeros(len(self._columns), dtype=np.int64)
        status = self._descriptor.status
        if status and status.column in self._columns:
            codes, words = self._columns.values(status.column)
            places = []
            for word in words:
                if word in status.ok:
                    places.append(0)
                else:
                    places.append(len(failures))
                    failures.append((_status(word), f"the table says {word!r}"))
            failure = np.array(places)[codes]
        for name, numbers in values.items():
            column = self._descriptor.column_of(name)
            if column not in self._columns:
                continue
            for wrong, what in ((np.isnan(numbers), "has no value"), (np.isinf(numbers), "is infinite")):
                rows = self._kept & (failure == 0) & wrong
                if self._descriptor.missing == "refuse":
                    remedy = "fix it, or say `missing: failure` where these trials failed"
                    self._findings.refuse(rows, f"the objective {name!r} {what} in {{}}: {remedy}")
                else:
                    self._findings.note(rows, f"failed trials: {{}}, where the objective {name!r} {what}")
                failure[rows] = len(failures)
                failures.append((Status.DIVERGED, f"in the table {name!r} {what}"))
        self._note_statuses(failure, failures)
        return failure, failures

    def _note_statuses(self, failure: np.ndarray, failures: Sequence[Failure]) -> None:
        for place, (_, text) in enumerate(failures):
            if text.startswith("the table says"):
                self._findings.note(self._kept & (failure == place), f"failed trials: {{}}, of which {text}")

    def _cost(self, succeeded: np.ndarray) -> np.ndarray:
        column = self._descriptor.cost
        if column is None:
            return np.full(len(self._columns), np.nan)
        cost = self._numbers(column)
        if column in self._columns:
            rows = self._kept
            self._findings.refuse(rows & (cost < 0), "the cost is negative in {}: fix it")
            self._findings.refuse(rows & np.isinf(cost), "the cost is infinite in {}: fix it")
            self._findings.note(rows & succeeded & np.isnan(cost), "no cost in {}: virtual clocks can't be used there")
        return cost


def _stacked(blocks: Sequence[np.ndarray], rows: int) -> np.ndarray:
    return np.column_stack(blocks) if blocks else np.empty((rows, 0))


def _coded(numbers: np.ndarray, whole: bool) -> Coded:
    """Numbers by codes; NaN is none."""
    distinct, codes = np.unique(numbers, return_inverse=True)
    known = distinct[~np.isnan(distinct)]
    values = [int(value) for value in known] if whole and np.isfinite(known).all() else known.tolist()
    return Coded(np.where(codes < len(known), codes, INACTIVE), values)


def _character(value: Value | None, number: int) -> Value | None:
    text = "" if value is None else str(value)
    return text[number - 1] if len(text) >= number else None


def _part(value: Value | None) -> str:
    """A group's value as part of an id."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return "".join(one if one.isalnum() or one in "._-+=@" else "-" for one in text)


def _status(word: Value | None) -> Status:
    """What a table calls a failed trial, if it is one of the known ways; else it crashed."""
    known = {Status.CRASHED, Status.TIMEOUT, Status.MEMORY, Status.DIVERGED, Status.INVALID}
    return next((status for status in known if status == str(word).lower()), Status.CRASHED)

