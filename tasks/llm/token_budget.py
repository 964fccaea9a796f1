"""How many tokens are computed at once: what has fitted into the memory is remembered."""

from __future__ import annotations

import os

from optathlon.llm.cached import cached, keep
from optathlon.llm.memory import halved
from optathlon.tasks.llm.cache import key_of

_KIND = "budgets"


class TokenBudget:
    """The tokens of a micro-batch at most.

    Parameters
    ----------
    most:
        Where less hasn't been found to be needed.
    substance:
        What decides how much memory a token takes: model, what is tuned, loss, device.
    """

    def __init__(self, most: int, *substance: object) -> None:
        self._key = key_of(*substance)
        known = cached(_KIND, self._key) or {}
        self.tokens = min(most, int(known.get("tokens", most)))
        self.halved = False
        """Whether some tries were in vain."""

    def halve(self, items: int, tokens: int, error: BaseException) -> None:
        """Allow half of the tokens that were too much, those of so many items.

        Raises `error` where it is not about memory, and `MemoryError` where it was a single item.
        """
        halved(items, error)
        self.tokens = max(1, tokens // 2)
        self.halved = True

    def keep(self) -> None:
        """Remember what has fitted, for the next trial on this machine."""
        if self.halved:
            keep(_KIND, self._key, {"tokens": self.tokens})


def memory_of(device: str) -> int:
    """The bytes of memory of a GPU, or of the host."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
