"""The hyperparameters of a tuning: those that a setup fixes, and those that a configuration proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Annotated, Any

from pydantic import AfterValidator

from optathlon.errors import UsageError, first_complaint, unknown
from optathlon.tasks.llm.recipe import Recipe
from optathlon.tasks.llm.tunable_model import Adapter

Given = dict[str, str | int | float]


def checked(config: Given) -> Given:
    """Hyperparameters of a whole tuning as numbers, where a file has them as text (YAML takes `5e-4` for text).

    Raises `ValueError` for those that are unknown (with the nearest match), missing or wrong.
    """
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
        valid |= _validated(part, given)
    return valid


def checked_fixed(config: Given) -> Given:
    """As `checked`, of some hyperparameters that all tunings have; the method is none of them."""
    known = {field.name: part for part in (Recipe, Adapter) for field in fields(part)}
    if "method" in config:
        raise ValueError(f"the method is fixed by `methods: [{config['method']}]`")
    for name in config:
        if name not in known:
            raise _as_value_error(unknown("hyperparameter", name, known))
    fillers: dict[type[Recipe | Adapter], dict[str, Any]] = {
        Recipe: {"learning_rate": 1.0, "batch_size": 1},
        Adapter: {"rank": 1, "alpha_over_rank": 1.0, "dropout": 0.0},
    }
    valid: dict[str, Any] = {}
    for part, filler in fillers.items():
        given = {name: value for name, value in config.items() if known[name] is part}
        valid |= {name: value for name, value in _validated(part, filler | given).items() if name in given}
    return valid


def _validated(part: type[Recipe | Adapter], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of those hyperparameters that are given. Raises `ValueError` with the first wrong one."""
    from pydantic import TypeAdapter, ValidationError

    try:
        values = asdict(TypeAdapter(part).validate_python(given))
    except ValidationError as error:
        place, complaint = first_complaint(error)
        raise ValueError(f"{place}: {complaint}") from None
    return {name: values[name] for name in given}


Hyperparameters = Annotated[Given, AfterValidator(checked)]
"""Of a tuning, in a setup; empty for those by default."""
Fixed = Annotated[Given, AfterValidator(checked_fixed)]
"""Hyperparameters that all tunings of a setup have."""


def recipe(config: Mapping[str, Any]) -> Recipe:
    """How weights are optimised, by a configuration; what it doesn't tell is as in `Recipe`."""
    rate = {"learning_rate": config["lora_learning_rate"]} if "lora_learning_rate" in config else {}
    return Recipe(**{field.name: config[field.name] for field in fields(Recipe) if field.name in config} | rate)


def adapter(config: Mapping[str, Any]) -> Adapter | None:
    """The low-rank adapter of a configuration, or `None` where all weights are tuned."""
    if config.get("method", "full") == "full":
        return None
    return Adapter(**{field.name: config[field.name] for field in fields(Adapter) if field.name in config})


def _as_value_error(error: UsageError) -> ValueError:
    """What pydantic reports with the place of the wrong value."""
    return ValueError(str(error))
