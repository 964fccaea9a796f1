"""Which tasks rank held-out optimizers as all tasks do? `python benchmarks/representativeness.py [RESULTS …]`.

RESULTS are folders with the runs of `configs/pool-blackbox.yaml`, and of the subset's own tasks where they don't ship.
Everything is measured twice: over the optimizers that ran all tasks, and over all of them on the tasks that all ran.
First the choices that can be made beforehand, by the optimizers of the shipped subset; then, in cross-validation,
choices by some or all of a half of the optimizers, measured on the other half.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from optathlon.cli.source import read_all
from optathlon.subsets.baselines import k_medoids, random_subsets, stratified_subsets
from optathlon.subsets.performance import Performance, performance
from optathlon.subsets.points import task_points
from optathlon.subsets.selection import select_subset
from optathlon.subsets.subset import Subset
from optathlon.subsets.validation import tau_b

DRAWS = 500
SPLITS = 30
SEARCHES = 2
RESTARTS = 4
MOST = 0.8
"""An optimizer with runs on a smaller share of the tasks is left out."""
FEW = (3, 6, 10)
"""How many optimizers choose, in cross-validation, besides half of them."""


@dataclass(frozen=True)
class Setting:
    """Some optimizers on the tasks that all of them ran, with the seeds that all have there."""

    known: Performance
    strata: pd.Series
    size: int

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Losses: (task, seed) x optimizers; the worst where a run has no result."""
        return self.known.losses.unstack("optimizer").sort_index().fillna(np.inf)

    @cached_property
    def tasks(self) -> list[str]:
        """By name."""
        return [str(task) for task in self.cells.index.unique("task")]

    @property
    def optimizers(self) -> list[str]:
        """By name."""
        return [*self.cells]

    def ranks(self, optimizers: Sequence[str]) -> np.ndarray:
        """Shape (tasks, optimizers): mean ranks over seeds, among these optimizers."""
        among = pd.DataFrame(rankdata(self.cells[[*optimizers]], axis=1), self.cells.index)
        return among.groupby(level="task").mean().loc[self.tasks].to_numpy()

    def points(self, optimizers: Sequence[str]) -> np.ndarray:
        """Shape (tasks, optimizers): what `optathlon subset select` chooses by."""
        kept = self.known.losses.index.get_level_values("optimizer").isin(optimizers)
        own = replace(self.known, losses=self.known.losses[kept])
        return task_points(own.regret, scale="linear").points.loc[self.tasks].to_numpy()

    def judged(self, optimizers: Sequence[str]) -> Judge:
        """Who says how well subsets rank these optimizers."""
        return Judge(self.ranks(optimizers), self.size, self.strata.loc[self.tasks].to_numpy())


class Judge:
    """Measures of subsets against all tasks, and how many random subsets do worse."""

    def __init__(self, ranks: np.ndarray, size: int, strata: np.ndarray) -> None:
        self.ranks = ranks
        self.size = size
        self.strata = strata
        self.random = self.measures(random_subsets(len(ranks), size, draws=DRAWS))

    def of_random(self) -> np.ndarray:
        """Measures of random subsets, shape (draws, 4)."""
        return self.of(random_subsets(len(self.ranks), self.size, draws=DRAWS, seed=1))

    def stratified(self) -> np.ndarray:
        """Measures of stratified subsets, shape (draws, 4)."""
        return self.of(stratified_subsets(self.strata, self.size, draws=DRAWS))

    def measures(self, subsets: np.ndarray) -> np.ndarray:
        """Shape (subsets, 2): tau, and the difference of mean ranks."""
        full = np.round(self.ranks.mean(axis=0), 12)
        own = np.round(self.ranks[subsets].mean(axis=1), 12)
        return np.column_stack([tau_b(full, own), np.abs(full - own).mean(axis=1)])

    def of(self, subsets: np.ndarray) -> np.ndarray:
        """Shape (subsets, 4): the measures, and the shares of random subsets that are worse by each (ties half)."""
        found = self.measures(np.asarray(subsets))
        signs = np.array([1.0, -1.0])
        worse = [share_below(self.random[:, at] * signs[at], found[:, at] * signs[at]) for at in range(2)]
        return np.column_stack([found, *worse])


def share_below(values: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """For each limit the share of values below it, plus half the share of those equal to it."""
    ordered = np.sort(values)
    below, up_to = (np.searchsorted(ordered, limits, side) for side in ("left", "right"))
    return np.asarray((below + up_to) / 2 / len(values))


def matching(ranks: np.ndarray, size: int, strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The tasks on which these optimizers' mean ranks differ least from those on all.

    They are found by exchanges within strata, each the best one, from random starts with each stratum's share.
    """
    full = ranks.mean(axis=0)
    best, least = np.arange(size), np.inf
    for chosen in stratified_subsets(strata, size, draws=RESTARTS, seed=int(rng.integers(2**31))):
        now = np.abs(ranks[chosen].mean(axis=0) - full).mean()
        while True:
            others = np.setdiff1d(np.arange(len(ranks)), chosen)
            sums = ranks[chosen].sum(axis=0) - ranks[chosen][:, None] + ranks[others][None]
            errors = np.abs(sums / size - full).mean(axis=2)
            errors[strata[chosen][:, None] != strata[others][None]] = np.inf
            out, come = np.unravel_index(np.argmin(errors), errors.shape)
            if errors[out, come] >= now - 1e-12:
                break
            now = errors[out, come]
            chosen[out] = others[come]
        if now < least:
            best, least = chosen.copy(), now
    return best


def settings(known: Performance, subset: Subset) -> Iterator[tuple[str, Setting]]:
    """The optimizers with all tasks, and all optimizers on the tasks that all have."""
    runs = known.losses.groupby(level=["optimizer", "task"]).size().unstack("task", fill_value=0)
    complete = runs == runs.to_numpy().max()
    complete = complete[complete.mean(axis=1) >= MOST]
    hyperparameters = known.tasks["space"].map(lambda space: len(space["hyperparameters"]))
    strata = known.tasks["collection"].astype(str) + ", " + hyperparameters.astype(str)
    able, shared = complete.index[complete.all(axis=1)], complete.columns[complete.all(axis=0)]
    for title, optimizers, tasks in (("all tasks", able, runs.columns), ("shared tasks", complete.index, shared)):
        index = known.losses.index
        kept = index.get_level_values("optimizer").isin(optimizers) & index.get_level_values("task").isin(tasks)
        size = max(len({*part.tasks} & {*tasks}) for part in subset.parts.values())
        yield title, Setting(replace(known, losses=known.losses[kept]), strata, size)


def beforehand(setting: Setting, subset: Subset) -> Iterator[tuple[str, np.ndarray]]:
    """Choices by the optimizers of the subset, measured on all others: by name, shape (subsets, 4)."""
    used = subset.features.optimizers
    judge = setting.judged([name for name in setting.optimizers if name not in used])
    points, shares = setting.points(used), setting.known.collections.loc[setting.tasks].to_numpy()
    for name, part in subset.parts.items():
        own = [setting.tasks.index(task) for task in part.tasks if task in setting.tasks]
        ranked = Judge(judge.ranks, len(own), judge.strata)
        yield f"shipped {subset.name}/{name}, {len(own)} tasks", ranked.of(np.array([own]))
    yield "random", judge.of_random()
    yield "stratified", judge.stratified()
    for target in ("empirical", "uniform"):
        for title, strata in (("", None), (", shares of collections", shares)):
            found = [
                select_subset(points, setting.size, target=target, strata=strata, seed=seed, restarts=1).indices
                for seed in range(SEARCHES)
            ]
            yield f"discrepancy, {target}{title}", judge.of(np.array(found))
    yield "k-medoids of points", judge.of(np.array([k_medoids(points, setting.size)]))
    rng = np.random.default_rng(0)
    ranks = setting.ranks(used)
    matched = [matching(ranks, setting.size, np.zeros(len(ranks)), rng) for _ in range(SEARCHES)]
    yield "least difference of their own ranks", judge.of(np.array(matched))


def cross_validated(setting: Setting) -> Iterator[tuple[str, np.ndarray]]:
    """Choices by one half of the optimizers, measured on the other: by name, shape (splits, 4), means over subsets."""
    rows: dict[str, list[np.ndarray]] = {}
    rng = np.random.default_rng(1)
    for _ in range(SPLITS):
        mixed = [str(name) for name in rng.permutation(setting.optimizers)]
        half, others = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        judge = setting.judged(others)
        rows.setdefault("random", []).append(judge.of_random().mean(axis=0))
        rows.setdefault("stratified", []).append(judge.stratified().mean(axis=0))
        for name, chosen in chosen_by(setting, half, rng):
            rows.setdefault(name, []).append(judge.of(chosen[None])[0])
    for name, found in rows.items():
        yield name, np.array(found)


def chosen_by(setting: Setting, half: list[str], rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """The choices of one half, and of some of it."""
    three, size = setting.points(half[:3]), setting.size
    shares = setting.known.collections.loc[setting.tasks].to_numpy()
    anywhere = np.zeros(len(shares))
    yield "discrepancy, points by 3", np.array(select_subset(three, size, restarts=1).indices)
    yield "discrepancy, points by 3, shares", np.array(select_subset(three, size, strata=shares, restarts=1).indices)
    yield "k-medoids, points by 3", k_medoids(three, size)
    yield "k-medoids, ranks of the half", k_medoids(setting.ranks(half), size)
    for count in FEW:
        yield f"least difference of ranks, of {count}", matching(setting.ranks(half[:count]), size, anywhere, rng)
    yield "least difference of ranks, of the half", matching(setting.ranks(half), size, anywhere, rng)
    yield "least difference of ranks, of the half, shares", matching(setting.ranks(half), size, shares, rng)


def row(name: str, found: np.ndarray) -> str:
    """A line of a table: means, 2.5 to 97.5 % of what they are over, and two standard errors of the shares."""
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    error = 2 * found.std(axis=0) / np.sqrt(len(found))
    several = len(found) > SEARCHES
    spread = [f" ({low[at]:.2f} to {high[at]:.2f})" if several else "" for at in range(2)]
    around = [f" ± {error[at]:.0%}" if several else "" for at in (2, 3)]
    tau, difference, by_tau, by_difference = found.mean(axis=0)
    cells = (f"{tau:.2f}{spread[0]}", f"{difference:.2f}{spread[1]}", f"{by_tau:.0%}{around[0]}")
    return f"| {name} | {' | '.join(cells)} | {by_difference:.0%}{around[1]} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="*", type=Path)
    parser.add_argument("--subset", default="blackbox")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    subset = Subset.read(arguments.subset)
    results, _ = read_all(arguments.results, "*", more_tasks=subset.tasks)
    results = replace(results, runs=results.runs[(results.runs["seed"] < arguments.seeds).to_numpy()])
    known = performance(results, type=subset.type)
    for title, setting in settings(known, subset):
        held_out = len(setting.optimizers) - len(subset.features.optimizers)
        print(f"\n## {title}: {len(setting.tasks)}, {len(setting.optimizers)} optimizers, {held_out} held out\n")
        for heading, found in (
            ("choices beforehand", beforehand(setting, subset)),
            (f"cross-validated, {SPLITS} splits", cross_validated(setting)),
        ):
            print(f"| {heading} | τ | difference of mean ranks | better than random by τ | by the difference |")
            print("|---|---|---|---|---|")
            for name, measures in found:
                print(row(name, measures), flush=True)
            print()


if __name__ == "__main__":
    main()
