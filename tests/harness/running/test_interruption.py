"""A signal ends what it should end, but not in the middle of what must be whole."""

from __future__ import annotations

import gc
import os
import signal
import weakref
from collections.abc import Iterator

import pytest

from optathlon.running.interruption import forget, held, interrupt


class Ended(BaseException):
    """What the signal's handler raises."""


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, lambda *_: interrupt(Ended()))
    yield
    signal.signal(signal.SIGUSR1, before)
    forget(BaseException)


def send() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


def test_elsewhere_it_takes_effect_at_once() -> None:
    with pytest.raises(Ended):
        send()


def test_a_block_is_finished_first() -> None:
    done = []
    with pytest.raises(Ended), held():
        send()
        with held():
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    with held():
        done.append("later")
    assert done[-1] == "later", "it is raised once"


def test_the_error_of_a_block_is_told_and_not_lost() -> None:
    with pytest.raises(ValueError, match="own"), held():
        send()
        raise ValueError("own")
    with pytest.raises(Ended), held():
        pass


def test_what_is_forgotten_is_not_raised() -> None:
    with held():
        send()
        forget(KeyboardInterrupt)
        forget(Ended)


def test_what_is_raised_does_not_keep_itself_alive() -> None:
    gc.disable()
    try:
        for raising in (interrupt, _at_the_end_of_a_block):
            error = Ended()
            gone = weakref.ref(error)
            with pytest.raises(Ended) as caught:
                raising(error)
            del error, caught
            assert gone() is None
    finally:
        gc.enable()


def _at_the_end_of_a_block(error: BaseException) -> None:
    with held():
        interrupt(error)
        del error
