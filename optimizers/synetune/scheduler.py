"""What all of Syne Tune's adapters share: its search space, and a scheduler driven by ask and tell."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le

from optathlon.encoding import Choice, Dimension, Number, dimensions
from optathlon.errors import SearchSpaceExhausted
from optathlon.generators import LentGenerators
from optathlon.optimizer import Capability, Optimizer
from optathlon.problem import Problem
from optathlon.trial import Result, Trial, Value

if TYPE_CHECKING:
    from syne_tune.backend.trial_status import Trial as Native
    from syne_tune.optimizer.scheduler import TrialScheduler

Percent = Annotated[int, Ge(1), Le(99)]

_LARGEST = 1e38
"""Of logarithmic ranges beyond, Syne Tune sees the logarithm: its trees take single precision."""


class SyneTune(Optimizer):
    """A scheduler driven by its own `suggest` and `on_trial_...`."""

    capabilities = frozenset({Capability.CATEGORICALS, Capability.ASYNCHRONOUS})
    packages: ClassVar[tuple[str, ...]] = ("syne_tune", "dill", "sortedcontainers", "statsmodels", "sklearn", "tqdm")
    install = "pip install 'optathlon[synetune]' && pip install --no-deps syne-tune==0.16.0"

    _scheduler: TrialScheduler

    def __init__(self, problem: Problem, seed: int, *, rounds: bool = False) -> None:
        self._generators = LentGenerators(global_seed(seed), "python", "numpy")
        with loading():
            self._space = _Space(problem, rounds)
        self._metrics = [f"loss{index}" for index in range(len(problem.objectives))]
        self._begun = 0

    def ask(self) -> Trial:
        """The scheduler's next suggestion."""
        config, native = self._begin()
        return Trial(config, native=native)

    def tell(self, trial: Trial, result: Result) -> None:
        """Complete the trial, or report an error."""
        with self._at_work():
            if result.ok:
                self._scheduler.on_trial_complete(trial.native, dict(zip(self._metrics, result.losses, strict=True)))
            else:
                self._scheduler.on_trial_error(trial.native)

    def _begin(self) -> tuple[dict[str, Value], Native]:
        """A new configuration, and Syne Tune's trial of it."""
        with loading():
            from syne_tune.backend.trial_status import Trial as Native

        with self._at_work():
            suggestion = self._scheduler.suggest()
            if suggestion is None:
                raise SearchSpaceExhausted("Syne Tune suggests nothing more")
            native = Native(self._begun, suggestion.config, datetime.now(UTC))
            self._scheduler.on_trial_add(native)
        self._begun += 1
        return self._space.config(suggestion.config), native

    def _at_work(self) -> AbstractContextManager[None]:
        """Lend Syne Tune the generators of this run."""
        return _quiet(self._generators)


def global_seed(seed: int) -> int:
    """Of the global generators: where it is also that of a searcher's own, both draw the same configurations."""
    return int(np.random.SeedSequence(seed).generate_state(1)[0])


def loading() -> AbstractContextManager[None]:
    """Let Syne Tune's modules be imported, which draws from a generator: this leaves no trace."""
    return _quiet(LentGenerators(0, "python", "numpy"))


@contextmanager
def _quiet(generators: LentGenerators) -> Iterator[None]:
    """Lend Syne Tune generators, and a logger that says nothing where nobody has set one up; warnings are ignored.

    It logs with the functions of `logging` itself, which would set up the root logger for good. With loggers of its own
    it tells of choices that are the adapter's.
    """
    root, silence = logging.getLogger(), logging.NullHandler()
    root.addHandler(silence)
    own = logging.getLogger("syne_tune")
    level = own.level
    own.setLevel(logging.ERROR)
    try:
        with generators.lent():
            warnings.simplefilter("ignore")
            yield
    finally:
        own.setLevel(level)
        root.removeHandler(silence)


class _Space:
    """A space as a Syne Tune user writes it; what has one value only is left out.

    With `rounds`, integers are floats that are rounded.
    """

    def __init__(self, problem: Problem, rounds: bool) -> None:
        found = dimensions(problem.space)
        self._fixed = {one.name: one.values[0] for one in found if isinstance(one, Choice) and len(one.values) == 1}
        self._dimensions = [one for one in found if one.name not in self._fixed]
        self.domains = {one.name: _domain(one, rounds) for one in self._dimensions}

    def config(self, suggested: Mapping[str, Any]) -> dict[str, Value]:
        """The configuration that is suggested."""
        return self._fixed | {one.name: _value(one, suggested[one.name]) for one in self._dimensions}


def _domain(dimension: Dimension, rounds: bool) -> Any:
    from syne_tune import config_space

    match dimension:
        case Number(lower=lower, upper=upper, log=log, integer=True) if rounds:
            return (config_space.loguniform if log else config_space.uniform)(lower - 0.5, upper + 0.5)
        case Number(lower=lower, upper=upper, log=log, integer=True):
            return (config_space.lograndint if log else config_space.randint)(int(lower), int(upper))
        case Number(lower=lower, upper=upper) if _is_logarithm(dimension):
            return config_space.uniform(math.log(lower), math.log(upper))
        case Number(lower=lower, upper=upper, log=log):
            return (config_space.loguniform if log else config_space.uniform)(lower, upper)
        case Choice(ordered=ordered) as choice:
            return (config_space.ordinal if ordered else config_space.choice)(_values(choice))


def _is_logarithm(number: Number) -> bool:
    return number.log and number.upper > _LARGEST


def _values(choice: Choice) -> list[Value]:
    """A choice's values, or their places where they are not all of one kind: Syne Tune casts all to the first's."""
    kinds = {type(value) for value in choice.values}
    return list(choice.values if len(kinds) == 1 and kinds <= {str, int, float} else range(len(choice.values)))


def _value(dimension: Dimension, suggested: Any) -> Value:
    match dimension:
        case Choice() as choice:
            return choice.decode(_values(choice).index(suggested))
        case Number() as number:
            return number.decode(math.exp(suggested) if _is_logarithm(number) else suggested)


__all__ = ["Percent", "SyneTune", "global_seed", "loading"]
