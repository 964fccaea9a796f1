"""`llm/exit`: a model tuned so that it can be left early, and how good it is where it is left.

Sorted fine-tuning (Kavehzadeh et al. 2023, arXiv 2309.08968) minimises the losses at several depths at once, all read
by the same norm and head.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.lazy import lazy_module
from optathlon.llm.batches import Batch
from optathlon.llm.chat import Encoded
from optathlon.llm.head import head_losses, without_wrapper
from optathlon.problem import Fidelity, Objective
from optathlon.tasks.llm.cache import key_of
from optathlon.tasks.llm.layers import LayerCalls, depth, leaving_after, share_of_layers
from optathlon.tasks.llm.loaded_setup import LoadedSetup, as_tests
from optathlon.tasks.llm.memory_need import Extent
from optathlon.tasks.llm.objectives import QUALITY
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.spaces import tuning_space
from optathlon.tasks.llm.task import LLMTask
from optathlon.tasks.llm.training import ResponseLoss
from optathlon.tasks.llm.usage import SLOW_TOKEN, Usage

if TYPE_CHECKING:
    import numpy as np
    import torch
    from ConfigSpace import ConfigurationSpace
else:
    np = lazy_module("numpy")

EXITS: Mapping[str, float] = {"early": 1 / 3, "middle": 2 / 3, "full": 1.0}
"""Shares of the layers after which the model can be left."""
WEIGHT = (0.0, 2.0)
"""Of the losses at the earlier exits, where the last one's weight is 1; in the paper all are alike."""
_LAYERS_REFERENCE = 1.1


class Exit(LLMTask):
    """Epochs are the fidelity: a longer training goes on from the checkpoint of a shorter one."""

    kind: ClassVar[str] = "exit"
    listed: ClassVar[tuple[str, ...]] = ("win-rate+layers",)
    tunes: ClassVar[str] = "a tuning that can be left early (the weights of its exits, and where it is left)"
    clocked: ClassVar[frozenset[str]] = frozenset({"seconds-per-token"})

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Quality, and latency: counted in layers, which doesn't depend on the machine, and in measured seconds."""
        return {
            **QUALITY,
            "layers": Objective("layer_share", "minimize", 0.0, 1.0, reference=_LAYERS_REFERENCE),
            "seconds-per-token": Objective("seconds_per_token", "minimize", 0.0, reference=SLOW_TOKEN),
        }

    def space(self) -> ConfigurationSpace:
        """See `exit_space`."""
        return exit_space(self.setup)

    def trained_on(self) -> Sequence[Extent]:
        """The setup's training examples."""
        return [Extent.of(example) for example in self.loaded.train]

    def fidelity(self) -> Fidelity | None:
        """Epochs."""
        return Fidelity("epochs", 1, self.setup.epochs, kind="int", resumable=True)

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """Of the model left at `exit`: the judge's measures, `loss` in nats a token, and `layer_share` in (0, 1].

        The layers are counted as they are called. `train_loss` is the mean over all exits by their weights.
        """
        loaded = self.loaded
        usage = Usage(loaded.device)
        until, epochs = int(level or self.setup.epochs), self.setup.epochs
        trained = {name: value for name, value in config.items() if name != "exit"}
        loss = SortedLoss(loaded.tokenizer.pad_token_id, loaded.device, weights=exit_weights(config))
        key = key_of(loaded.key, self.kind, trained, seed, epochs)
        with (
            loaded.tuned(loaded.train, loss, config, until=until, epochs=epochs, seed=seed, key=key) as (
                model,
                training,
            ),
            leaving_after(model, share_of_layers(EXITS[config["exit"]], depth(model))),
        ):
            usage.add("train", training.seconds)
            sides = {side: _answered(loaded, model, side, usage) for side in SCORED}
        judged = loaded.score({side: texts for side, (texts, _) in sides.items()}, seed, usage)
        return {
            **sides["validation"][1],
            **as_tests(sides["test"][1]),
            **judged,
            "train_loss": training.losses[-1],
            **usage.measured(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedLoss(ResponseLoss):
    """Cross-entropy of the responses' tokens in nats a token, averaged over exits by weights.

    Parameters
    ----------
    weights:
        Of every exit, by its share of the layers; not negative, their sum is positive.
    """

    weights: Mapping[float, float]

    def total(self, model: Any, items: Sequence[Encoded]) -> torch.Tensor:
        """Their cross-entropy, summed over tokens and averaged over exits."""
        import torch

        weighed = {share: weight for share, weight in self.weights.items() if weight > 0.0}
        found = losses_at_exits(model, self.batch(items), list(weighed))
        losses = [weight * one.sum() for one, weight in zip(found, weighed.values(), strict=True)]
        return torch.stack(losses).sum() / math.fsum(weighed.values())


def losses_at_exits(model: Any, batch: Batch, shares: Sequence[float]) -> list[torch.Tensor]:
    """After each share of the layers, the cross-entropy of each of the responses' tokens, in one pass; shape (n,)."""
    core, layers = without_wrapper(model), depth(model)
    made = core.get_decoder()(**batch.inputs, use_cache=False, output_hidden_states=True)
    norm = core.get_decoder().norm
    counts = [share_of_layers(share, layers) for share in shares]
    read = (made.last_hidden_state if count == layers else norm(made.hidden_states[count]) for count in counts)
    return [head_losses(core, hidden, batch) for hidden in read]


def exit_space(setup: Setup) -> ConfigurationSpace:
    """That of `sft`, the weights of the losses at the earlier exits, and where the tuned model is left."""
    from ConfigSpace import Categorical, Float

    space = tuning_space(setup)
    space.add(
        Float("early_weight", WEIGHT, default=1.0),
        Float("middle_weight", WEIGHT, default=1.0),
        Categorical("exit", list(EXITS), default="middle"),
    )
    return space


def exit_weights(config: Mapping[str, Any]) -> dict[float, float]:
    """The weight of each exit's loss, by its share of the layers."""
    return {share: config.get(f"{name}_weight", 1.0) for name, share in EXITS.items()}


def _answered(loaded: LoadedSetup, model: Any, side: str, usage: Usage) -> tuple[tuple[str, ...], dict[str, float]]:
    """Answers, and what is measured of the model."""
    prompts = loaded.prompts(side)
    calls = LayerCalls()
    began = time.perf_counter()
    with calls.of(model), usage.spent("answer", side):
        answers = loaded.answer(model, prompts)
    measured = {
        "seconds_per_token": (time.perf_counter() - began) / answers.tokens,
        "layer_share": calls.count / (depth(model) * calls.passes),
    }
    examples = loaded.data.examples(side)
    if all(example.is_answered for example in examples):
        with usage.spent("loss", side):
            measured["loss"] = float(np.mean(loaded.losses(model, loaded.data.encoded(examples))))
    return answers.texts, measured
