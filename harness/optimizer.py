"""The interface of optimizers, and what they declare about themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import ClassVar

from optathlon.environment import Environment
from optathlon.fidelity import Schedule
from optathlon.problem import Problem
from optathlon.trial import Result, Trial


class Capability(StrEnum):
    """What an optimizer can make use of or represent. What is not declared, it can't."""

    MULTI_FIDELITY = "multi-fidelity"
    """Proposes fidelity levels (others are evaluated at full fidelity)."""
    MULTI_OBJECTIVE = "multi-objective"
    CATEGORICALS = "categoricals"
    """Models unordered choices."""
    CONDITIONS = "conditions"
    """Models hyperparameters that are active only under conditions."""
    FORBIDDENS = "forbiddens"
    """Never proposes a forbidden configuration."""
    CONSTRAINTS = "constraints"
    """Learns from black-box constraint values."""
    CONSTANT_SPACES = "constant spaces"
    """Copes with a search space that has only one configuration."""
    ASYNCHRONOUS = "asynchronous"
    """Can be asked while earlier trials are pending."""
    RESUMABLE = "resumable"
    """Continues trials at higher levels, by `Trial.parent`."""


class Pending(StrEnum):
    """What a method makes of trials that are not told yet, where it is asked for another one."""

    WAITS = "waits"
    """Proposes nothing until it knows more."""
    MODELS = "models them"
    """Takes into account that their results are to come."""
    LIES = "assumes results"
    """Is told, or tells itself, results for them (Ginsbourger et al. 2010: constant liar, kriging believer)."""
    IGNORES = "ignores them"
    """Proposes what it would propose if there were none."""


class Optimizer(ABC):
    """An ask/tell method, made by an adapter from a library.

    An adapter implements `__init__`, `ask` and `tell` and nothing else. It never logs, never counts the budget,
    never computes an incumbent, and never puts another method in place of a library that fails. Libraries are
    imported in `__init__`, so that listing and planning load none of them.

    Class attributes
    ----------------
    capabilities:
        What the method can make use of or represent.
    requires:
        Capabilities that a task must call for, e.g. a Hyperband needs a fidelity.
    packages:
        Import names of the packages the adapter needs; checked before anything runs.
    install:
        The command that installs them.
    environment:
        The virtual environment of its own that its library needs, if it can't be installed beside the others
        (`optathlon.remote.EnvironmentOptimizer`).
    deterministic:
        Whether the same seed gives the same proposals.
    pending:
        What it makes of pending trials.
    schedule:
        How it goes through the levels of a fidelity, so that a plan can tell its levels; `None` where it uses none.
    reference:
        The paper, or else the library's page, that defines the method: authors, year, and DOI, arXiv id or URL.
    """

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    requires: ClassVar[frozenset[Capability]] = frozenset()
    packages: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""
    environment: ClassVar[Environment | None] = None
    deterministic: ClassVar[bool] = True
    pending: ClassVar[Pending] = Pending.IGNORES
    schedule: ClassVar[Schedule | None] = None
    reference: ClassVar[str] = ""

    @classmethod
    def objection(cls, problem: Problem) -> str:
        """Why the method can't do a problem that its capabilities fit, in one line; empty where it can.

        A run is then skipped with this reason. It loads no library: it is asked while runs are planned.
        """
        return ""

    @abstractmethod
    def __init__(self, problem: Problem, seed: int) -> None:
        """Start on `problem` with `seed` (0 <= seed < 2**31). Options are further keyword arguments with defaults."""

    @abstractmethod
    def ask(self) -> Trial | None:
        """Propose a trial, or `None` to wait for pending results.

        Raises `SearchSpaceExhausted` where there is nothing left to try: the run is complete when its pending trials
        have ended. An optimizer that returns `None` while nothing is pending has stalled, unless it has tried every
        configuration of the space.
        """

    @abstractmethod
    def tell(self, trial: Trial, result: Result) -> None:
        """Learn the result of a trial that `ask` proposed: `result.losses` are finite numbers to minimise."""
