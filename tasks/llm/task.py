"""What all LLM tasks share: objectives by name, results from the cache, and failures as what they are."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
import traceback
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.budget import Budget
from optathlon.errors import OptathlonError, Unavailable, UsageError
from optathlon.llm.cached import cached, keep
from optathlon.llm.judging import make_judge
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.task import Task, short_hash
from optathlon.tasks.llm.cache import key_of, remembered
from optathlon.tasks.llm.loaded_setup import LoadedSetup, loaded_setup
from optathlon.tasks.llm.memory_need import Answering, Extent, Work, least_tunings
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.recipe import require_bitsandbytes
from optathlon.tasks.llm.reference import reference_hyperparameters
from optathlon.tasks.llm.scoring import NotUnderstood
from optathlon.tasks.llm.setups import Section, Setup
from optathlon.tasks.llm.spaces import possible
from optathlon.tasks.llm.training import Diverged
from optathlon.trial import Result, Status

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

BUDGET = 50
"""Full evaluations by default."""
_TOO_LONG = "too-long"
"""What the cache calls the numbers of examples that were too long, by setup and kind."""
_GPU_FAULT = 70
"""Exit code of a process whose GPU can't be used any more."""


class LLMTask(Task):
    """A task on a setup. A subclass tells its space, what it offers as objectives, and measures.

    Parameters
    ----------
    id:
        `llm/KIND/SETUP/OBJECTIVE[+OBJECTIVE…]`.
    setup:
        What is tuned on what, and who judges.
    objectives:
        Names out of `offered`; `KeyError` for others.

    Raises `UsageError` as `require` does, and for an objective that is named twice.
    """

    kind: ClassVar[str]
    """The second part of the id."""
    listed: ClassVar[tuple[str, ...]]
    """Which objectives the collection lists, several joined by `+`."""
    tunes: ClassVar[str]
    """What is tuned, in words that follow "Tunes"."""
    clocked: ClassVar[frozenset[str]] = frozenset()
    """Which objectives depend on the machine and what else it does: trials that have one are measured every time."""
    section: ClassVar[type[Section] | None] = None
    """What the kind needs of a setup, if anything."""
    section_key: ClassVar[str] = ""
    """Its key in the setup's YAML, where that is not the kind's name."""
    judged: ClassVar[bool] = True
    """Whether trials are compared with the reference's answers by the setup's judges: others ask and load none."""
    from_reference: ClassVar[bool] = False
    """Whether trials start from the weights of the reference tuning."""
    needs: ClassVar[Mapping[str, str]] = {"exact-match": "answer", "loss": "output"}
    """What each example must have for an objective, beside its prompt."""

    def __init__(self, id: str, setup: Setup, objectives: tuple[str, ...]) -> None:
        self.require(setup)
        if len({*objectives}) < len(objectives):
            raise UsageError(f"the task {id!r} names an objective twice: leave one out")
        self.id = id
        self.setup = setup
        offered = self.offered(setup)
        self._objectives = tuple(offered[name] for name in objectives)
        self._names = objectives
        self.resources = setup.resources

    @property
    def metadata(self) -> Mapping[str, str | int | float | bool]:  # type: ignore[override]
        """The setup, its model, and who judges; once data have been prepared, how many examples were too long."""
        return {"setup": self.setup.name, "model": self.setup.model, **self._judges, **self._too_long}

    @property
    def _judges(self) -> Mapping[str, str]:
        """Who judges each side, in words; empty where trials are not judged."""
        if not self.judged:
            return {}
        judge = self.setup.judge
        template = make_judge(judge).template_hash
        return {"judge": judge, "judge_template": template, "test_judge": self.setup.scored_by}

    def notes(self) -> Sequence[str]:
        """How many examples were too long, and what became of them."""
        found = [(count, *name.rpartition("_")) for name, count in sorted(self._too_long.items())]
        counts = [f"{count} of {part} {state}" for count, part, _, state in found]
        return [f"too long, so {', '.join(counts)}: see max_tokens and too_long of its setup"] if counts else []

    @property
    def _too_long(self) -> Mapping[str, int]:
        """How many examples were, by part and what became of them; empty until the data have been prepared."""
        return cached(_TOO_LONG, self._too_long_key) or {}

    @property
    def _too_long_key(self) -> str:
        return key_of(repr(self.setup), self.kind)

    @classmethod
    def require(cls, setup: Setup) -> None:
        """Raise `UsageError` where a setup lacks what this kind needs; by default it needs nothing more."""

    @classmethod
    @abstractmethod
    def offered(cls, setup: Setup) -> Mapping[str, Objective]:
        """The objectives to choose from; each is called like the measure that it is."""

    @abstractmethod
    def space(self) -> ConfigurationSpace:
        """The search space."""

    @abstractmethod
    def trained_on(self) -> Sequence[Extent]:
        """How long the examples are that each trial trains on; empty where trials train on nothing."""

    def too_long(self) -> Mapping[str, int]:
        """How many examples of what the kind works with were too long, as `train_dropped`, `test_truncated`, if any.

        By default of the setup's data.
        """
        return self.loaded.data.counts

    def preparations(self) -> Iterator[Work]:
        """What is done once before trials, and has not been done yet; by default the reference tuning."""
        yield from self.loaded.due_reference(weights=self.from_reference)

    def work(self) -> Iterator[Sequence[Work]]:
        """What the model has to do until a trial is over, each in ways of which the least demanding one will do.

        A trial tunes by any method of the space or, where it trains on nothing, answers.
        """
        yield from ([work] for work in self.preparations())
        if trained_on := self.trained_on():
            yield least_tunings(self.space(), self.setup, max(trained_on), from_reference=self.from_reference)
        else:
            yield [self.answering()]

    def answering(self) -> Answering:
        """What a trial does that trains on nothing."""
        prompts = [len(prompt) for side in SCORED for prompt in self.asked(side)]
        return Answering(self.setup.dtype, max(prompts), from_reference=self.from_reference)

    def asked(self, side: str) -> Sequence[tuple[int, ...]]:
        """The prompts of a side that a trial may be about, as token numbers; by default all."""
        return self.loaded.prompts(side)

    @abstractmethod
    def measure(self, config: Mapping[str, Any], level: float | None, seed: int) -> dict[str, float]:
        """All that a trial tells, objectives and metrics, by name; `seconds` is its cost from scratch."""

    def fidelity(self) -> Fidelity | None:
        """What trades cost for accuracy; by default nothing."""
        return None

    @property
    def ingredients(self) -> str:
        """A hash of what results come from beside setup and model, the same on all machines; by default nothing."""
        return ""

    @property
    def basis(self) -> str:
        """What all results depend on beside `ingredients`."""
        return self.loaded.key

    @property
    def substance(self) -> str:
        """A hash of all that is loaded or made before trials, the same on all machines but for the weights."""
        return self.loaded.substance

    @property
    def loaded(self) -> LoadedSetup:
        """What this process has loaded for the setup."""
        return loaded_setup(self.setup)

    @cached_property
    def problem(self) -> Problem:
        """What an optimizer may know."""
        return Problem(self.space(), self._objectives, self.fidelity(), budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Measure, or remember what was measured; what goes wrong is told by the result's status.

        Raises `Unavailable` where it isn't the configuration that is wrong: a judge's server is down, or data are gone.
        """
        full = self.problem.fidelity
        level = full.upper if full is not None and fidelity is None else fidelity
        aside = 0.0

        def measure() -> dict[str, float]:
            nonlocal aside
            began = time.perf_counter()
            self.prepare()
            self.load()
            loading = time.perf_counter() - began
            found = self.measure(config, level, seed)
            aside = loading + found.get("test/seconds", 0.0)
            return found

        try:
            measured = self._known(config, level, seed, measure)
        except OptathlonError as unavailable:
            raise Unavailable(str(unavailable)) from None
        except Diverged as divergence:
            return Result(status=Status.DIVERGED, error=str(divergence))
        except NotUnderstood as complaint:
            return Result(status=Status.INVALID, error=str(complaint))
        except MemoryError as error:
            return Result(status=Status.MEMORY, error=str(error))
        except RuntimeError as error:
            _leave_if_gpu_is_lost(error)
            raise
        names = [objective.name for objective in self._objectives]
        return Result(
            values=tuple(measured[name] for name in names),
            cost=measured["seconds"],
            reused=True,
            aside=aside,
            metrics={name: value for name, value in measured.items() if name not in names},
        )

    def prepare(self) -> None:
        """Load what every trial needs (see `LoadedSetup.prepare`): models too, unless trials have been measured.

        A run that is repeated remembers its trials, and needs no model; a first new one loads them, which is not
        charged.
        Raises `UsageError` where something is missing for which every trial would fail.
        """
        self._require_optimizers()
        is_new = self._is_clocked or not self.loaded.is_identified or not cached("measured", self._key)
        if is_new:
            self.loaded.require_room(self.work())
        self.prepare_data()
        keep(_TOO_LONG, self._too_long_key, self.too_long())
        if is_new:
            self.load()

    def prepare_data(self) -> None:
        """Load or make what trials work with beside models. Raises as `prepare`."""
        for side in SCORED:
            _require(self.setup, side, {self.needs[name] for name in self._names if name in self.needs})
        if self.judged:
            self.loaded.prepare()
        else:
            _ = self.loaded.reference_answers

    def load(self) -> None:
        """Load the model that is tuned, and those that judge. Raises as `prepare`."""
        self.loaded.require_room(self.work())
        _ = self.loaded.base
        if "lora" in self._possible("method", ""):
            self.loaded.require_targets()
        if self.judged:
            self.loaded.load_judges()

    def _require_optimizers(self) -> None:
        """Raise `UsageError` or `MissingDependency` where trials may have an optimizer that doesn't run here."""
        if self._possible("method", "") != ("",) and "adamw-8bit" in self._possible("optimizer", "adamw"):
            require_bitsandbytes("adamw-8bit", self.loaded.device)

    def _possible(self, name: str, default: str) -> tuple[str, ...]:
        return possible(self.problem.space, self.setup, name, default)

    @property
    def _is_clocked(self) -> bool:
        return not self.clocked.isdisjoint(self._names)

    @cached_property
    def _key(self) -> str:
        """What all of this kind's results depend on, beside configuration, level and seed."""
        return key_of(self.basis, self.kind, self.version, self.ingredients)

    def _known(
        self, config: Mapping[str, Any], level: float | None, seed: int, measure: Callable[[], dict[str, float]]
    ) -> dict[str, float]:
        if self._is_clocked:
            return measure()
        known = remembered("results", key_of(self._key, dict(config), level, seed), measure)
        keep("measured", self._key, {"measured": True})
        return known

    def fingerprint(self) -> str:
        """A hash of data, weights, judges, template, the reference's answers and the space.

        It differs between machines that train the tiny model or the reference differently by rounding: their results
        are those of two tasks. Machines that share a cache share these. What is trained in trials is not part of it.

        Raises `UsageError` where something is missing for which every trial would fail.
        """
        self.prepare()
        space = json.dumps(self.problem.space.to_serialized_dict(), sort_keys=True, default=str)
        return short_hash(f"{self.substance} {self.ingredients} {space}")


class ReferenceTask(LLMTask):
    """A task on the model of the reference tuning (`LoadedSetup.reference_tuned`), whose trials train on nothing."""

    from_reference: ClassVar[bool] = True

    @classmethod
    def require(cls, setup: Setup) -> None:
        """Hyperparameters as the setup's reference, not a file of answers."""
        reference_hyperparameters(setup)

    def trained_on(self) -> Sequence[Extent]:
        """Nothing."""
        return ()


def _require(setup: Setup, side: str, needs: Collection[str]) -> None:
    """Raise `UsageError` where examples of a side lack `answer` or `output`."""
    examples = setup.examples(side)
    lacking = {
        "answer": [example.prompt.id for example in examples if example.prompt.answer is None],
        "output": [example.prompt.id for example in examples if not example.is_answered],
    }
    for key in needs:
        if ids := lacking[key]:
            raise UsageError(
                f"{len(ids)} examples of {side} of the setup {setup.name!r} have no {key!r}, the first is {ids[0]!r}: "
                "write it, or take an objective that doesn't need it"
            )


def _leave_if_gpu_is_lost(error: RuntimeError) -> None:
    """End the process after an error of the GPU, which spoils all that follows; the harness starts another."""
    import torch

    if isinstance(error, torch.AcceleratorError) and multiprocessing.parent_process() is not None:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(_GPU_FAULT)
