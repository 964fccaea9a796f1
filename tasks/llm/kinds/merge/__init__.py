"""`llm/merge`: experts that were tuned from the same base become one model, without training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.errors import UsageError
from optathlon.problem import Objective
from optathlon.tasks.llm.kinds.merge.experts import Experts, MergeSection, experts
from optathlon.tasks.llm.kinds.merge.task_vectors import Dropping, Merged
from optathlon.tasks.llm.memory_need import Answering, Extent, Work
from optathlon.tasks.llm.objectives import training_objectives
from optathlon.tasks.llm.setups import Section, Setup
from optathlon.tasks.llm.task import LLMTask
from optathlon.tasks.llm.usage import Usage

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

DROP_RATE = (0.0, 0.99)
SCALE = (0.05, 2.0)


class Merge(LLMTask):
    """DARE over task arithmetic; the trial's seed decides what is dropped."""

    kind: ClassVar[str] = "merge"
    section: ClassVar[type[Section] | None] = MergeSection
    listed: ClassVar[tuple[str, ...]] = ("win-rate", "exact-match")
    tunes: ClassVar[str] = "how experts are merged without training (a drop rate for each, scale, rescaling)"

    @classmethod
    def require(cls, setup: Setup) -> None:
        """Experts."""
        if not setup.section(MergeSection).experts:
            raise UsageError(
                f"the setup {setup.name!r} names no experts to merge: "
                "write `merge: {experts: {NAME: …, NAME: …}}`, each a tuned model or data to tune on"
            )

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Win rates, exact match and length."""
        known = training_objectives(setup)
        return {name: known[name] for name in ("win-rate", "lc-win-rate", "exact-match", "length")}

    def space(self) -> ConfigurationSpace:
        """See `merge_space`."""
        return merge_space(self.setup)

    def trained_on(self) -> Sequence[Extent]:
        """Nothing: experts are tuned before."""
        return ()

    def too_long(self) -> Mapping[str, int]:
        """Of the setup's data, and of those that experts are tuned on."""
        return {**super().too_long(), **self.experts.too_long()}

    def preparations(self) -> Iterator[Work]:
        """The experts' tunings too."""
        yield from super().preparations()
        yield from self.experts.due_tunings()

    def answering(self) -> Answering:
        """Beside the experts."""
        return replace(super().answering(), experts=len(self.setup.section(MergeSection).experts))

    @cached_property
    def experts(self) -> Experts:
        """What this process has loaded of them."""
        return experts(self.setup)

    @property
    def ingredients(self) -> str:
        """What the experts' weights come from."""
        return self.experts.origin

    def load(self) -> None:
        """Load or tune the experts too."""
        super().load()
        _ = self.experts.vectors

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """Merge, and compare all answers. `merge_seconds` is what merging took."""
        loaded = self.loaded
        vectors = self.experts.vectors
        usage = Usage(loaded.device)
        droppings = {name: Dropping(config[f"drop_rate_{name}"], config["rescaling"] == "on") for name in vectors}
        weights = Merged(
            loaded.base.weights, vectors, droppings, scale=config["scale"], seed=seed, device=loaded.device
        )
        with loaded.base.with_weights(weights) as model:
            answers = loaded.answer_sides(model, usage)
        scores = loaded.score({side: found.texts for side, found in answers.items()}, seed, usage)
        return {
            **scores,
            "tokens": float(answers["validation"].tokens),
            "test/tokens": float(answers["test"].tokens),
            **usage.measured(),
        }


def merge_space(setup: Setup) -> ConfigurationSpace:
    """A drop rate for each expert, the scale of their sum, and whether what is kept is rescaled."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float

    space = ConfigurationSpace()
    space.add(
        *(Float(f"drop_rate_{name}", DROP_RATE, default=0.5) for name in setup.section(MergeSection).experts),
        Float("scale", SCALE, log=True, default=1.0),
        Categorical("rescaling", ["on", "off"], default="on"),
    )
    return space
