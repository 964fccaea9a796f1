"""What a process loads once of a setup's model, and keeps: its weights and its tokenizer; it is tuned, and answers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from optathlon.llm.chat import Encoded, Template
from optathlon.llm.checksums import is_known, known_checksum
from optathlon.llm.generation import Answers, Scores, answer, write
from optathlon.llm.models import Reading, best_device, described, existing_device, load_tokenizer, reading
from optathlon.paths import expanded
from optathlon.tasks.llm.checkpoints import Checkpoints
from optathlon.tasks.llm.hyperparameters import adapter, recipe
from optathlon.tasks.llm.memory_need import ModelSize, Work, refuse_what_has_no_room
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.token_budget import TokenBudget, memory_of
from optathlon.tasks.llm.training import Loss, ResponseLoss, Training
from optathlon.tasks.llm.tunable_model import Adapter, TunableModel

if TYPE_CHECKING:
    from optathlon.tasks.llm.placed import Weights

Item = TypeVar("Item")

REFERENCE_SEED = 0


class LoadedModel:
    """A setup's model. Everything is loaded when it is first used."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.device = best_device() if setup.device == "auto" else existing_device(setup.device)
        self.checkpoints = Checkpoints(round(setup.checkpoint_gigabytes * 1e9))

    @cached_property
    def tokenizer(self) -> Any:
        """The model's."""
        return load_tokenizer(self.place, downloads=self.setup.downloads)

    @cached_property
    def template(self) -> Template:
        """How chats are written."""
        template = self.setup.template
        is_file = template not in ("model", "alpaca", "chatml")
        return Template(
            self.tokenizer,
            str(Path(self.setup.folder) / expanded(template)) if is_file else template,
            self.setup.template_arguments,
        )

    @cached_property
    def base(self) -> TunableModel:
        """The model that is tuned."""
        return TunableModel(
            self.place,
            self.device,
            self.setup.dtype,
            downloads=self.setup.downloads,
            gradient_checkpointing=self.setup.gradient_checkpointing,
            compiled=self.setup.compile,
        )

    def require_room(self, work: Iterable[Sequence[Work]]) -> None:
        """Raise `UsageError` where of some work no way has room in the memory that is free.

        Once the model is loaded, what is free says nothing of that any more, and nothing is asked.
        """
        if "base" in vars(self):
            return
        size = ModelSize.of(*described(self.place, downloads=self.setup.downloads))
        for ways in work:
            refuse_what_has_no_room(self.setup.model, size, ways, self.device)

    def require_targets(self) -> None:
        """Raise `UsageError` where the layers that the setup gives adapters to are none of the model's."""
        if "targets" in self.setup.fixed:
            least = Adapter(rank=1, alpha_over_rank=1.0, dropout=0.0, targets=str(self.setup.fixed["targets"]))
            with self.base.tunable(least, REFERENCE_SEED):
                pass

    @cached_property
    def reads(self) -> Reading:
        """What the model can read."""
        return reading(self.place, downloads=self.setup.downloads)

    @property
    def place(self) -> str:
        """Where the model lies, or its id."""
        return self.setup.located(self.setup.model)

    @property
    def is_identified(self) -> bool:
        """Whether the weights' checksum is known without loading them."""
        return "base" in vars(self) or is_known(self.place, downloads=self.setup.downloads)

    @cached_property
    def checksum(self) -> str:
        """That of the model's weights; it is not loaded for that where its files are known."""
        return known_checksum(self.place, lambda: self.base.checksum, downloads=self.setup.downloads)

    @cached_property
    def device_name(self) -> str:
        """The GPU's name, or `cpu`."""
        import torch

        return torch.cuda.get_device_name(self.device) if self.device.startswith("cuda") else "cpu"

    @cached_property
    def loss(self) -> ResponseLoss:
        """The loss of instruction tuning."""
        return ResponseLoss(self.tokenizer.pad_token_id, self.device, self.setup.packing)

    def answer(self, model: Any, prompts: Sequence[Sequence[int]]) -> Answers:
        """A model's answers to prompts."""
        return answer(
            model,
            self.tokenizer,
            prompts,
            ends=self.template.ends,
            max_new_tokens=self.setup.max_new_tokens,
            batch_size=self.setup.answer_batch,
            device=self.device,
        )

    def draw(self, model: Any, prompts: Sequence[Sequence[int]], scores: Scores) -> list[list[int]]:
        """The tokens of answers to prompts, by what is to be maximised at each step."""
        return write(
            model,
            self.tokenizer,
            prompts,
            ends=self.template.ends,
            max_new_tokens=self.setup.max_new_tokens,
            batch_size=self.setup.answer_batch,
            device=self.device,
            scores=scores,
        )

    @contextmanager
    def tuned(
        self,
        items: Sequence[Item],
        loss: Loss[Item],
        config: Mapping[str, Any],
        *,
        until: int,
        epochs: int,
        seed: int,
        key: str = "",
        start: Weights | None = None,
    ) -> Iterator[tuple[Any, Training[Item]]]:
        """A tuned model, and its training.

        Parameters
        ----------
        items, loss:
            See `Training`.
        config:
            The hyperparameters that the setup does not fix.
        until, epochs:
            The epoch that ends the training, and what its schedule spans.
        seed:
            Of the adapter, the order of items, and dropout.
        key:
            Under which checkpoints are kept, so that the training goes on where one alike ended; "": none are.
        start:
            The weights to start from, where they are not those of the base.

        Raises `Diverged`, and `MemoryError` where one example at a time is too much.
        """
        complete = {**self.setup.fixed, **config}
        how, low_rank = recipe(complete), adapter(complete)
        budget = self._budget(loss, "full" if low_rank is None else "lora")
        began = time.perf_counter()
        while True:
            with self.base.tunable(low_rank, seed, start) as model:
                training = Training(model, items, loss, how, epochs=epochs, seed=seed, autocast=self.base.autocast)
                if key and (state := self.checkpoints.latest(key, until)) is not None:
                    training.load(state)
                resumed, lost = training.epoch, time.perf_counter() - began
                try:
                    with self.base.compiled():
                        training.run(until, budget.tokens)
                except (MemoryError, RuntimeError) as error:
                    budget.halve(*training.tried(), error)
                    continue
                budget.keep()
                training.seconds += lost if budget.halved else 0.0
                if key and resumed < until < epochs:
                    self.checkpoints.save(key, until, training.state())
                with self.base.answering(model) as answering:
                    yield answering, training
                return

    def tuned_once(self, items: Sequence[Encoded], config: Mapping[str, Any], epochs: int, key: str) -> Weights:
        """The weights after a whole instruction tuning, any adapter merged; what was tuned is kept under `key`."""
        with self.tuned(items, self.loss, config, until=epochs, epochs=epochs, seed=REFERENCE_SEED, key=key) as (
            _,
            training,
        ):
            if not self.checkpoints.has(key, epochs):
                self.checkpoints.save(key, epochs, training.state())
            return self.base.tuned_weights(training.model)

    def losses(self, model: Any, encoded: Sequence[Encoded]) -> list[float]:
        """The cross-entropy of each response, in nats a token."""
        import torch

        from optathlon.llm.likelihoods import response_losses

        with torch.inference_mode():
            return response_losses(model, encoded, self.tokenizer.pad_token_id, self.setup.answer_batch, self.device)

    def _budget(self, loss: Loss[Any], method: str) -> TokenBudget:
        """How many tokens are trained on at once."""
        setup, memory = self.setup, memory_of(self.device)
        what = self.base.checksum, type(loss).__name__, method, setup.dtype, setup.gradient_checkpointing
        return TokenBudget(setup.micro_batch_tokens, *what, self.device_name, memory)
