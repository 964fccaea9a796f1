"""What answers requests: transformers, or vLLM where it is installed."""

from __future__ import annotations

import copy
import importlib.util
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from optathlon.errors import MissingDependency
from optathlon.llm.chat import left_padded
from optathlon.llm.generation import greedily, up_to_end

if TYPE_CHECKING:
    import torch

VLLM_MEMORY = 0.5
"""The share of a GPU's memory that vLLM may take: the model that is tuned lies there too."""


class Engine(Protocol):
    """Answers a batch of requests greedily."""

    def answer(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        """The tokens of each answer, its end included."""


@dataclass(frozen=True, slots=True)
class Transformers(Engine):
    """`generate` of transformers.

    Parameters
    ----------
    model:
        Of transformers.
    pad:
        The token that fills up short prompts.
    ends, max_new_tokens:
        As in `optathlon.llm.generation.write`.
    pad_to:
        The length of prompts is padded to a multiple of it.
    cache:
        Of keys and values: grown as needed, or made in full at the beginning (on a GPU, transformers compiles the model
        for it).
    """

    model: Any
    pad: int
    ends: Sequence[int]
    max_new_tokens: int
    pad_to: int
    cache: Literal["dynamic", "static"]

    def answer(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        """The tokens of each answer, its end included."""
        import torch

        batch = widened(left_padded(prompts, self.pad, str(self.model.device)), self.pad, self.pad_to)
        with torch.inference_mode():
            written = self.model.generate(
                **batch,
                **greedily(self.pad, self.ends, self.max_new_tokens),
                cache_implementation="static" if self.cache == "static" else None,
            )
        new = written[:, batch["input_ids"].shape[1] :].tolist()
        return [up_to_end(tokens, self.ends) for tokens in new]


@dataclass(frozen=True, slots=True)
class VLLM(Engine):
    """`LLM.generate` of vLLM.

    Parameters
    ----------
    llm:
        `vllm.LLM`.
    settings:
        `vllm.SamplingParams`.
    """

    llm: Any
    settings: Any

    def answer(self, prompts: Sequence[Sequence[int]]) -> list[list[int]]:
        """The tokens of each answer, its end included."""
        asked = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        return [
            list(answered.outputs[0].token_ids) for answered in self.llm.generate(asked, self.settings, use_tqdm=False)
        ]


def require_vllm() -> None:
    """Raises `MissingDependency` where vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        raise MissingDependency("serving by vLLM", "vllm", "pip install vllm (it needs a GPU)")


@contextmanager
def vllm_engine(
    model: Any,
    tokenizer: Any,
    *,
    ends: Sequence[int],
    max_new_tokens: int,
    dtype: str,
    options: Mapping[str, int | bool],
) -> Iterator[VLLM]:
    """An engine on a copy of a model.

    Parameters
    ----------
    model, tokenizer:
        Of transformers.
    ends, max_new_tokens:
        As in `optathlon.llm.generation.write`.
    dtype:
        Of the weights, as vLLM writes it.
    options:
        Further arguments of `vllm.LLM`.
    """
    import vllm

    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        llm = vllm.LLM(model=folder, dtype=dtype, gpu_memory_utilization=VLLM_MEMORY, seed=0, **options)
        yield VLLM(llm, vllm.SamplingParams(temperature=0.0, max_tokens=max_new_tokens, stop_token_ids=list(ends)))


def standalone(model: Any, dtype: str) -> Any:
    """A copy of a model with weights of another type, adapters merged into them."""
    import torch

    copied = copy.deepcopy(model)
    merged = copied.merge_and_unload() if hasattr(copied, "merge_and_unload") else copied
    for weight in merged.parameters():  # not the frequencies of positions
        weight.data = weight.data.to(getattr(torch, dtype))
    return merged.eval()


def widened(batch: Mapping[str, torch.Tensor], pad: int, multiple: int) -> dict[str, torch.Tensor]:
    """A left-padded batch, padded further to a multiple of so many tokens."""
    import torch

    missing = -batch["input_ids"].shape[1] % multiple
    return {
        name: torch.nn.functional.pad(tensor, (missing, 0), value=pad if name == "input_ids" else 0)
        for name, tensor in batch.items()
    }
