"""What a process loads once for a setup and keeps: model, tokenizer, encoded data, the reference's answers, judges."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from optathlon.errors import FailedCheck, UsageError
from optathlon.lazy import lazy_module
from optathlon.llm.cached import keep
from optathlon.llm.chat import Encoded, Template
from optathlon.llm.checksums import known_checksum
from optathlon.llm.generation import Answers, Scores, answer, write
from optathlon.llm.judging import Judge, make_judge
from optathlon.llm.models import best_device, described, existing_device, load_tokenizer, reading, same_folder
from optathlon.llm.thoughts import without_thoughts
from optathlon.paths import expanded
from optathlon.task import short_hash
from optathlon.tasks.llm.cache import key_of, remembered
from optathlon.tasks.llm.checkpoints import Checkpoints
from optathlon.tasks.llm.hyperparameters import adapter, recipe
from optathlon.tasks.llm.memory_need import ModelSize, least_trials, refuse_what_has_no_room
from optathlon.tasks.llm.parts import SCORED, name_in_hashes
from optathlon.tasks.llm.prepared_data import PreparedData
from optathlon.tasks.llm.scoring import NotUnderstood, Side, judged, understood
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.spaces import tuning_space
from optathlon.tasks.llm.token_budget import TokenBudget, memory_of
from optathlon.tasks.llm.training import Loss, ResponseLoss, Training
from optathlon.tasks.llm.tunable_model import TunableModel
from optathlon.tasks.llm.usage import Usage

if TYPE_CHECKING:
    import numpy as np

    from optathlon.tasks.llm.placed import Weights
else:
    np = lazy_module("numpy")

Item = TypeVar("Item")

REFERENCE_SEED = 0
TOO_LONG = "too-long"
"""What the cache calls the numbers of examples that were too long, by the setup."""


class LoadedSetup:
    """What a setup's trials work with. Everything is loaded when it is first used."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.device = best_device() if setup.device == "auto" else existing_device(setup.device)
        self.checkpoints = Checkpoints(round(setup.checkpoint_gigabytes * 1e9))

    @cached_property
    def tokenizer(self) -> Any:
        """The model's."""
        return load_tokenizer(self.setup.located(self.setup.model), downloads=self.setup.downloads)

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
        """The model that is tuned. Raises `UsageError` where no trial has room in the memory that is free."""
        self.refuse_what_has_no_room()
        return TunableModel(
            self.setup.located(self.setup.model),
            self.device,
            self.setup.dtype,
            downloads=self.setup.downloads,
            gradient_checkpointing=self.setup.gradient_checkpointing,
            compiled=self.setup.compile,
        )

    def refuse_what_has_no_room(self, *, from_reference: bool = False) -> None:
        """Raise `UsageError` where no tuning has room in the memory that is free, unless the model is there already.

        Some tunings start from the reference, whose weights are kept too.
        """
        if "base" in vars(self):
            return
        longest = max(self.train, key=lambda one: len(one.tokens))
        trials = least_trials(self.setup, longest, from_reference=from_reference)
        described_model = described(self.setup.located(self.setup.model), downloads=self.setup.downloads)
        refuse_what_has_no_room(self.setup.model, ModelSize.of(*described_model), trials, self.device)

    @cached_property
    def data(self) -> PreparedData:
        """The examples, as the model reads them."""
        reads = reading(self.setup.located(self.setup.model), downloads=self.setup.downloads)
        return PreparedData(self.setup, self.template, reads)

    @cached_property
    def checksum(self) -> str:
        """That of the model's weights; it is not loaded for that where its files are known."""
        setup = self.setup
        return known_checksum(setup.located(setup.model), lambda: self.base.checksum, downloads=setup.downloads)

    @property
    def train(self) -> tuple[Encoded, ...]:
        """The training examples."""
        return self.data.train

    @cached_property
    def key(self) -> str:
        """What all results of this setup depend on."""
        return key_of(*self._substance, self.device_name)

    @property
    def substance(self) -> str:
        """A hash of all that is loaded or made before trials, the reference's answers included."""
        return short_hash(json.dumps([*self._substance, _named_in_hashes(self.reference_answers)], sort_keys=True))

    @property
    def _substance(self) -> tuple[Any, ...]:
        judges = [judge.weights() for judge in self.judges.values()]
        return self.setup.identity, self.checksum, judges, self.template.text, len(self.tokenizer), self._written

    @property
    def _written(self) -> str:
        """A hash of all tokens that training and answering begin with: they are the templates' and the tokenizer's."""
        prompts = [self.prompts(side) for side in SCORED]
        return short_hash(repr([[example.tokens for example in self.train], prompts]))

    @cached_property
    def judges(self) -> Mapping[str, Judge]:
        """Who judges each side, checked; models that have judged before are not loaded for that.

        Raises `UsageError` where one lacks what it needs, or is the model that is tuned.
        """
        judges = {"validation": make_judge(self.setup.judge), "test": make_judge(self.setup.scored_by)}
        for side, judge in judges.items():
            self._refuse_lacking_answers(side, judge)
            judge.check()
            self._refuse_own_likelihood(judge)
        return judges

    def _refuse_lacking_answers(self, side: str, judge: Judge) -> None:
        """Raise `UsageError` where a judge compares with right answers, and prompts have none."""
        lacking = [one.prompt.id for one in self.data.examples(side) if one.prompt.answer is None]
        if lacking and judge.needs_answers():
            raise UsageError(
                f"{len(lacking)} examples of {side} of the setup {self.setup.name!r} have no 'answer', the first is "
                f"{lacking[0]!r}, which the judge {judge.id} needs: write it, or take another judge"
            )

    def _refuse_own_likelihood(self, judge: Judge) -> None:
        """Raise `UsageError` where a judge finds likely what the untuned model would say: tuning looks bad to it."""
        from optathlon.llm.judges.loading import weights_of

        for model in judge.likelihoods_of():
            if same_folder(model, self.setup.located(self.setup.model)) or weights_of(model) == self.checksum:
                raise UsageError(
                    f"the judge {judge.id} of the setup {self.setup.name!r} is the model that is tuned: it likes best "
                    "what that says untuned, and ranks tunings the wrong way round: name another model or judge"
                )

    @cached_property
    def device_name(self) -> str:
        """The GPU's name, or `cpu`."""
        import torch

        return torch.cuda.get_device_name(self.device) if self.device.startswith("cuda") else "cpu"

    @cached_property
    def loss(self) -> ResponseLoss:
        """The loss of instruction tuning."""
        return ResponseLoss(self.tokenizer.pad_token_id, self.device, self.setup.packing)

    def prepare(self) -> None:
        """Load what every trial needs but models: data, the reference's answers, their judgements.

        Raises `UsageError` where something is missing for which every trial would fail.
        """
        _ = self.train, self._sides
        keep(TOO_LONG, key_of(repr(self.setup)), self.data.counts)

    def load_judges(self) -> None:
        """Load the models that judge, so that no trial is charged for it."""
        for judge in self.judges.values():
            judge.load()

    def side(self, name: str) -> Side:
        """The `validation` or the `test` side."""
        return self._sides[name]

    def prompts(self, side: str, addition: str = "") -> list[tuple[int, ...]]:
        """As `PreparedData.prompts`."""
        return self.data.prompts(side, addition)

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

    def answer_sides(self, model: Any, usage: Usage, share: float = 1.0) -> dict[str, Answers]:
        """A model's answers to the first prompts of each side, a share of them; charged to `usage`."""
        found = {}
        for side in SCORED:
            prompts = self.prompts(side)
            with usage.spent("answer", side):
                found[side] = self.answer(model, prompts[: math.ceil(share * len(prompts))])
        return found

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

    def score(self, answers: Mapping[str, Sequence[str]], seed: int, usage: Usage) -> dict[str, float]:
        """What the answers to the first prompts of each side are worth (`Side.measure`); `test/…` for the test's.

        What judging takes is charged to `usage`.
        """
        sides = {side: self.side(side) for side in SCORED}
        with usage.spent("judge"):
            measured = sides["validation"].measure(answers["validation"], seed=seed)
        with usage.spent("judge", "test"):
            return {**measured, **as_tests(self._measured_test(answers["test"], seed))}

    def _measured_test(self, answers: Sequence[str], seed: int) -> dict[str, float]:
        """`Side.measure` of the test side; without win rates where its judge says nothing understandable.

        What the optimizer is told is none the worse then.
        """
        side = self.side("test")
        try:
            return side.measure(answers, seed=seed)
        except NotUnderstood as complaint:
            pairs = float(complaint.pairs)
            return {**side.describe(answers), "judge/failures": pairs, "judge/judged": pairs}

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

    def _budget(self, loss: Loss[Any], method: str) -> TokenBudget:
        """How many tokens are trained on at once."""
        setup, memory = self.setup, memory_of(self.device)
        what = self.base.checksum, type(loss).__name__, method, setup.dtype, setup.gradient_checkpointing
        return TokenBudget(setup.micro_batch_tokens, *what, self.device_name, memory)

    @cached_property
    def _sides(self) -> Mapping[str, Side]:
        reference = self.reference_answers
        return {name: self._side(name, stream, reference[name]) for stream, name in enumerate(SCORED)}

    def _side(self, name: str, stream: int, reference: Mapping[str, Sequence[str]]) -> Side:
        prompts = tuple(example.judged for example in self.data.examples(name))
        said = {kind: [without_thoughts(text) for text in texts] for kind, texts in reference.items()}
        judge, plain = self.judges[name], said["plain"]
        variants = [said[kind] for kind in ("concise", "verbose") if said[kind]]

        def preferences() -> dict[str, Any]:
            try:
                found = [
                    understood(judge, prompts, variant, plain, seed=stream << 32).preferences for variant in variants
                ]
            except NotUnderstood as complaint:
                raise FailedCheck(str(complaint)) from None
            return {"preferences": [list(preferred) for preferred in found]}

        known = remembered("variants", key_of(self.key, name_in_hashes(name)), preferences)["preferences"]
        return Side(
            prompts=prompts,
            reference=tuple(plain),
            variants=tuple(
                judged(prompts, np.array(preferred), variant, plain)
                for preferred, variant in zip(known, variants, strict=True)
            ),
            difficulty=self._difficulty(name, plain),
            judge=judge,
            stream=stream,
        )

    @cached_property
    def reference_answers(self) -> dict[str, Any]:
        """The reference's answers: plain, concise and verbose ones of each side."""
        if isinstance(self.setup.reference, str):
            return _stored_reference(self.setup, self.data)
        known = remembered("references", self.key, lambda: _named_in_hashes(self._made_reference()))
        return {side: known[name_in_hashes(side)] for side in SCORED}

    @contextmanager
    def reference_tuned(self) -> Iterator[Any]:
        """The model by the setup's reference tuning, which is trained once and then loaded.

        Raises `UsageError` where the setup's reference is a file of answers.
        """
        with self.base.with_weights(self.reference_weights) as model:
            yield model

    @cached_property
    def reference_weights(self) -> Weights:
        """The weights by the setup's reference tuning, any adapter merged. Raises as `reference_tuned`."""
        config, epochs = reference_hyperparameters(self.setup), self.setup.reference_epochs
        return self.tuned_once(self.train, config, epochs, key_of(self.key, "reference"))

    def tuned_once(self, items: Sequence[Encoded], config: Mapping[str, Any], epochs: int, key: str) -> Weights:
        """The weights after a whole instruction tuning, any adapter merged; what was tuned is kept under `key`."""
        with self.tuned(items, self.loss, config, until=epochs, epochs=epochs, seed=REFERENCE_SEED, key=key) as (
            _,
            training,
        ):
            if not self.checkpoints.has(key, epochs):
                self.checkpoints.save(key, epochs, training.state())
            return self.base.tuned_weights(training.model)

    def _made_reference(self) -> dict[str, Any]:
        additions = {"plain": "", "concise": self.setup.concise, "verbose": self.setup.verbose}
        with self.reference_tuned() as model:
            return {
                side: {kind: self.answer(model, self.prompts(side, text)).texts for kind, text in additions.items()}
                for side in SCORED
            }

    def _difficulty(self, side: str, reference: Sequence[str]) -> dict[str, float]:
        """How unlikely the untuned model finds the response, or else the reference's answer: standardised."""
        examples = [
            example if example.is_answered else replace(example, response=text.strip() or "-")
            for example, text in zip(self.data.examples(side), reference, strict=True)
        ]
        encoded = self.data.encoded(examples)

        def untuned_losses() -> dict[str, Any]:
            with self.base.untuned() as model:
                return {"losses": self.losses(model, encoded)}

        key = key_of(self.key, name_in_hashes(side), [one.tokens for one in encoded])
        losses = np.array(remembered("difficulties", key, untuned_losses)["losses"])
        spread = losses.std()
        standardised = (losses - losses.mean()) / spread if spread > 0 else np.zeros_like(losses)
        return {example.prompt.id: float(value) for example, value in zip(examples, standardised, strict=True)}

    def losses(self, model: Any, encoded: Sequence[Encoded]) -> list[float]:
        """The cross-entropy of each response, in nats a token."""
        import torch

        from optathlon.llm.likelihoods import response_losses

        with torch.inference_mode():
            return response_losses(model, encoded, self.tokenizer.pad_token_id, self.setup.answer_batch, self.device)


def as_tests(measures: Mapping[str, float]) -> dict[str, float]:
    """Measures by the names that say that they are the test side's, which optimizers don't see."""
    return {f"test/{name}": value for name, value in measures.items()}


def reference_hyperparameters(setup: Setup) -> Mapping[str, Any]:
    """Those of the reference tuning. Raises `UsageError` where the setup's reference is a file of answers."""
    if isinstance(setup.reference, str):
        raise UsageError(
            f"the reference of the setup {setup.name!r} is a file of answers: give the hyperparameters of a tuning, "
            "whose model is needed here"
        )
    return setup.reference or dict(tuning_space(setup).get_default_configuration())


@cache
def loaded_setup(setup: Setup) -> LoadedSetup:
    """What this process has loaded of a setup."""
    return LoadedSetup(setup)


def _named_in_hashes(by_side: Mapping[str, Any]) -> dict[str, Any]:
    return {name_in_hashes(side): value for side, value in by_side.items()}


def _stored_reference(setup: Setup, data: PreparedData) -> dict[str, Any]:
    """The reference's answers from a file, joined by prompt id."""
    rows = {str(row.get("id")): row for row in setup.reference_rows}
    found: dict[str, Any] = {}
    for side in SCORED:
        ids = [example.prompt.id for example in data.examples(side)]
        if missing := [id for id in ids if id not in rows or not isinstance(rows[id].get("answer"), str)]:
            raise UsageError(
                f"{setup.reference} has no answer to {len(missing)} prompts of {side}, the first is {missing[0]!r}: "
                'write a row {"id": …, "answer": …} for each'
            )
        found[side] = {"plain": [rows[id]["answer"] for id in ids]}
        for kind in ("concise", "verbose"):
            texts = [rows[id].get(kind) for id in ids]
            found[side][kind] = texts if all(isinstance(text, str) for text in texts) else []
    return found
