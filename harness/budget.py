"""Budgets: how much a run may spend, in full evaluations, seconds or reported cost."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from optathlon.errors import UsageError

_TOLERANCE = 1e-9
"""Relative slack: levels such as 52/3 are not exact in binary, and their sum must still end a run on time."""

LONGEST_S = 10 * 365.25 * 24 * 3600
"""No limit is longer; operating systems count time in numbers that end somewhere."""

_PATTERN = re.compile(r"(?P<amount>([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?)\s*(?P<unit>[a-z-]*)", re.IGNORECASE)


class BudgetUnit(StrEnum):
    """What a budget counts."""

    EVALUATIONS = "evaluations"
    """Full evaluations; a trial at fidelity z costs z / z_max, a continued one its increment."""
    SECONDS = "seconds"
    """Seconds on the run's clock."""
    COST = "cost"
    """The sum of the costs that the task reports (seconds an evaluation would have taken, GPU-seconds, …)."""


_SUFFIXES = {
    "": (BudgetUnit.EVALUATIONS, 1.0),
    "evaluations": (BudgetUnit.EVALUATIONS, 1.0),
    "s": (BudgetUnit.SECONDS, 1.0),
    "seconds": (BudgetUnit.SECONDS, 1.0),
    "min": (BudgetUnit.SECONDS, 60.0),
    "h": (BudgetUnit.SECONDS, 3600.0),
    "cost": (BudgetUnit.COST, 1.0),
}


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a run may spend: a positive `amount` of `unit`."""

    amount: float
    unit: BudgetUnit = BudgetUnit.EVALUATIONS

    def __post_init__(self) -> None:
        if not 0 < self.amount < math.inf:
            raise UsageError(f"a budget must be a positive number, not {self.amount:g}: give e.g. --budget 50")
        object.__setattr__(self, "amount", float(self.amount))

    @classmethod
    def parse(cls, text: str | float) -> Budget:
        """Read `50` (full evaluations), `600s`, `10min`, `2h` (seconds on the run's clock) or `3600cost`."""
        match = _PATTERN.fullmatch(str(text).strip())
        if match is None or match["unit"].lower() not in _SUFFIXES:
            raise UsageError(
                f"can't read the budget {text!r}: give full evaluations (50), wall-clock time (600s, 10min, 2h) "
                "or reported cost (3600cost)"
            )
        unit, factor = _SUFFIXES[match["unit"].lower()]
        return cls(float(match["amount"]) * factor, unit)

    @classmethod
    def for_dimension(cls, dimension: int) -> Budget:
        """⌈20 + 40 √dimension⌉ full evaluations: the field's default for tasks that don't bring their own.

        So in YAHPO Gym (Pfisterer et al. 2022) and CARP-S (Benjamins et al. 2025).
        """
        return cls(math.ceil(20 + 40 * math.sqrt(dimension)))

    @property
    def evaluations(self) -> float | None:
        """The number of full evaluations, or `None` where the budget counts something else."""
        return self.amount if self.unit is BudgetUnit.EVALUATIONS else None

    def is_spent_by(self, spent: float) -> bool:
        """Whether `spent` uses the budget up."""
        return spent >= self.amount * (1 - _TOLERANCE)

    def is_exceeded_by(self, spent: float) -> bool:
        """Whether `spent` is more than the budget."""
        return spent > self.amount * (1 + _TOLERANCE)

    def __str__(self) -> str:
        suffix = {BudgetUnit.EVALUATIONS: "", BudgetUnit.SECONDS: "s", BudgetUnit.COST: "cost"}[self.unit]
        return f"{self.amount:g}{suffix}" if float(f"{self.amount:g}") == self.amount else f"{self.amount!r}{suffix}"


def parse_duration(text: str) -> float:
    """Seconds of `60s`, `10min` or `2h`, up to ten years; `UsageError` for anything else."""
    try:
        duration = Budget.parse(text)
    except UsageError:
        duration = None
    if duration is None or duration.unit is not BudgetUnit.SECONDS:
        raise UsageError(f"can't read the duration {text!r}: give e.g. 60s, 10min or 2h")
    if duration.amount > LONGEST_S:
        raise UsageError(f"the duration {text!r} is longer than ten years: give a shorter one, or none")
    return duration.amount
