"""The configurations of the table: a grid over what matters most when the tiny model is tuned."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

LEARNING_RATES = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
BATCH_SIZES = (8, 16, 32)
OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "constant")
RANKS = (2, 8, 32)
FIXED = {"warmup": 0.1, "weight_decay": 0.01}
FIXED_OF_LORA = {"alpha_over_rank": 2.0, "dropout": 0.0}

SEEDS = (0, 1)
EPOCHS = 3


def grid_space() -> ConfigurationSpace:
    """Method, learning rate, batch size, optimizer and schedule; for LoRA the rank."""
    from ConfigSpace import Categorical, ConfigurationSpace, Constant, EqualsCondition, OrdinalHyperparameter

    space = ConfigurationSpace()
    method = Categorical("method", ["full", "lora"])
    rank = OrdinalHyperparameter("rank", RANKS, default_value=8)
    of_lora = [Constant(name, value) for name, value in FIXED_OF_LORA.items()]
    space.add(
        method,
        OrdinalHyperparameter("learning_rate", LEARNING_RATES, default_value=1e-3),
        OrdinalHyperparameter("batch_size", BATCH_SIZES, default_value=16),
        Categorical("optimizer", OPTIMIZERS),
        Categorical("schedule", SCHEDULES),
        *(Constant(name, value) for name, value in FIXED.items()),
        rank,
        *of_lora,
    )
    space.add(*(EqualsCondition(one, method, "lora") for one in (rank, *of_lora)))
    return space


def configurations() -> Iterator[dict[str, Any]]:
    """All of them, with active hyperparameters only."""
    shared = product(LEARNING_RATES, BATCH_SIZES, OPTIMIZERS, SCHEDULES)
    for rate, size, optimizer, schedule in shared:
        common = {"learning_rate": rate, "batch_size": size, "optimizer": optimizer, "schedule": schedule, **FIXED}
        yield {"method": "full", **common}
        for rank in RANKS:
            yield {"method": "lora", **common, "rank": rank, **FIXED_OF_LORA}
