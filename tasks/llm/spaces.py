"""The search space of a tuning, which several kinds of tasks share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optathlon.tasks.llm.setups import Setup

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

WARMUP, WEIGHT_DECAY, DROPOUT = (0.0, 0.3), (1e-4, 1.0), (0.0, 0.3)
ALPHA_OVER_RANK = (0.25, 8.0)


def tuning_space(setup: Setup) -> ConfigurationSpace:
    """Full or low-rank tuning: learning rate, batch size, schedule, warm-up, decay, optimizer; rank, α, dropout."""
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    space = ConfigurationSpace()
    method = Categorical("method", list(setup.methods))
    space.add(
        method,
        Float("learning_rate", setup.learning_rates, log=True, default=math.sqrt(math.prod(setup.learning_rates))),
        _integer("batch_size", setup.batch_sizes),
        Categorical("optimizer", ["adamw", "sgd"]),
        Categorical("schedule", ["cosine", "linear", "constant"]),
        Float("warmup", WARMUP, default=0.03),
        Float("weight_decay", WEIGHT_DECAY, log=True, default=0.01),
    )
    if "lora" not in setup.methods:
        return space
    adapter = (
        _integer("rank", setup.ranks),
        Float("alpha_over_rank", ALPHA_OVER_RANK, log=True, default=2.0),
        Float("dropout", DROPOUT, default=0.0),
    )
    space.add(*adapter, *(EqualsCondition(hyperparameter, method, "lora") for hyperparameter in adapter))
    return space


def _integer(name: str, bounds: tuple[int, int]) -> Any:
    from ConfigSpace import Constant, Integer

    lower, upper = bounds
    if lower == upper:
        return Constant(name, lower)
    return Integer(name, bounds, log=True, default=round(math.sqrt(lower * upper)))
