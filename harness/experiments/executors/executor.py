"""The interface of executors, which do runs: on this machine, on a cluster, or in the jobs of a scheduler.

An executor is a class of the entry-point group `optathlon.executors`. The name of its entry point is its `kind` in
experiment files and in `--executor KIND`; its options are the other keys of that section.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from optathlon.experiments.executors.messages import WorkerSettings
from optathlon.running.runs import RunSpec
from optathlon.trial import Status


class ExecutorOptions(BaseModel):
    """The options of an executor, each a field with a default. Values from the command line come as text."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class Watcher(Protocol):
    """Hears from an executor what becomes of the runs."""

    def ended(self, status: Status, reason: str = "") -> None:
        """A run is stored; `reason` is why it ended so, as far as it is known here."""

    def elsewhere(self, spec: RunSpec) -> None:
        """A run is being done by another driver."""

    def lost(self, spec: RunSpec, status: Status, reason: str, seconds: float) -> None:
        """A run was ended together with its worker, after so many seconds; the watcher must store it."""

    def tick(self, running: Sequence[RunSpec], left: int) -> None:
        """Called a few times a second, with the runs that are going on, and how many have not ended."""

    def note(self, text: str) -> None:
        """What is to be shown with the progress from now on, as why nothing goes on; empty for nothing."""

    def is_done(self, spec: RunSpec) -> bool:
        """Whether another driver has stored the run meanwhile."""

    def is_stored(self, spec: RunSpec) -> bool:
        """Whether the run is stored, by whomever; this always looks."""


@dataclass(frozen=True)
class Assignment:
    """What the driver hands to an executor.

    Attributes
    ----------
    jobs:
        How many workers do runs at the same time; on each machine, where the executor starts a driver on each.
    settings:
        What the workers need to know.
    watcher:
        Hears what becomes of the runs.
    drive:
        A driver for other machines: it does runs in worker processes of the machine on which it is called, leaves out
        what is stored, stores what it does, and returns how many of the runs other drivers do. It can be pickled.
    """

    jobs: int
    settings: WorkerSettings
    watcher: Watcher
    drive: Callable[[list[RunSpec]], int]


class Executor(ABC):
    """Does runs.

    Class attributes
    ----------------
    options:
        The class of its options.
    packages:
        Import names of the packages that it needs; checked before anything runs.
    install:
        The command that installs them.
    """

    options: ClassVar[type[ExecutorOptions]] = ExecutorOptions
    packages: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""

    @abstractmethod
    def __init__(self, options: Any, assignment: Assignment) -> None:
        """Get ready; `options` are of the class that `Executor.options` names."""

    @classmethod
    def available_gpus(cls) -> float:
        """How many GPUs there are for all runs together; infinity where only other machines know."""
        return math.inf

    @abstractmethod
    def run(self, runs: Sequence[RunSpec], stored_fingerprints: Mapping[str, str]) -> None:
        """Do all runs. Tasks that the results folder has already are verified before anything runs.

        Raises `UsageError` where a task can't be run, and `Interruption` where runs can't go on, after all
        workers have stored what they had finished. A KeyboardInterrupt stops the workers in the same way and goes on.
        """
