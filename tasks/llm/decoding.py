"""What tasks share that decode with the model of the reference tuning."""

from __future__ import annotations

from optathlon.tasks.llm.bench import reference_hyperparameters
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.task import LLMTask


class Decoding(LLMTask):
    """A task on `Bench.reference_tuned`."""

    @classmethod
    def require(cls, setup: Setup) -> None:
        """Hyperparameters as the setup's reference, not a file of answers."""
        reference_hyperparameters(setup)
