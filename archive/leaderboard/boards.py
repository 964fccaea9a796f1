"""Boards: optimizers ranked on the tasks that all of them ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
import pandas as pd

from optathlon.analysis.metrics.coverage import has_failed
from optathlon.analysis.metrics.normalisation import BASELINE
from optathlon.analysis.plots.critical_difference import indistinguishable
from optathlon.analysis.stats.bootstrap import bootstrap_ranks
from optathlon.analysis.stats.comparison import Comparison, by_group
from optathlon.analysis.stats.elo import elo
from optathlon.analysis.stats.final_ranks import final_ranks
from optathlon.analysis.stats.focus import mean_effects
from optathlon.analysis.stats.ranking import task_ranks
from optathlon.analysis.stats.significance import Significance
from optathlon.analysis.stats.wilcoxon import wilcoxon_holm
from optathlon.archive.leaderboard.facets import ALL, OVERHEADS
from optathlon.archive.leaderboard.regime import Regime

_UNRATED = {"size", "overhead"}
"""Facets without Elo, which takes seconds for a hundred optimizers; the order is that of the mean ranks anyway."""


@dataclass(frozen=True)
class Board:
    """One ranking, and what it stands on.

    Attributes
    ----------
    facet, title:
        What kind of choice it is (`"all"`, `"type"`, `"space"`, `"size"`, `"overhead"`), and what was chosen.
    tasks, all_tasks:
        How many tasks all ranked optimizers ran, of how many.
    table:
        Index `optimizer`, the ranked ones first, the best on top. Of ranked ones `place`, `mean_rank`, `low`, `high`,
        `elo`, `elo_low`, `elo_high` (NaN where the board has none), `group` (letters: two that share one can't be told
        apart, nor can any between them; empty where nothing could be tested) and `behind_first` (whether the first one
        is better by the test of the two, on all tasks that both ran); of all `random`, `random_low`, `random_high` (the
        mean chance of beating random search), `random_tasks` (on how many tasks that is known), `tasks` (with runs),
        `runs`, `failed`.
    note:
        What the test says, or why it can't say anything.
    short_of_seeds:
        The ranked optimizers with fewer runs than others: how many, and the most that there are (see `Comparison`).
    """

    facet: str
    title: str
    tasks: int
    all_tasks: int
    table: pd.DataFrame
    note: str
    short_of_seeds: dict[str, tuple[int, int]]

    @property
    def ranked(self) -> int:
        """How many optimizers are ranked."""
        return int(self.table["place"].notna().sum())


def boards(regime: Regime, milliseconds: Mapping[str, float]) -> Iterator[Board]:
    """All boards on which at least two optimizers can be compared: on all tasks, then on parts of them.

    Parameters
    ----------
    regime:
        The runs.
    milliseconds:
        What a trial costs the optimizer itself, by name, where that is known.
    """
    losses = regime.analysis.losses
    everything = pd.Series(ALL, index=regime.analysis.results.tasks.index)
    yield from _boards(regime, "all", losses, everything)
    for facet in regime.facets:
        if facet.group.nunique() > 1:
            known = facet.group.dropna()
            on_known = losses[losses.index.get_level_values("task").isin(known.index)]
            found = [*_boards(regime, facet.name, on_known, known)]
            yield from sorted(found, key=lambda board: facet.order.index(board.title))
    names = losses.index.get_level_values("optimizer")
    costs = names.map(lambda name: milliseconds.get(str(name), np.inf)).to_numpy(dtype=float)
    for limit in OVERHEADS:
        title = f"up to {limit:g} ms per trial"
        yield from _boards(regime, "overhead", losses[costs <= limit], everything.replace(ALL, title))


def _boards(regime: Regime, facet: str, losses: pd.DataFrame, groups: pd.Series) -> Iterator[Board]:
    if losses.empty:
        return
    for comparison in by_group(losses, groups):
        if len(comparison.optimizers) > 1:
            yield _board(regime, facet, comparison)


def _board(regime: Regime, facet: str, comparison: Comparison) -> Board:
    seed = regime.analysis.seed
    at_end = final_ranks(comparison)
    bands = bootstrap_ranks(at_end, seed=seed).droplevel("fraction").rename(columns={"mean": "mean_rank"})
    means = task_ranks(at_end).iloc[:, -1].groupby(level="optimizer").mean()
    tested = wilcoxon_holm(comparison.all_final_losses, means)
    table = bands.join(_ratings(facet, at_end.iloc[:, -1], seed))
    table = table.sort_index().sort_values("mean_rank", kind="stable")
    table["place"] = table["mean_rank"].rank(method="min")
    table["group"] = _letters(tested)
    table["behind_first"] = [tested.is_better(str(table.index[0]), str(name)) for name in table.index]
    everybody = [*table.index, *sorted(comparison.left_out)]
    tasks = [*comparison.tasks, *comparison.dropped_tasks]
    facts = _facts(regime, tasks).reindex(everybody)
    return Board(
        facet=facet,
        title=comparison.name,
        tasks=len(comparison.tasks),
        all_tasks=len(tasks),
        table=table.reindex(everybody).join(facts),
        note=tested.note,
        short_of_seeds=comparison.short_of_seeds,
    )


def _ratings(facet: str, final_ranks: pd.Series, seed: int) -> pd.DataFrame:
    if facet in _UNRATED:
        names = final_ranks.index.unique("optimizer")
        return pd.DataFrame(np.nan, index=names, columns=["elo", "elo_low", "elo_high"])
    anchor = BASELINE if BASELINE in final_ranks.index.unique("optimizer") else None
    found = elo(final_ranks, anchor=anchor, seed=seed)
    return found.rename(columns={"estimate": "elo", "low": "elo_low", "high": "elo_high"})


def _letters(tested: Significance) -> pd.Series:
    """By optimizer the letters of the groups that it is in: of neighbours by mean rank that can't be told apart."""
    names = tested.mean_ranks.sort_index().sort_values(kind="stable").index
    letters = dict.fromkeys(map(str, names), "")
    if tested.test:
        joined = indistinguishable(tested)
        alone = [(place, place) for place in range(len(names)) if not any(a <= place <= b for a, b in joined)]
        for number, (first, last) in enumerate(sorted([*joined, *alone])):
            for name in names[first : last + 1]:
                letters[str(name)] += _letter(number)
    return pd.Series(letters, dtype=object)


def _letter(number: int) -> str:
    """a, b, …, z, a′, b′, …"""
    return ascii_lowercase[number % 26] + "′" * (number // 26)


def _facts(regime: Regime, tasks: list[str]) -> pd.DataFrame:
    """Index optimizer: what is known of each on these tasks, ranked or not."""
    chance = regime.beats_random.reindex(tasks)
    against = mean_effects(chance, seed=regime.analysis.seed) if chance.shape[1] else pd.DataFrame()
    against = against.reindex(columns=["estimate", "low", "high"]).set_axis(
        ["random", "random_low", "random_high"], axis="columns"
    )
    runs = regime.analysis.results.runs
    here = runs[runs["task"].isin(tasks) & (runs["status"] != "skipped")]
    by_optimizer = here.groupby("optimizer")
    counts = {
        "random_tasks": chance.notna().sum(),
        "tasks": by_optimizer["task"].nunique(),
        "runs": by_optimizer.size(),
        "failed": has_failed(here).groupby(here["optimizer"]).sum(),
    }
    return pd.DataFrame(counts).join(against, how="left")
