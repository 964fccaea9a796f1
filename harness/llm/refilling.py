"""Greedy answers many at once, where the place of one that has ended is given to the next prompt."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optathlon.llm.chat import left_padded
from optathlon.llm.head import without_wrapper
from optathlon.llm.memory import halved

if TYPE_CHECKING:
    import torch

_FREED = 1 / 4
"""The share of places that have to be free before others take them: keys and values are copied then."""
_GPU_STEPS_UNSEEN = 8
"""After so many tokens it is looked which answers have ended: to look after each, the host would wait for a GPU."""


def can_be_refilled(model: Any) -> bool:
    """Whether a model remembers each token by a key and a value in every layer, which can be moved between batches."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    core = without_wrapper(model)
    wanted = {"attention_mask", "position_ids", "past_key_values", "logits_to_keep"}
    if not wanted <= inspect.signature(core.forward).parameters.keys():
        return False
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=core.config).layers)


def write_refilled(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    pad: int,
    ends: Sequence[int],
    max_new_tokens: int,
    batch_size: int,
    device: str,
) -> list[list[int]]:
    """The likeliest tokens of an answer to each prompt, its end included; parameters as in `write`."""
    import torch

    core = without_wrapper(model)
    waiting = deque(sorted(range(len(prompts)), key=lambda number: len(prompts[number])))
    written: dict[int, list[int]] = {}
    while waiting:
        answering = _Answering(core, prompts, waiting, written, frozenset(ends), max_new_tokens, batch_size)
        try:
            with torch.inference_mode():
                answering.run(pad, device)
        except (MemoryError, RuntimeError) as error:
            batch_size = halved(min(batch_size, len(prompts) - len(written)), error)
            waiting = deque(number for number in answering.order if number not in written)
    return [written[number] for number in range(len(prompts))]


class _Answering:
    """Takes prompts from those that wait until there are none, and all answers have ended."""

    def __init__(
        self,
        core: Any,
        prompts: Sequence[Sequence[int]],
        waiting: deque[int],
        written: dict[int, list[int]],
        ends: frozenset[int],
        most: int,
        places: int,
    ) -> None:
        self.order = tuple(waiting)
        self._core = core
        self._prompts = prompts
        self._waiting = waiting
        self._written = written
        self._ends = ends
        self._most = most
        self._places = places

    def run(self, pad: int, device: str) -> None:
        """Write all answers."""
        every = _GPU_STEPS_UNSEEN if device.startswith("cuda") else 1
        rows = self._filled(None, pad, device)
        while rows is not None:
            for _ in range(every):
                rows.step(self._core)
            rows = self._filled(self._going(rows), pad, device)

    def _filled(self, rows: _Rows | None, pad: int, device: str) -> _Rows | None:
        """These answers, and others in the free places where these are many; `None` without any."""
        free = self._places - (len(rows.numbers) if rows is not None else 0)
        if not self._waiting or free < max(1, _FREED * self._places):
            return rows
        numbers = [self._waiting.popleft() for _ in range(min(free, len(self._waiting)))]
        begun = _begun(self._core, numbers, [self._prompts[number] for number in numbers], pad, device)
        return begun if rows is None else rows.joined(begun)

    def _going(self, rows: _Rows) -> _Rows | None:
        """Those that go on; ended ones are dropped when they are many, or all."""
        found = rows.texts()
        going = []
        for place, (number, tokens) in enumerate(zip(rows.numbers, found, strict=True)):
            end = next((step for step, token in enumerate(tokens) if token in self._ends), self._most - 1)
            if end < len(tokens):
                self._written.setdefault(number, tokens[: end + 1])
            else:
                going.append(place)
        if not going:
            return None
        if len(rows.numbers) - len(going) >= max(1, _FREED * self._places):
            return rows.only(going)
        return rows


@dataclass
class _Rows:
    """Answers that are being written.

    Parameters
    ----------
    numbers, lengths:
        Of their prompts, and how many tokens of each are in the cache.
    cache:
        Keys and values, of shape (rows, heads, tokens, width) in each layer; all rows end at the right.
    mask:
        Shape (rows, tokens): which of these are there.
    next:
        Shape (rows, 1): the tokens that were chosen last.
    new:
        Parts of shape (rows, steps): all that were chosen; -1 where a row wasn't there yet.
    """

    numbers: list[int]
    lengths: list[int]
    cache: Any
    mask: torch.Tensor
    next: torch.Tensor
    new: list[torch.Tensor]

    def texts(self) -> list[list[int]]:
        """The new tokens of each row."""
        return [[token for token in row if token >= 0] for row in self._all_new().tolist()]

    def _all_new(self) -> torch.Tensor:
        import torch

        self.new = [torch.cat(self.new, dim=1)]
        return self.new[0]

    def step(self, core: Any) -> None:
        """Choose another token for every row."""
        import torch

        positions = torch.tensor(self.lengths)[:, None].to(self.mask.device, non_blocking=True)
        self.mask = torch.nn.functional.pad(self.mask, (0, 1), value=1)
        self._choose(core, self.next, positions)
        self.lengths = [length + 1 for length in self.lengths]

    def begin(self, core: Any, tokens: torch.Tensor) -> None:
        """Choose the first token after prompts."""
        self._choose(core, tokens, (self.mask.cumsum(1) - 1).clamp_min(0))

    def _choose(self, core: Any, tokens: torch.Tensor, positions: torch.Tensor) -> None:
        logits = core(
            input_ids=tokens,
            attention_mask=self.mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        self.next = logits[:, -1:].argmax(dim=-1)
        self.new.append(self.next)

    def only(self, places: Sequence[int]) -> _Rows:
        """Some of the rows."""
        import torch

        chosen = torch.tensor(places, device=self.mask.device)
        self.cache.batch_select_indices(chosen)
        lengths = [self.lengths[place] for place in places]
        kept = _Rows(
            [self.numbers[place] for place in places],
            lengths,
            self.cache,
            self.mask[chosen],
            self.next[chosen],
            [part[chosen] for part in self.new],
        )
        kept._widen(max(lengths) - self.mask.shape[1])
        return kept

    def joined(self, others: _Rows) -> _Rows:
        """These rows and others."""
        import torch

        width = max(self.mask.shape[1], others.mask.shape[1])
        for rows in (self, others):
            rows._widen(width - rows.mask.shape[1])
        for ours, theirs in zip(self.cache.layers, others.cache.layers, strict=True):
            ours.keys = torch.cat([ours.keys, theirs.keys])
            ours.values = torch.cat([ours.values, theirs.values])
        before, after = self._all_new(), others._all_new()
        steps = max(before.shape[1], after.shape[1])
        new = [torch.nn.functional.pad(part, (steps - part.shape[1], 0), value=-1) for part in (before, after)]
        return _Rows(
            self.numbers + others.numbers,
            self.lengths + others.lengths,
            self.cache,
            torch.cat([self.mask, others.mask]),
            torch.cat([self.next, others.next]),
            [torch.cat(new)],
        )

    def _widen(self, columns: int) -> None:
        """Add columns that are not there on the left, or take such away."""
        import torch

        if columns == 0:
            return
        self.mask = torch.nn.functional.pad(self.mask, (columns, 0))
        for layer in self.cache.layers:
            layer.keys = torch.nn.functional.pad(layer.keys, (0, 0, columns, 0))
            layer.values = torch.nn.functional.pad(layer.values, (0, 0, columns, 0))


def _begun(core: Any, numbers: list[int], prompts: Sequence[Sequence[int]], pad: int, device: str) -> _Rows:
    from transformers import DynamicCache

    batch = left_padded(prompts, pad, device)
    tokens, mask = batch["input_ids"], batch["attention_mask"]
    rows = _Rows(numbers, [len(prompt) for prompt in prompts], DynamicCache(), mask, tokens[:, :0], [])
    rows.begin(core, tokens)
    return rows
