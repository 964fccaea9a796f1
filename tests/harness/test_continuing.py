"""What continues what, and trials that go on until they are stopped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from optathlon import Fidelity, Result, Status, Trial
from optathlon.continuing import Climbs, Finished

RESUMABLE = Fidelity("epochs", 1, 9, "int", resumable=True)
FIXED = Fidelity("epochs", 1, 9, "int")


def succeed(loss: float) -> Any:
    return Result(values=(loss,), losses=(loss,))


def fail() -> Any:
    return Result(status=Status.CRASHED, losses=(9.0,))


def make_climbs(fidelity: Fidelity, limit: float = 5.0) -> Any:
    """Configurations 0, 1, ...; what has a loss of at most `limit` goes on."""
    numbers = iter(range(100))

    def begin() -> Any:
        number = next(numbers)
        return {"x": number}, number

    return Climbs(fidelity, (1, 3, 9), begin, lambda native, level, result: result.losses[0] <= limit)


def asked(climbs: Any, id: int) -> Any:
    return replace(climbs.next(), id=id)


def test_a_configuration_goes_on_before_another_begins() -> None:
    climbs = make_climbs(RESUMABLE)
    for id, level, parent in [(0, 1, None), (1, 3, 0), (2, 9, 1)]:
        trial = asked(climbs, id)
        assert (trial.config, trial.fidelity, trial.parent) == ({"x": 0}, level, parent)
        climbs.tell(trial, succeed(1))
    assert climbs.next().config == {"x": 1}


def test_what_is_stopped_or_fails_goes_no_further() -> None:
    climbs = make_climbs(RESUMABLE)
    for result in (succeed(7), fail()):
        climbs.tell(asked(climbs, 0), result)
    assert climbs.next().config == {"x": 2}


def test_several_go_on_in_the_order_of_their_results() -> None:
    climbs = make_climbs(RESUMABLE)
    trials = [asked(climbs, id) for id in range(3)]
    for trial in (trials[2], trials[0]):
        climbs.tell(trial, succeed(1))
    following = [climbs.next() for _ in range(3)]
    assert [(trial.config["x"], trial.fidelity, trial.parent) for trial in following] == [
        (2, 3, 2),
        (0, 3, 0),
        (3, 1, None),
    ]


def test_from_scratch_where_nothing_can_be_continued() -> None:
    climbs = make_climbs(FIXED)
    climbs.tell(asked(climbs, 0), succeed(1))
    assert (climbs.next().fidelity, climbs.next().parent) == (3, None)


def test_the_highest_level_below_is_continued() -> None:
    finished = Finished(RESUMABLE)
    for id, level in [(0, 1), (1, 3), (2, 9)]:
        finished.note("a", Trial({}, fidelity=level, id=id), succeed(1))
    assert [finished.parent("a", level) for level in (1, 2, 3, 9)] == [None, 0, 0, 1]
    assert finished.parent("b", 9) is None


def test_neither_failures_nor_what_is_not_resumable_is_continued() -> None:
    finished = Finished(RESUMABLE)
    finished.note("a", Trial({}, fidelity=1, id=0), fail())
    assert finished.parent("a", 9) is None
    fixed = Finished(FIXED)
    fixed.note("a", Trial({}, fidelity=1, id=0), succeed(1))
    assert fixed.parent("a", 9) is None
