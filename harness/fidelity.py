"""Fidelities: what trades the cost of an evaluation for its accuracy, and what Hyperband makes of one."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import StrEnum
from numbers import Integral, Real
from typing import Literal

_ROUNDING = 1e-9
"""Relative: a level such as 50 * 3**-1 * 3 may be this far below the one that is meant."""

_MANY = 1000
"""Configurations before the first full trial from which on a Hyperband is worth a word of warning."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A knob that trades the cost of an evaluation for its accuracy, e.g. epochs; `upper` is the full evaluation.

    A trial at level *z* costs `z / upper` full evaluations.

    Parameters
    ----------
    name:
        What is traded, e.g. `"epochs"`.
    lower, upper:
        Bounds of the levels, both included: 0 < lower <= upper < inf. With `levels` they may be left out.
    kind:
        `"int"` where only whole levels exist; the task is given an `int` then.
    log:
        Whether levels are naturally spaced geometrically.
    resumable:
        Whether a higher level continues a lower one of the same configuration, so that only the increment is paid.
    levels:
        The only levels that exist, e.g. `(1, 2, 5, 10, 50)` of a table. A proposal between two of them is evaluated at
        the lower one, and charged for that. Integers make `kind` `"int"`.

    Raises `ValueError` for bounds or levels that are none.
    """

    name: str
    lower: float = math.nan
    upper: float = math.nan
    kind: Literal["int", "float"] = "float"
    log: bool = False
    resumable: bool = False
    levels: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ("int", "float"):
            raise ValueError(f"fidelity {self.name!r}: the kind is 'int' or 'float', not {self.kind!r}")
        if len(self.levels):
            self._adopt_levels()
        if _is_missing(self.lower) or _is_missing(self.upper):
            raise ValueError(f"fidelity {self.name!r}: give lower and upper, or levels")
        lower, upper = self._number("lower", self.lower), self._number("upper", self.upper)
        if not 0 < lower <= upper < math.inf:
            raise ValueError(f"fidelity {self.name!r}: 0 < lower <= upper < inf is needed, got [{lower}, {upper}]")
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    def snapped(self, level: float) -> float:
        """The level at which a proposal within the bounds is evaluated: of `levels`, the highest one not above it."""
        if not self.levels:
            return level
        return self.levels[bisect_right(self.levels, level * (1 + _ROUNDING)) - 1]

    def reached(self, level: float) -> float:
        """The lowest level of the task that is not below `level`, within the bounds: where a task that reports on its
        way reaches it.
        """
        least = level * (1 - _ROUNDING)
        if self.levels:
            return self.levels[min(bisect_left(self.levels, least), len(self.levels) - 1)]
        whole: float = math.ceil(least) if self.kind == "int" else level
        return min(max(whole, self.lower), self.upper)

    def __str__(self) -> str:
        kind = f"levels {', '.join(f'{level:g}' for level in self.levels)}" if self.levels else self.kind
        return f"{self.name} in [{self.lower:g}, {self.upper:g}] ({kind})"

    def _adopt_levels(self) -> None:
        """Sort the levels, and take bounds and kind from them."""
        if all(isinstance(level, Integral) for level in self.levels):
            object.__setattr__(self, "kind", "int")
        levels = tuple(sorted(self._number("a level", level) for level in self.levels))
        if len(set(levels)) < len(levels):
            raise ValueError(f"fidelity {self.name!r}: a level stands twice in {levels}")
        for bound, own in (("lower", levels[0]), ("upper", levels[-1])):
            given = getattr(self, bound)
            if not _is_missing(given) and given != own:
                raise ValueError(
                    f"fidelity {self.name!r}: {bound} is {given!r}, but its levels say {own!r}: leave it out"
                )
            object.__setattr__(self, bound, own)
        object.__setattr__(self, "levels", levels)

    def _number(self, what: str, value: object) -> float:
        """A plain number: of an integer fidelity an integer."""
        if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
            raise ValueError(f"fidelity {self.name!r}: {what} is {value!r}, not a number")
        if self.kind == "float":
            return value if isinstance(value, int) else float(value)
        number = float(value)
        if not number.is_integer():
            raise ValueError(f"fidelity {self.name!r} is of the kind 'int', but {what} is {value!r}")
        return int(number)


class Schedule(StrEnum):
    """How a method goes through the levels of a fidelity."""

    BRACKETS = "brackets"
    """Hyperband (Li et al. 2018): many configurations begin at a low level, and one in `eta` of them, once all are
    known, goes on to the next one, which is `eta` times as high."""
    HALVING = "halving"
    """Successive halving by stopping (Li et al. 2020): a configuration goes on at once, `eta` times as high each time,
    unless it is worse than the best one in `eta` so far."""
    STEPS = "steps"
    """A stopping rule is asked at so many levels, the option `steps`, that are evenly spaced."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a method will ask of a fidelity: its `levels`, ascending, and how many trials come `before` a full one."""

    levels: tuple[float, ...]
    before: int


@dataclass(frozen=True, slots=True)
class Rung:
    """So many `configurations` are evaluated at `level`."""

    configurations: int
    level: float


def first_bracket(fidelity: Fidelity, eta: float = 3) -> tuple[Rung, ...]:
    """The most aggressive bracket of Hyperband (Li et al. 2018, algorithm 1), lowest rung first.

    One in `eta` configurations (> 1) goes on to the next rung, which is `eta` times as high, up to the full level.
    """
    highest = math.floor(math.log(fidelity.upper / fidelity.lower) / math.log(eta))
    return tuple(
        Rung(math.floor(math.ceil(eta**highest) / eta**step), fidelity.upper * eta ** (step - highest))
        for step in range(highest + 1)
    )


def asked_level(fidelity: Fidelity, level: float) -> float:
    """A rung's level as a task takes it: rounded for integers without declared levels, and within the bounds."""
    whole: float = round(level) if fidelity.kind == "int" and not fidelity.levels else level
    return min(max(whole, fidelity.lower), fidelity.upper)


def climb(fidelity: Fidelity, eta: float = 3) -> tuple[float, ...]:
    """Where successive halving by stopping looks at a configuration on its way: lower * eta**i, and the full level.

    They are levels of the task: where one doesn't exist, it is reached at the next one.
    """
    highest = math.floor(math.log(fidelity.upper / fidelity.lower) / math.log(eta) * (1 + _ROUNDING))
    found = {fidelity.reached(fidelity.lower * eta**step) for step in range(highest + 1)}
    return tuple(sorted(found | {fidelity.upper}))


def steps(fidelity: Fidelity, number: int) -> tuple[float, ...]:
    """At most `number` (>= 2) evenly spaced levels of the task, from the lowest to the full one.

    Declared levels count as evenly spaced, as the epochs of an integer do.
    """
    number = min(number, len(fidelity.levels) or number)
    shares = [step / (number - 1) for step in range(number)] if number > 1 else [1.0]
    if fidelity.levels:
        last = len(fidelity.levels) - 1
        return tuple(fidelity.levels[round(share * last)] for share in shares)
    found = {asked_level(fidelity, fidelity.lower * (1 - share) + fidelity.upper * share) for share in shares}
    return tuple(sorted(found))


def outlook(fidelity: Fidelity, schedule: Schedule, *, eta: float = 3, number: int = 2) -> Outlook:
    """What a method of this schedule, with `eta` or with that number of steps, will ask of the fidelity."""
    match schedule:
        case Schedule.BRACKETS:
            rungs = first_bracket(fidelity, eta)
            levels = {fidelity.snapped(asked_level(fidelity, rung.level)) for rung in rungs}
            lower = (rung for rung in rungs if fidelity.snapped(asked_level(fidelity, rung.level)) < fidelity.upper)
            return Outlook(tuple(sorted(levels)), sum(rung.configurations for rung in lower))
        case Schedule.HALVING:
            found = climb(fidelity, eta)
        case Schedule.STEPS:
            found = steps(fidelity, number)
    return Outlook(found, len(found) - 1)


def degeneracy(fidelity: Fidelity, evaluations: float | None, eta: float = 3) -> str:
    """Why Hyperband with `eta` isn't itself on a budget of so many full evaluations, in one line; empty where it is."""
    rungs = first_bracket(fidelity, eta)
    name = f"Hyperband with eta {eta:g} on {fidelity.name} in [{fidelity.lower:g}, {fidelity.upper:g}]"
    if len(rungs) == 1:
        return f"{name} has no lower rung: all trials are full ones, as in random search"
    levels = {fidelity.snapped(asked_level(fidelity, rung.level)) for rung in rungs}
    if len(levels) < len(rungs):
        return (
            f"{name}: its {len(rungs)} rungs come to {len(levels)} declared levels, so some promotions change nothing"
        )
    before = rungs[0].configurations
    if before > _MANY:
        return f"{name} needs {before:,} configurations before the first full trial"
    spent = _spent_before_the_last(rungs, fidelity)
    if evaluations is not None and spent >= evaluations:
        return f"{name} spends {spent:.1f} evaluations before the first full trial, but the budget is {evaluations:g}"
    return ""


def _is_missing(bound: object) -> bool:
    return isinstance(bound, float) and math.isnan(bound)


def _spent_before_the_last(rungs: tuple[Rung, ...], fidelity: Fidelity) -> float:
    """Full evaluations that all rungs but the last cost; those of a resumable fidelity only their increments."""
    spent, paid = 0.0, 0.0
    for rung in rungs[:-1]:
        spent += rung.configurations * (rung.level - paid) / fidelity.upper
        paid = rung.level if fidelity.resumable else 0.0
    return spent


__all__ = [
    "Fidelity",
    "Outlook",
    "Rung",
    "Schedule",
    "asked_level",
    "climb",
    "degeneracy",
    "first_bracket",
    "outlook",
    "steps",
]
