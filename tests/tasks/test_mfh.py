from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from facts_check import require_facts_of_tasks
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import kendalltau, qmc

from optathlon.problem import TaskType
from optathlon.tasks.mfh import MultiFidelityHartmann

MFH = MultiFidelityHartmann()
IDS = list(MFH.ids())
QUALITIES = ("good", "moderate", "bad", "terrible")
BEST = {  # https://www.sfu.ca/~ssurjano: hart3 and hart6
    3: (-3.86278, (0.114614, 0.555649, 0.852547)),
    6: (-3.32237, (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573)),
}
LEVELS = st.integers(3, 100)
SEEDS = st.integers(0, 2**32 - 1)


def at(point: Any) -> dict[str, float]:
    return {f"x{index}": float(value) for index, value in enumerate(point)}


def evaluate(id: str, point: Any, fidelity: Any = None, seed: int = 0) -> float:
    (value,) = MFH.make(id).evaluate(at(point), fidelity=fidelity, seed=seed).values
    return value


def textbook(x: Any) -> float:
    """Hartmann's functions as in Surjanovic & Bingham's virtual library, in matrix form."""
    a, p = {
        3: ("3 10 30; .1 10 35; 3 10 30; .1 10 35", "3689 1170 2673; 4699 4387 7470; 1091 8732 5547; 381 5743 8828"),
        6: (
            "10 3 17 3.5 1.7 8; .05 10 17 .1 8 14; 3 3.5 1.7 10 17 8; 17 8 .05 10 .1 14",
            "1312 1696 5569 124 8283 5886; 2329 4135 8307 3736 1004 9991; "
            "2348 1451 3522 2883 3047 6650; 4047 8828 8732 5743 1091 381",
        ),
    }[len(x)]
    weights, centres = (np.array([row.split() for row in text.split(";")], dtype=float) for text in (a, p))
    return float(-np.array([1, 1.2, 3, 3.2]) @ np.exp(-(weights * (np.asarray(x) - 1e-4 * centres) ** 2).sum(axis=1)))


def points(dimension: int, count: int) -> np.ndarray:
    return qmc.Sobol(dimension, seed=1).random(count)


def test_facts_are_those_of_the_tasks() -> None:
    require_facts_of_tasks(MFH)


def test_ids() -> None:
    assert [(MFH.make(id).metadata["dimension"], MFH.make(id).metadata["quality"]) for id in IDS] == [
        (dimension, quality) for dimension in (3, 6) for quality in QUALITIES
    ]
    assert [MFH.make(id).id for id in IDS] == IDS


@pytest.mark.parametrize(
    "id", ["mfh/h4/good", "mfh/h3", "mfh/h3/great", "mfh/h3/good/", "mfh/h3/good\n", "h3/good", ""]
)
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError):
        MFH.make(id)


@pytest.mark.parametrize("id", IDS)
def test_the_published_optimum(id: str) -> None:
    task = MFH.make(id)
    published, point = BEST[int(id[5])]
    (objective,) = task.problem.objectives
    assert objective.optimum == pytest.approx(published, abs=5e-6)
    assert evaluate(id, point) == pytest.approx(published, abs=5e-6)
    assert objective.direction == "minimize"


@pytest.mark.parametrize("dimension", [3, 6])
def test_no_point_is_better_than_the_stated_optimum(dimension: int) -> None:
    (objective,) = MFH.make(f"mfh/h{dimension}/good").problem.objectives
    options = {"xatol": 1e-13, "fatol": 1e-16, "maxfev": 20_000, "maxiter": 20_000}
    polished = minimize(textbook, BEST[dimension][1], method="Nelder-Mead", options=options)
    assert objective.optimum is not None
    assert objective.optimum == pytest.approx(polished.fun, abs=1e-13)
    assert all(textbook(point) >= objective.optimum for point in points(dimension, 4096))


@given(st.sampled_from(IDS), st.data())
def test_the_full_fidelity_is_the_textbook_function(id: str, data: st.DataObject) -> None:
    dimension = int(id[5])
    point = data.draw(st.lists(st.floats(0, 1), min_size=dimension, max_size=dimension))
    seed = data.draw(SEEDS)
    assert evaluate(id, point, None, seed) == pytest.approx(textbook(point), rel=1e-12, abs=1e-300)
    assert evaluate(id, point, 100, seed) == evaluate(id, point, None, seed)


@pytest.mark.parametrize(
    ("id", "level", "expected"),
    [  # values of mf-prior-bench 1.10.0's generators with the noise set to 0
        ("mfh/h3/good", 3, -0.9266785046517949),
        ("mfh/h3/terrible", 10, -0.7953949943476687),
        ("mfh/h3/bad", 50, -2.801654263551562),
        ("mfh/h3/moderate", 100, -3.519074961046237),
        ("mfh/h6/good", 3, 0.08366488080403175),
        ("mfh/h6/terrible", 10, 0.09471942754098628),
        ("mfh/h6/bad", 50, -0.07421486440843934),
        ("mfh/h6/moderate", 100, -0.1346242837798541),
    ],
)
def test_values_without_their_noise_are_those_of_mf_prior_bench(id: str, level: Any, expected: Any) -> None:
    noise = {"good": 2, "moderate": 3, "bad": 4, "terrible": 5}[id.split("/")[2]]
    point = {3: (0.1, 0.5, 0.9), 6: (0.1, 0.26, 0.42, 0.58, 0.74, 0.9)}[int(id[5])]
    drawn = abs(np.random.default_rng(77).standard_normal()) * noise * (1 - math.log(level) / math.log(100))
    assert evaluate(id, point, level, seed=77) - drawn == pytest.approx(expected, abs=1e-12)


def test_noise_is_half_normal_and_shrinks_with_the_log_of_the_fidelity() -> None:
    point = points(3, 1)[0]
    for level in (3, 10, 31):
        values = np.array([evaluate("mfh/h3/moderate", point, level, seed) for seed in range(3000)])
        scale = 3.0 * (1 - math.log(level) / math.log(100))
        spread = values - values.min()
        assert spread.mean() == pytest.approx(scale * math.sqrt(2 / math.pi), rel=0.06)
        assert values.std() == pytest.approx(scale * math.sqrt(1 - 2 / math.pi), rel=0.06)


@given(st.sampled_from(IDS), LEVELS, SEEDS)
def test_the_same_arguments_give_the_same_result(id: str, level: Any, seed: int) -> None:
    point = points(int(id[5]), 2)[1]
    first, other = MFH.make(id), MFH.make(id)
    result = first.evaluate(at(point), fidelity=level, seed=seed)
    first.evaluate(at(point), fidelity=3, seed=seed ^ 1)
    assert first.evaluate(at(point), fidelity=level, seed=seed) == result
    assert other.evaluate(at(point), fidelity=level, seed=seed) == result


def test_seeds_differ_below_the_full_fidelity_and_only_there() -> None:
    point = points(6, 1)[0]
    assert len({evaluate("mfh/h6/good", point, 99, seed) for seed in range(20)}) == 20
    assert len({evaluate("mfh/h6/good", point, 100, seed) for seed in range(20)}) == 1


@pytest.mark.parametrize("dimension", [3, 6])
@pytest.mark.parametrize("level", [3, 10, 30])
def test_low_fidelities_rank_better_the_better_the_quality(dimension: int, level: Any) -> None:
    sample = points(dimension, 1024)
    full = [textbook(point) for point in sample]
    taus = []
    for quality in QUALITIES:
        id = f"mfh/h{dimension}/{quality}"
        low = [evaluate(id, point, level, seed) for seed, point in enumerate(sample)]
        taus.append(kendalltau(full, low).statistic)
    assert taus == sorted(taus, reverse=True)


@pytest.mark.parametrize("id", IDS)
def test_higher_fidelities_rank_better(id: str) -> None:
    sample = points(int(id[5]), 1024)
    full = [textbook(point) for point in sample]
    taus = [
        kendalltau(full, [evaluate(id, point, level, seed) for seed, point in enumerate(sample)]).statistic
        for level in (3, 30, 80, 100)
    ]
    assert taus == sorted(taus)
    assert taus[-1] == pytest.approx(1)


@pytest.mark.parametrize(("level", "cost"), [(3, 0.050855), (10, 0.0595), (50, 0.2875), (100, 1.0), (None, 1.0)])
def test_costs(level: Any, cost: Any) -> None:
    for id in IDS:
        task = MFH.make(id)
        result = task.evaluate(at(points(int(id[5]), 1)[0]), fidelity=level, seed=1)
        assert result.cost == pytest.approx(cost, abs=1e-12)
        assert type(result.values[0]) is float


def test_problem_and_metadata() -> None:
    task = MFH.make("mfh/h6/bad")
    assert task.metadata == {"dimension": 6, "quality": "bad", "bias": 3.5, "noise": 4.0}
    problem = task.problem
    assert list(problem.space) == [f"x{index}" for index in range(6)]
    hyperparameters: list[Any] = list(problem.space.values())
    assert all((hp.lower, hp.upper) == (0, 1) for hp in hyperparameters)
    fidelity = problem.fidelity
    assert fidelity is not None
    assert (fidelity.name, fidelity.lower, fidelity.upper, fidelity.kind) == ("z", 3, 100, "int")
    assert not fidelity.resumable
    assert problem.type is TaskType.MULTI_FIDELITY
    assert problem.budget.evaluations == 118
    assert MFH.make("mfh/h3/good").problem.budget.evaluations == 90


def test_fingerprints_are_stable_and_tell_dimensions_apart() -> None:
    three, six = (MFH.make(f"mfh/h{dimension}/good").fingerprint() for dimension in (3, 6))
    assert three != six
    assert MFH.make("mfh/h3/good").fingerprint() == three
