"""The search space of a tuning, which several kinds of tasks share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from optathlon.tasks.llm.setups import Setup

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

WARMUP, WEIGHT_DECAY, DROPOUT = (0.0, 0.3), (1e-4, 1.0), (0.0, 0.3)
ALPHA_OVER_RANK = (0.25, 8.0)


def tuning_space(setup: Setup, rates: tuple[float, float] | None = None) -> ConfigurationSpace:
    """Full or low-rank tuning: learning rate, batch size, schedule, warm-up, decay, optimizer; rank, α, dropout.

    `rates` are the bounds of the learning rate of all methods, where they are not the setup's. What the setup fixes is
    not there.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    of_lora = setup.lora_learning_rates if rates is None else None
    method = Categorical("method", list(setup.methods))
    shared = (
        _rate("learning_rate", rates or setup.learning_rates),
        _integer("batch_size", setup.batch_sizes),
        Categorical("optimizer", list(setup.optimizers)),
        Categorical("schedule", ["cosine", "linear", "constant"]),
        Float("warmup", WARMUP, default=0.03),
        Float("weight_decay", WEIGHT_DECAY, log=True, default=0.01),
    )
    adapter = (
        *((_rate("lora_learning_rate", of_lora),) if of_lora else ()),
        _integer("rank", setup.ranks),
        Float("alpha_over_rank", ALPHA_OVER_RANK, log=True, default=2.0),
        Float("dropout", DROPOUT, default=0.0),
    )
    space = ConfigurationSpace()
    space.add(method, *(one for one in shared if one.name not in setup.fixed))
    if of_lora and "full" in setup.methods and "lora" in setup.methods and "learning_rate" in space:
        space.add(EqualsCondition(space["learning_rate"], method, "full"))
    if "lora" in setup.methods:
        searched = [one for one in adapter if one.name not in setup.fixed]
        space.add(*searched, *(EqualsCondition(one, method, "lora") for one in searched))
    return space


def possible(space: ConfigurationSpace, setup: Setup, name: str, default: Any) -> tuple[Any, ...]:
    """The values that a hyperparameter of a tuning can have, or the bounds of its range.

    `default` is what it has where neither the space nor the setup says.
    """
    if name not in space:
        return (setup.fixed.get(name, default),)
    searched: Any = space[name]
    if hasattr(searched, "choices"):
        return tuple(searched.choices)
    return (searched.value,) if hasattr(searched, "value") else (searched.lower, searched.upper)


def _rate(name: str, bounds: tuple[float, float]) -> Any:
    from ConfigSpace import Float

    return Float(name, bounds, log=True, default=math.sqrt(math.prod(bounds)))


def _integer(name: str, bounds: tuple[int, int]) -> Any:
    from ConfigSpace import Constant, Integer

    lower, upper = bounds
    if lower == upper:
        return Constant(name, lower)
    return Integer(name, bounds, log=True, default=round(math.sqrt(lower * upper)))
