"""How good and how fast subset selection is: `python benchmarks/subsets.py [--quick]`.

1. The discrepancy to the uniform distribution that `select_subset` reaches with its defaults, on uniform, clumped and
   log-normal clouds, and its CPU seconds, beside the published C heuristic of Clément, Doerr and Paquete (2022), whose
   figures below were measured once, on the same inputs but another machine (goals: geometric mean of the ratios
   <= 0.92, each <= 1.002, at most a tenth of the CPU time).
2. The same beside optima proven by an exact solver (goal: within 1 %).
3. Time of one exact evaluation inside the kernel, for both targets, by k, d and n (goals: <= 10 us at d = 3, k = 30 and
   <= 100 us at d = 4, k = 30; works to d = 6, k = 100).

All clouds come from seeds. Compilation is done before anything is measured.
"""

from __future__ import annotations

import math
import sys
import time
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from optathlon.subsets import select_subset
from optathlon.subsets.boxes import (
    Instance,
    Integers,
    Points,
    Workspace,
    make_instance,
    make_workspace,
    sorted_members,
    subset_weights,
)
from optathlon.subsets.kernels import worst_box

Cloud = npt.NDArray[np.float64]

REFERENCE = """
uniform   2  200 10 0.122949 10.0
uniform   2  200 20 0.08481  22.6
uniform   2  200 30 0.065795 37.2
uniform   2  500 10 0.119082 23.9
uniform   2  500 20 0.0761   39.5
uniform   2  500 30 0.061596 38.4
uniform   2 1000 10 0.115577 38.7
uniform   2 1000 20 0.073383 39.1
uniform   2 1000 30 0.060109 39.4
uniform   2 3000 10 0.11509  38.2
uniform   2 3000 20 0.073042 39.2
uniform   2 3000 30 0.055181 38.7
uniform   3  200 10 0.182176 39.9
uniform   3  200 20 0.127268 38.9
uniform   3  200 30 0.102778 39.2
uniform   3  500 10 0.184379 20.0
uniform   3  500 20 0.126883 19.6
uniform   3  500 30 0.101088 19.7
uniform   3 1000 10 0.182406 18.4
uniform   3 1000 20 0.121463 19.6
uniform   3 1000 30 0.096213 18.2
uniform   3 3000 10 0.176922 19.7
uniform   3 3000 20 0.117621 19.8
uniform   3 3000 30 0.095662 19.6
uniform   4  200 10 0.25069  19.3
uniform   4  200 20 0.171193 19.6
uniform   4  200 30 0.14271  19.0
uniform   4  500 10 0.240596 19.2
uniform   4  500 20 0.169312 18.6
uniform   4  500 30 0.139387 19.3
uniform   4 1000 10 0.235164 18.8
uniform   4 1000 20 0.164926 19.3
uniform   4 1000 30 0.139582 19.3
uniform   4 3000 10 0.233234 18.3
uniform   4 3000 20 0.156667 19.8
uniform   4 3000 30 0.124582 19.1
uniform   5  500 20 0.207673 19.6
clumped   3 1000 20 0.155935 19.5
clumped   3 3000 20 0.13946  18.7
lognormal 3 1000 20 0.222462 19.3
lognormal 3 3000 20 0.337178 19.7
"""
"""Kind, d, n, k, best discrepancy and CPU seconds of the C heuristic."""

PROVEN = (
    (2, 60, 6, 0.1940588198),
    (2, 60, 10, 0.1310760001),
    (2, 60, 20, 0.0820511120),
    (2, 100, 10, 0.1282186797),
    (2, 100, 20, 0.0796500464),
    (2, 200, 10, 0.1229492635),
    (3, 60, 6, 0.2570726948),
    (3, 60, 10, 0.1927164179),
    (3, 60, 20, 0.1304257064),
)
"""d, n, k and the proven optimum on uniform clouds; `optathlon.subsets.certify` proves them, too."""

EVALUATIONS = (
    *((2, 30, n) for n in (200, 1000, 3000)),
    *((3, k, 1000) for k in (10, 20, 30, 60, 100)),
    *((3, 30, n) for n in (200, 3000)),
    *((4, k, 1000) for k in (10, 20, 30)),
    (5, 30, 1000),
    (6, 30, 1000),
)
"""d, k, n."""


class Case(NamedTuple):
    kind: str
    d: int
    n: int
    k: int
    reference: float
    reference_cpu: float


def cloud(kind: str, d: int, n: int) -> Cloud:
    """Uniform points, or correlated regrets of three optimizers, clumped at 0 or on a log scale."""
    if kind == "uniform":
        return np.random.default_rng([2024, d, n]).random((n, d))
    rng = np.random.default_rng([77, n])
    difficulty = rng.beta(0.6, 2.0, n)[:, None]
    loss = np.clip(difficulty * rng.lognormal([0.3, -0.6, -0.3], 0.7, (n, d)), 0, None)
    clumped = scaled(loss / (1 + loss))
    return clumped if kind == "clumped" else scaled(np.log10(clumped + 1e-10 + 1e-6 * rng.random(clumped.shape)))


def scaled(values: Cloud) -> Cloud:
    result: Cloud = (values - values.min(axis=0)) / (values.max(axis=0) - values.min(axis=0))
    return result


def against_the_heuristic(cases: list[Case]) -> None:
    print(
        f"{'cloud':<10}{'d':>2}{'n':>6}{'k':>4}{'reached':>10}{'CPU s':>7}{'C':>10}{'CPU s':>7}{'ratio':>8}{'time':>7}"
    )
    ratios, shares = [], []
    for case in cases:
        points = cloud(case.kind, case.d, case.n)
        began = time.process_time()
        reached = select_subset(points, case.k, target="uniform").discrepancy
        cpu = time.process_time() - began
        ratios.append(reached / case.reference)
        shares.append(cpu / case.reference_cpu)
        print(
            f"{case.kind:<10}{case.d:>2}{case.n:>6}{case.k:>4}{reached:>10.6f}{cpu:>7.2f}{case.reference:>10.6f}"
            f"{case.reference_cpu:>7.1f}{ratios[-1]:>8.4f}{shares[-1]:>7.1%}",
            flush=True,
        )
    mean = math.exp(np.mean(np.log(ratios)))
    print(f"{len(cases)} cases: geometric mean {mean:.4f}, worst {max(ratios):.4f}; most CPU time {max(shares):.1%}\n")


def against_proven_optima() -> None:
    for d, n, k, least in PROVEN:
        reached = select_subset(cloud("uniform", d, n), k, target="uniform").discrepancy
        print(f"proven optimum, d = {d}, n = {n:>3}, k = {k:>2}: {least:.6f}, reached {reached / least - 1:+.2%}")
    print()


def _evaluate_again(instance: Instance, work: Workspace, members: Points, weights: Integers, times: int) -> float:
    total = 0.0
    for _ in range(times):
        total += worst_box(instance, work, members, weights, 0.0)
    return total


evaluate_again = numba.njit(_evaluate_again)


def evaluation_time(d: int, k: int, n: int, *, uniform: bool, budget: float) -> float:
    """Microseconds for one evaluation of a random subset, over about `budget` seconds."""
    instance = make_instance(cloud("uniform", d, n), k, uniform=uniform)
    work = make_workspace(instance)
    subset = np.random.default_rng(0).permutation(n)[:k]
    members, weights = sorted_members(instance, subset), subset_weights(instance, subset)
    evaluate_again(instance, work, members, weights, 1)
    times, spent = 1, 0.0
    while spent < budget:
        times *= 2
        began = time.process_time()
        evaluate_again(instance, work, members, weights, times)
        spent = time.process_time() - began
    return spent / times * 1e6


def growth(budget: float, *, largest: bool) -> None:
    print(f"{'one evaluation':<16}{'d':>3}{'k':>5}{'n':>6}{'uniform':>14}{'empirical':>14}")
    for d, k, n in (*EVALUATIONS, *([(6, 100, 1000)] if largest else [])):
        times = [evaluation_time(d, k, n, uniform=uniform, budget=budget) for uniform in (True, False)]
        print(f"{'':<16}{d:>3}{k:>5}{n:>6}{times[0]:>11.1f} us{times[1]:>11.1f} us", flush=True)


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    lines = (line.split() for line in REFERENCE.strip().splitlines())
    cases = [Case(kind, int(d), int(n), int(k), float(best), float(cpu)) for kind, d, n, k, best, cpu in lines]
    select_subset(cloud("uniform", 2, 60), 5, target="uniform", iterations=100)
    against_the_heuristic(cases[::6] if quick else cases)
    against_proven_optima()
    growth(0.02 if quick else 0.2, largest=not quick)


if __name__ == "__main__":
    main()
