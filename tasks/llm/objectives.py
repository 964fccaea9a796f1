"""What answers are worth: the objectives that several kinds of tasks offer."""

from __future__ import annotations

from collections.abc import Mapping

from optathlon.problem import Objective

QUALITY: Mapping[str, Objective] = {
    "win-rate": Objective("1-win_rate", "minimize", 0.0, 1.0, reference=1.0),
    "lc-win-rate": Objective("1-lc_win_rate", "minimize", 0.0, 1.0, reference=1.0),
    "exact-match": Objective("1-exact_match", "minimize", 0.0, 1.0, reference=1.0),
    "loss": Objective("loss", "minimize", 0.0, reference=10.0),
}
"""By the name in a task's id. The loss is in nats a token: 10 is what guessing among 22,000 tokens costs."""
