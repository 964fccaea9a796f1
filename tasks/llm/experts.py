"""The experts of a setup: models that were tuned from its model, each for something of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

from optathlon.errors import UsageError
from optathlon.llm.data import Example
from optathlon.llm.models import checksum, load_model, stored, tuned_weights
from optathlon.task import short_hash
from optathlon.tasks.llm.bench import REFERENCE_SEED, bench, reference_hyperparameters
from optathlon.tasks.llm.cache import key_of
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.spaces import adapter, recipe
from optathlon.tasks.llm.task_vectors import task_vector

if TYPE_CHECKING:
    from optathlon.llm.models import Weights


@dataclass(frozen=True)
class Expert:
    """A tuned model.

    Parameters
    ----------
    vector:
        Its weights minus those of the base, in the host's memory.
    origin:
        What the weights come from, the same on all machines.
    """

    vector: Weights
    origin: str


class Experts:
    """What a process has loaded of a setup's experts, when it is first used."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._bench = bench(setup)

    @cached_property
    def all(self) -> Mapping[str, Expert]:
        """By name. Raises `UsageError` for models of another architecture and wrong data."""
        return {name: self._expert(name) for name in self._setup.experts}

    @property
    def vectors(self) -> Mapping[str, Weights]:
        """The task vectors, by name."""
        return {name: expert.vector for name, expert in self.all.items()}

    @property
    def origin(self) -> str:
        """A hash of what all weights come from."""
        return short_hash(str({name: expert.origin for name, expert in self.all.items()}))

    def _expert(self, name: str) -> Expert:
        examples = self._setup.expert_examples(name)
        return self._loaded(name) if examples is None else self._tuned(examples)

    def _loaded(self, name: str) -> Expert:
        source = self._setup.located(self._setup.experts[name])
        model = load_model(source, "cpu", "float32", downloads=self._setup.downloads)
        weights, base = stored(model), self._bench.base.weights
        for tensor in dict.fromkeys((*base, *weights)):
            its, due = _shape(weights, tensor), _shape(base, tensor)
            if its != due:
                raise UsageError(
                    f"the expert {name!r} is no tuned {self._setup.model!r}: its {tensor} is {its}, the base's {due}"
                )
        return Expert(task_vector(weights, base), checksum(model))

    def _tuned(self, examples: tuple[Example, ...]) -> Expert:
        """Trained once, and then loaded."""
        on_bench, setup = self._bench, self._setup
        config, epochs = setup.expert_tuning or reference_hyperparameters(setup), setup.expert_epochs
        origin = short_hash(f"{dict(config)} {epochs} {examples}")
        items = [on_bench.template.encode(example, setup.max_tokens) for example in examples]
        key = key_of(on_bench.key, "expert", origin)
        how, low_rank = recipe(config), adapter(config)
        with on_bench.tuned(
            items, on_bench.loss, how, low_rank, until=epochs, epochs=epochs, seed=REFERENCE_SEED, key=key
        ) as (model, training):
            on_bench.keep(key, training)
            weights = tuned_weights(model)
        return Expert(task_vector(weights, on_bench.base.weights), origin)


def _shape(weights: Weights, tensor: str) -> str:
    return f"of shape {tuple(weights[tensor].shape)}" if tensor in weights else "missing"


@cache
def experts(setup: Setup) -> Experts:
    """The experts of a setup in this process."""
    return Experts(setup)
