"""Which optimizers a user asks for, by what they declare: `"conditions,multi-fidelity"`, `"not asynchronous"`."""

from __future__ import annotations

from dataclasses import dataclass

from optathlon.errors import UsageError, unknown
from optathlon.optimizer import Capability, Optimizer

_NAMES = {one.value.replace("-", " "): one for one in Capability}


@dataclass(frozen=True, slots=True)
class _Term:
    capability: Capability
    negated: bool

    @classmethod
    def parse(cls, text: str) -> _Term:
        words = text.replace("-", " ").replace("_", " ").lower().split()
        negated = words[:1] == ["not"]
        name = " ".join(words[negated:])
        if name not in _NAMES:
            raise unknown("capability", text.strip().removeprefix("not ").strip(), [one.value for one in Capability])
        return cls(_NAMES[name], negated)

    def holds(self, optimizer: type[Optimizer]) -> bool:
        return (self.capability in optimizer.capabilities) is not self.negated


@dataclass(frozen=True, slots=True)
class Where:
    """Capabilities that all must be there, each perhaps as one of several, or as one that must not be there."""

    parts: tuple[tuple[_Term, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Where:
        """Read `"A,B or C,not D"`: A, and one of B and C, and not D. The names are those of `Capability`.

        Raises `UsageError` for a name that is not known, with the nearest match.
        """
        if not text.strip():
            raise UsageError("--where needs a capability: give one, or several with commas, such as 'conditions'")
        parts = (part.split(" or ") for part in text.split(","))
        return cls(tuple(tuple(map(_Term.parse, part)) for part in parts))

    def holds(self, optimizer: type[Optimizer]) -> bool:
        """Whether an optimizer's class declares it."""
        return all(any(term.holds(optimizer) for term in part) for part in self.parts)
