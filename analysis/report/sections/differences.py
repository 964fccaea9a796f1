"""Which differences of mean ranks are significant, and which could be detected at all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.analysis import ComparisonResult
from optathlon.analysis.plots.critical_difference import plot_critical_difference
from optathlon.analysis.report.figures import ReportFigure, inline, suffix
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted, names
from optathlon.analysis.stats.power import Power, power
from optathlon.analysis.stats.significance import Significance

_PAIRS = 4
"""Of more pairs than this, the rest is counted."""

_ANOTHER = Markup(
    "For comparison, Nemenyi's test: each task ranks all optimizers once, by their mean rank over its seeds, so mean "
    "ranks here are not those of the standings, and each pair depends on who else is compared."
)


@dataclass(frozen=True)
class Diagram:
    """A critical-difference diagram, and what it says."""

    figure: ReportFigure
    words: Markup


class Differences(Section):
    """Critical-difference diagrams of the primary test and of another one, and the power of the experiment.

    Where there are too few tasks for the primary test, its note says how many it takes, and nothing is said of power.
    """

    template = "differences.html"
    is_filtered = False

    def figures(self) -> Iterator[ReportFigure]:
        """The diagrams of each comparison."""
        for diagrams in self._diagrams.values():
            yield from (diagram.figure for diagram in diagrams)

    def content(self) -> dict[str, Any]:
        """The diagrams with what they say, and what could be detected."""
        shown = [
            {
                "name": name,
                "diagrams": [(inline(diagram.figure), diagram.words) for diagram in self._diagrams[name]],
                "power": self._power(name, result),
            }
            for name, result in self.data.ranked.items()
        ]
        return {"comparisons": shown}

    @cached_property
    def _diagrams(self) -> dict[str, list[Diagram]]:
        return {name: list(self._of(name, result)) for name, result in self.data.ranked.items()}

    def _of(self, name: str, result: ComparisonResult) -> Iterator[Diagram]:
        primary = result.significance
        about = Markup("{} This test decides what this page says of differences.") if primary.test else Markup("{}")
        yield Diagram(self._figure("wilcoxon_holm", primary, name), about.format(primary.note))
        if len(result.comparison.optimizers) > 2:
            nemenyi = self.data.groups[name].nemenyi
            words = Markup(" ").join([_ANOTHER, Markup("{}").format(nemenyi.note), *disagreement(primary, nemenyi)])
            yield Diagram(self._figure("critical_difference", nemenyi, name), words)

    def _figure(self, stem: str, tested: Significance, name: str) -> ReportFigure:
        data = pd.DataFrame({"mean_rank": tested.mean_ranks}).join(tested.pairwise.add_prefix("p against "))
        caption = f"Critical-difference diagram, {tested.test or 'no test'}, {name}"
        return ReportFigure(f"{stem}{suffix(name)}", caption, plot_critical_difference(tested, self.data.looks), data)

    def _power(self, name: str, result: ComparisonResult) -> list[Markup]:
        if not result.significance.test or result.comparison.unpaired_tasks:
            return []
        return power_sentences(power(self.data.groups[name].final_ranks), result.significance)


def disagreement(primary: Significance, other: Significance) -> list[Markup]:
    """One sentence on the pairs that only one of two tests tells apart, if there are any and the other can tell."""
    if not other.test:
        return []
    pairs = list(combinations(primary.mean_ranks.index, 2))
    only_here = [pair for pair in pairs if other.differ(*pair) and not primary.differ(*pair)]
    only_there = [pair for pair in pairs if primary.differ(*pair) and not other.differ(*pair)]
    found = [
        Markup(text).format(Markup("; ").join(names(pair) for pair in some[:_PAIRS]), _rest(len(some) - _PAIRS))
        for some, text in ((only_here, "it tells apart {}{}"), (only_there, "it can't tell apart {}{}"))
        if some
    ]
    if not found:
        return []
    return [Markup("Where it disagrees with the test that decides: {}.").format(Markup(", and ").join(found))]


def _rest(pairs: int) -> str:
    return f"; and {counted(pairs, 'pair')} more" if pairs > 0 else ""


def power_sentences(found: Power, tested: Significance) -> list[Markup]:
    """Which differences could be seen at all, and what it would take to see that of the first two, if it isn't seen.

    Parameters
    ----------
    found:
        As `optathlon.analysis.stats.power.power` returns it.
    tested:
        The primary test.
    """
    if found.difference == 0:
        return [Markup("The optimizers' ranks differ alike on every task and seed: any difference is seen.")]
    text = Markup(
        "With {} and {}, {} of mean ranks {} can't reliably be distinguished from noise: less "
        "than {:.0f} % of such experiments would find it{}."
    )
    seeds = "1 seed" if found.seeds == 1 else f"{found.seeds:.3g} seeds"
    largest = len(tested.mean_ranks) - 1
    difference = ("a difference", f"below {found.difference:.2f}")
    if found.difference > largest:
        difference = ("even the largest difference", f"there can be, {largest},")
    one_of = f", in one of {largest} comparisons with the leader" if largest > 1 else ""
    sentences = [text.format(counted(found.tasks, "task"), seeds, *difference, 100 * found.power, one_of)]
    first_two = tested.mean_ranks.sort_index().sort_values(kind="stable").iloc[:2]
    gap = float(first_two.iloc[1] - first_two.iloc[0])
    if 0 < gap < found.difference and not tested.differ(*first_two.index):
        sentences.append(_needed(found, gap))
    return sentences


def _needed(found: Power, gap: float) -> Markup:
    tasks = found.tasks_needed(gap)
    needed = f"{tasks:,} tasks like these" if tasks else "more than 10,000 tasks like these"
    seeds = None if math.isnan(found.within) else found.seeds_needed(gap)
    if seeds:
        needed += f", or {seeds:,} seeds on each of these"
    elif not math.isnan(found.within):
        needed += "; more seeds on these alone would not do"
    return Markup("To tell the first two apart, {:.2f} ranks, would take {}.").format(gap, needed)
