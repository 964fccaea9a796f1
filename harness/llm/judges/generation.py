"""Beam search for judges that write their judgements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optathlon.llm.chat import left_padded
from optathlon.llm.generation import greedily
from optathlon.llm.judges.loading import Loaded
from optathlon.llm.memory import in_batches


@dataclass(frozen=True, slots=True)
class BeamSearch:
    """How texts are searched for.

    Parameters
    ----------
    beams:
        Texts that are followed at once; the search for a prompt ends when as many have ended.
    repetition_penalty:
        What logarithms of probabilities of tokens that occurred, in the prompt too, are multiplied by.
    max_new_tokens:
        Where texts are cut.
    pad:
        The number of the token that fills up short prompts; one that is never written, so that what stands beside a
        prompt doesn't matter.
    """

    beams: int
    repetition_penalty: float
    max_new_tokens: int
    pad: int

    def texts(self, judge: Loaded, prompts: Sequence[Sequence[int]], batch_size: int) -> list[str]:
        """What the model writes after each prompt, special tokens too; `batch_size` prompts at once, or fewer."""
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))

        def write(batch: Sequence[Sequence[int]]) -> list[str]:
            return self._written(judge, batch)

        written = dict(zip(order, in_batches(write, [prompts[index] for index in order], batch_size), strict=True))
        return [written[index] for index in range(len(prompts))]

    def _written(self, judge: Loaded, prompts: Sequence[Sequence[int]]) -> list[str]:
        import torch

        batch = left_padded(prompts, self.pad, judge.device)
        settings = greedily(self.pad, [judge.tokenizer.eos_token_id], self.max_new_tokens) | {
            "num_beams": self.beams,
            "early_stopping": True,
            "repetition_penalty": self.repetition_penalty,
        }
        with torch.inference_mode():
            tokens = judge.model.generate(**batch, **settings)[:, batch["input_ids"].shape[1] :]
        return [str(judge.tokenizer.decode(row)) for row in tokens]
