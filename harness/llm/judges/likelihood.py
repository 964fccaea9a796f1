"""`likelihood`: the better answer is the one that a language model finds likelier."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from optathlon.errors import UsageError
from optathlon.llm.chat import Encoded, Template
from optathlon.llm.examples import Example
from optathlon.llm.judges.calls import call
from optathlon.llm.judges.loading import Loaded, loaded, weights_of
from optathlon.llm.judges.logistic import logistic
from optathlon.llm.judging import Judge, Prompt, Verdicts
from optathlon.llm.likelihoods import fitting_batch, response_losses
from optathlon.text import shortened

Calibration = Literal["none", "pmi"]

_REMEMBERED = 10_000
"""Reference's answers whose worth is kept, those that were asked for last."""
_SHOWN = 101
"""Characters of a text that it can't read."""
_NO_PROMPT = Prompt("", "")


class Likelihood(Judge):
    """Compares how likely a language model finds the answers, given the prompt.

    The worth of an answer is the log-probability of its tokens, its end included, in nats: the mean (`per="token"`) or
    the sum (`per="answer"`, which favours short answers). It is preferred with the probability of Bradley and Terry
    (1952), 1 / (1 + exp(-difference of worths / temperature)); with `per="answer"` at temperature 1 that is p / (p + q)
    where p and q are the probabilities of the two answers.

    Likely answers are often those that would be likely after any prompt. With `calibration="pmi"` the worth is the
    pointwise mutual information of answer and prompt instead, log p(answer | prompt) - log p(answer | no prompt), where
    no prompt is the chat template around an empty instruction: domain-conditional PMI of Holtzman et al. (2021,
    arXiv 2104.08315), whose domain premise that is; over all tokens or, per token, over their number.

    The worth of the reference's answers is computed once, each by itself, and remembered; those of the candidate's are
    computed many at once. So it doesn't matter what was judged before.

    An empty answer is worse than any other. Answers are cut where the model's context ends. A prompt that fills the
    context is not understood, and neither is text with words that the model's tokenizer doesn't know (`<unk>`): how
    likely these are says nothing. How many answers are computed at once changes preferences by rounding errors only.

    Parameters
    ----------
    model:
        `tiny`, a folder in the layout of transformers, or an id on the Hugging Face hub that has been fetched.
    per:
        What is summed or averaged over.
    temperature:
        In nats, more than 0: the lower, the more decided.
    template:
        `"model"` for the chat template of the model, `"alpaca"`, or the path of a Jinja file.
    calibration:
        `"none"`, or `"pmi"` for what the prompt adds to the likelihood.

    Raises `UsageError` for a temperature that is not positive and a file that is missing.
    """

    symmetric = True

    def __init__(
        self,
        model: str,
        *,
        per: Literal["token", "answer"] = "token",
        temperature: float = 1.0,
        template: str = "model",
        calibration: Calibration = "none",
    ) -> None:
        if not 0.0 < temperature < math.inf:
            raise UsageError(f"the temperature of likelihood is more than 0, not {temperature!r}")
        self._model = model
        self._per = per
        self._temperature = temperature
        self._template = template
        self._calibration = calibration
        self._reference_worth = lru_cache(_REMEMBERED)(self._worth)
        self.template = "" if template == "model" else Template(None, template).text
        self.id = call(
            "likelihood",
            type(self),
            {
                "model": model,
                "per": per,
                "temperature": temperature,
                "template": template,
                "calibration": calibration,
            },
        )

    def check(self) -> None:
        """Load the model, if its files are new. Raises `MissingData` where it would have to be fetched."""
        weights_of(self._model)

    def load(self) -> None:
        """Load the model."""
        loaded(self._model)

    def weights(self) -> str:
        """Hash the model, which is loaded if its files are new."""
        return weights_of(self._model)

    def likelihoods_of(self) -> tuple[str, ...]:
        """The model."""
        return (self._model,)

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """Load the model on first use, and compare. Raises `MissingData` where it would have to be fetched."""
        if not prompts:
            return Verdicts(np.ones(0))
        ours = self._worths(prompts, candidate)
        theirs = np.array([self._reference_worth(*pair) for pair in zip(prompts, reference, strict=True)])
        with np.errstate(invalid="ignore"):
            differences = np.where(ours == theirs, 0.0, ours - theirs)
        unread = np.flatnonzero(np.isnan(differences)).tolist()
        unclear = _unread(prompts[unread[0]], candidate[unread[0]], reference[unread[0]]) if unread else ""
        return Verdicts(logistic(differences / self._temperature), unclear=unclear)

    def _worth(self, prompt: Prompt, answer: str) -> float:
        return float(self._worths([prompt], [answer])[0])

    def _worths(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> np.ndarray:
        """Shape (n,): -inf for an empty answer, NaN where the model can't read all of the prompt or of the answer."""
        judge = loaded(self._model)
        template = Template(judge.tokenizer, self._template)
        encoded = [
            _encoded(template, prompt, answer, judge.context or sys.maxsize)
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
        read = [index for index, one in enumerate(encoded) if isinstance(one, Encoded)]
        asked = [one for one in encoded if isinstance(one, Encoded)]
        likelihoods = _log_likelihoods(judge, asked)
        if self._calibration == "pmi":
            likelihoods -= _log_likelihoods(
                judge, [_unprompted(template, one, answers[index]) for index, one in zip(read, asked, strict=True)]
            )
        worths = np.array([math.nan if isinstance(one, Encoded) else one for one in encoded])
        lengths = np.array([len(one.response) if self._per == "token" else 1 for one in asked])
        worths[read] = likelihoods / lengths
        return worths


def _unread(prompt: Prompt, *answers: str) -> str:
    texts = ", ".join(repr(shortened(text, _SHOWN)) for text in (prompt.instruction, *answers))
    return f"it doesn't know all words of {texts}, or they fill its context"


def _log_likelihoods(judge: Loaded, asked: Sequence[Encoded]) -> np.ndarray:
    """Shape (n,): of each response, in nats, summed over its tokens."""
    import torch

    with torch.inference_mode():
        batch = fitting_batch(judge.model, asked)
        losses = response_losses(judge.model, asked, judge.tokenizer.pad_token_id, batch, judge.device)
    return np.array([-loss * len(one.response) for loss, one in zip(losses, asked, strict=True)])


def _unprompted(template: Template, encoded: Encoded, answer: str) -> Encoded:
    """The same answer without a prompt, cut where it was cut with it."""
    length = len(template.prompt(Example(_NO_PROMPT))) + len(encoded.response)
    return template.encode(Example(_NO_PROMPT, answer), length)


def _encoded(template: Template, prompt: Prompt, answer: str, context: int) -> Encoded | float:
    """The tokens of an answer to a prompt, or its worth where that is known without reading it."""
    asked = template.prompt(Example(prompt))
    if len(asked) >= context or template.unreadable(asked):
        return math.nan
    if not answer.strip():
        return -math.inf
    encoded = template.encode(Example(prompt, answer), context)
    return math.nan if template.unreadable(encoded.response) else encoded
