"""Who leads at the end of the budget, and what that rests on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.analysis import Analysis, ComparisonResult
from optathlon.analysis.metrics.coverage import has_failed
from optathlon.analysis.report.figures import suffix
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted, names, on_tasks
from optathlon.analysis.stats.comparison import Comparison
from optathlon.analysis.stats.significance import ALPHA
from optathlon.analysis.stats.wilcoxon import SIGN_TEST
from optathlon.analysis.tables.columns import Marks

_FEW_TASKS = 10
"""Percentile intervals of the bootstrap over fewer tasks hold the truth clearly less often than they say."""


class Standings(Section):
    """The ranking of each main comparison."""

    needs = "a run with a result"
    template = "standings.html"
    is_filtered = False

    def findings(self) -> list[Markup]:
        """Who leads, and whether that is larger than chance: a few sentences per comparison."""
        return findings(self.data.analysis)

    def caveats(self) -> Iterator[Markup]:
        """What the ranking leaves out, and what it rests on."""
        yield from _selection(self.data.analysis)
        yield from _replication(self.data.analysis)
        yield from _without_incumbent(self.data.analysis)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """The standings of each comparison."""
        for result, table in self._tables:
            yield f"standings{suffix(result.comparison.name)}", table

    def marks(self) -> dict[str, Marks]:
        """Optimizers that the test can't tell from the leader."""
        return {f"standings{suffix(name)}": _marks(result) for name, result in self.data.ranked.items()}

    def content(self) -> dict[str, Any]:
        """The same for the page."""
        shown = [
            {
                "name": result.comparison.name,
                "standings": table.reset_index().to_dict("records"),
                "compared": len(result.standings) if result.comparison.name in self.data.ranked else 0,
                "tasks": len(result.comparison.tasks),
            }
            for result, table in self._tables
        ]
        return {"comparisons": shown, "has_course": self.data.analysis.has_course}

    @cached_property
    def _tables(self) -> list[tuple[ComparisonResult, pd.DataFrame]]:
        analysis = self.data.analysis
        return [(result, standings_table(analysis, result)) for result in analysis.comparisons]


def standings_table(analysis: Analysis, result: ComparisonResult) -> pd.DataFrame:
    """The standings with failures and overhead, and below them, unranked, the optimizers not compared."""
    runs = analysis.results.runs
    status = runs.groupby("optimizer")["status"]
    seconds = analysis.overhead
    facts = pd.DataFrame(
        {
            "failed_runs": has_failed(runs).groupby(runs["optimizer"]).sum(),
            "skipped_runs": status.agg(lambda values: int((values == "skipped").sum())),
            "runs": status.size(),
            "failed_trials": analysis.failed_trial_share,
            "ask_tell_median": seconds["median"],
            "ask_tell_mean": seconds["mean"],
            "evaluate_mean": seconds["evaluate"],
        }
    )
    unranked = sorted({*analysis.without_results, *result.comparison.left_out})
    table = result.standings.join(facts)
    if analysis.has_course:
        table.insert(table.columns.tolist().index("regret") + 1, "auc", _mean_auc(analysis, result))
    rest = facts.reindex([name for name in unranked if name not in table.index])
    return pd.concat([table, rest]).rename_axis("optimizer") if len(rest) else table


def _mean_auc(analysis: Analysis, result: ComparisonResult) -> pd.Series:
    """Mean regret over the whole budget, over seeds, then tasks."""
    by_task = analysis.auc["linear"].loc[result.comparison.runs].groupby(level=["task", "optimizer"]).mean()
    mean: pd.Series = by_task.groupby(level="optimizer").mean()
    return mean


def findings(analysis: Analysis) -> list[Markup]:
    """Who leads, and whether that is larger than chance: a few sentences per comparison."""
    if not analysis.comparisons:
        return [Markup("No run has a result that counts, so there is nothing to rank.")]
    when = " at the end of the budget" if analysis.has_course else ""
    return [sentence for result in analysis.comparisons for sentence in _findings(result, when)]


def _findings(result: ComparisonResult, when: str) -> Iterator[Markup]:
    table, comparison = result.standings, result.comparison
    scope = on_tasks(comparison.name)
    place = f"over {_of_tasks(comparison)} with {_seeds(comparison)}"
    if len(table) == 1 and comparison.left_out:
        yield Markup("No two optimizers ran the same task{}: there is no ranking.").format(scope)
        return
    if len(table) == 1:
        text = Markup("Only {} has results{} ({}): there is no ranking.")
        yield text.format(names(table.index), scope, place)
        return
    leaders = table.index[table["mean_rank"] == table["mean_rank"].iloc[0]].tolist()
    first = table.iloc[0]
    verb = "has" if len(leaders) == 1 else "share"
    which = "same" if len(leaders) == len(table) else "best"
    text = Markup("{} {} the {} mean rank{}: {:.2f} among {} optimizers{}{}, {}.")
    interval = f" (95 % interval {first.low:.2f} to {first.high:.2f})" if first.low < first.high else ""
    yield text.format(names(leaders), verb, which, scope, first.mean_rank, len(table), when, interval, place)
    if len(leaders) == 1:
        yield from _separation(result, leaders[0])
    yield Markup("{}").format(result.significance.note)


def _separation(result: ComparisonResult, leader: str) -> Iterator[Markup]:
    """From whom the leader can be told apart."""
    tested = result.significance
    if not tested.test:
        return
    others = [name for name in result.standings.index if name != leader]
    beaten = [name for name in others if tested.is_better(leader, name)]
    ahead = [name for name in others if tested.is_better(name, leader)]
    rest = [name for name in others if name not in beaten and name not in ahead]
    if ahead:
        text = Markup(
            "Yet the test, which compares two optimizers by themselves, finds {} significantly better than {}: the two "
            "ways of averaging disagree, and neither should be relied on alone."
        )
        yield text.format(names(ahead), names([leader]))
    elif beaten and not rest:
        yield Markup("It is significantly better than {}.").format("the other" if len(others) == 1 else "all others")
    elif beaten:
        text = Markup("It is significantly better than {}, but can't be told apart from {}.")
        yield text.format(names(beaten), names(rest))
    else:
        who = "the other" if len(others) == 1 else "any other"
        yield Markup("It can't be told apart statistically from {}.").format(who)


def _marks(result: ComparisonResult) -> Marks:
    """Those that the test can't tell from the leader; none where nothing could be tested."""
    leader = str(result.standings.index[0])
    tested = result.significance
    others = result.standings.index[1:] if tested.test else ()
    test = SIGN_TEST if tested.test == SIGN_TEST else "Wilcoxon's signed-rank test"
    meaning = f"not significantly different from {leader} ({test} with Holm's correction at {ALPHA})"
    return Marks([str(name) for name in others if not tested.differ(leader, name)], meaning)


def _of_tasks(comparison: Comparison) -> str:
    tasks, dropped = len(comparison.tasks), len(comparison.dropped_tasks)
    return f"{tasks:,} of {counted(tasks + dropped, 'task')}" if dropped else counted(tasks, "task")


def _seeds(comparison: Comparison) -> str:
    seeds = comparison.runs.unique().to_frame().groupby(level=["optimizer", "task"]).size()
    low, high = int(seeds.min()), int(seeds.max())
    if low == high:
        return f"{counted(low, 'seed')} each"
    return f"{low} to {high} seeds each"


def _selection(analysis: Analysis) -> Iterator[Markup]:
    """What the comparisons leave out, and why."""
    if len(analysis.comparisons) > 1:
        yield Markup(
            "Less than half of the tasks were run by all optimizers, so they are ranked separately for each type of "
            "task, and tested separately, without correction for the number of tests."
        )
    for result in analysis.comparisons:
        comparison = result.comparison
        if len(comparison.optimizers) < 2:
            continue
        total = len(comparison.tasks) + len(comparison.dropped_tasks)
        if comparison.dropped_tasks:
            text = Markup("{} of {} are left out of the ranking, as {}: {}.")
            dropped = comparison.dropped_tasks
            yield text.format(len(dropped), counted(total, "task"), _why_dropped(analysis, comparison), names(dropped))
        for name, count in comparison.left_out.items():
            text = Markup(
                "{} is left out of the ranking of {}: it shares too little with the others (it ran {} of {})."
            )
            yield text.format(names([name]), comparison.name, count, counted(total, "task"))
        if comparison.dropped_pairs:
            text = Markup(
                "{} of {} of task and seed are left out of the ranking, as {} did not run all of them; whether two "
                "optimizers differ is tested on all that both ran."
            )
            pairs = comparison.paired_table
            yield text.format(
                comparison.dropped_pairs, counted(len(pairs), "pair"), names(pairs.columns[pairs.isna().any()])
            )
        if comparison.unpaired_tasks:
            text = Markup(
                "On {} the optimizers share too few seeds: there, runs are compared unpaired, each with all of the "
                "others, and those of an optimizer that has fewer count more than once."
            )
            yield text.format(counted(len(comparison.unpaired_tasks), "task"))


def _why_dropped(analysis: Analysis, comparison: Comparison) -> Markup:
    """Which of the compared optimizers lack some of the dropped tasks."""
    ran = {(optimizer, task) for optimizer, task, _ in analysis.losses.index}
    lacking = [
        optimizer
        for optimizer in comparison.optimizers
        if any((optimizer, task) not in ran for task in comparison.dropped_tasks)
    ]
    return Markup("{} did not run all of them").format(names(lacking))


def _replication(analysis: Analysis) -> Iterator[Markup]:
    for result in analysis.comparisons:
        comparison = result.comparison
        if len(comparison.optimizers) < 2:
            continue
        if len(comparison.tasks) == 1:
            yield Markup("There is one task only: intervals show its seeds, and say nothing of other tasks.")
        elif len(comparison.tasks) < _FEW_TASKS:
            text = Markup("{} are few: intervals over so few tend to be too narrow.")
            yield text.format(counted(len(comparison.tasks), "task"))
        if comparison.seeds.max() == 1:
            yield Markup("There is one seed per task: chance within a run is not seen apart from that between tasks.")


def _without_incumbent(analysis: Analysis) -> Iterator[Markup]:
    final = analysis.losses.iloc[:, -1].drop(index=analysis.without_results, level="optimizer", errors="ignore")
    missing = final[final.isna()]
    if len(missing):
        text = Markup(
            "{} of {} ended without a result that counts (none succeeded, was feasible, or at full fidelity), and rank "
            "last: {}."
        )
        optimizers = sorted(missing.index.unique("optimizer"))
        yield text.format(f"{len(missing):,}", counted(len(final), "run"), names(optimizers))
