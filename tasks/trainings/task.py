"""A real training: one model family on one data set.

Each data set is split once (60 % training, 20 % validation, 20 % test, stratified), independently of the trial; a
trial's `seed` drives the model's randomness and the choice of training rows. Features are standardised on the training
rows, unless their scaling is tuned, and so are the targets of regression.

- The objective `error` is measured on the validation rows: 1 - accuracy, or 1 - R² for regression (the squared error
  relative to predicting the rows' mean, so 0 is perfect and 1 is useless). Errors are minimised and lie in [0, 1] for
  classification, in [0, inf) for regression.
- The same error on the test rows is the metric `test/error`. The optimizer never sees it.
- The fidelity is the fraction of training rows, epochs, trees or iterations. The full level trains on all rows.
- The cost, also the metric `fit_seconds`, is the wall-clock time of preprocessing and fitting on one thread.

Everything but times is reproducible with the same library versions.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.problem import Objective, Problem
from optathlon.resources import Resources
from optathlon.task import PROBES, Task, short_hash
from optathlon.tasks.trainings.datasets import DATASETS, Dataset, Learning
from optathlon.tasks.trainings.family import TRAIN_SIZE, Family, Setting, Size
from optathlon.tasks.trainings.splits import Part, load_split, subsample
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np

BUDGET = 50
"""Full trainings by default."""
SECONDS_REFERENCE = 10.0
"""The training time of the hypervolume's reference point, in seconds: longer than sensible configurations take."""


def error_of(learning: Learning) -> Objective:
    """The error on the validation rows."""
    return Objective("error", "minimize", 0.0, 1.0 if learning == "classification" else math.inf, reference=1.0)


def size_of(size: Size, data: Dataset) -> Objective:
    """The size of the fitted model; the largest one is the hypervolume's reference."""
    largest = size.largest(data)
    return Objective(size.name, "minimize", 0.0, largest, reference=largest)


FIT_SECONDS = Objective("fit_seconds", "minimize", 0.0, reference=SECONDS_REFERENCE)
"""The time of fitting, which is measured, and so differs between runs."""


class TrainingTask(Task):
    """One model family on one data set.

    Parameters
    ----------
    id:
        Of the task.
    family_name, family:
        What is trained.
    dataset:
        A key of `DATASETS`.
    objectives:
        `error`, alone or with another of the three above.
    """

    resources = Resources(isolated=True)

    def __init__(
        self, id: str, family_name: str, family: Family, dataset: str, objectives: tuple[Objective, ...]
    ) -> None:
        self.id = id
        self._family = family
        self._dataset = dataset
        self._learning = DATASETS[dataset].learning
        self._objectives = objectives
        self.metadata = {"family": family_name, "dataset": dataset, "learning": self._learning}

    @cached_property
    def problem(self) -> Problem:
        """The family's search space."""
        space = self._family.space(self._learning)
        return Problem(space, self._objectives, self._family.fidelity, budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Train on the training rows; what the model can't do, and training that diverges, raise `ValueError`."""
        split = load_split(self._dataset)
        level = self._family.fidelity.upper if fidelity is None else fidelity
        by_size = self._family.fidelity is TRAIN_SIZE
        train = subsample(split.train, level if by_size else 1.0, self._learning, seed)
        setting = Setting(self._learning, len(train.rows), 0 if by_size else int(level), seed)
        measured = self._measured(self._family.estimator(config, setting), train, split.validation, split.test)
        names = [objective.name for objective in self._objectives]
        return Result(
            values=tuple(measured[name] for name in names),
            cost=measured["fit_seconds"],
            metrics={name: value for name, value in measured.items() if name not in names},
        )

    def _measured(self, features: Any, train: Part, validation: Part, test: Part) -> dict[str, float]:
        """What is known of the training: errors, seconds, and the size where the family has one."""
        from threadpoolctl import threadpool_limits

        model = _with_standardised_target(features, self._learning)
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # strange configurations are warned of; their error tells all
            start = time.perf_counter()
            model.fit(train.x, train.y)
            seconds = time.perf_counter() - start
            error, test_error = (1.0 - float(model.score(part.x, part.y)) for part in (validation, test))
        measured = {"error": error, "fit_seconds": seconds, "test/error": test_error}
        size = self._family.size
        if size is not None:
            fitted = model if self._learning == "classification" else model.regressor_
            measured[size.name] = size.of(fitted[-1], len(train.rows))
        return measured

    def fingerprint(self) -> str:
        """A hash of the split data and of the errors (three digits) at five probes on the lowest level; no times."""
        from optathlon.space import probes

        split = load_split(self._dataset)
        lines = [
            short_hash(array.tobytes().hex()) for part in (split.train, split.validation) for array in _arrays(part)
        ]
        lines += [self._probed_error(config) for config in probes(self.problem.space, PROBES)]
        return short_hash("\n".join(lines))

    def _probed_error(self, config: Mapping[str, Any]) -> str:
        try:
            result = self.evaluate(config, fidelity=self._family.fidelity.lower, seed=0)
        except ValueError:
            return "failed"
        return f"{result.values[0]:.3g}"


def _with_standardised_target(features: Any, learning: Learning) -> Any:
    """The estimator, behind the standardisation of the target of a regression."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    if learning == "classification":
        return features
    return TransformedTargetRegressor(features, transformer=StandardScaler())


def _arrays(part: Part) -> tuple[np.ndarray, ...]:
    return part.rows, part.x, part.y
