"""Trials that go on: which one a higher level continues, and ask and tell for libraries that stop what is under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from optathlon.fidelity import Fidelity
from optathlon.trial import Result, Trial

Native = TypeVar("Native")


class Finished:
    """The trials of each configuration that have a result: what a higher level of a resumable fidelity continues.

    Parameters
    ----------
    fidelity:
        Nothing is continued where it is not resumable.
    """

    def __init__(self, fidelity: Fidelity) -> None:
        self._resumable = fidelity.resumable
        self._trials: dict[Hashable, list[tuple[float, int]]] = {}

    def parent(self, key: Hashable, level: float) -> int | None:
        """The trial at the highest level below `level` of the configuration that the library calls `key`."""
        below = [found for found in self._trials.get(key, ()) if found[0] < level]
        return max(below)[1] if below else None

    def note(self, key: Hashable, trial: Trial, result: Result) -> None:
        """Remember a trial that was told, unless it failed."""
        if self._resumable and result.ok and trial.fidelity is not None:
            self._trials.setdefault(key, []).append((trial.fidelity, trial.id))


@dataclass(frozen=True)
class Climb(Generic[Native]):
    """A configuration under way, at the level of this place; `native` is what the library knows it by."""

    config: Mapping[str, Any]
    native: Native
    place: int = 0
    parent: int | None = None


class Climbs(Generic[Native]):
    """Ask and tell for libraries that expect an evaluation to report as it goes on, and say when it is to stop.

    Each report is a trial of its own: of a resumable fidelity it continues the one before, else it starts from scratch
    at the next level. What holds for every library that is driven by it:

    - What may go on goes on before anything new begins, in the order of the results. So with one worker a
      configuration is evaluated until it is stopped, as where the library evaluates itself.
    - Nothing waits: with several workers a new configuration begins while others are under way.
    - A failed trial goes no further.

    Parameters
    ----------
    fidelity:
        Of the task.
    levels:
        At which it reports, ascending; the last one is the full level.
    begin:
        Gives a new configuration, and what the library knows it by.
    report:
        Tells the library a result, and returns whether the configuration may go on. That is ignored after a failure
        and at the last level.
    """

    def __init__(
        self,
        fidelity: Fidelity,
        levels: Sequence[float],
        begin: Callable[[], tuple[Mapping[str, Any], Native]],
        report: Callable[[Native, float, Result], bool],
    ) -> None:
        self._resumable = fidelity.resumable
        self._levels = levels
        self._begin = begin
        self._report = report
        self._ready: deque[Climb[Native]] = deque()

    def next(self) -> Trial:
        """The next level of what may go on, or a new configuration at the first one."""
        climb = self._ready.popleft() if self._ready else Climb(*self._begin())
        return Trial(climb.config, fidelity=self._levels[climb.place], parent=climb.parent, native=climb)

    def tell(self, trial: Trial, result: Result) -> None:
        """Report the result of a trial that `next` has given."""
        climb: Climb[Native] = trial.native
        goes_on = self._report(climb.native, self._levels[climb.place], result)
        if goes_on and result.ok and climb.place + 1 < len(self._levels):
            parent = trial.id if self._resumable else None
            self._ready.append(Climb(climb.config, climb.native, climb.place + 1, parent))


__all__ = ["Climbs", "Finished"]
