"""What the page is about: its title, and the facts below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from optathlon.analysis.analysis import Analysis
    from optathlon.results.frames import Results

KIND, COMPARISON = "Optathlon report", "Optathlon comparison"
"""What the page is; the first is its title, too, where nothing has a name."""

_MOST_NAMES = 3


def title_of(results: Results) -> str:
    """The name of the experiment, or those of up to three; without any, what the page is."""
    names = [name for name in results.runs["experiment"].astype(str).unique() if name]
    return ", ".join(sorted(names)) if 0 < len(names) <= _MOST_NAMES else KIND


def scope(analysis: Analysis) -> list[tuple[str, str]]:
    """Facts for the head of the page, each with what it is."""
    runs = analysis.results.runs
    started = pd.to_datetime(runs["started"], utc=True).dropna()
    days = sorted({f"{started.min():%Y-%m-%d}", f"{started.max():%Y-%m-%d}"}) if len(started) else []
    facts = [
        (f"{len(analysis.optimizers):,}", "optimizers"),
        (f"{runs['task'].nunique():,}", "tasks"),
        (f"{runs['seed'].nunique():,}", "seeds"),
        (f"{len(runs):,}", "runs"),
        (f"{int(runs['trials'].sum()):,}", "trials"),
        (_budget(runs) if analysis.has_course else "", "budget"),
        (" to ".join(days), "started (UTC)"),
    ]
    return [(value, label) for value, label in facts if value]


def _budget(runs: pd.DataFrame) -> str:
    """The budgets of the runs, e.g. `"20 to 1,000 full evaluations"`."""
    parts = []
    for unit, amounts in runs.groupby(runs["budget_unit"].astype(str))["budget"]:
        low, high = (f"{amount:,.10g}" for amount in (amounts.min(), amounts.max()))
        amount = low if low == high else f"{low} to {high}"
        parts.append(f"{amount} {'full evaluations' if unit == 'evaluations' else unit}")
    return ", ".join(parts)
