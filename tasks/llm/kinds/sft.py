"""`llm/sft`: supervised fine-tuning on instructions; the tuned model's answers are compared with a reference's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.lazy import lazy_module
from optathlon.problem import Fidelity, Objective
from optathlon.tasks.llm.cache import key_of
from optathlon.tasks.llm.memory_need import Extent
from optathlon.tasks.llm.objectives import training_objectives
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.spaces import tuning_space
from optathlon.tasks.llm.task import LLMTask
from optathlon.tasks.llm.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace
else:
    np = lazy_module("numpy")

LEAST_SHARE, LEAST_PROMPTS = 1 / 8, 1 / 8
"""The lowest levels of the share of data, and of the number of prompts as a share of all."""


class SFT(LLMTask):
    """Epochs are the fidelity: a longer training goes on from the checkpoint of a shorter one."""

    kind: ClassVar[str] = "sft"
    listed: ClassVar[tuple[str, ...]] = ("win-rate", "lc-win-rate", "lc-win-rate+length")
    tunes: ClassVar[str] = (
        "full or low-rank tuning (learning rate, batch size, schedule, warm-up, decay, optimizer; rank, alpha, dropout)"
    )
    clocked: ClassVar[frozenset[str]] = frozenset({"seconds", "tokens-per-second", "peak-memory"})

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Win rates, exact match, loss, length, time, speed and memory."""
        return training_objectives(setup)

    def space(self) -> ConfigurationSpace:
        """See `tuning_space`."""
        return tuning_space(self.setup)

    def trained_on(self) -> Sequence[Extent]:
        """The setup's training examples."""
        return [Extent.of(example) for example in self.loaded.train]

    def fidelity(self) -> Fidelity | None:
        """Epochs."""
        return Fidelity("epochs", 1, self.epochs, kind="int", resumable=True)

    @property
    def epochs(self) -> int:
        """Of a full training."""
        return self.setup.epochs

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """Train for `level` epochs on all data, and compare all answers."""
        return self.tune_and_score(config, seed, until=int(level or self.epochs))

    def tune_and_score(
        self, config: Mapping[str, Any], seed: int, *, until: int, share: float = 1.0, prompts: float = 1.0
    ) -> dict[str, float]:
        """Train for `until` epochs on a share of the data, and compare the answers to a share of the prompts."""
        loaded = self.loaded
        usage = Usage(loaded.device)
        items = _subset(loaded.train, share, seed)
        key = key_of(loaded.key, "sft", dict(config), seed, self.epochs, share)
        with loaded.tuned(items, loaded.loss, config, until=until, epochs=self.epochs, seed=seed, key=key) as (
            model,
            training,
        ):
            usage.add("train", training.seconds)
            answers = loaded.answer_sides(model, usage, prompts)
            losses = self._losses(model, usage, {side: len(found.texts) for side, found in answers.items()})
        scores = loaded.score({side: found.texts for side, found in answers.items()}, seed, usage)
        written = answers["validation"].tokens
        return {
            **scores,
            **losses,
            "train_loss": training.losses[-1],
            "tokens": float(until * sum(len(item.tokens) for item in items) + written),
            "test/tokens": float(answers["test"].tokens),
            "tokens_per_second": written / usage.seconds("answer"),
            **usage.measured(),
        }

    def _losses(self, model: Any, usage: Usage, counts: Mapping[str, int]) -> dict[str, float]:
        """`loss` and `test/loss`: the mean over so many given responses, in nats a token, where all are given."""
        found = {}
        for name, side in (("loss", "validation"), ("test/loss", "test")):
            examples = self.loaded.data.examples(side)[: counts[side]]
            if all(example.is_answered for example in examples):
                with usage.spent("loss", side):
                    found[name] = float(np.mean(self.loaded.losses(model, self.loaded.data.encoded(examples))))
        return found


class SFTByData(SFT):
    """The share of training examples is the fidelity; every training has all its epochs."""

    kind: ClassVar[str] = "sft-data"
    listed: ClassVar[tuple[str, ...]] = ("lc-win-rate",)

    def fidelity(self) -> Fidelity | None:
        """The share of training examples; more are the same ones and others."""
        return Fidelity("data_share", LEAST_SHARE, 1.0, log=True)

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """Train on a share of the data."""
        return self.tune_and_score(config, seed, until=self.epochs, share=level or 1.0)


class SFTByPrompts(SFT):
    """The share of prompts that are answered and judged is the fidelity."""

    kind: ClassVar[str] = "sft-prompts"
    listed: ClassVar[tuple[str, ...]] = ("lc-win-rate",)

    def fidelity(self) -> Fidelity | None:
        """The share of prompts."""
        return Fidelity("prompt_share", LEAST_PROMPTS, 1.0, log=True)

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """Train fully, and compare the answers to the first prompts."""
        return self.tune_and_score(config, seed, until=self.epochs, prompts=level or 1.0)


def _subset(items: tuple[Any, ...], share: float, seed: int) -> tuple[Any, ...]:
    """A share of the items, drawn by the seed; a larger share has those of a smaller one, and others."""
    if share == 1.0:
        return items
    order = np.random.default_rng([seed, len(items)]).permutation(len(items))
    return tuple(items[index] for index in sorted(order[: math.ceil(share * len(items))]))
