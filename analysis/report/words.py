"""The findings and their caveats in plain sentences. Names are escaped by `Markup.format`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import cast

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.metrics.coverage import failed_trial_share
from optathlon.analysis.stats.comparison import Comparison
from optathlon.analysis.stats.power import Power
from optathlon.analysis.stats.sensitivity import (
    AGGREGATION,
    FAILED_RUNS,
    LEAVE_OUT,
    SEEDS,
    SUBSET,
    LeaderChange,
    flips,
    leader_changes,
)
from optathlon.analysis.stats.significance import Significance
from optathlon.analysis.study import Study, Verdict

_MANY = 8
"""Longer enumerations are cut."""

_SHORT = 0.9
"""Optimizers whose runs have a smaller share than this of the longest one's evaluations are told."""

_FEW_TASKS = 10
"""Percentile intervals of the bootstrap over fewer tasks hold the truth clearly less often than they say."""


_CHOICES = {
    FAILED_RUNS: "what failed runs count for",
    AGGREGATION: "averages",
    LEAVE_OUT: "without a collection",
    SUBSET: "the subset",
    SEEDS: "half of the seeds",
}


def findings(study: Study) -> list[Markup]:
    """Who leads, and whether that can be told from chance: a few sentences per comparison."""
    if not study.verdicts:
        return [Markup("No run has a result that counts, so there is nothing to rank.")]
    return [sentence for verdict in study.verdicts for sentence in _findings(verdict)]


def second_opinion(verdict: Verdict, wilcoxon: Significance) -> list[Markup]:
    """Where Wilcoxon's tests with Holm's correction draw the line elsewhere between the leader and the others.

    Parameters
    ----------
    verdict:
        A comparison with the tests that the findings are about.
    wilcoxon:
        As `wilcoxon_holm` returns it.
    """
    leader, *others = verdict.standings.index
    shared = verdict.standings["mean_rank"].iloc[1] == verdict.standings["mean_rank"].iloc[0]
    if shared or not verdict.significance.test or not wilcoxon.test:
        return []
    found = {name: verdict.significance.is_better(leader, name) for name in others}
    again = {name: wilcoxon.is_better(leader, name) for name in others}
    lost = [name for name in others if found[name] and not again[name]]
    gained = [name for name in others if again[name] and not found[name]]
    opinions = [
        (lost, "By Wilcoxon's tests with Holm's correction, {} can't be told apart from {} after all."),
        (gained, "By Wilcoxon's tests with Holm's correction, {} is significantly better than {} as well."),
    ]
    return [Markup(text).format(names([leader]), names(some)) for some, text in opinions if some]


def robustness(title: str, table: pd.DataFrame) -> list[Markup]:
    """Which conclusions another choice would flip, or that none would.

    Parameters
    ----------
    title:
        Of the comparison.
    table:
        As `optathlon.analysis.stats.sensitivity.sensitivity` returns it.
    """
    scope = "" if title == "all tasks" else f" on {title} tasks"
    changes, reversals = leader_changes(table), flips(table)
    led = {(change.choice, change.scenario) for change in changes}
    sentences = [_change(change, scope) for change in changes]
    others: dict[tuple[str, str], list[Markup]] = {}
    for flip in reversals:
        if (flip.choice, flip.scenario) not in led:
            others.setdefault((flip.first, flip.second), []).append(Markup(flip.reason).format(*flip.names))
    for (first, second), reasons in others.items():
        text = Markup("{} would be ahead of {}{} {}.")
        sentences.append(text.format(names([second]), names([first]), scope, Markup(", or ").join(reasons)))
    tried = cast("pd.MultiIndex", table.index).droplevel(["optimizer"]).unique()
    choices = [words for choice, words in _CHOICES.items() if choice in tried.get_level_values("choice")]
    if not sentences and choices:
        text = Markup(
            "None of the {} other ways to rank{} that were tried ({}) changes who leads, or the order of the first "
            "three."
        )
        sentences.append(text.format(len(tried) - 1, scope, ", ".join(choices)))
    return sentences


def power(found: Power | None, table: pd.Series) -> list[Markup]:
    """Which differences could be seen at all, and what it would take to see the one between the first two.

    Parameters
    ----------
    found:
        As `optathlon.analysis.stats.power.power` returns it, or `None`.
    table:
        The mean rank of each optimizer.
    """
    if found is None:
        return []
    if found.difference == 0:
        return [Markup("The optimizers' ranks differ alike on every task and seed: any difference is seen.")]
    text = Markup(
        "With {} and {:.3g} seeds, {} of mean ranks {} can't reliably be told from noise: less "
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


def caveats(study: Study) -> list[Markup]:
    """What a reader must know before relying on the findings."""
    found = [
        *_failures(study),
        *_selection(study),
        *_replication(study),
        *_without_incumbent(study),
        *_reference_points(study),
        *_settings(study),
    ]
    return list(dict.fromkeys(found))


def budget(runs: pd.DataFrame) -> str:
    """The budgets of the runs, e.g. `"20 to 100 evaluations"`."""
    parts = []
    for unit, amounts in runs.groupby(runs["budget_unit"].astype(str))["budget"]:
        low, high = amounts.min(), amounts.max()
        amount = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        parts.append(f"{amount} {'full evaluations' if unit == 'evaluations' else unit}")
    return ", ".join(parts)


def counted(number: int, noun: str) -> str:
    """`"1 task"`, `"2 tasks"`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def names(items: Iterable[str]) -> Markup:
    """`"a, b and c"`, each in bold; cut after some."""
    bold = [Markup("<b>{}</b>").format(item) for item in items]
    if len(bold) > _MANY:
        bold = [*bold[: _MANY - 1], Markup(f"{len(bold) - _MANY + 1} others")]
    return bold[0] if len(bold) == 1 else Markup("{} and {}").format(Markup(", ").join(bold[:-1]), bold[-1])


def _change(change: LeaderChange, scope: str) -> Markup:
    reason = Markup(change.reason).format(*change.names)
    verb = "leads" if len(change.after) == 1 else "lead"
    return Markup("Another choice changes who leads{}: {}, {} {}, not {}.").format(
        scope, reason, names(change.after), verb, names(change.before)
    )


def _needed(found: Power, gap: float) -> Markup:
    tasks = found.tasks_needed(gap)
    needed = f"{tasks:,} tasks like these" if tasks else "more than 10,000 tasks like these"
    seeds = None if math.isnan(found.within) else found.seeds_needed(gap)
    if seeds:
        needed += f", or {seeds:,} seeds on each of these"
    elif not math.isnan(found.within):
        needed += "; more seeds on these alone would not do"
    return Markup("To tell the first two apart, {:.2f} ranks, would take {}.").format(gap, needed)


def _findings(verdict: Verdict) -> Iterator[Markup]:
    table, comparison = verdict.standings, verdict.comparison
    scope = "" if comparison.name == "all tasks" else f" on {comparison.name} tasks"
    place = f"over {_of_tasks(comparison)} with {_seeds(comparison.seeds)}"
    if len(table) == 1 and comparison.left_out:
        yield Markup("No two optimizers ran the same task with the same seed{}: there is no ranking.").format(scope)
        return
    if len(table) == 1:
        text = Markup("Only {} has results{} ({}): there is no ranking.")
        yield text.format(names(table.index), scope, place)
        return
    leaders = table.index[table["mean_rank"] == table["mean_rank"].iloc[0]].tolist()
    first = table.iloc[0]
    verb = "has" if len(leaders) == 1 else "share"
    which = "same" if len(leaders) == len(table) else "best"
    text = Markup("{} {} the {} mean rank{}: {:.2f} among {} optimizers at the end of the budget{}, {}.")
    interval = f" (95 % interval {first.low:.2f} to {first.high:.2f})" if first.low < first.high else ""
    yield text.format(names(leaders), verb, which, scope, first.mean_rank, len(table), interval, place)
    if len(leaders) == 1:
        yield from _separation(verdict, leaders[0])
    yield Markup("{}").format(verdict.significance.note)


def _separation(verdict: Verdict, leader: str) -> Iterator[Markup]:
    """From whom the leader can be told apart."""
    tested = verdict.significance
    if not tested.test:
        return
    others = [name for name in verdict.standings.index if name != leader]
    beaten = [name for name in others if tested.is_better(leader, name)]
    ahead = [name for name in others if tested.is_better(name, leader)]
    rest = [name for name in others if name not in beaten and name not in ahead]
    if ahead:
        text = Markup(
            "Yet the test, which looks at ranks within each task, finds {} significantly better than {}: the two ways "
            "of averaging disagree, and neither should be relied on alone."
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


def _failures(study: Study) -> Iterator[Markup]:
    runs, trials = study.results.runs, study.results.trials
    if study.without_results:
        text = Markup("Without a single result, and so not ranked: {}.")
        yield text.format(names(study.without_results))
    failed = runs[~runs["status"].isin(["ok", "skipped"])]
    if len(failed):
        text = Markup("{} of {} did not end well ({}). They keep the results they had until then.")
        yield text.format(f"{len(failed):,}", counted(len(runs), "run"), names(sorted(failed["optimizer"].unique())))
    share = failed_trial_share(trials).drop(index=study.without_results, errors="ignore")
    frequent = share[share >= 0.05].sort_values(ascending=False)
    if len(frequent):
        listed = [f"{name} ({value:.0%})" for name, value in frequent.items()]
        counted_alike = set(runs["budget_unit"].astype(str)) == {"evaluations"}
        price = "they cost budget as others do" if counted_alike else "they cost only the time or cost that they report"
        yield Markup("Many trials failed with {}; failed trials never count, and {}.").format(names(listed), price)
    yield from _shorter(study)


def _shorter(study: Study) -> Iterator[Markup]:
    """Who spent much less than others on the same tasks, though no run failed."""
    runs = study.results.runs
    alike = runs[(runs["status"] == "ok") & (runs["budget_unit"].astype(str) == "evaluations")]
    spent = study.spent["evaluations"].reindex(alike["run"]).to_numpy(dtype=float)
    longest = study.curves.ends["evaluations"].reindex(alike["task"]).to_numpy(dtype=float)
    share = pd.Series(spent / longest, index=alike["optimizer"].to_numpy()).groupby(level=0).median()
    short = share[share < _SHORT]
    if len(short):
        listed = [f"{name} ({value:.0%})" for name, value in short.items()]
        text = Markup(
            "Much shorter runs than others have on the same tasks (median share of the longest run's evaluations), "
            "unless only improvements are logged: {}. They are compared all the same, with what they ended with."
        )
        yield text.format(names(listed))


def _selection(study: Study) -> Iterator[Markup]:
    """What the comparisons leave out, and why."""
    if len(study.verdicts) > 1:
        yield Markup(
            "Less than half of the tasks were run by all optimizers, so they are ranked separately for each type of "
            "task, and tested separately, without correction for the number of tests."
        )
    for verdict in study.verdicts:
        comparison = verdict.comparison
        if len(comparison.optimizers) < 2:
            continue
        total = len(comparison.tasks) + len(comparison.dropped_tasks)
        if comparison.dropped_tasks:
            text = Markup("{} of {} are left out of the ranking, as {}: {}.")
            dropped = comparison.dropped_tasks
            yield text.format(len(dropped), counted(total, "task"), _why_dropped(study, comparison), names(dropped))
        for name, count in comparison.left_out.items():
            text = Markup(
                "{} is left out of the ranking of {}: it shares too little with the others (it ran {} of {})."
            )
            yield text.format(names([name]), comparison.name, count, counted(total, "task"))
        if comparison.dropped_pairs:
            text = Markup("{} of task and seed are left out, as not all ranked optimizers ran them.")
            yield text.format(counted(comparison.dropped_pairs, "pair"))


def _why_dropped(study: Study, comparison: Comparison) -> Markup:
    """Which of the compared optimizers lack some of the dropped tasks."""
    ran = {(optimizer, task) for optimizer, task, _ in study.losses.index}
    lacking = [
        optimizer
        for optimizer in comparison.optimizers
        if any((optimizer, task) not in ran for task in comparison.dropped_tasks)
    ]
    if not lacking:
        return Markup("no seed there was run by all")
    return Markup("{} did not run all of them").format(names(lacking))


def _replication(study: Study) -> Iterator[Markup]:
    for verdict in study.verdicts:
        comparison = verdict.comparison
        if len(comparison.optimizers) < 2:
            continue
        if len(comparison.tasks) == 1:
            yield Markup("There is one task only: intervals show its seeds, and say nothing of other tasks.")
        elif len(comparison.tasks) < _FEW_TASKS:
            text = Markup("{} are few: intervals over so few tend to be too narrow.")
            yield text.format(counted(len(comparison.tasks), "task"))
        if comparison.seeds.max() == 1:
            yield Markup("There is one seed per task: chance within a run is not seen apart from that between tasks.")


def _without_incumbent(study: Study) -> Iterator[Markup]:
    final = study.losses.iloc[:, -1].drop(index=study.without_results, level="optimizer", errors="ignore")
    missing = final[final.isna()]
    if len(missing):
        text = Markup(
            "{} of {} ended without a result that counts (none succeeded, was feasible, or at full fidelity), and rank "
            "last: {}."
        )
        optimizers = sorted(missing.index.unique("optimizer"))
        yield text.format(f"{len(missing):,}", counted(len(final), "run"), names(optimizers))


def _reference_points(study: Study) -> Iterator[Markup]:
    derived = study.references.query("derived")
    if len(derived):
        text = Markup(
            "No complete hypervolume reference is given for {}: the worst value of these results stands in, so "
            "hypervolumes there may change as results are added."
        )
        yield text.format(names(derived["task"].unique()))
    if study.beyond_optimum:
        text = Markup(
            "Results are better than the stated optimum (noise, or a wrong optimum) on {}: their regret counts as 0."
        )
        yield text.format(names(study.beyond_optimum))


def _settings(study: Study) -> Iterator[Markup]:
    if study.divided_tasks:
        text = Markup(
            "Runs of {} differ in budget, workers, clock or the task's version: such runs are never compared, and "
            "count as separate tasks."
        )
        yield text.format(names(study.divided_tasks))
    units = study.results.runs["budget_unit"].astype(str).unique()
    if len(units) > 1:
        yield Markup("Budgets are counted in different units ({}); ranks compare equal shares of them.").format(
            ", ".join(sorted(units))
        )


def _of_tasks(comparison: Comparison) -> str:
    tasks, dropped = len(comparison.tasks), len(comparison.dropped_tasks)
    return f"{tasks:,} of {counted(tasks + dropped, 'task')}" if dropped else counted(tasks, "task")


def _seeds(seeds: pd.Series) -> str:
    low, high = int(seeds.min()), int(seeds.max())
    if low == high:
        return f"{counted(low, 'seed')} each"
    return f"{low} to {high} seeds each"
