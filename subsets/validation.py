"""Is a subset representative? Whether it ranks optimizers that were not used for choosing it as the full set does.

A subset is part of the full set, so the two agree by overlap alone, the more the larger the subset. Any subset of that
size does so: its agreement therefore means something only beside that of other subsets of the same size, random ones
above all (`compare_methods`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from optathlon.errors import MissingDependency, UsageError
from optathlon.subsets.baselines import k_medoids, random_subsets, refuse_size, stratified_subsets

Target = Literal["empirical", "uniform"]

CHOSEN = "chosen"
"""The method that a table compares with the others: the subset at hand, or the selection by star discrepancy."""

RANDOM, STRATIFIED, MEDOIDS = "random", "stratified", "k-medoids"

_BAND = (0.05, 0.95)
"""The quantiles over draws that stand for a random method's spread."""

_BATCH = 100
"""Resamples weighed at once: bounds the memory at `_BATCH` x (task, seed) pairs."""

_DECIMALS = 12
"""Mean ranks that agree to so many decimals tie, whatever the rounding of sums."""


@dataclass(frozen=True)
class Agreement:
    """How well the ranking of held-out optimizers on a subset agrees with that on the full set of tasks.

    Attributes
    ----------
    k, tasks:
        The number of tasks in the subset and in the full set.
    seeds:
        The fewest and the most seeds of a task.
    tau:
        Kendall's tau-b between the mean ranks, in [-1, 1]; 0 where the subset ties all optimizers. Over m optimizers
        it takes at most m (m - 1) / 2 + 1 values (for two: -1 and 1), so it is coarse where few are held out.
    tau_low, tau_high:
        Its interval.
    top1:
        Whether the best optimizer is the same; where several tie for the best, whether all of these are.
    top1_share:
        The share of resamples in which it is, in [0, 1].
    rank_error:
        The mean absolute difference of the mean ranks, from 0 (the same): a finer measure than tau.
    rank_error_low, rank_error_high:
        Its interval.
    mean_ranks:
        Index `optimizer`, best on the full set first; `full`, `subset`.

    What comes from resampling is NaN where the subset's tasks, or all tasks, have one seed only.
    """

    k: int
    tasks: int
    seeds: tuple[int, int]
    tau: float
    tau_low: float
    tau_high: float
    top1: bool
    top1_share: float
    rank_error: float
    rank_error_low: float
    rank_error_high: float
    mean_ranks: pd.DataFrame


@dataclass(frozen=True)
class Methods:
    """How subsets chosen by several methods agree with the full set.

    Attributes
    ----------
    measures:
        Index (`method`, `k`); `draws` (1 for a method that gives one subset), `tau`, `tau_low`, `tau_high`, `top1`,
        `rank_error`, `rank_error_low`, `rank_error_high`, `tau_percentile`, `rank_error_percentile`. For one subset
        they are as in `Agreement` (`top1` being 0 or 1), for several draws the mean over these and their 5 % and 95 %
        quantiles. The percentiles, in [0, 1], say how the chosen subset stands among the draws: the share of draws
        that do worse, plus half the share that do as well.
    left_out:
        By method that could not be used, why.
    """

    measures: pd.DataFrame
    left_out: dict[str, str]


def validate_subset(
    ranks: pd.Series, subset: Iterable[str], *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Agreement:
    """Whether held-out optimizers rank on the subset as they do on all tasks.

    Kendall's tau-b (Kendall 1945) is between the mean ranks: over the seeds of each task, then over tasks. Intervals
    are percentiles of a bootstrap (Davison and Hinkley 1997, section 5.2) that resamples the seeds within each task,
    for all optimizers together and with the same draw for the subset and the full set. Tasks are not resampled, as the
    subset was chosen, not drawn: the intervals tell the chance in the runs, not that in the choice of tasks. A resample
    carries the chance of the runs twice, so intervals lean towards less agreement: `rank_error` may lie below its own.

    Parameters
    ----------
    ranks:
        Index (`task`, `seed`, `optimizer`): ranks of the held-out optimizers among themselves at the end of the budget,
        the last column of `optathlon.analysis.ranks`; every optimizer on every (task, seed). Tasks may differ in their
        seeds.
    subset:
        Names of tasks.
    resamples:
        How many.
    level:
        The coverage aimed at, in (0, 1).
    seed:
        Seeds the resampling.

    Raises `UsageError` for fewer than two optimizers, optimizers that all tie, an empty subset, or tasks that are not
    in `ranks`.
    """
    block = _block(ranks)
    (agreement,) = _agreements(block, [_positions(block, subset)], resamples, level, seed)
    return agreement


def compare_methods(
    ranks: pd.Series,
    subset: Iterable[str],
    *,
    points: pd.DataFrame | None = None,
    strata: pd.Series | None = None,
    draws: int = 200,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Methods:
    """The subset beside others of the same size: `random`, `stratified` and `k-medoids`.

    Parameters
    ----------
    ranks, subset, resamples, level:
        As of `validate_subset`.
    points:
        Index `task`: the points that subsets are chosen by, as `optathlon.subsets.task_points` gives them; no k-medoids
        without.
    strata:
        Index `task`: labels; no stratified subsets without.
    draws:
        How many random and stratified subsets.
    seed:
        Seeds the draws, the resampling and the search for medoids.

    Raises `UsageError` as `validate_subset` does, and where tasks have no point or label.
    """
    block = _block(ranks)
    chosen = _positions(block, subset)
    pool = _pool(block, points, strata)
    singles, left_out = _singles(pool, len(chosen), seed)
    agreements = _agreements(block, [chosen, *singles.values()], resamples, level, seed)
    rows = dict(zip([CHOSEN, *singles], agreements, strict=True))
    return Methods(_table(block, pool, {len(chosen): rows}, draws, seed), left_out)


def agreement_by_size(
    ranks: pd.Series,
    points: pd.DataFrame,
    sizes: Sequence[int],
    *,
    target: Target = "empirical",
    shares: pd.Series | None = None,
    strata: pd.Series | None = None,
    draws: int = 200,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    select: Callable[[np.ndarray, int], Sequence[int]] | None = None,
) -> Methods:
    """How agreement depends on the size, for subsets chosen by star discrepancy and by the other methods.

    Parameters
    ----------
    sizes:
        The sizes, each at most the number of tasks.
    target:
        As of `optathlon.subsets.select_subset`.
    shares:
        Index `task`: the labels that are `strata` of `optathlon.subsets.select_subset`.
    select:
        From points and size to positions; by default `optathlon.subsets.select_subset` with `target`, `shares` and
        `seed`.

    The rest is as of `compare_methods`.
    """
    block = _block(ranks)
    for size in sizes:
        refuse_size(size, len(block.tasks))
    pool = _pool(block, points, strata)
    choose = select or _by_discrepancy(target, _pool(block, points, shares).strata, seed)
    by_task = points.loc[block.tasks].to_numpy(dtype=float)
    members: list[np.ndarray] = []
    names: list[tuple[int, str]] = []
    left_out: dict[str, str] = {}
    for size in sorted(set(sizes)):
        singles, left_out = _singles(pool, size, seed)
        singles = {CHOSEN: np.asarray(choose(by_task, size), dtype=int), **singles}
        members += singles.values()
        names += [(size, name) for name in singles]
    rows: dict[int, dict[str, Agreement]] = {}
    for (size, name), agreement in zip(names, _agreements(block, members, resamples, level, seed), strict=True):
        rows.setdefault(size, {})[name] = agreement
    return Methods(_table(block, pool, rows, draws, seed), left_out)


def smallest_sufficient(measures: pd.DataFrame, threshold: float, *, method: str = CHOSEN) -> int | None:
    """The smallest size from which on the whole interval of tau lies above `threshold`; `None` where there is none.

    Parameters
    ----------
    measures:
        Of `agreement_by_size`.
    threshold:
        In [-1, 1].
    method:
        Whose.
    """
    found = None
    low: pd.Series = measures.xs(method, level="method")["tau_low"].sort_index(ascending=False)
    for size, value in low.items():
        if not value > threshold:
            break
        found = int(str(size))
    return found


def tau_b(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Kendall's tau-b over the last axis, 0 where all values of `x` or of `y` tie.

    (concordant pairs - discordant pairs) / sqrt(pairs not tied in x * pairs not tied in y), as of Kendall (1945).

    Parameters
    ----------
    x, y:
        Shapes that broadcast to (..., m).

    Returns
    -------
    Shape (...), in [-1, 1].
    """
    first, second = np.triu_indices(x.shape[-1], k=1)
    signs_x = np.sign(x[..., first] - x[..., second])
    signs_y = np.sign(y[..., first] - y[..., second])
    untied = np.abs(signs_x).sum(axis=-1) * np.abs(signs_y).sum(axis=-1)
    agreement = (signs_x * signs_y).sum(axis=-1)
    return np.asarray(np.divide(agreement, np.sqrt(untied), out=np.zeros_like(agreement), where=untied > 0))


@dataclass(frozen=True)
class _Block:
    """Ranks as an array: `cells` has a row for each (task, seed), in order, and a column for each optimizer."""

    tasks: pd.Index
    optimizers: pd.Index
    seeds: np.ndarray
    cells: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Mean ranks over seeds, shape (tasks, optimizers)."""
        starts = np.concatenate(([0], np.cumsum(self.seeds)[:-1]))
        return np.asarray(np.add.reduceat(self.cells, starts, axis=0) / self.seeds[:, None])


@dataclass(frozen=True)
class _Pool:
    """What other methods choose by: arrays in the order of the block's tasks."""

    points: np.ndarray | None
    strata: np.ndarray | None


@dataclass(frozen=True)
class _Scores:
    """Measures of several rankings: tau, whether the best agree, and the rank error, each of shape (rankings,)."""

    tau: np.ndarray
    top1: np.ndarray
    error: np.ndarray


def _block(ranks: pd.Series) -> _Block:
    table = ranks.unstack("optimizer").reorder_levels(["task", "seed"]).sort_index()
    if table.shape[1] < 2:
        held = f"only {table.columns[0]}" if table.shape[1] else "none"
        raise UsageError(
            f"at least 2 held-out optimizers are needed to compare rankings, and there is {held}: run more optimizers "
            "that were not used for choosing the subset"
        )
    lacking = table.isna().any(axis=1)
    if lacking.any():
        task, seed = table.index[lacking][0]
        raise UsageError(
            f"{lacking.sum()} of {len(table)} pairs of task and seed lack some of the optimizers, first {task} with "
            f"seed {seed}: give ranks as of optathlon.analysis.ranks"
        )
    seeds = table.groupby(level="task").size()
    block = _Block(seeds.index.astype(str), table.columns, seeds.to_numpy(), table.to_numpy(dtype=float))
    full = np.round(block.means.mean(axis=0), _DECIMALS)
    if np.ptp(full) == 0:
        raise UsageError(
            f"the {len(full)} held-out optimizers all have the same mean rank on the {len(block.tasks)} tasks: there "
            "is no ranking to agree with"
        )
    return block


def _positions(block: _Block, subset: Iterable[str]) -> np.ndarray:
    names: list[str] = list(dict.fromkeys(subset))
    if not names:
        raise UsageError("the subset is empty: give at least one task")
    positions = block.tasks.get_indexer(pd.Index(names, dtype=object))
    missing = [name for name, position in zip(names, positions, strict=True) if position < 0]
    if missing:
        raise UsageError(
            f"{len(missing)} of the {len(names)} tasks of the subset are not in the full set, the {len(block.tasks)} "
            f"tasks that all optimizers ran, first {missing[0]}: run them first, or hold out other optimizers"
        )
    return np.asarray(positions)


def _pool(block: _Block, points: pd.DataFrame | None, strata: pd.Series | None) -> _Pool:
    for what, given in (("point", points), ("stratum", strata)):
        lacking = pd.Index([]) if given is None else block.tasks.difference(given.index)
        if len(lacking):
            raise UsageError(f"{len(lacking)} of {len(block.tasks)} tasks have no {what}, first {lacking[0]}")
    return _Pool(
        None if points is None else points.loc[block.tasks].to_numpy(dtype=float),
        None if strata is None else strata.loc[block.tasks].astype(str).to_numpy(),
    )


def _by_discrepancy(target: Target, strata: np.ndarray | None, seed: int) -> Callable[[np.ndarray, int], Sequence[int]]:
    from optathlon.subsets.selection import select_subset

    return lambda points, size: select_subset(points, size, target=target, strata=strata, seed=seed).indices


def _singles(pool: _Pool, k: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The subsets of methods that give one, and why others give none."""
    if pool.points is None:
        return {}, {MEDOIDS: "there are no points to choose by"}
    try:
        return {MEDOIDS: k_medoids(pool.points, k, seed=seed)}, {}
    except MissingDependency as error:
        return {}, {MEDOIDS: str(error)}


def _drawn(pool: _Pool, tasks: int, k: int, draws: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """The subsets of methods that give many, each of shape (draws, k)."""
    yield RANDOM, random_subsets(tasks, k, draws=draws, seed=seed)
    if pool.strata is not None:
        yield STRATIFIED, stratified_subsets(pool.strata, k, draws=draws, seed=seed)


def _agreements(block: _Block, members: list[np.ndarray], resamples: int, level: float, seed: int) -> list[Agreement]:
    """The agreement of each of several subsets, all with the same resamples."""
    if not 0 < level < 1 or resamples < 1:
        raise UsageError(f"level {level:g} must lie between 0 and 1, and resamples {resamples} be at least 1")
    means = block.means
    full = means.mean(axis=0)
    drawn_full, drawn = _resampled(block, members, resamples, seed)
    return [
        _agreement(block, chosen, full, means[chosen].mean(axis=0), _scores(drawn_full, drawn_subset), level)
        for chosen, drawn_subset in zip(members, drawn, strict=True)
    ]


def _agreement(
    block: _Block, chosen: np.ndarray, full: np.ndarray, subset: np.ndarray, resampled: _Scores, level: float
) -> Agreement:
    observed = _scores(full, subset)
    varies = block.seeds[chosen].max() > 1
    tau_low, tau_high = _interval(resampled.tau, level) if varies else (np.nan, np.nan)
    error_low, error_high = _interval(resampled.error, level) if varies else (np.nan, np.nan)
    mean_ranks = pd.DataFrame({"full": full, "subset": subset}, index=block.optimizers).round(_DECIMALS)
    return Agreement(
        k=len(chosen),
        tasks=len(block.tasks),
        seeds=(int(block.seeds.min()), int(block.seeds.max())),
        tau=float(observed.tau),
        tau_low=tau_low,
        tau_high=tau_high,
        top1=bool(observed.top1),
        top1_share=float(resampled.top1.mean()) if varies else np.nan,
        rank_error=float(observed.error),
        rank_error_low=error_low,
        rank_error_high=error_high,
        mean_ranks=mean_ranks.sort_values("full", kind="stable"),
    )


def _interval(values: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _scores(full: np.ndarray, subset: np.ndarray) -> _Scores:
    """Measures of mean ranks on subsets against those on the full set; shapes broadcast to (..., optimizers)."""
    x, y = np.round(full, _DECIMALS), np.round(subset, _DECIMALS)
    best = (x == x.min(axis=-1, keepdims=True)) == (y == y.min(axis=-1, keepdims=True))
    return _Scores(tau_b(x, y), best.all(axis=-1), np.round(np.abs(x - y).mean(axis=-1), _DECIMALS))


def _resampled(
    block: _Block, members: list[np.ndarray], resamples: int, seed: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Mean ranks on all tasks, and on each of several subsets: shape (resamples, optimizers).

    Resample r gives the j-th of the s seeds of a task the seed floor(s * u), where u is the entry of the (task, seed)
    in row r of one array of uniform numbers, which has as many columns as there are such pairs.
    """
    pairs = len(block.cells)
    task_of_pair = np.repeat(np.arange(len(block.tasks)), block.seeds)
    seeds, starts = block.seeds[task_of_pair], (np.cumsum(block.seeds) - block.seeds)[task_of_pair]
    of_members = [np.flatnonzero(np.isin(task_of_pair, chosen)) for chosen in members]
    rng = np.random.default_rng(seed)
    full: list[np.ndarray] = []
    subsets: list[list[np.ndarray]] = [[] for _ in members]
    for start in range(0, resamples, _BATCH):
        size = min(_BATCH, resamples - start)
        drawn = starts + (rng.random((size, pairs)) * seeds).astype(int) + np.arange(size)[:, None] * pairs
        weights = np.bincount(drawn.ravel(), minlength=size * pairs).reshape(size, pairs) / seeds
        full.append(weights @ block.cells / len(block.tasks))
        for collected, chosen, rows in zip(subsets, members, of_members, strict=True):
            collected.append(weights[:, rows] @ block.cells[rows] / len(chosen))
    return np.concatenate(full), [np.concatenate(parts) for parts in subsets]


def _table(block: _Block, pool: _Pool, rows: dict[int, dict[str, Agreement]], draws: int, seed: int) -> pd.DataFrame:
    """`Methods.measures` from the agreement of single subsets, by size and method, and of random ones drawn here."""
    if draws < 1:
        raise UsageError(f"draws must be at least 1, and are {draws}")
    means = block.means
    full = means.mean(axis=0)
    records: dict[tuple[str, int], dict[str, float]] = {}
    for size, agreements in rows.items():
        for method, agreement in agreements.items():
            records[method, size] = _record(agreement)
        for method, members in _drawn(pool, len(block.tasks), size, draws, seed):
            scores = _scores(full, np.stack([means[chosen].mean(axis=0) for chosen in members]))
            records[method, size] = _record_of_draws(scores, agreements[CHOSEN])
    frame = pd.DataFrame.from_dict(records, orient="index")
    frame.index = pd.MultiIndex.from_tuples(records, names=["method", "k"])
    return frame.astype({"draws": int})


def _record(agreement: Agreement) -> dict[str, float]:
    return {
        "draws": 1,
        "tau": agreement.tau,
        "tau_low": agreement.tau_low,
        "tau_high": agreement.tau_high,
        "top1": float(agreement.top1),
        "rank_error": agreement.rank_error,
        "rank_error_low": agreement.rank_error_low,
        "rank_error_high": agreement.rank_error_high,
        "tau_percentile": np.nan,
        "rank_error_percentile": np.nan,
    }


def _record_of_draws(scores: _Scores, chosen: Agreement) -> dict[str, float]:
    tau_low, tau_high = np.quantile(scores.tau, _BAND)
    error_low, error_high = np.quantile(scores.error, _BAND)
    return {
        "draws": len(scores.tau),
        "tau": scores.tau.mean(),
        "tau_low": tau_low,
        "tau_high": tau_high,
        "top1": scores.top1.mean(),
        "rank_error": scores.error.mean(),
        "rank_error_low": error_low,
        "rank_error_high": error_high,
        "tau_percentile": _share_below(scores.tau, chosen.tau),
        "rank_error_percentile": _share_below(-scores.error, -chosen.rank_error),
    }


def _share_below(values: np.ndarray, value: float) -> float:
    """The share of `values` below `value`, plus half the share of those equal to it."""
    return float(np.mean(values < value) + np.mean(values == value) / 2)
