"""The sections of the report, in the order of the page. A new one is a module here and a line below."""

from __future__ import annotations

from dataclasses import dataclass

from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sections.aggregates import Aggregates
from optathlon.analysis.report.sections.all_results import AllResults
from optathlon.analysis.report.sections.anytime import Anytime
from optathlon.analysis.report.sections.coverage import Coverage
from optathlon.analysis.report.sections.differences import Differences
from optathlon.analysis.report.sections.efficiency import Efficiency
from optathlon.analysis.report.sections.fixed_targets import FixedTargets
from optathlon.analysis.report.sections.focus import Focus
from optathlon.analysis.report.sections.generalisation import Generalisation
from optathlon.analysis.report.sections.importance import Importance
from optathlon.analysis.report.sections.overhead import Overhead
from optathlon.analysis.report.sections.pairwise import Pairwise
from optathlon.analysis.report.sections.profiles import Profiles
from optathlon.analysis.report.sections.provenance import Provenance
from optathlon.analysis.report.sections.robustness import Robustness
from optathlon.analysis.report.sections.runtimes import Runtimes
from optathlon.analysis.report.sections.speedup import Speedup
from optathlon.analysis.report.sections.standings import Standings
from optathlon.analysis.report.sections.strengths import Strengths
from optathlon.analysis.report.sections.subset import SubsetAgreement
from optathlon.analysis.report.sections.task_correlation import TaskCorrelation
from optathlon.analysis.report.sections.task_facts import TaskFacts
from optathlon.analysis.report.sections.task_results import TaskResults
from optathlon.analysis.report.sections.time_to_target import TimeToTarget
from optathlon.analysis.report.sections.virtual_best import VirtualBestOptimizer
from optathlon.analysis.report.sections.what_changed import WhatChanged


@dataclass(frozen=True)
class Chapter:
    """A heading of the page, its anchor, and the sections below it; left out where none has anything to show."""

    anchor: str
    heading: str
    sections: tuple[type[Section], ...]


CHAPTERS = (
    Chapter("changes", "What changed", (WhatChanged,)),
    Chapter("coverage", "Coverage and failures", (Coverage,)),
    Chapter("focus", "Is it better?", (Focus,)),
    Chapter("anytime", "Performance over the budget", (Anytime,)),
    Chapter("standings", "Standings", (Standings,)),
    Chapter("differences", "Can they be told apart?", (Differences, Pairwise)),
    Chapter("robustness", "Does the ranking depend on choices?", (Robustness,)),
    Chapter("how-good", "How good are they?", (Aggregates, Profiles, Runtimes, FixedTargets, TimeToTarget, Speedup)),
    Chapter(
        "where",
        "Where each shines",
        (Strengths, VirtualBestOptimizer, TaskCorrelation, Generalisation, Overhead, Efficiency),
    ),
    Chapter("subset", "Does a subset say the same?", (SubsetAgreement,)),
    Chapter("tasks", "Task by task", (TaskResults, TaskFacts, Importance, AllResults)),
    Chapter("provenance", "Provenance", (Provenance,)),
)
