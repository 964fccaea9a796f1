"""`pandalm`: a language model that was tuned to judge (Wang et al. 2023, arXiv 2306.05087).

Prompts, special tokens, settings and the meaning of judgements are those of `pandalm/utils/pandalm_inference.py` of
github.com/WeOpenML/PandaLM (Apache-2.0), in whose batches pairs stand alone; here they stand together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from optathlon.errors import UsageError
from optathlon.llm.judges.calls import call
from optathlon.llm.judges.generation import BeamSearch
from optathlon.llm.judges.loading import loaded, weights_of
from optathlon.llm.judging import Judge, Prompt, Verdicts
from optathlon.text import one_line, shortened

BATCH = 8
"""Pairs at once; fewer where the memory is too small."""
_SHOWN = 120
"""Characters of a judgement that is not understood."""
BEAMS, REPETITION_PENALTY, PAD = 4, 1.2, 0

_TASK = "Below are two responses for a given task. The task is defined by the Instruction"
_EVALUATE = (
    ". Evaluate the responses and generate a reference answer for the task.\n\n### Instruction:\n{instruction}\n\n"
)
_RESPONSES = "### Response 1:\n{first}\n\n### Response 2:\n{second}\n\n### Evaluation:\n"
TEMPLATE = f"{_TASK}{_EVALUATE}{_RESPONSES}"
TEMPLATE_WITH_INPUT = (
    f"{_TASK} with an Input that provides further context{_EVALUATE}### Input:\n{{input}}\n\n{_RESPONSES}"
)
_SPECIAL = re.compile(
    "|".join(
        map(
            re.escape,
            (
                *("<unk>", "<pad>", "<s>", "</s>", "[PAD]", "<|endoftext|>", "[UNK]", "[CLS]", "[MASK]"),
                *("<|startofpiece|>", "<|endofpiece|>", "[gMASK]", "[sMASK]"),
            ),
        )
    )
)
_PREFERENCES = {"1": 1.0, "2": 0.0, "tie": 0.5}


class PandaLM(Judge):
    """PandaLM, or another model that was tuned by its prompts.

    It writes a judgement by beam search, whose first line is `1`, `2` or `Tie`, and then a reason and a better answer.
    Any other first line is not understood (PandaLM's own code takes it for a tie: `compare(…, failures="ties")`), and
    neither is a pair too long for the model's context with `max_new_tokens` after it.

    Parameters
    ----------
    model:
        A folder in the layout of transformers, or an id on the Hugging Face hub that has been fetched.
    max_new_tokens:
        Where judgements are cut, at least 1; PandaLM has 512. Fewer take less time, but a beam search that is cut may
        decide otherwise.
    """

    def __init__(self, model: str = "WeOpenML/PandaLM-7B-v1", *, max_new_tokens: int = 512) -> None:
        if max_new_tokens < 1:
            raise UsageError(f"max_new_tokens of pandalm is at least 1, not {max_new_tokens!r}")
        self._model = model
        self._search = BeamSearch(BEAMS, REPETITION_PENALTY, max_new_tokens, PAD)
        self.template = f"{TEMPLATE}\n\n{TEMPLATE_WITH_INPUT}"
        self.id = call("pandalm", type(self), {"model": model, "max_new_tokens": max_new_tokens})

    def check(self) -> None:
        """Load the model, if its files are new. Raises `MissingData` where it would have to be fetched."""
        weights_of(self._model)

    def load(self) -> None:
        """Load the model."""
        loaded(self._model)

    def weights(self) -> str:
        """Hash the model, which is loaded if its files are new."""
        return weights_of(self._model)

    def prefer(
        self, prompts: Sequence[Prompt], candidate: Sequence[str], reference: Sequence[str], *, seed: int
    ) -> Verdicts:
        """Load the model on first use, and ask. Raises `MissingData` where it would have to be fetched."""
        if not prompts:
            return Verdicts(np.ones(0))
        judge = loaded(self._model)
        pairs = zip(prompts, candidate, reference, strict=True)
        asked = [tuple(judge.tokenizer(request(*pair))["input_ids"]) for pair in pairs]
        longest = (judge.context or math.inf) - self._search.max_new_tokens
        fitting = [index for index, tokens in enumerate(asked) if len(tokens) <= longest]
        preferences = np.full(len(prompts), np.nan)
        written = self._search.texts(judge, [asked[index] for index in fitting], BATCH)
        preferences[fitting] = [preference(text) for text in written]
        unclear = [f'it said "{shortened(one_line(text), _SHOWN)}"' for text in written if math.isnan(preference(text))]
        too_long = ["the pair leaves no room for its judgement"] if len(fitting) < len(asked) else []
        return Verdicts(preferences, unclear=next(iter([*unclear, *too_long]), ""))


def request(prompt: Prompt, first: str, second: str) -> str:
    """What PandaLM is asked by."""
    template = TEMPLATE_WITH_INPUT if prompt.input else TEMPLATE
    return template.format(
        instruction=prompt.instruction, input=prompt.input, first=_plain(first), second=_plain(second)
    )


def preference(judgement: str) -> float:
    """The preference for the first response that a judgement begins with; NaN where it can't be understood."""
    first = _plain(judgement).split("\n")[0]
    return _PREFERENCES.get(first.lower(), math.nan)


def _plain(text: str) -> str:
    """Without special tokens, and spaces around."""
    return _SPECIAL.sub("", text.strip()).strip()
