"""`llm/sampling`: how answers are drawn from a given model, whose weights stay as they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.lazy import lazy_module
from optathlon.llm.generation import Scores, as_text
from optathlon.llm.sampling import Randomly, Sampling, drawn_by
from optathlon.problem import Fidelity, Objective
from optathlon.tasks.llm.objectives import training_objectives
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.task import ReferenceTask
from optathlon.tasks.llm.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    import torch
    from ConfigSpace import ConfigurationSpace
else:
    np = lazy_module("numpy")

TEMPERATURE, TOP_P, TOP_K, REPETITION_PENALTY = (0.1, 2.0), (0.3, 1.0), (1, 200), (1.0, 2.0)
LEAST_PROMPTS = 1 / 8


class SamplingTask(ReferenceTask):
    """The reference tuning's answers are drawn, by the trial's seed; the share of prompts is the fidelity."""

    kind: ClassVar[str] = "sampling"
    listed: ClassVar[tuple[str, ...]] = ("win-rate", "lc-win-rate+length")
    tunes: ClassVar[str] = "how answers are drawn (temperature, top-p, top-k, repetition penalty)"

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Win rates, exact match and length."""
        known = training_objectives(setup)
        return {name: known[name] for name in ("win-rate", "lc-win-rate", "exact-match", "length")}

    def space(self) -> ConfigurationSpace:
        """See `sampling_space`."""
        return sampling_space()

    def fidelity(self) -> Fidelity | None:
        """The share of prompts."""
        return Fidelity("prompt_share", LEAST_PROMPTS, 1.0, log=True)

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """Draw an answer to each of the first prompts, and compare it; the judge's measures."""
        loaded = self.loaded
        usage = Usage(loaded.device)
        asked = {side: loaded.prompts(side) for side in SCORED}
        asked = {side: prompts[: math.ceil((level or 1.0) * len(prompts))] for side, prompts in asked.items()}
        seeds = np.random.SeedSequence(seed).generate_state(len(SCORED)).tolist()
        chances = {side: Randomly(number, loaded.device) for side, number in zip(SCORED, seeds, strict=True)}
        drawn = {}
        with loaded.reference_tuned() as model:
            for side, prompts in asked.items():
                choice = sampled(config, chances[side], pad=loaded.tokenizer.pad_token_id)
                with usage.spent("answer", side):
                    drawn[side] = loaded.draw(model, prompts, choice)
        answers = {side: as_text(tokens, loaded.tokenizer) for side, tokens in drawn.items()}
        scores = loaded.score({side: found.texts for side, found in answers.items()}, seed, usage)
        return {
            **scores,
            "tokens": float(answers["validation"].tokens),
            "test/tokens": float(answers["test"].tokens),
            **usage.measured(),
        }


def sampling_space() -> ConfigurationSpace:
    """Temperature; how many tokens are left by `top_k` and `top_p`; the penalty for tokens that have occurred."""
    from ConfigSpace import ConfigurationSpace, Float, Integer

    space = ConfigurationSpace()
    space.add(
        Float("temperature", TEMPERATURE, log=True, default=1.0),
        Float("top_p", TOP_P, default=1.0),
        Integer("top_k", TOP_K, log=True, default=50),
        Float("repetition_penalty", REPETITION_PENALTY, default=1.0),
    )
    return space


def sampled(config: Mapping[str, Any], choice: Scores, *, pad: int) -> Scores:
    """Tokens drawn by `choice` after the penalty, `top_k`, temperature and `top_p`, in this order.

    `pad` is the token that fills up short prompts.
    """
    drawn = drawn_by(Sampling(config["temperature"], config["top_p"]), choice)

    def scores(tokens: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        return drawn(tokens, likeliest(penalised(tokens, logits, config["repetition_penalty"], pad), config["top_k"]))

    return scores


def penalised(tokens: torch.Tensor, logits: torch.Tensor, penalty: float, pad: int) -> torch.Tensor:
    """Logits of tokens that have occurred, in prompt or answer, made less likely (Keskar et al. 2019, section 4.1).

    Positive ones are divided by the penalty (>= 1) and others multiplied by it, as in transformers. What fills up short
    prompts has not occurred.
    """
    import torch

    occurred = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, tokens, value=True)
    occurred[:, pad] = False
    return torch.where(occurred, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def likeliest(logits: torch.Tensor, count: int) -> torch.Tensor:
    """The `count` largest logits of each row; -inf for others."""
    least = logits.topk(min(count, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < least, -math.inf)
