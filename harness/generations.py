"""Ask and tell, one by one, for libraries that propose a whole generation and want all of its results at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from optathlon.errors import SearchSpaceExhausted
from optathlon.trial import Result

Individual = TypeVar("Individual")


class Member(NamedTuple, Generic[Individual]):
    """An individual, with its place in the present generation."""

    place: int
    individual: Individual


class Generations(Generic[Individual]):
    """Hands out a generation's members, and tells the library once the results of all are known.

    What holds for every library that is driven by it:

    - Results are told in the order of the members, whatever the order in which they come.
    - While members are pending and none is left, there is nothing to propose: the method waits.
    - A failed member counts with the losses that the harness imputes, `Result.losses`.
    - The generation that the end of the budget cuts is never told.
    - A generation without members is the library's word that it has nothing left to try: `SearchSpaceExhausted`.

    Parameters
    ----------
    breed:
        Gives the next generation, of any size.
    learn:
        Is told a generation and its results, in the same order.
    """

    def __init__(
        self,
        breed: Callable[[], Sequence[Individual]],
        learn: Callable[[Sequence[Individual], Sequence[Result]], object],
    ) -> None:
        self._breed = breed
        self._learn = learn
        self._members: Sequence[Individual] = ()
        self._handed_out = 0
        self._results: dict[int, Result] = {}

    def next(self) -> Member[Individual] | None:
        """The next member to evaluate, or `None` where all are pending."""
        if not self._members:
            self._members = self._breed()
            if not self._members:
                raise SearchSpaceExhausted("the library has nothing left to propose")
        if self._handed_out == len(self._members):
            return None
        self._handed_out += 1
        return Member(self._handed_out - 1, self._members[self._handed_out - 1])

    def tell(self, member: Member[Individual], result: Result) -> None:
        """Note the result of a member that `next` has handed out."""
        self._results[member.place] = result
        if len(self._results) == len(self._members):
            results = [self._results[place] for place in range(len(self._members))]
            members, self._members, self._handed_out, self._results = self._members, (), 0, {}
            self._learn(members, results)


__all__ = ["Generations", "Member"]
