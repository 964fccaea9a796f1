"""The hyperparameters of a tuning: those that a setup fixes, and those that a configuration proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated, Any

from pydantic import AfterValidator

from optathlon.errors import UsageError, first_complaint, unknown
from optathlon.tasks.llm.training import Recipe
from optathlon.tasks.llm.tunable_model import Adapter

Given = dict[str, str | int | float]


def checked(config: Given) -> Given:
    """Hyperparameters as numbers, where a file has them as text (YAML takes `5e-4` for text).

    Raises `ValueError` for those that are unknown (with the nearest match), missing or wrong.
    """
    from pydantic import TypeAdapter, ValidationError

    if not config:
        return config
    method = config.get("method", "full")
    if method not in ("full", "lora"):
        raise _as_value_error(unknown("method", str(method), ("full", "lora")))
    parts: tuple[type[Recipe | Adapter], ...] = (Recipe,) if method == "full" else (Recipe, Adapter)
    known = [field.name for part in parts for field in fields(part)]
    for name in config:
        if name not in ("method", *known):
            raise _as_value_error(unknown("hyperparameter", name, known))
    valid: dict[str, Any] = {"method": method}
    for part in parts:
        given = {field.name: config[field.name] for field in fields(part) if field.name in config}
        try:
            values = asdict(TypeAdapter(part).validate_python(given))
        except ValidationError as error:
            place, complaint = first_complaint(error)
            raise ValueError(f"{place}: {complaint}") from None
        valid |= {name: values[name] for name in given}
    return valid


Hyperparameters = Annotated[Given, AfterValidator(checked)]
"""Of a tuning, in a setup; empty for those by default."""


def recipe(config: Mapping[str, Any]) -> Recipe:
    """How weights are optimised, by a configuration; what it doesn't tell is as in `Recipe`."""
    known = ("learning_rate", "batch_size", "optimizer", "schedule", "warmup", "weight_decay")
    return Recipe(**{name: config[name] for name in known if name in config})


def adapter(config: Mapping[str, Any]) -> Adapter | None:
    """The low-rank adapter of a configuration, or `None` where all weights are tuned."""
    if config.get("method", "full") == "full":
        return None
    return Adapter(config["rank"], config["alpha_over_rank"], config["dropout"])


def _as_value_error(error: UsageError) -> ValueError:
    """What pydantic reports with the place of the wrong value."""
    return ValueError(str(error))
