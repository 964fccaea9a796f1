"""Lent generators: the library's numbers repeat themselves, and nobody else's numbers change."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

from optathlon.generators import LentGenerators


def draw() -> tuple[float, float]:
    return random.random(), float(np.random.rand())


def test_the_librarys_numbers_are_those_of_its_seed_whatever_others_draw() -> None:
    random.seed(7)
    np.random.seed(7)
    expected = [draw() for _ in range(3)]
    generators = LentGenerators(7, "python", "numpy")
    found = []
    for _ in range(3):
        random.seed()
        np.random.seed()
        with generators.lent():
            found.append(draw())
    assert found == expected


def test_other_codes_numbers_and_warning_filters_stay_as_they_were() -> None:
    random.seed(1)
    np.random.seed(1)
    expected = [draw() for _ in range(2)]
    random.seed(1)
    np.random.seed(1)
    first, filters = draw(), list(warnings.filters)
    with pytest.raises(RuntimeError), LentGenerators(0, "python", "numpy").lent():
        draw()
        np.random.seed(5)
        warnings.simplefilter("ignore")
        raise RuntimeError("a library that fails while it works")
    assert [first, draw()] == expected
    assert warnings.filters == filters


def test_only_the_named_generators_are_lent() -> None:
    generators = LentGenerators(0, "numpy")
    before = random.getstate()
    with generators.lent():
        random.seed(99)
    assert random.getstate() != before


@pytest.mark.torch
def test_torch() -> None:
    torch = pytest.importorskip("torch")
    expected = torch.rand(2, generator=torch.Generator().manual_seed(3)).tolist()
    before = torch.get_rng_state()
    generators, found = LentGenerators(3, "torch"), []
    for _ in range(2):
        with generators.lent():
            found += torch.rand(1).tolist()
    assert found == expected
    assert torch.equal(torch.get_rng_state(), before)


def test_generators_without_a_seed_get_one_from_the_run() -> None:
    def drawn(seed: int) -> list[float]:
        generators, found = LentGenerators(seed, "numpy-default"), []
        for _ in range(2):
            np.random.default_rng()
            with generators.lent():
                found += [np.random.default_rng().random() for _ in range(2)]
        return found

    before = np.random.default_rng
    assert drawn(1) == drawn(1) != drawn(2)
    assert len(set(drawn(1))) == 4
    assert np.random.default_rng is before
    with LentGenerators(3, "numpy-default").lent():
        seeded = np.random.default_rng(7).random()
    assert seeded == np.random.default_rng(7).random()
