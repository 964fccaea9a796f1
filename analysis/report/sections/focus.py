"""One optimizer against each other one: whether it is better, by how much, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.analysis import ComparisonResult
from optathlon.analysis.metrics.normalisation import BEST_TO_WORST
from optathlon.analysis.report.cells import Shaded, percent, shade
from optathlon.analysis.report.figures import suffix
from optathlon.analysis.report.groups import Group
from optathlon.analysis.report.kinds import kind_label, kinds_of_tasks
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import names, on_tasks
from optathlon.analysis.stats.focus import mean_effects, rank_leads, tasks_won
from optathlon.analysis.stats.significance import Significance
from optathlon.analysis.stats.strengths import strengths

_ALPHA = 0.05
"""Shares with at most this p-value are set in bold."""

BETTER, WORSE, ALIKE, UNTESTED = "better", "worse", "can't be told apart", "not tested"

_WORDS = {
    BETTER: ("is significantly better than {}", "all others"),
    WORSE: ("is significantly worse than {}", "all others"),
    ALIKE: ("can't be told apart from {}", "any other"),
}


class Focus(Section):
    """A sentence, and a table of the optimizer in focus against each other one, of each main comparison that has it."""

    needs = ""
    template = "focus.html"
    is_filtered = False

    def findings(self) -> Iterator[Markup]:
        """Whether it is better."""
        focus = self.data.focus
        if focus is None:
            return
        if not self._compared:
            yield _absence(focus, has_results=focus not in self.data.analysis.without_results)
        for name, result in self._compared.items():
            yield sentence(result, focus, on_tasks(name))

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """What the page shows, by opponent and by kind of task, and each task."""
        for name, table in self._tables.items():
            yield f"focus{suffix(name)}", table
            yield f"focus_tasks{suffix(name)}", self._leads[name].add_prefix("lead over ")

    def content(self) -> dict[str, Any]:
        """The same as cells."""
        shown = [
            {
                "name": name,
                "rows": table.reset_index().to_dict("records"),
                "kinds": self._kinds(name),
            }
            for name, table in self._tables.items()
        ]
        return {"focus": self.data.focus, "comparisons": shown}

    @cached_property
    def _compared(self) -> dict[str, ComparisonResult]:
        focus = self.data.focus
        return {name: result for name, result in self.data.ranked.items() if focus in result.comparison.optimizers}

    @cached_property
    def _leads(self) -> dict[str, pd.DataFrame]:
        return {
            name: rank_leads(result.comparison.all_final_losses, str(self.data.focus))
            for name, result in self._compared.items()
        }

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        return {
            name: focus_table(self.data.groups[name], result, self._leads[name], str(self.data.focus))
            for name, result in self._compared.items()
        }

    def _kinds(self, name: str) -> KindsTable:
        leads = self._leads[name].loc[self._compared[name].comparison.tasks]
        order = self._tables[name].index.tolist()
        # as of ranks, lower is better
        found = strengths(-leads, kinds_of_tasks(self.data.analysis), seed=self.data.analysis.seed)
        return kinds_table(found, order)


def focus_table(group: Group, result: ComparisonResult, leads: pd.DataFrame, focus: str) -> pd.DataFrame:
    """The optimizer in focus against each other one, in the order of the standings.

    Returns
    -------
    Index `optimizer`: the `verdict` of the primary test with its `p_corrected` and, of the pair alone, its `p_value`;
    on how many tasks the focus `wins`, ties (`ties`) and loses (`losses`); the share of `runs_won` against runs of the
    other on the same task, ties half, averaged over tasks, with its interval `runs_won_low` and `runs_won_high`; by how
    much its mean regret is lower (`regret_lead`, with `…_low` and `…_high`); and the tasks on which that is most and
    least (`most_ahead_on`, `most_behind_on`, empty where it is ahead or behind on none).
    """
    seed, tested = group.analysis.seed, result.significance
    others = [str(name) for name in result.standings.index if name != focus]
    won = mean_effects((1 + leads) / 2, seed=seed).rename(columns={"estimate": "runs_won"})
    regret = (
        group.analysis.regrets[BEST_TO_WORST.title].groupby(level=["task", "optimizer"]).mean().unstack("optimizer")
    )
    regret_leads = regret.reindex(leads.index)[others].sub(regret.reindex(leads.index)[focus], axis="index")
    less = mean_effects(regret_leads, seed=seed).rename(columns={"estimate": "regret_lead"})
    table = pd.DataFrame(index=pd.Index(others, name="optimizer"))
    table["verdict"] = [verdict(tested, focus, other) for other in others]
    table["p_corrected"] = tested.pairwise.loc[focus, others]
    table["p_value"] = tested.uncorrected.loc[focus, others]
    table = table.join(tasks_won(leads))
    table = table.join(won.rename(columns={"low": "runs_won_low", "high": "runs_won_high"}))
    table = table.join(less.rename(columns={"low": "regret_lead_low", "high": "regret_lead_high"}))
    table["most_ahead_on"] = [_extreme(regret_leads[other]) for other in others]
    table["most_behind_on"] = [_extreme(-regret_leads[other]) for other in others]
    return table


def verdict(tested: Significance, focus: str, other: str) -> str:
    """What the primary test says of two optimizers."""
    if not tested.test:
        return UNTESTED
    if tested.is_better(focus, other):
        return BETTER
    return WORSE if tested.is_better(other, focus) else ALIKE


def sentence(result: ComparisonResult, focus: str, scope: str) -> Markup:
    """Where the optimizer stands, and from which others it differs significantly."""
    table, tested = result.standings, result.significance
    own = table.at[focus, "mean_rank"]
    place, sharing = 1 + int((table["mean_rank"] < own).sum()), int((table["mean_rank"] == own).sum())
    text = Markup("{} {} place {} of {} by mean rank{}: {}.")
    verb = "has" if sharing == 1 else "shares"
    others = [str(name) for name in table.index if name != focus]
    return text.format(names([focus]), verb, place, len(table), scope, _outcomes(tested, focus, others))


def _outcomes(tested: Significance, focus: str, others: list[str]) -> Markup:
    if not tested.test:
        return Markup("whether it is better than {} can't be tested").format(_those(others, others, "others"))
    verdicts = {other: verdict(tested, focus, other) for other in others}
    told = {outcome: [other for other in others if verdicts[other] == outcome] for outcome in _WORDS}
    parts = [
        Markup(words).format(_those(told[outcome], others, everybody))
        for outcome, (words, everybody) in _WORDS.items()
        if told[outcome]
    ]
    *most, last = parts
    return Markup("it {}, and {}").format(Markup(", ").join(most), last) if most else Markup("it {}").format(last)


def _those(found: list[str], others: list[str], everybody: str) -> Markup:
    return names(found) if len(found) < len(others) or len(others) == 1 else Markup(everybody)


def _absence(focus: str, *, has_results: bool) -> Markup:
    if not has_results:
        return Markup("{} has no result that counts, so it can’t be compared.").format(names([focus]))
    return Markup("{} shares too few tasks with the others to be compared.").format(names([focus]))


def _extreme(leads: pd.Series) -> str:
    known = leads.dropna()
    return str(known.idxmax()) if len(known) and known.max() > 0 else ""


@dataclass(frozen=True)
class KindsTable:
    """Per kind of tasks: its name, how many there are, and a cell for each opponent."""

    optimizers: list[str]
    rows: list[tuple[str, int, list[Shaded]]]


def kinds_table(table: pd.DataFrame, order: list[str]) -> KindsTable:
    """The share of runs won by kind of task.

    Parameters
    ----------
    table:
        As `strengths` returns it for leads with their sign changed.
    order:
        Of the opponents.
    """
    rows = []
    for (feature, level), cells in table.groupby(level=["feature", "level"], sort=False):
        here = cells.droplevel(["feature", "level"]).loc[order, ["mean_rank", "p_value"]]
        shaded = [
            Shaded(other, percent((1 - behind) / 2), shade(behind), sure=bool(p_value <= _ALPHA))
            for other, (behind, p_value) in zip(order, here.to_numpy(dtype=float), strict=True)
        ]
        rows.append((kind_label(str(feature), str(level)), int(cells["tasks"].iloc[0]), shaded))
    return KindsTable(order, rows)
