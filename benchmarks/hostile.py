"""Objectives and an optimizer that do what no objective should: a plugin for `chaos.py`.

What they give depends on the configuration alone: a grid that was killed and repeated ends with the same trials.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from optathlon import Optimizer, Problem, Resources, Result, Trial, as_task

SPACE = {"x": (0.0, 1.0)}
LATIN = os.fsdecode(b"caf\xe9\x00\x1b[2J.csv")
Config = dict[str, Any]


class Own(BaseException):
    """Not an `Exception`, and it can't say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


def sometimes(id: str, resources: Resources = Resources()) -> Callable[[Callable[[], object]], Any]:  # noqa: B008
    """Makes a task that misbehaves in the upper half of its space, and is well-behaved in the lower half."""

    def decorate(misbehave: Callable[[], object]) -> Any:
        def objective(config: Config) -> object:
            return misbehave() if config["x"] > 0.5 else config["x"]

        return as_task(f"hostile/{id}", space=SPACE, budget=6, resources=resources)(objective)

    return decorate


@sometimes("surrogates")
def surrogates() -> object:
    raise ValueError(f"can't read {LATIN}")


@sometimes("metrics")
def metrics() -> object:
    return {"value": 1.0, LATIN: 2.0, "y" * 10_000: 3.0}


@sometimes("huge")
def huge() -> object:
    raise ValueError("z" * 5_000_000)


@sometimes("wanders")
def wanders() -> object:
    os.chdir(tempfile.gettempdir())
    return 0.75


@sometimes("leaves")
def leaves() -> object:
    sys.exit("enough")


@sometimes("interrupts")
def interrupts() -> object:
    raise KeyboardInterrupt


@sometimes("generates")
def generates() -> object:
    raise GeneratorExit


@sometimes("mute")
def mute() -> object:
    raise Own


@sometimes("exits", Resources(isolated=True))
def exits() -> object:
    os._exit(7)


@sometimes("daemons", Resources(isolated=True))
def daemons() -> object:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(5)
        os._exit(0)
    return 0.75


@sometimes("swallows", Resources(seconds=1.0))
def swallows() -> object:
    while True:
        try:
            while True:
                time.sleep(0.01)
        except BaseException:
            continue


class Rude(Optimizer):
    """Proposes what no space has, then raises."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._asked = 0

    def ask(self) -> Trial:
        """A legal proposal, an illegal one, and an exception."""
        self._asked += 1
        if self._asked == 4:
            raise RuntimeError(LATIN * 1000)
        return Trial({"x": LATIN * 1000} if self._asked % 2 == 0 else {"x": self._asked / 10})

    def tell(self, trial: Trial, result: Result) -> None:
        """Learns nothing."""
