from __future__ import annotations

import hashlib
from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from optathlon.running.seeds import noise_seeds, optimizer_seed

roots = st.integers(0, 2**31 - 1)
names = st.sampled_from(["random", "optuna-tpe", "bbob/f1/d2/i1", "a", ""])


def first(root: int, task: str, seed: int, number: int = 8) -> list[int]:
    return list(islice(noise_seeds(root, task, seed), number))


def test_seeds_come_from_numpys_seed_sequence() -> None:
    digest = hashlib.sha256(b"optimizer\0random\0bbob/f1/d2/i1\x003").digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    expected = np.random.SeedSequence([5, *words]).generate_state(1)[0] >> 1
    assert optimizer_seed(5, "random", "bbob/f1/d2/i1", 3) == expected


def test_noise_comes_from_an_axis_of_its_own() -> None:
    digest = hashlib.sha256(b"noise\0bbob/f1/d2/i1\x003").digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4)]
    block = np.random.SeedSequence([5, *words]).spawn(1)[0]
    assert first(5, "bbob/f1/d2/i1", 3) == block.generate_state(8).tolist()


@given(roots, names, names, st.integers(0, 1000))
def test_ranges(root: int, optimizer: str, task: str, seed: int) -> None:
    assert 0 <= optimizer_seed(root, optimizer, task, seed) < 2**31
    assert all(type(noise) is int and 0 <= noise < 2**32 for noise in first(root, task, seed))


def test_every_axis_counts_and_axes_are_separate() -> None:
    seeds = {
        optimizer_seed(root, optimizer, task, seed)
        for root in range(4)
        for optimizer in ("random", "sobol", "random[a=1]")
        for task in ("t/1", "t/2", "t/11")
        for seed in range(4)
    }
    assert len(seeds) == 4 * 3 * 3 * 4
    noise = [first(root, task, seed)[0] for root in range(4) for task in ("t/1", "t/2", "t/11") for seed in range(4)]
    assert len(set(noise)) == 4 * 3 * 4
    assert not seeds & {value >> 1 for value in noise}, "optimizer and noise seeds are derived apart"


def test_ids_do_not_run_into_each_other() -> None:
    assert optimizer_seed(0, "a", "bc", 1) != optimizer_seed(0, "ab", "c", 1)
    assert optimizer_seed(0, "a", "b1", 1) != optimizer_seed(0, "a", "b", 11)


def test_noise_is_the_same_however_many_trials_follow() -> None:
    """A longer budget extends a run's noise beyond the block size, and leaves its beginning alone."""
    long = first(3, "t/1", 4, 1000)
    assert long[:10] == first(3, "t/1", 4, 10)
    assert len(set(long)) == 1000
    assert 0.45 < np.mean(np.array(long) / 2**32) < 0.55
