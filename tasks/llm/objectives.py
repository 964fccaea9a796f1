"""What answers are worth: the objectives that several kinds of tasks offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from optathlon.problem import Objective

if TYPE_CHECKING:
    from optathlon.tasks.llm.setups import Setup

_CHARACTERS_PER_TOKEN = 8.0

QUALITY: Mapping[str, Objective] = {
    "win-rate": Objective("1-win_rate", "minimize", 0.0, 1.0, reference=1.0),
    "lc-win-rate": Objective("1-lc_win_rate", "minimize", 0.0, 1.0, reference=1.0),
    "exact-match": Objective("1-exact_match", "minimize", 0.0, 1.0, reference=1.0),
    "loss": Objective("loss", "minimize", 0.0, reference=10.0),
}
"""By the name in a task's id. The loss is in nats a token: 10 is what guessing among 22,000 tokens costs."""

MEANINGS: Mapping[str, str] = {
    "win-rate": "the judge's mean preference for the reference's answers",
    "lc-win-rate": "the judge's mean preference for the reference's answers, controlled for their lengths",
    "exact-match": "the share of wrong answers",
    "loss": "the loss of the given responses in nats a token",
    "kappa": "the disagreement with people, 1 - Cohen's kappa",
    "accuracy": "the share of pairs that people judge otherwise",
    "length": "the mean characters of an answer",
    "seconds": "the seconds of a trial",
    "layers": "the share of layers that are computed",
    "cost": "the cost of decoding relative to that without a draft",
    "throughput": "tokens a second",
    "latency": "the seconds until an answer is there",
    "detect": "how badly marked answers are told from others",
    "quality": "how much worse marked answers are",
}
"""What listed objectives measure, by the names in ids."""


def training_objectives(setup: Setup) -> Mapping[str, Objective]:
    """Win rates, exact match and loss; length of the answers, time, speed and memory."""
    return {
        **QUALITY,
        "length": Objective("length", "minimize", 0.0, reference=_CHARACTERS_PER_TOKEN * setup.max_new_tokens),
        "seconds": Objective("seconds", "minimize", 0.0, reference=setup.seconds),
        "tokens-per-second": Objective("tokens_per_second", "maximize", 0.0, reference=0.0),
        "peak-memory": Objective("peak_memory", "minimize", 0.0, reference=setup.memory),
    }
