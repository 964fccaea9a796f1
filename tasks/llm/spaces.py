"""Search spaces of tuning, and what their configurations mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    Integer,
    OrdinalHyperparameter,
)

from optathlon.errors import UsageError, first_complaint, unknown
from optathlon.llm.models import Adapter
from optathlon.tasks.llm.training import Recipe

if TYPE_CHECKING:
    from optathlon.tasks.llm.setups import Setup

WARMUP, WEIGHT_DECAY, DROPOUT = (0.0, 0.3), (1e-4, 1.0), (0.0, 0.3)
ALPHA_OVER_RANK = (0.25, 8.0)

PANDALM_LEARNING_RATES = (2e-6, 1e-5, 2e-5, 2e-4)
PANDALM_BATCH_SIZE = 64
PANDALM_EPOCHS = 5


def sft_space(setup: Setup) -> ConfigurationSpace:
    """Full or low-rank tuning: learning rate, batch size, schedule, warm-up, decay, optimizer; rank, α, dropout."""
    space = ConfigurationSpace()
    method = Categorical("method", list(setup.methods))
    space.add(method, *_optimisation(setup))
    if "lora" not in setup.methods:
        return space
    adapter = (
        _integer("rank", setup.ranks),
        Float("alpha_over_rank", ALPHA_OVER_RANK, log=True, default=2.0),
        Float("dropout", DROPOUT, default=0.0),
    )
    space.add(*adapter, *(EqualsCondition(hyperparameter, method, "lora") for hyperparameter in adapter))
    return space


def optimisation_space(setup: Setup) -> ConfigurationSpace:
    """The part of `sft_space` that is left when the method is given."""
    space = ConfigurationSpace()
    space.add(*_optimisation(setup))
    return space


def pandalm_grid(setup: Setup) -> ConfigurationSpace:
    """The grid of the PandaLM paper (Wang et al. 2024, section 4): with 5 epochs to stop after, 80 configurations."""
    rates = [rate * setup.learning_rate_scale for rate in PANDALM_LEARNING_RATES]
    space = ConfigurationSpace()
    space.add(
        Constant("method", "full"),
        OrdinalHyperparameter("learning_rate", rates, default_value=rates[2]),
        Categorical("optimizer", ["adamw", "sgd"]),
        Categorical("schedule", ["cosine", "linear"]),
        Constant("batch_size", PANDALM_BATCH_SIZE),
    )
    return space


def checked_hyperparameters(config: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Hyperparameters of a tuning, as numbers where a file has them as text (YAML takes `5e-4` for text).

    Raises `UsageError`, which says `where`, for those that are unknown, missing or wrong.
    """
    from pydantic import TypeAdapter, ValidationError

    method = config.get("method", "full")
    if method not in ("full", "lora"):
        raise unknown("method", str(method), ("full", "lora"), where=where)
    parts: tuple[type[Recipe | Adapter], ...] = (Recipe,) if method == "full" else (Recipe, Adapter)
    known = [field.name for part in parts for field in fields(part)]
    for name in config:
        if name not in ("method", *known):
            raise unknown("hyperparameter", name, known, where=where)
    checked: dict[str, Any] = {"method": method}
    for part in parts:
        given = {field.name: config[field.name] for field in fields(part) if field.name in config}
        try:
            valid = asdict(TypeAdapter(part).validate_python(given))
        except ValidationError as error:
            place, complaint = first_complaint(error)
            raise UsageError(f"{where}: {place}: {complaint}") from None
        checked |= {name: valid[name] for name in given}
    return checked


def recipe(config: Mapping[str, Any]) -> Recipe:
    """How weights are optimised, by a configuration; what it doesn't tell is as in `Recipe`."""
    known = ("learning_rate", "batch_size", "optimizer", "schedule", "warmup", "weight_decay")
    return Recipe(**{name: config[name] for name in known if name in config})


def adapter(config: Mapping[str, Any]) -> Adapter | None:
    """The low-rank adapter of a configuration, or `None` where all weights are tuned."""
    if config.get("method", "full") == "full":
        return None
    return Adapter(config["rank"], config["alpha_over_rank"], config["dropout"])


def _optimisation(setup: Setup) -> tuple[Any, ...]:
    return (
        Float("learning_rate", setup.learning_rates, log=True, default=_geometric_middle(setup.learning_rates)),
        _integer("batch_size", setup.batch_sizes),
        Categorical("optimizer", ["adamw", "sgd"]),
        Categorical("schedule", ["cosine", "linear", "constant"]),
        Float("warmup", WARMUP, default=0.03),
        Float("weight_decay", WEIGHT_DECAY, log=True, default=0.01),
    )


def _integer(name: str, bounds: tuple[int, int]) -> Any:
    lower, upper = bounds
    if lower == upper:
        return Constant(name, lower)
    return Integer(name, bounds, log=True, default=round(math.sqrt(lower * upper)))


def _geometric_middle(bounds: tuple[float, float]) -> float:
    return math.sqrt(bounds[0] * bounds[1])
