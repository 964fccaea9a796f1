"""`llm/judge`: a model tuned to judge as people do; what it learns is scored on pairs that it was not tuned on."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.destination import require_new_folder
from optathlon.errors import UsageError
from optathlon.lazy import lazy_module
from optathlon.llm.agreement import cohens_kappa, majority
from optathlon.llm.chat import TooLong
from optathlon.llm.fitting import Count, named_counts
from optathlon.llm.judges.tuned import TEMPLATE_FILE, Asking, JudgeTuner, write_judge
from optathlon.llm.judges.wording import Pair, Reader
from optathlon.llm.judging import decided
from optathlon.llm.labelled_pairs import labels_of
from optathlon.problem import Fidelity, Objective
from optathlon.task import short_hash
from optathlon.tasks.llm.cache import key_of, remembered
from optathlon.tasks.llm.kinds.judge.labelled import LEFT_OUT, TEST, LabelledSection, split
from optathlon.tasks.llm.loaded_setup import as_tests
from optathlon.tasks.llm.memory_need import Extent, Work
from optathlon.tasks.llm.setups import Section, Setup
from optathlon.tasks.llm.spaces import tuning_space
from optathlon.tasks.llm.task import LLMTask
from optathlon.tasks.llm.usage import Usage

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace
else:
    np = lazy_module("numpy")

BOTH_ORDERS = "both"


class JudgeTuning(LLMTask, JudgeTuner):
    """The number of folds is the fidelity: a trial of more goes on where one of fewer ended."""

    kind: ClassVar[str] = "judge"
    section: ClassVar[type[Section] | None] = LabelledSection
    section_key: ClassVar[str] = "labelled"
    judged: ClassVar[bool] = False
    listed: ClassVar[tuple[str, ...]] = ("kappa",)
    tunes: ClassVar[str] = (
        "a judge on pairs that people labelled (learning rate, batch size, schedule; rank, alpha; both orders or one)"
    )

    @classmethod
    def require(cls, setup: Setup) -> None:
        """Labelled pairs."""
        setup.section(LabelledSection).require(setup)

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Disagreement with what most people say: beyond chance, and as a share of pairs."""
        return {
            "kappa": Objective("1-kappa", "minimize", 0.0, 2.0, reference=1.0),
            "accuracy": Objective("1-accuracy", "minimize", 0.0, 1.0, reference=1.0),
        }

    def space(self) -> ConfigurationSpace:
        """See `judge_space`."""
        return judge_space(self.setup)

    def trained_on(self) -> Sequence[Extent]:
        """The questions about pairs of all folds, with their verdicts."""
        return self._extents

    def too_long(self) -> Mapping[str, int]:
        """Of the pairs: the setup's own data are not read."""
        return named_counts({"pairs": Count(dropped=len(self._pairs) - len(self._fitting), truncated=0)})

    def preparations(self) -> Iterator[Work]:
        """None: no answers are compared with a reference's."""
        yield from ()

    def fidelity(self) -> Fidelity | None:
        """Folds."""
        return Fidelity("folds", 1, self._section.folds, kind="int", resumable=True)

    @property
    def basis(self) -> str:
        """The model, how it is asked, and how it is tuned; the setup's own data and judges don't matter."""
        return key_of(self.substance, self.loaded.device_name)

    @cached_property
    def substance(self) -> str:
        """A hash of the same, without the device."""
        setup, loaded = self.setup, self.loaded
        template = (loaded.template.text, sorted(setup.template_arguments.items()))
        tuning = (sorted(setup.fixed.items()), setup.epochs, setup.dtype)
        return short_hash(repr((loaded.checksum, len(loaded.tokenizer), template, tuning)))

    @cached_property
    def ingredients(self) -> str:
        """A hash of the pairs, their labels and their split, and of what is asked."""
        pairs = repr(([tuple(pair) for pair in self._pairs], self._labels.tolist(), self._parts.tolist()))
        return hashlib.sha256(f"{self._section!r} {pairs}".encode()).hexdigest()[:16]

    def prepare_data(self) -> None:
        """Load the pairs. Raises `UsageError` where they are not there, or don't fit together."""
        _ = self._parts

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """Tune once for each of the first `level` folds, on the others, and compare with what most people say.

        `1-kappa` and `1-accuracy` are over all pairs of these folds, each judged by the model that wasn't tuned on it,
        in both orders. `test/…` are means over these models, on pairs that no fold has. `1-kappa_longer` is that of
        "the longer answer is better" on the same pairs.
        """
        usage = Usage(self.loaded.device)
        numbers = range(int(level or self._section.folds))
        folds = [self._fold(config, number, seed) for number in numbers]
        held_out = np.concatenate([np.flatnonzero(self._parts == number) for number in numbers])
        labels = np.concatenate([fold["validation"] for fold in folds])
        tests = [self._agreement(np.array(fold["test"]), np.flatnonzero(self._parts == TEST)) for fold in folds]
        usage.add("train", math.fsum(fold["seconds"] for fold in folds))
        return {
            **self._agreement(labels, held_out),
            **as_tests({name: float(np.mean([test[name] for test in tests])) for name in tests[0]}),
            "1-kappa_longer": self._agreement(self._longer(held_out), held_out)["1-kappa"],
            "pairs": float(len(held_out)),
            "left_out": float((self._parts == LEFT_OUT).sum()),
            "train_loss": float(np.mean([fold["train_loss"] for fold in folds])),
            **usage.measured(),
        }

    def save_judge(self, config: Mapping[str, Any], folder: Path, *, seed: int) -> Mapping[str, float]:
        """Tune on all pairs but the test's, write the folder, and measure on the test's.

        Raises `UsageError` where the folder has something in it or can't be made, and `Diverged` as trainings do.
        """
        require_new_folder(folder)
        self.prepare()
        loaded, section = self.loaded, self._section
        tested = np.flatnonzero(self._parts == TEST)
        with self._tuned_on(np.flatnonzero(self._parts >= 0), config, seed) as (model, training):
            labels = self._judged(model, tested)
            weights = loaded.base.tuned_weights(training.model)
        named = self.setup.template in ("model", "alpaca", "chatml")
        asking = Asking(
            request=section.wording.request,
            verdicts=section.verdicts,
            template=self.setup.template if named else TEMPLATE_FILE,
            template_arguments=self.setup.template_arguments,
            most_tokens=self._most_tokens,
        )
        with loaded.base.with_weights(weights) as model:
            write_judge(folder, model, loaded.tokenizer, loaded.template, asking)
        return as_tests({**self._agreement(labels, tested), "pairs": float(len(tested))})

    @property
    def _section(self) -> LabelledSection:
        return self.setup.section(LabelledSection)

    @cached_property
    def _labelled(self) -> tuple[tuple[Pair, ...], np.ndarray]:
        """The pairs, and what most people say of each."""
        items = self._section.load(self.setup)
        pairs = zip(items.prompts, items.first, items.second, strict=True)
        return tuple(Pair(*pair) for pair in pairs), majority(np.column_stack([*items.labels.values()]))

    @property
    def _pairs(self) -> tuple[Pair, ...]:
        return self._labelled[0]

    @property
    def _labels(self) -> np.ndarray:
        return self._labelled[1]

    @cached_property
    def _extents(self) -> list[Extent]:
        folds = np.flatnonzero(self._parts >= 0)
        return [Extent.of(self._reader.encode(self._pairs[number], int(self._labels[number]))) for number in folds]

    @cached_property
    def _reader(self) -> Reader:
        try:
            return Reader(self.loaded.template, self._section.wording, self._most_tokens)
        except TooLong:
            raise self._no_room() from None

    @property
    def _most_tokens(self) -> int:
        """Of a question and its verdict."""
        most, read = self._section.max_tokens, self.loaded.reads.tokens
        return min(most, read or most)

    def _no_room(self) -> UsageError:
        return UsageError(
            f"no question about a pair has room within {self._most_tokens} tokens: raise max_tokens of `labelled` in "
            f"the setup {self.setup.name!r}, or give shorter pairs"
        )

    @cached_property
    def _fitting(self) -> list[int]:
        """The numbers of the pairs that have room in both orders."""
        found = [
            number
            for number, pair in enumerate(self._pairs)
            if self._reader.question(pair) is not None and self._reader.question(pair.swapped) is not None
        ]
        if not found:
            raise self._no_room()
        return found

    @cached_property
    def _parts(self) -> np.ndarray:
        """The fold of each pair, or `TEST`, or `LEFT_OUT`: those that are too long are, and others may be."""
        section, fitting = self._section, self._fitting
        parts = np.full(len(self._pairs), LEFT_OUT)
        parts[fitting] = split(
            [self._pairs[number].prompt.instruction for number in fitting],
            folds=section.folds,
            test_share=section.test_share,
            most=section.most_pairs,
            seed=section.seed,
        )
        return parts

    def _fold(self, config: Mapping[str, Any], number: int, seed: int) -> dict[str, Any]:
        """Labels of the fold's pairs and of the test's, by the model that was tuned on the other folds."""

        def tuned() -> dict[str, Any]:
            others = np.flatnonzero((self._parts >= 0) & (self._parts != number))
            own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
            with self._tuned_on(others, config, own_seed) as (model, training):
                began = time.perf_counter()
                held_out = {"validation": number, "test": TEST}
                judged = {
                    side: self._judged(model, np.flatnonzero(self._parts == part)).tolist()
                    for side, part in held_out.items()
                }
                seconds = training.seconds + time.perf_counter() - began
            return {**judged, "train_loss": training.losses[-1], "seconds": seconds}

        key = key_of(self.basis, self.kind, self.ingredients, dict(config), number, seed)
        return remembered("judge-folds", key, tuned)

    def _tuned_on(self, numbers: np.ndarray, config: Mapping[str, Any], seed: int) -> Any:
        """A model tuned on some of the pairs, and its training."""
        pairs = [(self._pairs[number], int(self._labels[number])) for number in numbers]
        items = [self._reader.encode(pair, label) for pair, label in pairs]
        if config["orders"] == BOTH_ORDERS:
            items += [self._reader.encode(pair.swapped, _SWAPPED[label]) for pair, label in pairs]
        epochs = self.setup.epochs
        return self.loaded.tuned(items, self.loaded.loss, config, until=epochs, epochs=epochs, seed=seed)

    def _judged(self, model: Any, numbers: np.ndarray) -> np.ndarray:
        """Shape (n,): the labels that a model gives to some of the pairs, asked in both orders."""
        loaded = self.loaded
        pairs = [self._pairs[number] for number in numbers]
        with loaded.base.autocast():
            shown, swapped = (
                self._reader.preferences(
                    model, loaded.tokenizer.pad_token_id, loaded.device, [self._reader.question(pair) for pair in order]
                )
                for order in (pairs, [pair.swapped for pair in pairs])
            )
        return labels_of(decided(np.array([shown, 1.0 - swapped]), "apart"))

    def _agreement(self, labels: np.ndarray, numbers: np.ndarray) -> dict[str, float]:
        """With what most people say; where both always say the same, the agreement beyond chance counts as 0."""
        people = self._labels[numbers]
        kappa = cohens_kappa(np.asarray(labels), people)
        return {"1-kappa": 1.0 - (0.0 if math.isnan(kappa) else kappa), "1-accuracy": float(np.mean(labels != people))}

    def _longer(self, numbers: np.ndarray) -> np.ndarray:
        pairs: Sequence[Pair] = [self._pairs[number] for number in numbers]
        return labels_of(np.array([0.5 + np.sign(len(pair.first) - len(pair.second)) / 2 for pair in pairs]))


_SWAPPED = {0: 0, 1: 2, 2: 1}
"""What a label becomes when the answers change places."""


def judge_space(setup: Setup) -> ConfigurationSpace:
    """That of a tuning (`tuning_space`), and whether each pair is learnt from in one order or in both."""
    from ConfigSpace import Categorical

    space = tuning_space(setup)
    space.add(Categorical("orders", ["one", BOTH_ORDERS]))
    return space
