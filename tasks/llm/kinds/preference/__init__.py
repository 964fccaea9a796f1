"""`llm/preference`: tuning on preferences, which starts from the setup's reference tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from optathlon.errors import UsageError
from optathlon.llm.batches import moved, padded
from optathlon.llm.chat import Encoded
from optathlon.llm.head import token_losses
from optathlon.problem import Fidelity, Objective
from optathlon.tasks.llm.cache import key_of
from optathlon.tasks.llm.kinds.preference.pairs import Pair, Pairs, PreferenceSection, pairs
from optathlon.tasks.llm.memory_need import Extent
from optathlon.tasks.llm.objectives import training_objectives
from optathlon.tasks.llm.reference import reference_hyperparameters
from optathlon.tasks.llm.setups import Section, Setup
from optathlon.tasks.llm.spaces import tuning_space
from optathlon.tasks.llm.task import LLMTask
from optathlon.tasks.llm.training import Loss
from optathlon.tasks.llm.usage import Usage

if TYPE_CHECKING:
    import torch
    from ConfigSpace import ConfigurationSpace

DPO_BETA, SIMPO_BETA, GAMMA_OVER_BETA = (0.01, 1.0), (0.5, 20.0), (0.0, 1.6)
SFT_WEIGHT = (0.0, 2.0)


class PreferenceTask(LLMTask):
    """Epochs are the fidelity: a longer training goes on from the checkpoint of a shorter one."""

    kind: ClassVar[str] = "preference"
    section: ClassVar[type[Section] | None] = PreferenceSection
    listed: ClassVar[tuple[str, ...]] = ("win-rate", "lc-win-rate", "lc-win-rate+length")
    tunes: ClassVar[str] = "preference optimisation after a tuning (loss, its margins, and the optimisation)"
    clocked: ClassVar[frozenset[str]] = frozenset({"seconds"})
    from_reference: ClassVar[bool] = True

    @classmethod
    def require(cls, setup: Setup) -> None:
        """Preference pairs, and hyperparameters as its reference, not a file of answers."""
        if setup.data and not setup.section(PreferenceSection).pairs:
            raise UsageError(f"the setup {setup.name!r} has no preference pairs: write `preference: {{pairs: FILE}}`")
        reference_hyperparameters(setup)

    @classmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """Win rates, exact match and length."""
        known = training_objectives(setup)
        return {name: known[name] for name in ("win-rate", "lc-win-rate", "exact-match", "length", "seconds")}

    def space(self) -> ConfigurationSpace:
        """See `preference_space`."""
        return preference_space(self.setup)

    def trained_on(self) -> Sequence[Extent]:
        """Pairs, as far as they are known before trials."""
        return self.pairs.extents()

    def too_long(self) -> Mapping[str, int]:
        """Of the setup's data, and of the pairs that are given."""
        return {**super().too_long(), **self.pairs.too_long()}

    def fidelity(self) -> Fidelity | None:
        """Epochs."""
        return Fidelity("epochs", 1, self.setup.epochs, kind="int", resumable=True)

    @cached_property
    def pairs(self) -> Pairs:
        """What this process has loaded of them."""
        return pairs(self.setup)

    @property
    def ingredients(self) -> str:
        """What the pairs come from."""
        return self.pairs.origin

    def load(self) -> None:
        """Load the pairs too."""
        super().load()
        _ = self.pairs.all

    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """Train for `level` epochs on all pairs, and compare all answers; the judge's measures and `train_loss`."""
        loaded, items = self.loaded, self.pairs.all
        until, epochs = int(level or self.setup.epochs), self.setup.epochs
        usage = Usage(loaded.device)
        loss = PreferenceLoss(loaded.tokenizer.pad_token_id, loaded.device, contrast(config), config["sft_weight"])
        key = key_of(loaded.key, self.kind, self.ingredients, dict(config), seed, epochs)
        start = loaded.reference_weights
        with loaded.tuned(items, loss, config, until=until, epochs=epochs, seed=seed, key=key, start=start) as (
            model,
            training,
        ):
            usage.add("train", training.seconds)
            answers = loaded.answer_sides(model, usage)
        scores = loaded.score({side: found.texts for side, found in answers.items()}, seed, usage)
        return {
            **scores,
            "train_loss": training.losses[-1],
            "pairs": float(len(items)),
            **usage.measured(),
        }


class Contrast(Protocol):
    """By how much the better response is to be the likelier one."""

    def margins(self, logs: torch.Tensor, reference: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """What the logistic loss is taken of, for n pairs.

        Parameters
        ----------
        logs, reference:
            Shape (2, n): the logarithms of the probabilities of the better and the worse responses, under the model
            that is trained and under the one it started from.
        lengths:
            Shape (2, n): their numbers of tokens.

        Returns
        -------
        Shape (n,).
        """


@dataclass(frozen=True, slots=True)
class DPO(Contrast):
    """Direct preference optimisation (Rafailov et al. 2023, arXiv 2305.18290, equation 7); β > 0."""

    beta: float

    def margins(self, logs: torch.Tensor, reference: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Of the responses' changes since the start."""
        changes = logs - reference
        return self.beta * (changes[0] - changes[1])


@dataclass(frozen=True, slots=True)
class SimPO(Contrast):
    """Simple preference optimisation (Meng et al. 2024, arXiv 2405.14734, equation 6); β > 0, γ / β >= 0."""

    beta: float
    gamma_over_beta: float

    def margins(self, logs: torch.Tensor, reference: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Of the responses' means over tokens, less the margin that is aimed at."""
        means = logs / lengths
        return self.beta * (means[0] - means[1] - self.gamma_over_beta)


@dataclass(frozen=True, slots=True)
class PreferenceLoss(Loss[Pair]):
    """The logistic loss of margins, and the better responses' cross-entropy in nats a token; a mean over pairs.

    Parameters
    ----------
    pad, device:
        As in `optathlon.tasks.llm.training.ResponseLoss`.
    contrast:
        What gives the margins.
    sft_weight:
        Of the cross-entropy (Pang et al. 2024, arXiv 2404.19733, equation 1), not negative.
    """

    pad: int
    device: str
    contrast: Contrast
    sft_weight: float

    def weight(self, items: Sequence[Pair]) -> float:
        """The number of pairs."""
        return float(len(items))

    def tokens(self, items: Sequence[Pair]) -> int:
        """Two rows for each pair, as wide as the longest response with its prompt."""
        return 2 * len(items) * max(len(one.tokens) for pair in items for one in (pair.chosen, pair.rejected))

    def total(self, model: Any, items: Sequence[Pair]) -> torch.Tensor:
        """Summed over pairs."""
        import torch

        responses = [*(pair.chosen for pair in items), *(pair.rejected for pair in items)]
        logs = response_logs(model, responses, self.pad, self.device).reshape(2, -1)
        lengths = moved(torch.tensor([len(one.response) for one in responses]), self.device).reshape(2, -1)
        reference = moved(torch.tensor([pair.reference for pair in items]), self.device).T
        losses = -torch.nn.functional.logsigmoid(self.contrast.margins(logs, reference, lengths))
        return (losses - self.sft_weight * logs[0] / lengths[0]).sum()


def response_logs(model: Any, responses: Sequence[Encoded], pad: int, device: str) -> torch.Tensor:
    """The logarithm of each response's probability, in nats; shape (responses,)."""
    import torch

    losses = token_losses(model, padded(responses, pad, device))
    return -torch.stack([part.sum() for part in losses.split([len(one.response) for one in responses])])


def preference_space(setup: Setup) -> ConfigurationSpace:
    """That of `sft`, the loss with its β and, for SimPO, γ / β, and the weight of the better responses' likelihood."""
    from ConfigSpace import Categorical, EqualsCondition, Float

    space = tuning_space(setup, setup.section(PreferenceSection).learning_rates)
    loss = Categorical("loss", ["dpo", "simpo"])
    of_dpo = Float("dpo_beta", DPO_BETA, log=True, default=0.1)
    of_simpo = (
        Float("simpo_beta", SIMPO_BETA, log=True, default=2.0),
        Float("gamma_over_beta", GAMMA_OVER_BETA, default=0.5),
    )
    space.add(loss, of_dpo, *of_simpo, Float("sft_weight", SFT_WEIGHT, default=0.0))
    space.add(EqualsCondition(of_dpo, loss, "dpo"), *(EqualsCondition(one, loss, "simpo") for one in of_simpo))
    return space


def contrast(config: Mapping[str, Any]) -> Contrast:
    """The contrast of a configuration."""
    if config["loss"] == "dpo":
        return DPO(config["dpo_beta"])
    return SimPO(config["simpo_beta"], config["gamma_over_beta"])
