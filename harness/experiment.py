"""Experiments: which optimizers, tasks and seeds. Flags and a YAML file mean the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from optathlon.budget import Budget
from optathlon.errors import UsageError, unknown


class Experiment(BaseModel):
    """A set of runs: optimizers x tasks x seeds.

    Attributes
    ----------
    name:
        A label that is stored with every run.
    optimizers, tasks:
        Optimizer ids and task ids or patterns.
    seeds:
        How many seeds (5 means 0 to 4), or which.
    budget:
        As `Budget.parse` reads it; by default each task's own.
    root_seed:
        What every other seed is derived from.
    plugins:
        Python files that define further optimizers and tasks.
    jobs:
        How many worker processes.
    out:
        The results folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    optimizers: list[str] = Field(min_length=1)
    tasks: list[str] = Field(min_length=1)
    seeds: list[int] = Field(default=[0], min_length=1)
    budget: str | None = None
    root_seed: int = Field(default=0, ge=0)
    plugins: list[Path] = []
    jobs: int = Field(default=1, ge=1)
    out: Path = Path("out")

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, value: str | int | list[int]) -> list[int]:
        return parse_seeds(value if isinstance(value, str | int) else ",".join(map(str, value)) + ",")

    @field_validator("budget", mode="before")
    @classmethod
    def _budget(cls, value: object) -> object:
        return str(Budget.parse(value)) if isinstance(value, str | int | float) else value

    @classmethod
    def read(cls, path: Path | None, flags: dict[str, Any]) -> Self:
        """The experiment of a YAML file, or of flags alone; flags win over the file.

        Raises `UsageError` in one line: an unknown key with the nearest match, a value of the wrong kind, no optimizer.
        """
        settings = _yaml(path) if path else {}
        where = str(path) if path else "the command"
        settings |= {key: value for key, value in flags.items() if value not in (None, [], ())}
        for key in settings:
            if key not in cls.model_fields:
                raise unknown("key", str(key), cls.model_fields, where=where)
        for key, flag in (("optimizers", "-o"), ("tasks", "-t")):
            if not settings.get(key):
                raise UsageError(f"no {key} in {where}: give {flag} NAME or a key `{key}` in an experiment file")
        try:
            return cls(**settings)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"{place} in {where}: {first['msg'].lower()}") from None


def parse_seeds(value: str | int) -> list[int]:
    """`5` is the seeds 0 to 4, `3:8` is 3 to 7, and `1,4,7` is those."""
    text = str(value).strip()
    try:
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            seeds = list(range(first, last))
        elif "," in text:
            seeds = [int(part) for part in text.split(",") if part]
        else:
            seeds = list(range(int(text)))
    except ValueError:
        raise UsageError(f"can't read the seeds {text!r}: give a number (5), a range (3:8) or a list (1,4,7)") from None
    if not seeds or min(seeds) < 0:
        raise UsageError(f"the seeds {text!r} are none or negative: give at least one, e.g. --seeds 5")
    return list(dict.fromkeys(seeds))


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"can't read the experiment file {str(path)!r}: {error}") from None
    except yaml.YAMLError as error:
        raise UsageError(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UsageError(f"{str(path)!r} must be a mapping with keys such as optimizers, tasks and seeds")
    return content
