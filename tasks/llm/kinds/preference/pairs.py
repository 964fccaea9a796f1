"""Preference pairs: prompts with a better and a worse response, read from data or made of a model's mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from optathlon.errors import UsageError
from optathlon.llm.chat import Encoded
from optathlon.llm.data import refuse_repeated_ids, refuse_shared_prompts, rows_of
from optathlon.llm.examples import Example, with_system
from optathlon.llm.fitting import Count, Room, named_counts
from optathlon.llm.generation import as_text
from optathlon.llm.matching import is_right
from optathlon.llm.rows import example_of
from optathlon.llm.sampling import Randomly, Sampling, drawn_by
from optathlon.task import short_hash
from optathlon.tasks.llm.cache import key_of, remembered
from optathlon.tasks.llm.loaded_setup import LoadedSetup, loaded_setup
from optathlon.tasks.llm.memory_need import Extent
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.setups import Rates, Section, Setup

_FORMS = (
    'write {"instruction": …, "input": …, "chosen": …, "rejected": …}, or chats that differ in their last turn: '
    '{"chosen": [{"role": …, "content": …}, …], "rejected": […]}'
)
_DRAWS, _SEED = 4, 0


class PreferenceSection(Section):
    """What is trained on.

    Attributes
    ----------
    pairs:
        The source of preference pairs (see `read_preferences`); empty for those that are made of the built-in
        questions.
    learning_rates:
        Bounds of the learning rate, where they are not the setup's: preferences are mostly learned at lower ones.
    """

    pairs: str = ""
    learning_rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class Preference:
    """A prompt with a better and a worse response."""

    chosen: Example
    rejected: Example


@dataclass(frozen=True, slots=True)
class Pair:
    """What is trained on.

    Parameters
    ----------
    chosen, rejected:
        The prompt with the better and with the worse response.
    reference:
        The logarithms of the two responses' probabilities under the model that the training starts from, in nats.
    """

    chosen: Encoded
    rejected: Encoded
    reference: tuple[float, float]


def read_preferences(source: str, folder: Path, *, downloads: bool = False) -> list[Preference]:
    """The pairs of a file or data set; parameters as in `optathlon.llm.data.read_examples`.

    Rows have texts `chosen` and `rejected` beside an Alpaca prompt, or two chats that differ in their last turn. Raises
    `UsageError` for a malformed row, with its line.
    """
    rows = rows_of(source, folder / source, downloads)
    pairs = [_preference(row, where, number) for number, (row, where) in enumerate(rows)]
    if not pairs:
        raise UsageError(f"{source} has no pairs: {_FORMS}")
    refuse_repeated_ids([pair.chosen for pair in pairs], source)
    return pairs


class Pairs:
    """What a process has loaded of a setup's pairs, when it is first used."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._source = setup.section(PreferenceSection).pairs
        self._loaded = loaded_setup(setup)

    @cached_property
    def origin(self) -> str:
        """A hash of what the pairs come from, the same on all machines. Raises `UsageError` for wrong data."""
        return short_hash(repr(self._read)) if self._source else f"drawn {_DRAWS} times by {_SEED}"

    @cached_property
    def all(self) -> tuple[Pair, ...]:
        """Encoded, with what the setup's reference tuning finds of them."""
        loaded = self._loaded
        encoded, _ = self._given if self._source else self._fitting(self._made())
        with loaded.base.with_weights(loaded.reference_weights) as model:
            losses = loaded.losses(model, encoded)
        logs = [-loss * len(one.response) for loss, one in zip(losses, encoded, strict=True)]
        return tuple(
            Pair(chosen, rejected, reference)
            for chosen, rejected, reference in zip(
                encoded[::2], encoded[1::2], zip(logs[::2], logs[1::2], strict=True), strict=True
            )
        )

    def extents(self) -> list[Extent]:
        """How long pairs are; of those that are made, what is known before that: their better responses."""
        if not self._source:
            return [Extent.of(example) for example in self._loaded.train]
        encoded, _ = self._given
        return [Extent.of(*pair) for pair in zip(encoded[::2], encoded[1::2], strict=True)]

    def too_long(self) -> dict[str, int]:
        """How many given pairs were too long, as in `PreparedData.counts`."""
        return named_counts({"pairs": self._given[1]}) if self._source else {}

    @cached_property
    def _given(self) -> tuple[list[Encoded], Count]:
        return self._fitting(self._read)

    def _fitting(self, preferences: Sequence[Preference]) -> tuple[list[Encoded], Count]:
        """The better and the worse response of each pair in turn, and how many pairs were too long."""
        loaded = self._loaded
        room = Room(loaded.data.longest, loaded.data.longest - 1, self._setup.too_long)
        both = [room.encoded(loaded.template, (pair.chosen, pair.rejected)) for pair in preferences]
        found = [(pair, count) for pair, count in both if not count.dropped]
        if not found:
            raise UsageError(f"no pair of the setup {self._setup.name!r} has room within {room.tokens} tokens")
        count = Count(len(both) - len(found), sum(count.truncated > 0 for _, count in found))
        return [one for pair, _ in found for one in pair], count

    @cached_property
    def _read(self) -> tuple[Preference, ...]:
        setup = self._setup
        read = read_preferences(self._source, Path(setup.folder), downloads=setup.downloads)
        pairs = tuple(_with_system(pair, setup.system) for pair in read)
        scored = {part: setup.examples(part) for part in SCORED}
        refuse_shared_prompts({"preferences": [pair.chosen for pair in pairs], **scored})
        return pairs

    def _made(self) -> tuple[Preference, ...]:
        """Of prompts whose given response verifies, that one and a wrong answer of the reference tuning, if any."""
        examples = [one for one in self._setup.examples("train") if _verifies(one, one.response)]
        key = key_of(self._loaded.key, "wrong answers", _DRAWS, _SEED)
        wrong = remembered("pairs", key, lambda: _wrong_answers(self._loaded, examples))
        return tuple(
            Preference(example, replace(example, response=wrong[example.prompt.id]))
            for example in examples
            if example.prompt.id in wrong
        )


@cache
def pairs(setup: Setup) -> Pairs:
    """The pairs of a setup in this process."""
    return Pairs(setup)


def _verifies(example: Example, response: str) -> bool:
    return is_right(response, example.prompt.answer or "", example.prompt.matching)


def _wrong_answers(loaded: LoadedSetup, examples: Sequence[Example]) -> dict[str, str]:
    """The first wrong one of a few random answers to each prompt, by its id; the right answers are known."""
    prompts = [loaded.template.prompt(example) for example in examples]
    scores = drawn_by(Sampling(temperature=1.0, top_p=1.0), Randomly(_SEED, loaded.device))
    wrong: dict[str, str] = {}
    with loaded.reference_tuned() as model:
        for _ in range(_DRAWS):
            texts = as_text(loaded.draw(model, prompts, scores), loaded.tokenizer).texts
            for example, text in zip(examples, texts, strict=True):
                if text and not _verifies(example, text):
                    wrong.setdefault(example.prompt.id, text)
    return wrong


def _with_system(pair: Preference, system: str) -> Preference:
    return Preference(with_system(pair.chosen, system), with_system(pair.rejected, system))


def _preference(row: object, where: str, number: int) -> Preference:
    if not isinstance(row, Mapping):
        raise UsageError(f"{where} is {type(row).__name__}, not an object: {_FORMS}")
    chosen, rejected = (example_of(_with_response(row, name, where), where, number) for name in ("chosen", "rejected"))
    if not (chosen.is_answered and rejected.is_answered):
        raise UsageError(f"{where}: a chat doesn't end with what the assistant says: {_FORMS}")
    if chosen.turns != rejected.turns:
        raise UsageError(f"{where}: chosen and rejected answer different prompts: {_FORMS}")
    if chosen.reply == rejected.reply:
        raise UsageError(f"{where}: chosen and rejected are the same: remove it")
    return Preference(chosen, rejected)


def _with_response(row: Mapping[Any, Any], name: str, where: str) -> dict[str, Any]:
    """A row in Alpaca or chat form, whose response is one of the two."""
    match row.get(name):
        case str(text) if text.strip():
            return {**row, "output": text, "completion": text}
        case list(turns):
            before = row["prompt"] if isinstance(row.get("prompt"), list) else []
            return {key: row[key] for key in ("id", "system", "tools") if key in row} | {"messages": [*before, *turns]}
        case other:
            state = "missing" if other is None else "empty" if other == "" else repr(other)
            raise UsageError(f"{where}: {name} is {state}, neither text nor a chat: {_FORMS}")
