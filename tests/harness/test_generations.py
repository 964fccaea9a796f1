"""Generations are told whole, in the order of their members."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.errors import SearchSpaceExhausted
from optathlon.generations import Generations, Member
from optathlon.trial import Result, Status


def result(loss: float) -> Result:
    return Result(values=(loss,), losses=(loss,))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.randoms(use_true_random=False), st.integers(1, 7))
def test_generations_of_any_size_are_told_in_order(sizes: list[int], random: object, workers: int) -> None:
    from random import Random

    assert isinstance(random, Random)
    bred = iter([[(number, place) for place in range(size)] for number, size in enumerate(sizes)])
    told: list[list[tuple[tuple[int, int], float]]] = []

    def learn(members: Sequence[tuple[int, int]], results: Sequence[Result]) -> None:
        told.append([(member, one.losses[0]) for member, one in zip(members, results, strict=True)])

    generations = Generations(lambda: next(bred), learn)
    pending: list[Member[tuple[int, int]]] = []
    while len(told) < len(sizes):
        member = generations.next() if len(pending) < workers else None
        if member is not None:
            pending.append(member)
        else:
            member = pending.pop(random.randrange(len(pending)))
            generations.tell(member, result(10.0 * member.individual[0] + member.individual[1]))
    assert [len(generation) for generation in told] == sizes
    for number, generation in enumerate(told):
        assert generation == [((number, place), 10.0 * number + place) for place in range(len(generation))]


def test_nothing_is_bred_before_the_generation_is_known() -> None:
    bred: list[list[int]] = []

    def breed() -> list[int]:
        bred.append([1, 2])
        return bred[-1]

    generations = Generations(breed, lambda members, results: None)
    first, second = generations.next(), generations.next()
    assert first is not None
    assert second is not None
    assert generations.next() is None
    generations.tell(second, result(1.0))
    assert generations.next() is None
    generations.tell(first, Result(status=Status.CRASHED, losses=(9.0,)))
    assert (len(bred), generations.next()) == (1, Member(0, 1))
    assert len(bred) == 2


def test_a_generation_without_members_means_that_nothing_is_left() -> None:
    bred = [[1], []]
    generations: Generations[int] = Generations(lambda: bred.pop(0), lambda members, results: None)
    member = generations.next()
    assert member is not None
    generations.tell(member, result(1.0))
    with pytest.raises(SearchSpaceExhausted, match="nothing left to propose"):
        generations.next()
