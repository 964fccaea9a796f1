"""The figures of a report, for papers; some stand on the page as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import pandas as pd

from optathlon.analysis.curves import MEASURES
from optathlon.analysis.metrics.overhead import overhead
from optathlon.analysis.metrics.progress import BUDGET
from optathlon.analysis.plots.critical_difference import plot_critical_difference
from optathlon.analysis.plots.curves import plot_curves
from optathlon.analysis.plots.intervals import plot_intervals
from optathlon.analysis.plots.matrices import plot_pairs, plot_task_correlation
from optathlon.analysis.plots.overhead import plot_overhead
from optathlon.analysis.plots.ranks import plot_rank_facets, plot_ranks
from optathlon.analysis.plots.sensitivity import plot_sensitivity
from optathlon.analysis.plots.style import Look
from optathlon.analysis.report.evidence import Evidence
from optathlon.analysis.report.figures import Drawing
from optathlon.analysis.report.naming import suffix
from optathlon.analysis.report.representativeness import Representativeness
from optathlon.analysis.stats.significance import Significance
from optathlon.analysis.study import Study, Verdict
from optathlon.subsets.plots import plot_agreement

_REGRET = next(measure for measure in MEASURES if measure.name == "log-best-worst")


class Drawings:
    """All figures, each drawn when first used.

    Parameters
    ----------
    study:
        What is shown.
    evidence:
        By the title of a group of tasks.
    looks:
        Of all optimizers.
    found:
        How well a subset represents all tasks, if that was asked for.
    """

    def __init__(
        self,
        study: Study,
        evidence: Mapping[str, Evidence],
        looks: Mapping[str, Look],
        found: Representativeness | None,
    ) -> None:
        self._study = study
        self._evidence = evidence
        self._looks = looks
        self._found = found
        self._ranked = [verdict for verdict in study.verdicts if len(verdict.comparison.optimizers) > 1]

    @property
    def all(self) -> list[Drawing]:
        """Every figure, in the order of the page."""
        found = [drawing for verdict in self._ranked for drawing in self._of(verdict)]
        others = [drawing for drawing in (self.by_size, self.overhead) if drawing]
        return [*found, *self._facets(), *others]

    @cached_property
    def differences(self) -> dict[str, list[tuple[Drawing, Significance]]]:
        """By comparison: critical-difference diagrams, with the tests they show."""
        return {verdict.comparison.name: list(self._differences(verdict)) for verdict in self._ranked}

    @cached_property
    def by_size(self) -> Drawing | None:
        """Agreement of subsets with all tasks."""
        found = self._found
        if found is None or found.by_size is None:
            return None
        data = found.by_size.measures
        figure = plot_agreement(data, threshold=found.threshold, smallest=found.smallest, parts=found.agreements)
        return Drawing("subset_by_size", "Agreement of subsets with all tasks, by size", figure, data)

    @cached_property
    def overhead(self) -> Drawing | None:
        """Seconds per trial, where they were measured."""
        table = overhead(self._study.results.trials).dropna(subset="mean")
        if table.empty or not table["mean"].gt(0).any():
            return None
        caption = "Seconds of ask and tell per trial, by optimizer"
        return Drawing("overhead", caption, plot_overhead(table, self._looks), table)

    def _of(self, verdict: Verdict) -> Iterator[Drawing]:
        name = verdict.comparison.name
        end, evidence = suffix(name), self._evidence[name]
        yield Drawing(
            f"ranks{end}", f"Mean rank over the budget, {name}", plot_ranks(verdict.bands, self._looks), verdict.bands
        )
        yield self._regret(verdict)
        yield from (drawing for drawing, _ in self.differences[name])
        summaries = {each.title: table for each, table in evidence.summaries.items()}
        yield Drawing(
            f"aggregates{end}",
            f"Aggregate regret, {name}",
            plot_intervals(dict(list(summaries.items())[:2]), self._looks, best="low"),
            pd.concat(summaries, names=["statistic"]),
        )
        yield Drawing(
            f"profiles{end}",
            f"Performance profiles, {name}",
            plot_curves(
                evidence.profiles,
                self._looks,
                x_title="regret, best to worst",
                y_title="share of runs at or below",
                x_scale="log",
                y_scale="percent",
                best="high",
                shape="step",
            ),
            evidence.profiles,
        )
        yield Drawing(
            f"runtimes{end}",
            f"Runtimes to targets, {name}",
            plot_curves(
                evidence.runtime_distribution,
                self._looks,
                x_title="full evaluations" + (" / dimension" if evidence.has_dimensions else ""),
                y_title="share of targets reached",
                x_scale="log",
                y_scale="percent",
                best="high",
                shape="step",
            ),
            evidence.runtime_distribution,
        )
        yield Drawing(
            f"improvement{end}",
            f"Probability of improvement, {name}",
            plot_pairs(evidence.improvement, "estimate", title="probability that the row is better", center=0.5),
            evidence.improvement,
        )
        yield Drawing(
            f"sensitivity_of_ranking{end}",
            f"Places under other choices, {name}",
            plot_sensitivity(evidence.sensitivity, self._looks),
            evidence.sensitivity,
        )
        if len(verdict.comparison.tasks) > 2:
            matrix = evidence.task_correlation
            caption = f"Rank correlation of tasks, {name}"
            yield Drawing(f"task_correlation{end}", caption, plot_task_correlation(matrix), matrix)

    def _regret(self, verdict: Verdict) -> Drawing:
        curve = self._study.curves.curve(_REGRET, BUDGET, verdict.comparison)
        assert curve is not None, "every compared task has ranks and regret over the budget"
        bands = 10.0**curve.bands
        name = verdict.comparison.name
        figure = plot_curves(
            bands,
            self._looks,
            x_title="share of the budget spent",
            y_title="regret, best to worst (geometric mean)",
            x_scale="percent",
            y_scale="log",
            shape="step",
        )
        return Drawing(f"regret{suffix(name)}", f"Regret over the budget, {name}", figure, bands)

    def _differences(self, verdict: Verdict) -> Iterator[tuple[Drawing, Significance]]:
        name = verdict.comparison.name
        for stem, tested in (
            ("critical_difference", verdict.significance),
            ("wilcoxon_holm", self._evidence[name].wilcoxon),
        ):
            if stem == "critical_difference" or len(verdict.comparison.optimizers) > 2:
                data = pd.DataFrame({"mean_rank": tested.mean_ranks}).join(tested.pairwise.add_prefix("p against "))
                caption = f"Critical-difference diagram, {tested.test or 'no test'}, {name}"
                figure = plot_critical_difference(tested, self._looks)
                yield Drawing(f"{stem}{suffix(name)}", caption, figure, data), tested

    def _facets(self) -> Iterator[Drawing]:
        tasks = self._study.results.tasks
        drawn: list[set[frozenset[str]]] = []
        for kind, column in (("type of task", "type"), ("collection", "collection")):
            groups = tasks[column].astype(str)
            partition = {frozenset(members.index) for _, members in groups.groupby(groups)}
            if len(partition) > 1 and partition not in drawn and len(bands := self._study.bands_by(groups)) > 1:
                drawn.append(partition)
                data = pd.concat(bands, names=["group"])
                figure = plot_rank_facets(bands, self._looks)
                yield Drawing(f"ranks_by_{column}", f"Mean rank by {kind}", figure, data)
