"""The columns of hyperparameters: their values, where they are active, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from optathlon.shares import ROUNDING, numbers_of
from optathlon.tables.columns import Columns
from optathlon.tables.descriptor import HyperparameterColumn, share_names
from optathlon.tables.findings import Findings
from optathlon.tables.trials import INACTIVE, Coded, coded
from optathlon.tables.values import alike, did_you_mean, number_of, order_of, places_of, written_as
from optathlon.trial import Value

_FILL = "fill it in, or say `when`"


class HyperparameterReader:
    """Reads the columns that a table has of declared hyperparameters.

    Attributes
    ----------
    kept:
        Shape (rows,): which rows count. Those outside of a range don't.
    """

    def __init__(
        self, declared: Mapping[str, HyperparameterColumn], columns: Columns, findings: Findings, kept: np.ndarray
    ) -> None:
        self.kept = kept.copy()
        self._declared = declared
        self._columns = columns
        self._findings = findings

    def read(self) -> dict[str, Coded]:
        """The hyperparameters by name, parents before their children; those that can't be understood are missing."""
        found: dict[str, Coded] = {}
        for name in self._in_order():
            one = self._declared[name]
            columns = one.column or (name,)
            active = self._active(name, one, found)
            if active is None or not all(column in self._columns for column in columns):
                continue
            if one.kind == "shares":
                found |= self._shares(name, columns, active & self.kept)
            else:
                read = self._range if one.has_range else self._choices
                found[name] = read(name, one, columns, active & self.kept)
        return found

    def _in_order(self) -> Iterator[str]:
        """The hyperparameters' names, parents before their children; what waits for itself is a problem."""
        left = dict(self._declared)
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
            if parent not in self._declared:
                hint = did_you_mean(parent, list(self._declared))
                self._findings.problems.append(f"hyperparameters.{name}.when: no hyperparameter {parent!r}{hint}")
                return None
            if self._declared[parent].kind in ("float", "shares"):
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

    def _range(self, name: str, one: HyperparameterColumn, columns: Sequence[str], active: np.ndarray) -> Coded:
        numbers, empty = self._columns.numbers(columns[0], self._findings)
        refuse = self._findings.refuse
        refuse(active & empty, f"no value of the hyperparameter {name!r} in {{}}: {_FILL}")
        refuse(active & np.isinf(numbers), f"the hyperparameter {name!r} is infinite in {{}}: fix it")
        if one.kind == "integer":
            whole = np.isnan(numbers) | (numbers == np.floor(numbers))
            refuse(active & ~whole, f"the hyperparameter {name!r} is not a whole number in {{}}: make it a float")
        if one.log:
            refuse(active & (numbers <= 0), f"the hyperparameter {name!r} has a log scale, but values <= 0 in {{}}")
        lower, upper = (-np.inf if one.lower is None else one.lower), (np.inf if one.upper is None else one.upper)
        outside = active & ((numbers < lower) | (numbers > upper))
        self._findings.note(outside, f"left out: {{}}, where {name!r} is outside of [{lower:g}, {upper:g}]")
        self.kept &= ~outside
        return coded(np.where(active, numbers, np.nan), one.kind == "integer")

    def _shares(self, name: str, columns: Sequence[str], active: np.ndarray) -> dict[str, Coded]:
        shares = np.column_stack([self._columns.numbers(column, self._findings)[0] for column in columns])
        with np.errstate(invalid="ignore"):
            are_shares = (shares >= 0).all(axis=1) & (np.abs(shares.sum(axis=1) - 1) <= ROUNDING)
        self._findings.refuse(
            active & ~are_shares, f"the shares {name!r} are not numbers >= 0 whose sum is 1 in {{}}: fix them"
        )
        numbers = np.full((len(shares), len(columns) - 1), np.nan)
        for row in np.flatnonzero(active & are_shares):
            numbers[row] = numbers_of(shares[row].tolist())
        names = share_names(name, columns)
        return {part: coded(block, False) for part, block in zip(names, numbers.T, strict=True)}

    def _choices(self, name: str, one: HyperparameterColumn, columns: Sequence[str], active: np.ndarray) -> Coded:
        codes, values = self._combined(columns)
        complaint = f"no value of the hyperparameter {name!r} in {{}}: {_FILL}"
        if one.character is not None:
            values = [_character(value, one.character) for value in values]
            complaint = f"{columns[0]!r} has no character number {one.character} in {{}}: fix it"
        empty = np.array([value is None for value in values], dtype=bool)[codes]
        self._findings.refuse(active & empty, complaint)
        active = active & ~empty
        present = [values[code] for code in np.unique(codes[active])]
        if one.kind == "ordinal" and not one.levels:
            self._refuse_text(name, values, codes, active)
        levels = _levels(one, present)
        known = np.array(places_of(values, levels), dtype=np.int64)[codes]
        if one.levels:
            self._findings.refuse(
                active & (known == INACTIVE), f"the hyperparameter {name!r} is none of its levels in {{}}: see `levels`"
            )
        return Coded(np.where(active, known, INACTIVE), levels)

    def _refuse_text(self, name: str, values: Sequence[Value | None], codes: np.ndarray, active: np.ndarray) -> None:
        """What is not a number has no order by itself."""
        wrong = np.array([number_of(value) is None for value in values], dtype=bool)[codes] & active
        if wrong.any():
            example = values[codes[int(np.argmax(wrong))]]
            self._findings.refuse(
                wrong,
                f"the ordinal hyperparameter {name!r} is not a number but {example!r} in {{}}: give its `levels` in "
                "their order, or make it categorical",
            )

    def _combined(self, columns: Sequence[str]) -> tuple[np.ndarray, list[Value | None]]:
        """A column, or each combination of several that there is, as `Columns.values`."""
        codes, values = self._columns.values(columns[0])
        for column in columns[1:]:
            own, others = self._columns.values(column)
            present, codes = np.unique(codes * len(others) + own, return_inverse=True)
            pairs = [(values[place // len(others)], others[place % len(others)]) for place in present.tolist()]
            values = [None if None in pair else " + ".join(map(str, pair)) for pair in pairs]
        return codes, values


def _levels(one: HyperparameterColumn, present: Sequence[Value | None]) -> list[Value]:
    """The values of an ordinal or categorical hyperparameter in their order; `present` are in its column."""
    if one.kind == "categorical":
        return list(one.levels) or sorted({value for value in present if value is not None}, key=order_of)
    numbers = [number_of(value) for value in (one.levels or present)]
    known = [number for number in numbers if number is not None]
    if one.levels:
        return list(one.levels) if len(known) < len(numbers) else alike(known)
    return alike(sorted(set(known)))


def _character(value: Value | None, number: int) -> Value | None:
    text = "" if value is None else str(value)
    return text[number - 1] if len(text) >= number else None
