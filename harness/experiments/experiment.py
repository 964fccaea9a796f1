"""Experiments: which optimizers, tasks and seeds. Flags and a YAML file mean the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from optathlon.budget import Budget, parse_duration
from optathlon.errors import UsageError, first_complaint, unknown
from optathlon.experiments.code_changes import CodePolicy
from optathlon.experiments.executors.choice import choose_executor, overlaid
from optathlon.paths import resolved
from optathlon.plain_numbers import Whole
from optathlon.registry.adopted import adopt_optimizer, adopt_task, is_adopted
from optathlon.resources import Limits
from optathlon.running.clocks import Clock
from optathlon.running.seeds import LARGEST_SEED
from optathlon.yaml_file import read_yaml

IN_PROCESS = "in-process"
"""The executor of what is known to this process alone."""
MOST_WORKERS = 10_000
MOST_SEEDS = 100_000

_SEEDS = re.compile(r"[-0-9:,\s]+")
"""Python's `int` takes more for numbers, such as `1_0`."""
_MEMORY = re.compile(r"\s*[0-9.]+\s*[a-z]*\s*", re.ASCII | re.IGNORECASE)
_SHARD = re.compile("([0-9]{1,9})/([0-9]{1,9})")


class Execution(BaseModel):
    """How runs are done: where, with what limits. It changes no result but for runs and trials that a limit ends.

    Attributes
    ----------
    jobs:
        How many workers do runs at the same time; on SLURM, on each node.
    executor:
        Where the workers are: the `kind` of an executor, such as `local`, or a mapping of `kind` and its options.
    trial_timeout, run_timeout:
        Durations as `60s`, `10min` or `2h` after which a trial or a run is ended.
    trial_memory:
        Memory as `500MB` or `4GiB` beyond which a trial is ended.
    fail_fast:
        After how many trials a run ends of which all have failed.
    isolate:
        Whether every task's trials get processes of their own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: Whole = Field(default=1, ge=1, le=MOST_WORKERS)
    executor: str | dict[str, Any] = "local"
    trial_timeout: str | None = None
    run_timeout: str | None = None
    trial_memory: ByteSize | None = None
    fail_fast: Whole | None = Field(default=None, ge=1)
    isolate: bool = False

    @field_validator("executor", mode="before")
    @classmethod
    def _executor(cls, value: object) -> str | dict[str, Any]:
        if not isinstance(value, str | Mapping):
            raise UsageError(
                f"executor can't be {value!r}: give a kind, or a mapping such as {{kind: slurm, time: 2h}}"
            )
        section = value if isinstance(value, str) else {str(key): option for key, option in value.items()}
        choose_executor(section)
        return section

    @field_validator("trial_timeout", "run_timeout", mode="before")
    @classmethod
    def _duration(cls, value: object) -> object:
        if value is not None:
            parse_duration(str(value))
        return value

    @field_validator("trial_memory", mode="before")
    @classmethod
    def _memory(cls, value: str | int | None) -> int | None:
        if value is None:
            return None
        try:
            amount = TypeAdapter(ByteSize).validate_python(value) if _MEMORY.fullmatch(str(value)) else ByteSize(0)
        except ValidationError:
            amount = ByteSize(0)
        if amount <= 0:
            raise UsageError(f"can't read the amount of memory {value!r}: give e.g. 500MB or 4GiB")
        return amount

    @property
    def limits(self) -> Limits:
        """The limits for all runs and trials."""
        return Limits(
            trial_seconds=parse_duration(self.trial_timeout) if self.trial_timeout else None,
            trial_memory=self.trial_memory,
            run_seconds=parse_duration(self.run_timeout) if self.run_timeout else None,
            fail_fast=self.fail_fast,
            isolated=self.isolate,
        )

    def __init__(self, **settings: Any) -> None:
        """As the attributes say. Raises `UsageError` in one line for what is missing, unknown or of the wrong kind."""
        for key in settings:
            if key not in type(self).model_fields:
                raise unknown("key", key, type(self).model_fields, where=type(self).__name__)
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise InvalidSetting(*first_complaint(error), type(self).__name__) from None

    @classmethod
    def read(cls, path: Path | None, flags: Mapping[str, Any]) -> Self:
        """What a YAML file or flags alone say; flags win over the file, and options of one executor are joined.

        Raises `UsageError` in one line: an unknown key with the nearest match, a value of the wrong kind, a key that is
        missing.
        """
        settings = _settings(path) if path else {}
        where = str(path) if path else "the command"
        given = {key: value for key, value in flags.items() if value not in (None, [], (), {})}
        if executor := given.get("executor"):
            given["executor"] = overlaid(settings.get("executor"), executor)
        settings |= given
        for key in settings:
            if key not in cls.model_fields:
                raise unknown("key", str(key), cls.model_fields, where=where)
        for key, field in cls.model_fields.items():
            if field.is_required() and not settings.get(key):
                raise UsageError(f"no {key} in {where}: give -{key[0]} NAME or a key `{key}` in an experiment file")
        try:
            return cls(**settings)
        except InvalidSetting as error:
            raise InvalidSetting(error.place, error.complaint, where) from None


class InvalidSetting(UsageError):
    """A setting has a value of the wrong kind, or lacks one that it needs."""

    def __init__(self, place: str, complaint: str, where: str) -> None:
        super().__init__(f"{place} in {where}: {complaint}")
        self.place, self.complaint = place, complaint


class Experiment(Execution):
    """A set of runs, optimizers x tasks x seeds, and how they are done.

    Attributes
    ----------
    name:
        A label that is stored with every run.
    optimizers:
        Ids, `FILE.py:CLASS` or `package:CLASS`; `NAME=ID` gives a name of your own. Python may also give classes as
        they are: their runs are then done in the process that has them (`executor="in-process"`).
    tasks:
        Ids, patterns, subsets or table descriptors; from Python also tasks as they are, in the same way.
    seeds:
        How many seeds (5 means 0 to 4), or which.
    budget:
        Full evaluations (50), time (`600s`, `10min`, `2h`) or cost (`3600cost`); by default each task's own.
    where:
        Only tasks of which this holds, as `"dims <= 10 and conditional"`.
    root_seed:
        What every other seed is derived from; like the seeds, from 0 to 2**63 - 1.
    plugins:
        Python files that define further optimizers and tasks, and table descriptors.
    workers_per_run:
        How many trials of a run are evaluated at the same time; by default one.
    clock:
        `"real"`, or `"virtual"` for simulated workers on tasks that report costs.
    charge_overhead:
        Whether the optimizer's own time passes on the virtual clock.
    shard:
        `"i/n"`, with 1 <= i <= n: only the i-th of n parts of the runs.
    out:
        The results folder. A relative one is below the folder in which the experiment is made, wherever tasks go.
    fresh:
        Optimizers (ids, names without options, or patterns with `*`) whose runs by other code are done again.
    keep_old:
        Whether results of other code of the same optimizers may stay beside new ones; by default they are refused.
    baselines:
        Optimizers (patterns, with commas between them) whose runs are left out where they ship as baselines.
    """

    name: str = ""
    optimizers: list[str] = Field(min_length=1)
    tasks: list[str] = Field(min_length=1)
    seeds: list[int] = Field(default=[0], min_length=1)
    budget: str | None = None
    where: str = ""
    root_seed: Whole = Field(default=0, ge=0, le=LARGEST_SEED)
    plugins: list[Path] = []
    workers_per_run: Whole | None = Field(default=None, ge=1, le=MOST_WORKERS)
    clock: Literal["real", "virtual"] = "real"
    charge_overhead: bool = False
    shard: str | None = None
    out: Path = Field(default=Path("out"), validate_default=True)
    fresh: list[str] = []
    keep_old: bool = False
    baselines: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _adopt(cls, settings: Any) -> Any:
        adopted, own = dict(settings), []
        for key, adopt in (("optimizers", adopt_optimizer), ("tasks", adopt_task)):
            if isinstance(given := settings.get(key), list | tuple):
                adopted[key] = [adopt(one) for one in given]
                own += [id for id in adopted[key] if isinstance(id, str) and is_adopted(id)]
        if own and _kind(adopted.setdefault("executor", IN_PROCESS)) != IN_PROCESS:
            raise UsageError(
                f"{own[0]!r} is known to this process alone: leave the executor out, or write it to a file that is "
                "given as a plugin"
            )
        return adopted

    @field_validator("out")
    @classmethod
    def _out(cls, value: Path) -> Path:
        return resolved(value)

    @field_validator("plugins")
    @classmethod
    def _plugins(cls, value: list[Path]) -> list[Path]:
        return [resolved(path) for path in value]

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, value: str | int | list[int]) -> list[int]:
        return parse_seeds(",".join(map(str, value)) + "," if isinstance(value, list) else str(value))

    @field_validator("budget", mode="before")
    @classmethod
    def _budget(cls, value: object) -> object:
        return str(Budget.parse(value)) if isinstance(value, str | int | float) else value

    @field_validator("shard")
    @classmethod
    def _shard(cls, value: str | None) -> str | None:
        if value is not None:
            parse_shard(value)
        return value

    @model_validator(mode="after")
    def _overhead_needs_a_virtual_clock(self) -> Self:
        if self.charge_overhead and self.clock == "real":
            raise UsageError("charge_overhead needs the virtual clock: on the real one overhead always counts")
        return self

    @property
    def code_policy(self) -> CodePolicy:
        """What to do with stored runs that other code did."""
        return CodePolicy(self.fresh, self.keep_old)

    @property
    def run_clock(self) -> Clock:
        """The clock of all runs."""
        if self.clock == "real":
            return Clock.REAL
        return Clock.CHARGED if self.charge_overhead else Clock.VIRTUAL


def _kind(section: Any) -> Any:
    return section.get("kind") if isinstance(section, Mapping) else section


def parse_seeds(value: str | int) -> list[int]:
    """`5` is the seeds 0 to 4, `3:8` is 3 to 7, and `1,4,7` is those."""
    text = str(value).strip()
    try:
        if not _SEEDS.fullmatch(text):
            raise ValueError
        if ":" in text:
            first, last = (int(part) for part in text.split(":"))
            seeds: Sequence[int] = range(first, last)
        elif "," in text:
            seeds = [int(part) for part in text.split(",") if part]
        else:
            seeds = range(int(text))
        count = seeds.stop - seeds.start if isinstance(seeds, range) else len(seeds)  # `len` ends at 2**63
    except ValueError:
        raise UsageError(f"can't read the seeds {text!r}: give a number (5), a range (3:8) or a list (1,4,7)") from None
    if count > MOST_SEEDS:
        raise UsageError(f"the seeds {text[:40]!r} are more than {MOST_SEEDS:,}: give fewer, e.g. --seeds 5")
    if not seeds or min(seeds) < 0:
        raise UsageError(f"the seeds {text!r} are none or negative: give at least one, e.g. --seeds 5")
    if max(seeds) > LARGEST_SEED:
        raise UsageError(f"the seeds {text[:60]!r} are too large: give seeds up to {LARGEST_SEED}")
    return list(dict.fromkeys(seeds))


def parse_shard(text: str) -> tuple[int, int]:
    """`2/5` as the numbers 1, counted from 0, and 5."""
    found = _SHARD.fullmatch(text)
    part, parts = map(int, found.groups()) if found else (0, 0)
    if not 1 <= part <= parts:
        raise UsageError(f"can't read the shard {text!r}: give e.g. 2/5 for the second of five parts")
    return part - 1, parts


def _settings(path: Path) -> dict[str, Any]:
    """The keys of an experiment file that have a value, each as text."""
    content = read_yaml(path, "experiment file")
    if not isinstance(content, dict):
        raise UsageError(f"{str(path)!r} must be a mapping with keys such as optimizers, tasks and seeds")
    return content
