"""What is known of an optimizer beside its results: its method, its library, what it can do, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd

from optathlon.analysis.metrics.codes import codes
from optathlon.errors import UsageError
from optathlon.optimizer import Capability, Optimizer
from optathlon.registry.optimizers import optimizer_class
from optathlon.registry.options import parse_options
from optathlon.text import first_paragraph

OBSERVATIONS = (10, 50, 200)
"""After how many results the milliseconds per trial were measured."""

_ABILITIES = {
    Capability.CATEGORICALS: "choices",
    Capability.CONDITIONS: "conditions",
    Capability.FORBIDDENS: "forbidden configurations",
    Capability.MULTI_FIDELITY: "fidelities",
    Capability.MULTI_OBJECTIVE: "several objectives",
    Capability.CONSTRAINTS: "constraints",
    Capability.ASYNCHRONOUS: "several trials at once",
}


@dataclass(frozen=True)
class Facts:
    """What an optimizer's class says: its method, the package that it comes from, what it can do, and its reference."""

    method: str = ""
    library: str = ""
    abilities: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    reference: str = ""


def facts_of(id: str) -> Facts:
    """What is known of the optimizer of that id; nothing where it is not known here, as one's own in a file."""
    try:
        found = optimizer_class(parse_options(id)[0])
    except UsageError:
        return Facts()
    return _of_class(found)


def _of_class(found: type[Optimizer]) -> Facts:
    named = {one: word for one, word in _ABILITIES.items() if one in found.capabilities | found.requires}
    return Facts(
        method=first_paragraph(found.__doc__),
        library=next(iter(found.packages), ""),
        abilities=tuple(named.values()),
        needs=tuple(word for one, word in _ABILITIES.items() if one in found.requires),
        reference=found.reference,
    )


@cache
def overheads() -> Mapping[str, tuple[float | None, ...]]:
    """Milliseconds of `ask` and `tell` per trial at `OBSERVATIONS`, by optimizer; `None` where not measured.

    The file is a copy of `benchmarks/optimizer_overhead.json`, which says on which machine they were measured.
    """
    stored = json.loads((files(__package__) / "overhead.json").read_text(encoding="utf-8"))
    return {str(name): tuple(times) for name, times in stored["milliseconds"].items()}


def overhead_of(id: str) -> float:
    """Milliseconds per trial at 50 observations, or fewer where that wasn't measured; NaN where nothing was."""
    few, some, _ = overheads().get(id.partition("[")[0], (None,) * 3)
    known = some if some is not None else few
    return float("nan") if known is None else known


def versions(runs: pd.DataFrame) -> dict[str, str]:
    """By optimizer the versions of the distributions behind its runs, e.g. `"optuna 5.0.0"`; empty where unknown."""
    found: dict[str, dict[str, None]] = {}
    for row in codes(runs).itertuples():
        known = json.loads(str(row.versions) or "{}")
        text = ", ".join(f"{name} {version}" for name, version in sorted(known.items()))
        found.setdefault(str(row.optimizer), {})[text] = None
    return {optimizer: " or ".join(filter(None, texts)) for optimizer, texts in found.items()}
