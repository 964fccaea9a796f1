"""`llm/pandalm-grid`: the grid that the PandaLM paper searches (Wang et al. 2024, arXiv 2306.05087, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from optathlon.errors import UsageError
from optathlon.tasks.llm.kinds.sft import SFT
from optathlon.tasks.llm.setups import Setup

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

LEARNING_RATES = (2e-6, 1e-5, 2e-5, 2e-4)
BATCH_SIZE = 64
EPOCHS = 5


class PandaLMGrid(SFT):
    """Learning rate, optimizer and schedule of a full tuning; with 5 epochs to stop after, 80 configurations."""

    kind: ClassVar[str] = "pandalm-grid"
    listed: ClassVar[tuple[str, ...]] = ("win-rate",)
    tunes: ClassVar[str] = "full tuning on the grid of the PandaLM paper (learning rate, optimizer, schedule)"

    @classmethod
    def require(cls, setup: Setup) -> None:
        """Full tuning."""
        if "full" not in setup.methods:
            raise UsageError(f"the setup {setup.name!r} allows no full tuning, which the grid is made of")

    def space(self) -> ConfigurationSpace:
        """See `pandalm_grid`."""
        return pandalm_grid(self.setup)

    @property
    def epochs(self) -> int:
        """The paper's."""
        return EPOCHS


def pandalm_grid(setup: Setup) -> ConfigurationSpace:
    """The paper's grid, whose learning rates are multiplied by the setup's `learning_rate_scale`."""
    from ConfigSpace import Categorical, ConfigurationSpace, Constant, OrdinalHyperparameter

    rates = [rate * setup.learning_rate_scale for rate in LEARNING_RATES]
    space = ConfigurationSpace()
    space.add(
        Constant("method", "full"),
        OrdinalHyperparameter("learning_rate", rates, default_value=rates[2]),
        Categorical("optimizer", ["adamw", "sgd"]),
        Categorical("schedule", ["cosine", "linear"]),
        Constant("batch_size", BATCH_SIZE),
    )
    return space
