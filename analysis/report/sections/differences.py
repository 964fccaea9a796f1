"""Which differences of mean ranks are significant, and which could be detected at all."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.analysis import ComparisonResult
from optathlon.analysis.plots.critical_difference import plot_critical_difference
from optathlon.analysis.report.figures import ReportFigure, inline, suffix
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted
from optathlon.analysis.stats.power import Power, power
from optathlon.analysis.stats.significance import Significance


class Differences(Section):
    """Critical-difference diagrams of two tests, and the power of the experiment."""

    template = "differences.html"

    def figures(self) -> Iterator[ReportFigure]:
        """The diagrams of each comparison."""
        for tested in self._diagrams.values():
            yield from (figure for figure, _ in tested)

    def content(self) -> dict[str, Any]:
        """The diagrams with what they say, and what could be detected."""
        shown = [
            {
                "name": name,
                "differences": [(inline(figure), tested.note) for figure, tested in self._diagrams[name]],
                "power": self._power(name, result),
            }
            for name, result in self.data.ranked.items()
        ]
        return {"comparisons": shown}

    @cached_property
    def _diagrams(self) -> dict[str, list[tuple[ReportFigure, Significance]]]:
        return {name: list(self._of(name, result)) for name, result in self.data.ranked.items()}

    def _of(self, name: str, result: ComparisonResult) -> Iterator[tuple[ReportFigure, Significance]]:
        tests = {"critical_difference": result.significance}
        if len(result.comparison.optimizers) > 2:
            tests["wilcoxon_holm"] = self.data.groups[name].wilcoxon
        for stem, tested in tests.items():
            data = pd.DataFrame({"mean_rank": tested.mean_ranks}).join(tested.pairwise.add_prefix("p against "))
            caption = f"Critical-difference diagram, {tested.test or 'no test'}, {name}"
            figure = plot_critical_difference(tested, self.data.looks)
            yield ReportFigure(f"{stem}{suffix(name)}", caption, figure, data), tested

    def _power(self, name: str, result: ComparisonResult) -> list[Markup]:
        if len(result.comparison.tasks) == 1:
            return []
        return power_sentences(power(self.data.groups[name].final_ranks), result.standings["mean_rank"])


def power_sentences(found: Power, table: pd.Series) -> list[Markup]:
    """Which differences could be seen at all, and what it would take to see the one between the first two.

    Parameters
    ----------
    found:
        As `optathlon.analysis.stats.power.power` returns it.
    table:
        The mean rank of each optimizer.
    """
    if found.difference == 0:
        return [Markup("The optimizers' ranks differ alike on every task and seed: any difference is seen.")]
    text = Markup(
        "With {} and {:.3g} seeds, {} of mean ranks {} can't reliably be distinguished from noise: less "
        "than {:.0f} % of such experiments would find it, in one of {} with the leader."
    )
    largest = len(table) - 1
    difference = ("a difference", f"below {found.difference:.2f}")
    if found.difference > largest:
        difference = ("even the largest difference", f"there can be, {largest},")
    comparisons = counted(largest, "comparison")
    sentences = [text.format(counted(found.tasks, "task"), found.seeds, *difference, 100 * found.power, comparisons)]
    first, second = table.sort_index().sort_values(kind="stable").iloc[:2]
    gap = float(second - first)
    if 0 < gap < found.difference:
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
