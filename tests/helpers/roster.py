"""The optimizers that come with Optathlon, for tests that all of them pass."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

import pytest

from optathlon.remote.environments import missing

CLASSES: dict[str, Any] = {point.name: point.load() for point in entry_points(group="optathlon.optimizers")}


def marks_of(name: str) -> list[pytest.MarkDecorator]:
    """The groups that tests of an optimizer belong to; those in an environment of their own are skipped without it."""
    cls = CLASSES[name]
    reason = missing(cls.environment)
    of_environment = [pytest.mark.slow, pytest.mark.skipif(bool(reason), reason=reason)] if cls.environment else []
    return [*of_environment, *([pytest.mark.torch] if "torch" in cls.packages else [])]


OPTIMIZERS = [pytest.param(name, id=name, marks=marks_of(name)) for name in CLASSES]
"""Their names; those that need torch are in that group."""
