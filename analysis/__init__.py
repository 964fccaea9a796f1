"""From stored results to statistics, figures and the report.

`metrics` and `stats` go from frame to frame, `plots` from frame to figure, `report` from results to one page. Nothing
here prints, and nothing writes but `write_report`. The names below load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optathlon.analysis.metrics.anytime import incumbents_at as incumbents_at
    from optathlon.analysis.metrics.comparable import comparable as comparable
    from optathlon.analysis.metrics.coverage import coverage as coverage
    from optathlon.analysis.metrics.final import final_values as final_values
    from optathlon.analysis.metrics.hypervolume import running_hypervolume as running_hypervolume
    from optathlon.analysis.metrics.normalisation import normalised_regret as normalised_regret
    from optathlon.analysis.metrics.overhead import overhead as overhead
    from optathlon.analysis.metrics.trajectory import trajectories as trajectories
    from optathlon.analysis.report import write_report as write_report
    from optathlon.analysis.stats.bootstrap import bootstrap_ranks as bootstrap_ranks
    from optathlon.analysis.stats.comparison import comparisons as comparisons
    from optathlon.analysis.stats.ranking import mean_ranks as mean_ranks
    from optathlon.analysis.stats.ranking import ranks as ranks
    from optathlon.analysis.stats.significance import significance as significance
    from optathlon.analysis.stats.standings import standings as standings

_HOMES = {
    "bootstrap_ranks": "stats.bootstrap",
    "comparable": "metrics.comparable",
    "comparisons": "stats.comparison",
    "coverage": "metrics.coverage",
    "final_values": "metrics.final",
    "incumbents_at": "metrics.anytime",
    "mean_ranks": "stats.ranking",
    "normalised_regret": "metrics.normalisation",
    "overhead": "metrics.overhead",
    "ranks": "stats.ranking",
    "running_hypervolume": "metrics.hypervolume",
    "significance": "stats.significance",
    "standings": "stats.standings",
    "trajectories": "metrics.trajectory",
    "write_report": "report",
}

__all__ = [
    "bootstrap_ranks",
    "comparable",
    "comparisons",
    "coverage",
    "final_values",
    "incumbents_at",
    "mean_ranks",
    "normalised_regret",
    "overhead",
    "ranks",
    "running_hypervolume",
    "significance",
    "standings",
    "trajectories",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
