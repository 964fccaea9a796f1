"""The experts of a setup: models that were tuned from its model, each for something of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from optathlon.errors import UsageError
from optathlon.llm.chat import Encoded
from optathlon.llm.checksums import known_checksum
from optathlon.llm.data import DATA_SUFFIXES, read_examples, refuse_shared_prompts
from optathlon.llm.examples import Example, with_system
from optathlon.llm.fitting import Count as TooLongCount
from optathlon.llm.fitting import named_counts
from optathlon.llm.models import checksum, load_model
from optathlon.task import short_hash
from optathlon.tasks.llm.built_in import BUILT_IN
from optathlon.tasks.llm.cache import key_of
from optathlon.tasks.llm.hyperparameters import Hyperparameters
from optathlon.tasks.llm.kinds.merge.task_vectors import task_vector
from optathlon.tasks.llm.loaded_setup import loaded_setup
from optathlon.tasks.llm.memory_need import Tuning, longest
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.placed import stored
from optathlon.tasks.llm.reference import reference_hyperparameters
from optathlon.tasks.llm.setups import Count, Section, Setup

if TYPE_CHECKING:
    from optathlon.tasks.llm.placed import Weights


_EPOCHS = {"tiny": 12, "everyday": 4}
"""Of the experts for built-in questions."""


class MergeSection(Section):
    """What is merged.

    Attributes
    ----------
    experts:
        By names of one's own: models that were tuned from the setup's (folders or ids on the hub), or the sources of
        data (`.jsonl`, `.json`, `.parquet`) to tune experts on.
    tuning, epochs:
        Hyperparameters of that tuning, by default those of the reference, and how long it goes on.
    """

    experts: dict[str, str] = Field(default_factory=dict)
    tuning: Hyperparameters = Field(default_factory=dict)
    epochs: Count = 3

    @classmethod
    def of_built_in(cls, questions: str) -> Self:
        """An expert for each topic."""
        return cls(experts={topic: topic for topic in BUILT_IN[questions].topics}, epochs=_EPOCHS[questions])


class Experts:
    """What a process has loaded of a setup's experts, when it is first used."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._section = setup.section(MergeSection)
        self._loaded = loaded_setup(setup)

    @cached_property
    def vectors(self) -> Mapping[str, Weights]:
        """By name, the experts' weights minus those of the base, in the host's memory.

        Raises `UsageError` for models of another architecture and wrong data.
        """
        return {name: self._vector(name) for name in self._section.experts}

    def too_long(self) -> Mapping[str, int]:
        """How many examples that experts are tuned on were too long, as in `PreparedData.counts`."""
        counts = {f"expert {name}": count for name, (_, count) in self._encoded.items()}
        return named_counts(counts)

    def due_tunings(self) -> list[Tuning]:
        """Those of experts that have not been tuned yet."""
        loaded, setup = self._loaded, self._setup
        return [
            Tuning.by(self._config, setup, longest(items), named=f"tuning the expert {name!r}", key="merge: tuning")
            for name, (items, _) in self._encoded.items()
            if not (loaded.is_identified and loaded.checkpoints.has(self._key(name), self._section.epochs))
        ]

    @cached_property
    def _encoded(self) -> Mapping[str, tuple[list[Encoded], TooLongCount]]:
        """What experts are tuned on, by their names, and how much of it was too long; of others nothing."""
        given = {name: self._examples(name) for name in self._section.experts}
        return {name: self._fitting(name, examples) for name, examples in given.items() if examples is not None}

    def _fitting(self, name: str, examples: tuple[Example, ...]) -> tuple[list[Encoded], TooLongCount]:
        items, count = self._loaded.data.trained_on(examples)
        if not items:
            raise UsageError(
                f"no example of the expert {name!r} of the setup {self._setup.name!r} leaves room for a response "
                f"within {self._loaded.data.longest} tokens: raise max_tokens, or shorten them"
            )
        return items, count

    @cached_property
    def origin(self) -> str:
        """A hash of what all weights come from, the same on all machines; no model is loaded whose files are known."""
        return short_hash(str({name: self._origin(name) for name in self._section.experts}))

    def _origin(self, name: str) -> str:
        examples = self._examples(name)
        if examples is not None:
            return self._tuning(examples)
        downloads = self._setup.downloads
        return known_checksum(self._place(name), lambda: checksum(self._model(name)), downloads=downloads)

    def _tuning(self, examples: tuple[Example, ...]) -> str:
        """A hash of what an expert is tuned on, and how."""
        return short_hash(f"{dict(self._config)} {self._section.epochs} {examples}")

    @property
    def _config(self) -> Mapping[str, Any]:
        return self._section.tuning or reference_hyperparameters(self._setup)

    def _vector(self, name: str) -> Weights:
        return self._tuned(name) if name in self._encoded else self._read_model(name)

    def _place(self, name: str) -> str:
        return self._setup.located(self._section.experts[name])

    def _model(self, name: str) -> Any:
        return load_model(self._place(name), "cpu", "float32", downloads=self._setup.downloads)

    def _examples(self, name: str) -> tuple[Example, ...] | None:
        """What an expert is tuned on; `None` where it is a model. Raises `UsageError` as `Setup.examples`."""
        setup, source = self._setup, self._section.experts[name]
        if not setup.data:
            return BUILT_IN[setup.questions].examples_on(source)
        if not source.endswith(DATA_SUFFIXES):
            return None
        read = read_examples(source, Path(setup.folder), downloads=setup.downloads)
        examples = tuple(with_system(example, setup.system) for example in read)
        scored = {part: setup.examples(part) for part in SCORED}
        refuse_shared_prompts({f"the expert {name}": examples, **scored})
        return examples

    def _read_model(self, name: str) -> Weights:
        weights, base = stored(self._model(name)), self._loaded.base.weights
        for tensor in dict.fromkeys((*base, *weights)):
            its, due = _shape(weights, tensor), _shape(base, tensor)
            if its != due:
                raise UsageError(
                    f"the expert {name!r} is not a tuned {self._setup.model!r}: its {tensor} is {its}, the base's {due}"
                )
        return task_vector(weights, base)

    def _tuned(self, name: str) -> Weights:
        """Trained once, and then loaded."""
        items, _ = self._encoded[name]
        tuned = self._loaded.tuned_once(items, self._config, self._section.epochs, self._key(name))
        return task_vector(tuned, self._loaded.base.weights)

    def _key(self, name: str) -> str:
        """Of the checkpoint of an expert that is tuned."""
        return key_of(self._loaded.key, "expert", self._tuning(self._examples(name) or ()))


def _shape(weights: Weights, tensor: str) -> str:
    return f"of shape {tuple(weights[tensor].shape)}" if tensor in weights else "missing"


@cache
def experts(setup: Setup) -> Experts:
    """The experts of a setup in this process."""
    return Experts(setup)
