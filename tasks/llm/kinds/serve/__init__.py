"""`llm/serve`: the throughput of answering, against the latency of a request; both are measured.

Requests are answered batch by batch, and the next batch is taken when the last one is done. The latency of a request is
the time from when its batch is taken to when the batch is done; waiting before isn't counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.lazy import lazy_module
from optathlon.llm.generation import as_text
from optathlon.problem import Objective
from optathlon.tasks.llm.kinds.serve.engines import Engine, Transformers, require_vllm, standalone, vllm_engine
from optathlon.tasks.llm.loaded_setup import as_tests
from optathlon.tasks.llm.memory_need import Answering
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.task import ReferenceTask
from optathlon.tasks.llm.usage import SLOW_TOKEN, Usage

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace
else:
    np = lazy_module("numpy")

BATCH, PAD_TO = (1, 128), (1, 8, 16, 32, 64)
REQUESTS, BATCHES = 128, 32
"""Requests and batches of each side at most."""
REPEATS = 2
"""Every batch is answered once to warm up, and then so often; the fastest counts, which was disturbed least."""


class Serve(ReferenceTask):
    """The reference tuning answers by transformers; the seed has no effect, and the clock has one."""

    kind: ClassVar[str] = "serve"
    listed: ClassVar[tuple[str, ...]] = ("throughput+latency",)
    tunes: ClassVar[str] = "how answers are served (batch size, order, padding, cache, number format)"
    clocked: ClassVar[frozenset[str]] = frozenset({"throughput", "latency", "latency-95", "peak-memory"})
    judged: ClassVar[bool] = False

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Throughput, the mean and the 95th percentile of the latency, and the memory's peak."""
        slow = SLOW_TOKEN * setup.max_new_tokens
        return {
            "throughput": Objective("tokens_per_second", "maximize", 0.0, reference=0.0),
            "latency": Objective("latency", "minimize", 0.0, reference=slow),
            "latency-95": Objective("latency_95", "minimize", 0.0, reference=slow),
            "peak-memory": Objective("peak_memory", "minimize", 0.0, reference=setup.memory),
        }

    def space(self) -> ConfigurationSpace:
        """See `serving_space`."""
        return serving_space()

    def asked(self, side: str) -> Sequence[tuple[int, ...]]:
        """The first prompts."""
        return self.loaded.prompts(side)[:REQUESTS]

    def answering(self) -> Answering:
        """On a copy of the model, in the number format of the trial."""
        return replace(super().answering(), copies=1)

    @contextmanager
    def engine(self, model: Any, config: Mapping[str, Any]) -> Iterator[Engine]:
        """What answers."""
        yield Transformers(
            standalone(model, config["dtype"]),
            self.loaded.tokenizer.pad_token_id,
            self.loaded.template.ends,
            self.setup.max_new_tokens,
            config["pad_to"],
            config["cache"],
        )

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """`tokens_per_second` of answers, `latency` and `latency_95` in seconds.

        `equal` is the share of answers that are those of the reference: less than 1 where rounding changes some.
        """
        loaded = self.loaded
        usage = Usage(loaded.device)
        served = {}
        with loaded.reference_tuned() as model, self.engine(model, config) as engine:
            for side in SCORED:
                with usage.spent("answer", side):
                    served[side] = _served(engine, self.asked(side), config)
        measured = usage.measured()
        validation, test = (self._measured(served[side], side) for side in SCORED)
        return {
            **validation,
            **as_tests(test),
            **measured,
        }

    def _measured(self, served: Served, side: str) -> dict[str, float]:
        answers = as_text(served.answers, self.loaded.tokenizer)
        reference = self.loaded.plain_reference(side)
        latencies = served.latencies
        return {
            "tokens_per_second": answers.tokens / sum(served.seconds),
            "latency": float(np.mean(latencies)),
            "latency_95": float(np.percentile(latencies, 95)),
            "tokens": float(answers.tokens),
            "equal": float(np.mean([one == other for one, other in zip(answers.texts, reference, strict=False)])),
        }


class ServeByVLLM(Serve):
    """The reference tuning answers by vLLM. Raises `MissingDependency` where that is not installed."""

    kind: ClassVar[str] = "serve-vllm"
    listed: ClassVar[tuple[str, ...]] = ()

    def __init__(self, id: str, setup: Setup, objectives: tuple[str, ...]) -> None:
        require_vllm()
        super().__init__(id, setup, objectives)

    def space(self) -> ConfigurationSpace:
        """See `vllm_space`."""
        return vllm_space()

    @contextmanager
    def engine(self, model: Any, config: Mapping[str, Any]) -> Iterator[Engine]:
        """What answers."""
        options = {
            "max_num_seqs": config["batch_size"],
            "enable_chunked_prefill": config["chunked_prefill"],
            "enable_prefix_caching": config["prefix_caching"],
        }
        with vllm_engine(
            standalone(model, config["dtype"]),
            self.loaded.tokenizer,
            ends=self.loaded.template.ends,
            max_new_tokens=self.setup.max_new_tokens,
            dtype=config["dtype"],
            options=options,
        ) as engine:
            yield engine


@dataclass(frozen=True, slots=True)
class Served:
    """Answers in the order of the requests; of each batch its seconds, and which requests are in it."""

    answers: list[list[int]]
    batches: list[list[int]]
    seconds: list[float]

    @property
    def latencies(self) -> list[float]:
        """Of each request, in the order of the batches; in seconds."""
        return [seconds for batch, seconds in zip(self.batches, self.seconds, strict=True) for _ in range(len(batch))]


def serve(engine: Engine, prompts: Sequence[Sequence[int]], *, batch_size: int, by_length: bool) -> Served:
    """Answer all requests, `batch_size` at once, in their order or from short to long."""
    order = list(range(len(prompts)))
    if by_length:
        order.sort(key=lambda index: len(prompts[index]))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    answers: list[list[int]] = [[] for _ in prompts]
    seconds = []
    for batch in batches:
        asked = [prompts[index] for index in batch]
        for index, answer in zip(batch, engine.answer(asked), strict=True):
            answers[index] = answer
        seconds.append(min(_seconds(engine, asked) for _ in range(REPEATS)))
    return Served(answers, batches, seconds)


def serving_space() -> ConfigurationSpace:
    """Requests at once and their order, padding of prompts, the cache of keys and values, and the weights' type."""
    from ConfigSpace import Categorical, ConfigurationSpace, OrdinalHyperparameter

    space = ConfigurationSpace()
    space.add(
        *_batching(),
        OrdinalHyperparameter("pad_to", PAD_TO),
        Categorical("cache", ["dynamic", "static"]),
        Categorical("dtype", ["float32", "bfloat16"]),
    )
    return space


def vllm_space() -> ConfigurationSpace:
    """Requests at once and their order, vLLM's switches, and the weights' type."""
    from ConfigSpace import Categorical, ConfigurationSpace

    space = ConfigurationSpace()
    space.add(
        *_batching(),
        Categorical("chunked_prefill", [True, False]),
        Categorical("prefix_caching", [True, False]),
        Categorical("dtype", ["float32", "bfloat16"], default="bfloat16"),
    )
    return space


def _batching() -> tuple[Any, ...]:
    from ConfigSpace import Categorical, Integer

    return (
        Integer("batch_size", BATCH, log=True, default=8),
        Categorical("order", ["given", "by-length"]),
    )


def _served(engine: Engine, asked: Sequence[Sequence[int]], config: Mapping[str, Any]) -> Served:
    size = config["batch_size"]
    return serve(engine, asked[: BATCHES * size], batch_size=size, by_length=config["order"] == "by-length")


def _seconds(engine: Engine, prompts: Sequence[Sequence[int]]) -> float:
    began = time.perf_counter()
    engine.answer(prompts)
    return time.perf_counter() - began
