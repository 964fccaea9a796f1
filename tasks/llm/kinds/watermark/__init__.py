"""`llm/watermark`: how well a watermark is detected, against what it does to the answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.lazy import lazy_module
from optathlon.llm.chat import Encoded
from optathlon.llm.generation import as_text
from optathlon.llm.sampling import Randomly, Sampling, drawn_by
from optathlon.problem import Objective
from optathlon.tasks.llm.kinds.watermark.schemes import (
    ExponentialMinimum,
    GreenList,
    Watermark,
    area_under_curve,
    true_positive_rate,
)
from optathlon.tasks.llm.loaded_setup import LoadedSetup, as_tests
from optathlon.tasks.llm.objectives import QUALITY
from optathlon.tasks.llm.parts import SCORED, name_in_hashes
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.task import ReferenceTask
from optathlon.tasks.llm.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace
else:
    np = lazy_module("numpy")

SHARE, BIAS, WIDTH = (0.05, 0.9), (0.1, 10.0), (1, 4)
TEMPERATURE, TOP_P = (0.3, 1.5), (0.5, 1.0)
KEYS = 8
"""Every so many prompts get the same key: the luck of one, at phrases that many answers have, would decide a trial.
Unmarked answers are scored by as many other keys each, which makes more of them to tell false positives by."""


class WatermarkTask(ReferenceTask):
    """The reference tuning's answers are drawn with and without a watermark; the seed gives its keys."""

    kind: ClassVar[str] = "watermark"
    listed: ClassVar[tuple[str, ...]] = ("detect+quality",)
    tunes: ClassVar[str] = "a watermark (scheme, share and bias of marked tokens, context, temperature, top-p)"
    needs: ClassVar[Mapping[str, str]] = {"exact-match": "answer"}

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Detectability as an area, and as a rate at 1 % of false positives; quality by judge, truth and likelihood."""
        return {
            "detect": Objective("1-auc", "minimize", 0.0, 1.0, reference=1.0),
            "missed": Objective("1-tpr", "minimize", 0.0, 1.0, reference=1.0),
            "quality": QUALITY["win-rate"],
            "exact-match": QUALITY["exact-match"],
            "loss": QUALITY["loss"],
        }

    def space(self) -> ConfigurationSpace:
        """See `watermark_space`."""
        return watermark_space()

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """`1-auc`, `1-tpr`, the judge's measures, and `loss` in nats a token under the model without a watermark."""
        loaded = self.loaded
        usage = Usage(loaded.device)
        sampling = Sampling(config["temperature"], config["top_p"])
        with loaded.reference_tuned() as model:
            keys = [_number(seed, f"key {number}") for number in range(2 * KEYS)]
            marks = [watermark(config, key=key, vocabulary=model.config.vocab_size) for key in keys]
            drawn, detected = {}, []
            for side in SCORED:
                with usage.spent("answer", side):
                    drawn[side] = _drawn(loaded, model, side, sampling, marks[:KEYS], seed)
                    detected.append(_detected(drawn[side], marks))
        validation, test = detected
        texts = {side: as_text(found.marked, loaded.tokenizer).texts for side, found in drawn.items()}
        judged = loaded.score(texts, seed, usage)
        return {
            **validation,
            **as_tests(test),
            **judged,
            "tokens": float(sum(map(len, drawn["validation"].marked))),
            "test/tokens": float(sum(map(len, drawn["test"].marked))),
            **usage.measured(),
        }


def watermark_space() -> ConfigurationSpace:
    """The scheme, with γ and δ of green lists; the width of the context; temperature and top-p of the drawing."""
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

    space = ConfigurationSpace()
    scheme = Categorical("scheme", ["green-list", "exponential"])
    of_lists = (Float("green_share", SHARE, default=0.25), Float("bias", BIAS, log=True, default=2.0))
    space.add(
        scheme,
        *of_lists,
        Integer("context_width", WIDTH, default=1),
        Float("temperature", TEMPERATURE, default=1.0),
        Float("top_p", TOP_P, default=1.0),
    )
    space.add(*(EqualsCondition(hyperparameter, scheme, "green-list") for hyperparameter in of_lists))
    return space


def watermark(config: Mapping[str, Any], *, key: int, vocabulary: int) -> Watermark:
    """The watermark of a configuration."""
    if config["scheme"] == "green-list":
        return GreenList(key, config["context_width"], vocabulary, config["green_share"], config["bias"])
    return ExponentialMinimum(key, config["context_width"], vocabulary)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Answers with and without a watermark, and their losses in nats a token under the model without."""

    marked: list[list[int]]
    unmarked: list[list[int]]
    loss: float
    unmarked_loss: float


def _detected(drawn: _Drawn, marks: Sequence[Watermark]) -> dict[str, float]:
    """How well marked answers are told from unmarked ones, and the losses of both."""
    scores = np.array([marks[number % KEYS].detect(answer) for number, answer in enumerate(drawn.marked)])
    unmarked = np.array([other.detect(answer) for other in marks[KEYS:] for answer in drawn.unmarked])
    return {
        "1-auc": 1.0 - area_under_curve(scores, unmarked),
        "1-tpr": 1.0 - true_positive_rate(scores, unmarked),
        "z": float(scores.mean()),
        "unmarked_z": float(unmarked.mean()),
        "loss": drawn.loss,
        "unmarked_loss": drawn.unmarked_loss,
    }


def _drawn(
    loaded: LoadedSetup, model: Any, side: str, sampling: Sampling, marks: Sequence[Watermark], seed: int
) -> _Drawn:
    prompts = loaded.prompts(side)
    chance = Randomly(_number(seed, name_in_hashes(side)), loaded.device)
    unmarked = loaded.draw(model, prompts, drawn_by(sampling, chance))
    marked = [[0]] * len(prompts)
    for number, mark in enumerate(marks):
        group = slice(number, None, len(marks))
        marked[group] = loaded.draw(model, prompts[group], drawn_by(sampling, mark.marked(chance)))
    return _Drawn(marked, unmarked, _loss(loaded, model, prompts, marked), _loss(loaded, model, prompts, unmarked))


def _loss(loaded: LoadedSetup, model: Any, prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> float:
    encoded = [Encoded((*prompt, *tokens), len(prompt)) for prompt, tokens in zip(prompts, answers, strict=True)]
    return float(np.mean(loaded.losses(model, encoded)))


def _number(seed: int, purpose: str) -> int:
    """A number in [0, 2**62) that is another for each purpose."""
    return int(hashlib.sha256(f"{seed} {purpose}".encode()).hexdigest()[:16], 16) >> 2
