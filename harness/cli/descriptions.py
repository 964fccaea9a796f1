"""What `list` and `info` say of optimizers, tasks and subsets in a few words."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optathlon.facts import Facts
    from optathlon.optimizer import Optimizer
    from optathlon.subsets.subset import Subset


def missing(packages: Iterable[str], install: str) -> str:
    """A note for what needs packages of which one is not installed; else empty."""
    command = installing(packages, install)
    return f" [not installed: {command}]" if command else ""


def installing(packages: Iterable[str], install: str) -> str:
    """The command that installs what is absent of the packages, `install` where that is known; empty if nothing is."""
    from optathlon.installation import as_installed

    absent = not_installed(packages)
    return as_installed(install or f"pip install {' '.join(absent)}") if absent else ""


def not_installed(packages: Iterable[str]) -> list[str]:
    """Those of the packages that are not installed."""
    return [package for package in packages if importlib.util.find_spec(package) is None]


def missing_environment(cls: type[Optimizer]) -> str:
    """A note for an optimizer whose own environment is not there; else empty."""
    from optathlon.remote.environments import missing as reason_missing

    reason = reason_missing(cls.environment)
    return f" [{reason}]" if reason else ""


def hyperparameters(facts: Facts) -> str:
    """How many there are of each kind: `"2 floats, 1 categorical"`."""
    kinds = ("float", "integer", "ordinal", "categorical")
    counts = (facts.floats, facts.integers, facts.ordinals, facts.categoricals)
    return ", ".join(counted(count, kind) for count, kind in zip(counts, kinds, strict=True) if count) or "constants"


def traits(facts: Facts) -> Iterator[str]:
    """What else there is to know before one optimizes it."""
    if facts.objectives > 1:
        yield f"{facts.objectives} objectives"
    if facts.fidelity:
        yield f"{'resumable ' if facts.resumable else ''}fidelity {facts.fidelity}"
    if facts.constraints:
        yield counted(facts.constraints, "constraint")
    for name in ("conditional", "forbidden", "log", "noisy", "recommended"):
        if getattr(facts, name):
            yield name
    if facts.optimum:
        yield "known optimum"
    if facts.seconds is not None:
        yield f"{facts.seconds:.2g} s"
    if facts.download:
        yield "needs data"


def subset_line(subset: Subset) -> str:
    """A subset's type, sizes and origin."""
    parts = ", ".join(f"{len(part.tasks)} {name}" for name, part in subset.parts.items())
    made = subset.features
    return f"{subset.type}: {parts} of {made.tasks} tasks, by {', '.join(made.optimizers)}"


def counted(count: int, noun: str) -> str:
    """`"1 float"`, `"2,000 floats"`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
