"""Gradient-Free-Optimizers (Blanke 2020), in an environment of its own: it needs pandas before version 3."""

from optathlon.optimizers.gfo.adapter import (
    GFOHillClimbing,
    GFOParallelTempering,
    GFOPatternSearch,
    GFOPowell,
    GFORandomAnnealing,
    GFORepulsing,
    GFOSpiral,
)

__all__ = [
    "GFOHillClimbing",
    "GFOParallelTempering",
    "GFOPatternSearch",
    "GFOPowell",
    "GFORandomAnnealing",
    "GFORepulsing",
    "GFOSpiral",
]
