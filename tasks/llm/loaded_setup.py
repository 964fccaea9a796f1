"""What a process loads once for a setup and keeps: its model, encoded data, the reference's answers, judges."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from optathlon.errors import FailedCheck, UsageError
from optathlon.lazy import lazy_module
from optathlon.llm.cached import cached
from optathlon.llm.chat import Encoded
from optathlon.llm.generation import Answers
from optathlon.llm.judging import Judge, make_judge
from optathlon.llm.models import same_folder
from optathlon.llm.thoughts import without_thoughts
from optathlon.task import short_hash
from optathlon.tasks.llm.cache import key_of, remembered
from optathlon.tasks.llm.loaded_model import LoadedModel
from optathlon.tasks.llm.memory_need import Tuning, longest
from optathlon.tasks.llm.parts import SCORED, name_in_hashes
from optathlon.tasks.llm.prepared_data import PreparedData
from optathlon.tasks.llm.reference import reference_hyperparameters, stored_reference
from optathlon.tasks.llm.scoring import NotUnderstood, Side, judged, understood
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.usage import Usage

if TYPE_CHECKING:
    import numpy as np

    from optathlon.tasks.llm.placed import Weights
else:
    np = lazy_module("numpy")


class LoadedSetup(LoadedModel):
    """What a setup's trials work with. Everything is loaded when it is first used."""

    @cached_property
    def data(self) -> PreparedData:
        """The examples, as the model reads them."""
        return PreparedData(self.setup, self.template, self.reads)

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
        judges = [judge.weights() for judge in self._named_judges.values()]
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
        for side, judge in self._named_judges.items():
            self._refuse_lacking_answers(side, judge)
            judge.check()
            self._refuse_own_likelihood(judge)
        return self._named_judges

    @cached_property
    def _named_judges(self) -> Mapping[str, Judge]:
        return {"validation": make_judge(self.setup.judge), "test": make_judge(self.setup.scored_by)}

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
            if same_folder(model, self.place) or weights_of(model) == self.checksum:
                raise UsageError(
                    f"the judge {judge.id} of the setup {self.setup.name!r} is the model that is tuned: it likes best "
                    "what that says untuned, and ranks tunings the wrong way round: name another model or judge"
                )

    def prepare(self) -> None:
        """Load what every trial that is judged needs but models: data, the reference's answers, their judgements.

        Raises `UsageError` where something is missing for which every trial would fail.
        """
        _ = self.judges, self.train, self._sides

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

    def answer_sides(self, model: Any, usage: Usage, share: float = 1.0) -> dict[str, Answers]:
        """A model's answers to the first prompts of each side, a share of them; charged to `usage`."""
        found = {}
        for side in SCORED:
            prompts = self.prompts(side)
            with usage.spent("answer", side):
                found[side] = self.answer(model, prompts[: math.ceil(share * len(prompts))])
        return found

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
            return stored_reference(self.setup, self.data)
        known = remembered("references", self.key, lambda: _named_in_hashes(self._made_reference()))
        return {side: known[name_in_hashes(side)] for side in SCORED}

    def plain_reference(self, side: str) -> list[str]:
        """The reference's answers to a side's prompts, without its thoughts."""
        return [without_thoughts(text) for text in self.reference_answers[side]["plain"]]

    def due_reference(self, *, weights: bool) -> list[Tuning]:
        """The reference tuning, where it has not been done yet: where its answers or, if asked for, `weights` lack."""
        if isinstance(self.setup.reference, str) or (self.is_identified and self._has_reference(weights=weights)):
            return []
        config = reference_hyperparameters(self.setup)
        return [Tuning.by(config, self.setup, longest(self.train), named="the reference tuning", key="reference")]

    def _has_reference(self, *, weights: bool) -> bool:
        kept = self.checkpoints.has(self._reference_key, self.setup.reference_epochs)
        return (kept or not weights) and cached("references", self.key) is not None

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
        return self.tuned_once(self.train, config, epochs, self._reference_key)

    @property
    def _reference_key(self) -> str:
        return key_of(self.key, "reference")

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


def as_tests(measures: Mapping[str, float]) -> dict[str, float]:
    """Measures by the names that say that they are the test side's, which optimizers don't see."""
    return {f"test/{name}": value for name, value in measures.items()}


@cache
def loaded_setup(setup: Setup) -> LoadedSetup:
    """What this process has loaded of a setup."""
    return LoadedSetup(setup)


def _named_in_hashes(by_side: Mapping[str, Any]) -> dict[str, Any]:
    return {name_in_hashes(side): value for side, value in by_side.items()}
