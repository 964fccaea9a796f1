"""Ranges for the options of optimizers. A value outside of its option's range is refused before anything runs."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

Count = Annotated[int, Ge(0)]
"""How many; none is possible."""

Positive = Annotated[int, Ge(1)]
"""How many, at least one."""

Plural = Annotated[int, Ge(2)]
"""How many, at least two."""

Reduction = Annotated[float, Ge(1.5), Lt(float("inf"))]
"""One in so many goes on to the next level, which is so many times as high: eta of Hyperband and its kin."""

Share = Annotated[float, Gt(0), Le(1)]
"""A part of a whole, in (0, 1]."""

Probability = Annotated[float, Ge(0), Le(1)]
"""In [0, 1]."""

Weight = Annotated[float, Gt(float("-inf")), Lt(float("inf"))]
"""Any number."""

__all__ = ["Count", "Plural", "Positive", "Probability", "Reduction", "Share", "Weight"]
