"""How often the report's tests find a difference where there is none: `python benchmarks/significance.py [FILE]`.

By simulation: optimizers that are alike on tasks that differ, with runs of the same seed alike to a degree (common
random numbers), with and without ties. Counted is how often a test of level 5 % finds any difference. Goal: in at most
5.5 % of experiments, for 2 to 6 optimizers, 5 to 50 tasks and 1 to 5 seeds.

- The primary test: Wilcoxon's signed-rank test of each pair, with Holm's correction (`wilcoxon_holm`).
- The same beside a winner: another optimizer is better than all others everywhere, which are alike; counted is how
  often two of these are told apart.
- Nemenyi's test after Friedman's (`friedman_nemenyi`).
- Bold cells of "where each shines": one optimizer on one kind of task (`strengths`).

What is done is kept in FILE, by default `significance.json`: the same command does the rest. It takes some minutes,
and prints the tables of `docs/statistics.md`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from optathlon.analysis.stats.nemenyi import critical_difference, friedman_nemenyi
from optathlon.analysis.stats.signed_ranks import signed_rank_p, signed_ranks
from optathlon.analysis.stats.significance import ALPHA, holm
from optathlon.analysis.stats.strengths import strengths

TESTS = {"primary": 2, "beside a winner": 3, "nemenyi": 3, "bold": 2}
"""And the fewest optimizers that each is about."""
OPTIMIZERS = (2, 3, 4, 5, 6)
TASKS = (5, 10, 20, 50)
SEEDS = (1, 3, 5)
TIES = (False, True)
GOAL = 0.055
REPEATS = 10_000
CELL_REPEATS = 1_000
"""Of experiments for the bold cells: each has several."""

_BATCH = 500


def levels(tasks: int, seeds: int, *, ties: bool, repeats: int) -> dict[str, list[float]]:
    """Shares of `repeats` experiments with any difference found, by test, for each number of `OPTIMIZERS`."""
    found: dict[str, list[np.ndarray]] = {"primary": [], "beside a winner": [], "nemenyi": []}
    rng = np.random.default_rng([tasks, seeds, ties])
    for start in range(0, repeats, _BATCH):
        losses = alike(rng, (min(_BATCH, repeats - start), tasks, seeds, OPTIMIZERS[-1]), ties=ties)
        for name, rejected in _rejections(losses).items():
            found[name].append(rejected)
    return {name: np.concatenate(parts).mean(axis=0).tolist() for name, parts in found.items()}


def alike(rng: np.random.Generator, shape: tuple[int, int, int, int], *, ties: bool) -> np.ndarray:
    """Losses of shape (experiments, tasks, seeds, optimizers); those of a task and seed have a part in common."""
    losses = rng.normal(size=shape) + rng.normal(size=(*shape[:-1], 1))
    scaled: np.ndarray = losses * np.exp(rng.normal(size=(*shape[:2], 1, 1)))
    return np.round(scaled) if ties else scaled


def strengths_level(tasks: int, optimizers: int, *, repeats: int) -> float:
    """The share of bold cells."""
    rng = np.random.default_rng([tasks, optimizers])
    kinds = pd.DataFrame({"kind": np.arange(tasks) % 2}).astype(str)
    names = [f"o{number}" for number in range(optimizers)]
    bold = []
    for repeat in range(repeats):
        ranks = pd.DataFrame(rankdata(rng.normal(size=(tasks, optimizers)), axis=1), columns=names)
        p_values = strengths(ranks, kinds, permutations=199, seed=repeat)["p_value"]
        bold.append((p_values <= ALPHA).mean())
    return float(np.mean(bold))


def _rejections(losses: np.ndarray) -> dict[str, np.ndarray]:
    """By test, shape (experiments, numbers of optimizers): whether it finds a difference."""
    first, second = np.triu_indices(losses.shape[3], k=1)
    subsets = [(count, second < count) for count in OPTIMIZERS]
    # as `rank_differences`, which takes too long for so many
    differences = np.sign(losses[..., first] - losses[..., second]).mean(axis=2)
    p_values = np.array([signed_rank_p(signed_ranks(each)) for each in differences])
    beaten = np.where(first == 0, min(1.0, 2.0 ** (1 - losses.shape[1])), p_values)
    ranks = {count: rankdata(losses[..., :count], axis=3).mean(axis=2).round(12) for count in OPTIMIZERS}
    return {
        "primary": np.array([[_any(holm(each[kept])) for _, kept in subsets] for each in p_values]),
        "beside a winner": np.array(
            [[_any(holm(each[kept])[first[kept] > 0]) for _, kept in subsets] for each in beaten]
        ),
        "nemenyi": np.column_stack([_nemenyi(ranks[count]) for count in OPTIMIZERS]),
    }


def _any(corrected: np.ndarray) -> bool:
    return bool((corrected < ALPHA).any())


def _nemenyi(ranks: np.ndarray) -> np.ndarray:
    """The test is asked only where mean ranks are so far apart that it can find something."""
    tasks, optimizers = ranks.shape[1:]
    rejected = np.zeros(len(ranks), dtype=bool)
    if optimizers < 3:
        return rejected
    reach = np.ptp(rankdata(ranks, axis=2).mean(axis=1), axis=1)
    for place in np.nonzero(reach > 0.99 * critical_difference(optimizers, tasks))[0]:
        rejected[place] = friedman_nemenyi(pd.DataFrame(ranks[place])).p_value < ALPHA
    return rejected


def measure(path: Path) -> dict[str, dict[str, list[float]]]:
    """All cells, by name; those that `path` lacks are computed and added to it."""
    found: dict[str, dict[str, list[float]]] = json.loads(path.read_text()) if path.exists() else {}
    for name, cell in _cells():
        if name not in found:
            found[name] = cell()
            path.write_text(json.dumps(found, indent=1))
            print(name, found[name], file=sys.stderr, flush=True)
    return found


def _cells() -> Iterator[tuple[str, Callable[[], dict[str, list[float]]]]]:
    for tasks, seeds, ties in product(TASKS, SEEDS, TIES):
        name = f"{tasks} tasks, {seeds} {'seed' if seeds == 1 else 'seeds'}, {'ties' if ties else 'no ties'}"
        yield name, partial(levels, tasks, seeds, ties=ties, repeats=REPEATS)
    for tasks in TASKS[1:]:
        yield f"{tasks} tasks", partial(_of_strengths, tasks)


def _of_strengths(tasks: int) -> dict[str, list[float]]:
    return {"bold": [strengths_level(tasks, count, repeats=CELL_REPEATS) for count in OPTIMIZERS]}


def table(found: dict[str, dict[str, list[float]]], test: str) -> str:
    """Markdown: per cent of experiments, by number of optimizers."""
    shown = [place for place, count in enumerate(OPTIMIZERS) if count >= TESTS[test]]
    head = f"| {test} | {' | '.join(f'{OPTIMIZERS[place]} optimizers' for place in shown)} |"
    rows = [
        f"| {name} | {' | '.join(f'{100 * cell[test][place]:.1f}' for place in shown)} |"
        for name, cell in found.items()
        if test in cell
    ]
    return "\n".join([head, f"|---|{'---|' * len(shown)}", *rows])


def main() -> int:
    """Measure, and print the tables; 1 if some level is above the goal."""
    found = measure(Path(sys.argv[1] if len(sys.argv) > 1 else "significance.json"))
    for test in TESTS:
        print(table(found, test), end="\n\n")
    worst = max(share for cell in found.values() for shares in cell.values() for share in shares)
    print(f"worst: {100 * worst:.2f} %, goal: {100 * GOAL:.2f} %")
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
