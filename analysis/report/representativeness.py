"""Whether a subset says what all tasks say: from results to all that the report and `subset validate` show of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from optathlon.analysis.report.sentences import counted
from optathlon.subsets.held_out import HeldOut, held_out
from optathlon.subsets.performance import ANY_TYPE
from optathlon.subsets.validation import (
    CHOSEN,
    RANDOM,
    Agreement,
    Methods,
    agreement_by_size,
    compare_methods,
    smallest_sufficient,
    validate_subset,
)

if TYPE_CHECKING:
    from optathlon.results.frames import Results
    from optathlon.subsets.subset import Subset

THRESHOLD = 0.8
"""The tau above which a subset counts as saying the same as all tasks."""

_SIZES = (5, 10, 15, 20, 30, 40, 50)
"""Sizes tried by default, as far as they are at most half of the tasks; the search among larger ones takes minutes."""

_FEW = 5
"""Among fewer optimizers tau takes so few values that it says little."""

_CLEARLY, _HALF = 0.9, 0.5
"""Shares of random subsets: one that does better than so many is well chosen, than less is not."""

_LISTED = 8
"""Longer enumerations are cut."""


@dataclass(frozen=True)
class Representativeness:
    """How well a subset ranks optimizers that were not used for choosing it.

    Attributes
    ----------
    subset:
        The subset.
    optimizers:
        The held-out optimizers, by name.
    tasks:
        The number of tasks of the full set: all of the subset's type that all of these ran with a seed in common.
    agreements, methods:
        By part of the subset, its agreement with the full set, and that of other subsets of its size.
    by_size:
        How agreement depends on the size; `None` where subsets can't be chosen again from these results.
    smallest:
        The smallest size from which on the interval lies above the threshold; `None` where there is none.
    draws, level, threshold:
        How many random subsets, the coverage of intervals, and the tau that is asked for.
    notes:
        What was left out and why, in sentences.
    """

    subset: Subset
    optimizers: tuple[str, ...]
    tasks: int
    agreements: dict[str, Agreement]
    methods: dict[str, Methods]
    by_size: Methods | None
    smallest: int | None
    draws: int
    level: float
    threshold: float
    notes: tuple[str, ...]

    @property
    def table(self) -> pd.DataFrame:
        """`Methods.measures` of all parts: index (`part`, `method`, `k`)."""
        return pd.concat({part: methods.measures for part, methods in self.methods.items()}, names=["part"])


def subset_study(
    results: Results,
    subset: Subset,
    *,
    optimizers: Collection[str] | None = None,
    sizes: Sequence[int] | None = None,
    draws: int = 200,
    resamples: int = 1000,
    level: float = 0.95,
    threshold: float = THRESHOLD,
    seed: int = 0,
) -> Representativeness:
    """Hold the ranking of optimizers on each part of a subset against that on all tasks of its type.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them: runs of the held-out optimizers on the subset's tasks and many others.
        With those of the optimizers that the subset was chosen by, subsets of other sizes are chosen, too.
    subset:
        The subset.
    optimizers:
        Those to hold out; by default all that have runs on all tasks of the subset and were not used for choosing it.
    sizes:
        For the dependence on size; by default 5, 10, 15, 20, 30, 40 and 50, up to half of the tasks.
    draws:
        How many random and stratified subsets.
    resamples, level:
        Of the bootstrap over seeds.
    threshold:
        The tau asked for.
    seed:
        Seeds the draws, the resampling, and the search at each size.

    Raises `UsageError` where fewer than two optimizers are held out, one of them was used for choosing, a task of the
    subset is not among those that all of them ran, or a size exceeds the number of tasks.
    """
    held = held_out(results, subset, optimizers)
    agreements: dict[str, Agreement] = {}
    methods: dict[str, Methods] = {}
    for name, part in subset.parts.items():
        agreements[name] = validate_subset(held.ranks, part.tasks, resamples=resamples, level=level, seed=seed)
        methods[name] = compare_methods(
            held.ranks,
            part.tasks,
            points=held.points,
            strata=held.strata,
            draws=draws,
            resamples=resamples,
            level=level,
            seed=seed,
        )
    by_size = None
    if held.points is not None:
        by_size = agreement_by_size(
            held.ranks,
            held.points,
            _sizes(held.tasks) if sizes is None else sizes,
            target=subset.target,
            shares=held.shares,
            strata=held.strata,
            draws=draws,
            resamples=resamples,
            level=level,
            seed=seed,
        )
    return Representativeness(
        subset=subset,
        optimizers=tuple(held.optimizers),
        tasks=held.tasks,
        agreements=agreements,
        methods=methods,
        by_size=by_size,
        smallest=None if by_size is None else smallest_sufficient(by_size.measures, threshold),
        draws=draws,
        level=level,
        threshold=threshold,
        notes=tuple(_notes(results, held, subset, agreements, methods)),
    )


def conclusions(found: Representativeness) -> list[str]:
    """What was found, in plain sentences: one or two per part, and one on the size."""
    said = [sentence for part in found.agreements for sentence in _of_part(found, part)]
    return [*said, *_of_size(found)]


def _sizes(tasks: int) -> list[int]:
    return [size for size in _SIZES if size <= tasks / 2] or [max(1, tasks // 2)]


def _of_part(found: Representativeness, part: str) -> Iterator[str]:
    agreement = found.agreements[part]
    name = found.subset.name + ("" if part == "all" else f"/{part}")
    held = f"{len(found.optimizers)} held-out optimizers ({_listed(found.optimizers)})"
    yield (
        f"{name} {_conclusion(agreement, found.threshold)}: between the rankings of the {held} on its "
        f"{counted(agreement.k, 'task')} and on all {found.tasks:,}, Kendall's τ is {_number(agreement.tau)}"
        f"{_interval(agreement, found.level)}. {_best(agreement)}"
    )
    yield _beside_random(found, part)


def _conclusion(agreement: Agreement, threshold: float) -> str:
    """Whether the subset says the same: tau and its interval against the threshold."""
    if agreement.tau <= threshold:
        return "does not say the same"
    if np.isnan(agreement.tau_low):
        return "seems to say the same, as far as one seed per task can tell"
    if agreement.tau_low > threshold:
        return "says the same"
    return "seems to say the same, but chance in the runs leaves it open"


def _interval(agreement: Agreement, level: float) -> str:
    if np.isnan(agreement.tau_low):
        return ""
    return f" ({100 * level:g} % interval {_number(agreement.tau_low)} to {_number(agreement.tau_high)})"


def _best(agreement: Agreement) -> str:
    ranks = agreement.mean_ranks
    on_subset, on_all = (ranks.index[ranks[where] == ranks[where].min()] for where in ("subset", "full"))
    resamples = "" if np.isnan(agreement.top1_share) else f" (in {_percent(agreement.top1_share)} of the resamples)"
    if agreement.top1:
        return f"The best is the same, {_listed(on_all)}{resamples}."
    return f"The best differs: {_listed(on_subset)} on the subset, {_listed(on_all)} on all tasks."


def _beside_random(found: Representativeness, part: str) -> str:
    table = found.methods[part].measures.droplevel(["k"])
    by_tau, by_error = (float(table[name][RANDOM]) for name in ("tau_percentile", "rank_error_percentile"))
    text = (
        f"It agrees better than {_percent(by_tau)} of {found.draws:,} random subsets of the same size by τ, and than "
        f"{_percent(by_error)} by the difference of mean ranks (ties count half)"
    )
    if min(by_tau, by_error) >= _CLEARLY:
        return f"{text}: choosing it so was worth it."
    usual = f"random ones reach τ = {_number(table['tau'][RANDOM])} on average"
    if max(by_tau, by_error) < _HALF:
        return f"{text}: choosing it so gained nothing; {usual}."
    return f"{text}; {usual}."


def _of_size(found: Representativeness) -> Iterator[str]:
    if found.by_size is None:
        return
    if all(np.isnan(agreement.tau_low) for agreement in found.agreements.values()):
        return
    sizes = found.by_size.measures.xs(CHOSEN, level="method").index
    if found.smallest is not None:
        yield (
            f"Chosen that way, {counted(found.smallest, 'task')} suffice: from there on, the whole interval of τ lies "
            f"above {found.threshold:g} at all sizes tried."
        )
    else:
        yield (
            f"Chosen that way, not even {counted(int(max(sizes)), 'task')}, the most tried, have the whole interval "
            f"of τ above {found.threshold:g}."
        )


def _notes(
    results: Results, held: HeldOut, subset: Subset, agreements: dict[str, Agreement], methods: dict[str, Methods]
) -> Iterator[str]:
    if held.left_out:
        yield f"Not held out: {_listed(f'{name} ({why})' for name, why in held.left_out.items())}."
    yield from _dropped(results, held, subset)
    if set(held.budgets) != set(subset.features.budgets):
        yield (
            f"The runs have other budgets ({_listed(held.budgets)}) than those the subset was chosen by "
            f"({_listed(subset.features.budgets)})."
        )
    if len(held.optimizers) < _FEW:
        pairs = len(held.optimizers) * (len(held.optimizers) - 1) // 2
        yield (
            f"Few optimizers are held out: τ can take only {pairs + 1} values between −1 and 1. The difference of mean "
            "ranks is finer."
        )
    if all(agreement.seeds[1] == 1 for agreement in agreements.values()):
        yield "There is one seed per task, so there are no intervals: chance in the runs is not seen."
    if held.points is None:
        yield (
            f"Not all of {_listed(subset.features.optimizers)}, by which the subset was chosen, have runs enough here, "
            "so no subsets of other sizes can be chosen."
        )
    for why in dict.fromkeys(why for found in methods.values() for why in found.left_out.values()):
        yield f"The comparison lacks k-medoids: {why}."


def _dropped(results: Results, held: HeldOut, subset: Subset) -> Iterator[str]:
    """The tasks, and the seeds of the others, that the full set lacks though some held-out optimizer ran them."""
    types = results.tasks["type"].groupby(level=0).last()
    runs = results.runs.astype({"optimizer": str, "task": str, "status": str})
    there = runs["optimizer"].isin(held.optimizers) & (runs["status"] != "skipped")
    if subset.type != ANY_TYPE:
        there &= runs["task"].map(types) == subset.type
    seeds = runs[there].drop_duplicates(["task", "root_seed", "seed"]).groupby("task").size()
    kept = held.ranks.groupby(level=["task", "seed"]).size().groupby(level="task").size()
    if len(tasks := seeds.index.difference(kept.index)):
        yield (
            f"{counted(len(tasks), 'task')} of {len(seeds):,} are not in the full set, as not all held-out optimizers "
            f"ran them: {_listed(tasks)}."
        )
    lost = (seeds.reindex(kept.index) - kept).astype(int)
    if len(lost := lost[lost > 0]):
        left = runs[there & runs["task"].isin(kept.index)]
        pairs = left.drop_duplicates(["optimizer", "task", "root_seed", "seed"]).groupby("optimizer").size()
        most = int(seeds[kept.index].sum())
        yield (
            f"{lost.sum()} of {counted(most, 'pair')} of task and seed are left out, as "
            f"{_listed(pairs.index[pairs < most])} did not run all of them, on {_listed(lost.index)}."
        )


def _listed(names: Iterable[str]) -> str:
    listed = [str(name) for name in names]
    if len(listed) > _LISTED:
        listed = [*listed[: _LISTED - 1], f"{len(listed) - _LISTED + 1} others"]
    return " and ".join(part for part in (", ".join(listed[:-1]), listed[-1]) if part)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
