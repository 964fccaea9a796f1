"""`llm/decode`: speculative decoding, where candidates are drafted cheaply and verified in one pass.

Decoding is greedy, so the answers are those of plain decoding (Leviathan et al. 2023, arXiv 2211.17192, section 2).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from optathlon.lazy import lazy_module
from optathlon.llm.generation import as_text, greedily
from optathlon.llm.head import without_wrapper
from optathlon.problem import Fidelity, Objective
from optathlon.tasks.llm.layers import LayerCalls, depth, share_of_layers
from optathlon.tasks.llm.loaded_setup import LoadedSetup, as_tests
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.setups import Count, Section, Setup
from optathlon.tasks.llm.task import ReferenceTask
from optathlon.tasks.llm.usage import SLOW_TOKEN, Usage

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace
else:
    np = lazy_module("numpy")

CANDIDATES, EXIT_SHARE, CONFIDENCE, NGRAM = (1, 10), (0.1, 0.9), (0.0, 0.9), (1, 4)
_PROMPTS = {"tiny": 64, "everyday": 4}
"""Of each side, for built-in questions."""
LEAST_PROMPTS = 1 / 8
_COST_REFERENCE = 4.0


class DecodeSection(Section):
    """What is decoded.

    Attributes
    ----------
    prompts:
        Prompts of each side at most, the first ones: they are answered one at a time.
    """

    prompts: Count = 64

    @classmethod
    def of_built_in(cls, questions: str) -> Self:
        """Fewer for the model that is larger."""
        return cls(prompts=_PROMPTS[questions])


class Decode(ReferenceTask):
    """The reference tuning's answers are decoded with a draft; the share of prompts is the fidelity."""

    kind: ClassVar[str] = "decode"
    section: ClassVar[type[Section] | None] = DecodeSection
    listed: ClassVar[tuple[str, ...]] = ("cost",)
    tunes: ClassVar[str] = (
        "how the reference tuning's answers are decoded with a draft (draft, candidates, schedule, confidence)"
    )
    clocked: ClassVar[frozenset[str]] = frozenset({"seconds-per-token"})
    judged: ClassVar[bool] = False

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Counted cost, which doesn't depend on the machine, and measured seconds."""
        return {
            "cost": Objective("cost", "minimize", 0.0, reference=_COST_REFERENCE),
            "seconds-per-token": Objective("seconds_per_token", "minimize", 0.0, reference=SLOW_TOKEN),
        }

    def space(self) -> ConfigurationSpace:
        """See `decode_space`."""
        return decode_space()

    def fidelity(self) -> Fidelity | None:
        """The share of prompts."""
        return Fidelity("prompt_share", LEAST_PROMPTS, 1.0, log=True)

    @property
    def ingredients(self) -> str:
        """How many prompts."""
        return f"{self._most_prompts} prompts"

    @property
    def _most_prompts(self) -> int:
        return self.setup.section(DecodeSection).prompts

    def asked(self, side: str) -> Sequence[tuple[int, ...]]:
        """The first prompts."""
        return self.loaded.prompts(side)[: self._most_prompts]

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """`cost`, the calls of layers for a token as a share of plain decoding's, which calls each layer once.

        A draft of k of L layers costs k / L of a pass of the target (c in section 3.3 of Leviathan et al.); copies from
        the prompt cost nothing. `equal` is the share of answers that are those of plain decoding: 1 but for ties
        that computing in another order breaks. The seed has no effect.
        """
        loaded = self.loaded
        usage = Usage(loaded.device)
        with loaded.reference_tuned() as model:
            validation, test = (
                _decoded(loaded, model, side, self.asked(side), config, level or 1.0, usage) for side in SCORED
            )
        return {
            **validation,
            **as_tests(test),
            **usage.measured(),
        }


def decode_space() -> ConfigurationSpace:
    """The draft, the number of its candidates, and what is its own.

    `early-exit`: the draft is the target's first layers, of which `exit_share` says how many; the number of candidates
    follows a schedule of transformers; drafting stops at a token less likely than `confidence`. `prompt-lookup`:
    candidates are copied from behind an earlier occurrence of the last `ngram` tokens or fewer.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

    space = ConfigurationSpace()
    draft = Categorical("draft", ["early-exit", "prompt-lookup"])
    of_exits = (
        Float("exit_share", EXIT_SHARE, default=0.5),
        Categorical("schedule", ["constant", "heuristic", "heuristic_transient"]),
        Float("confidence", CONFIDENCE, default=0.4),
    )
    ngram = Integer("ngram", NGRAM, default=2)
    space.add(draft, Integer("candidates", CANDIDATES, log=True, default=3), *of_exits, ngram)
    space.add(*(EqualsCondition(hyperparameter, draft, "early-exit") for hyperparameter in of_exits))
    space.add(EqualsCondition(ngram, draft, "prompt-lookup"))
    return space


def speculate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    config: Mapping[str, Any],
    *,
    pad: int,
    ends: Sequence[int],
    max_new_tokens: int,
) -> list[list[int]]:
    """The tokens of greedy answers, ends included, to one prompt after the other; `ends` as in `write`."""
    import torch

    target = without_wrapper(model)
    layers = depth(target)
    written = []
    with torch.inference_mode(), _drafting(target, config):
        for prompt in prompts:
            tokens = torch.tensor([prompt], device=target.device)
            answer = target.generate(
                input_ids=tokens,
                attention_mask=torch.ones_like(tokens),
                **greedily(pad, ends, max_new_tokens),
                **_draft(config, layers),
            )
            written.append(answer[0, len(prompt) :].tolist())
    return written


def _draft(config: Mapping[str, Any], layers: int) -> dict[str, int]:
    """What makes transformers draft so."""
    if config["draft"] == "early-exit":
        return {"assistant_early_exit": min(share_of_layers(config["exit_share"], layers), layers - 1)}
    return {"prompt_lookup_num_tokens": config["candidates"], "max_matching_ngram_size": config["ngram"]}


@contextmanager
def _drafting(model: Any, config: Mapping[str, Any]) -> Iterator[None]:
    """The settings that transformers reads from the drafting model, and changes from answer to answer.

    It warns of how it calls itself, which is hidden.
    """
    from transformers.utils import logging

    before, verbosity = model.generation_config, logging.get_verbosity()
    logging.set_verbosity_error()
    model.generation_config = copy.deepcopy(before)
    if config["draft"] == "early-exit":
        model.generation_config.num_assistant_tokens = config["candidates"]
        model.generation_config.num_assistant_tokens_schedule = config["schedule"]
        model.generation_config.assistant_confidence_threshold = config["confidence"]
    try:
        yield
    finally:
        model.generation_config = before
        logging.set_verbosity(verbosity)


def _decoded(
    loaded: LoadedSetup,
    model: Any,
    side: str,
    asked: Sequence[tuple[int, ...]],
    config: Mapping[str, Any],
    share: float,
    usage: Usage,
) -> dict[str, float]:
    prompts = asked[: max(1, round(share * len(asked)))]
    calls = LayerCalls()
    began = time.perf_counter()
    with calls.of(model), usage.spent("answer", side):
        written = speculate(
            model,
            prompts,
            config,
            pad=loaded.tokenizer.pad_token_id,
            ends=loaded.template.ends,
            max_new_tokens=loaded.setup.max_new_tokens,
        )
    seconds = time.perf_counter() - began
    answers = as_text(written, loaded.tokenizer)
    with usage.spent("plain", side):
        plain = loaded.answer(model, prompts)
    return {
        "cost": calls.count / (depth(model) * answers.tokens),
        "seconds_per_token": seconds / answers.tokens,
        "tokens": float(answers.tokens),
        "equal": float(np.mean([one == other for one, other in zip(answers.texts, plain.texts, strict=True)])),
    }
