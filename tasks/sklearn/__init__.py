"""Real training: scikit-learn's models on the data sets that come with it. Nothing is downloaded.

A task tunes one model family on one data set. Each data set is split once (60 % training, 20 % validation, 20 % test,
stratified), independently of the trial; a trial's `seed` drives the model's randomness and the choice of training rows.
Features are standardised on the training rows, and so are the targets of regression.

- The objective `error` is measured on the validation rows: 1 - accuracy, or 1 - R² for regression (the squared error
  relative to predicting the rows' mean, so 0 is perfect and 1 is useless). Errors are minimised and lie in [0, 1] for
  classification, in [0, inf) for regression.
- The same error on the test rows is the metric `test/error`. The optimizer never sees it.
- The fidelity is the fraction of training rows, or the number of epochs for `mlp`. The full level trains on all rows.
- The cost, also the metric `fit_seconds`, is the wall-clock time of preprocessing and fitting on one thread.
- `-mo` tasks have `error` and `fit_seconds` as objectives.

Everything but times is reproducible with the same library versions.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from optathlon.budget import Budget
from optathlon.problem import Objective, Problem
from optathlon.resources import Resources
from optathlon.space import probes
from optathlon.task import PROBES, Collection, Task, short_hash
from optathlon.tasks.sklearn.data import DATASETS, Part, load_split, subsample
from optathlon.tasks.sklearn.models import FAMILIES, TRAIN_SIZE
from optathlon.trial import Result

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

BUDGET = 50
"""Full trainings by default."""
SECONDS_REFERENCE = 10.0
"""The training time of the hypervolume's reference point, in seconds: longer than sensible configurations take."""


class SklearnTask(Task):
    """One model family on one data set."""

    resources = Resources(isolated=True)

    def __init__(self, id: str, family: str, dataset: str, objectives: tuple[Objective, ...]) -> None:
        self.id = id
        self._family = FAMILIES[family]
        self._dataset = dataset
        self._learning = DATASETS[dataset]
        self._objectives = objectives
        self.metadata = {"family": family, "dataset": dataset, "learning": self._learning}

    @cached_property
    def problem(self) -> Problem:
        """The family's search space."""
        return Problem(self._family.space(), self._objectives, self._family.fidelity, budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Train on the training rows; training that diverges raises scikit-learn's `ValueError`."""
        split = load_split(self._dataset)
        level = self._family.fidelity.upper if fidelity is None else fidelity
        by_size = self._family.fidelity is TRAIN_SIZE
        train = subsample(split.train, level if by_size else 1.0, self._learning, seed)
        epochs = 1 if by_size else int(level)
        core = self._family.estimator(config, self._learning, len(train.rows), epochs, seed)
        model, seconds = _fit(_pipeline(core, self._learning), train)
        error, test_error = (1.0 - float(model.score(part.x, part.y)) for part in (split.validation, split.test))
        measured = {"error": error, "fit_seconds": seconds, "test/error": test_error}
        names = [objective.name for objective in self._objectives]
        return Result(
            values=tuple(measured[name] for name in names),
            cost=seconds,
            metrics={name: value for name, value in measured.items() if name not in names},
        )

    def fingerprint(self) -> str:
        """A hash of the split data and of the errors (three digits) at five probes on the lowest level; no times."""
        split = load_split(self._dataset)
        lines = [
            short_hash(array.tobytes().hex()) for part in (split.train, split.validation) for array in _arrays(part)
        ]
        for config in probes(self.problem.space, PROBES):
            result = self.evaluate(config, fidelity=self._family.fidelity.lower, seed=0)
            lines.append(f"{result.values[0]:.3g}")
        return short_hash("\n".join(lines))


class Sklearn(Collection):
    """`sklearn/FAMILY/DATASET`, and `sklearn/FAMILY-mo/DATASET` with the training time as second objective."""

    name: ClassVar[str] = "sklearn"
    description: ClassVar[str] = "Real training of scikit-learn's models on its bundled data sets, multi-fidelity"
    packages: ClassVar[tuple[str, ...]] = ("sklearn",)
    install: ClassVar[str] = "pip install 'optathlon[sklearn]'"

    def ids(self) -> Iterator[str]:
        """Every family on every data set, with one objective and with two."""
        for family in FAMILIES:
            for variant in (family, f"{family}-mo"):
                for dataset in DATASETS:
                    yield f"{self.name}/{variant}/{dataset}"

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        if id not in set(self.ids()):
            raise KeyError(id)
        _, variant, dataset = id.split("/")
        error = Objective(
            "error", "minimize", 0.0, 1.0 if DATASETS[dataset] == "classification" else math.inf, reference=1.0
        )
        seconds = Objective("fit_seconds", "minimize", 0.0, reference=SECONDS_REFERENCE)
        objectives = (error, seconds) if variant.endswith("-mo") else (error,)
        return SklearnTask(id, variant.removesuffix("-mo"), dataset, objectives)


def _pipeline(core: BaseEstimator, learning: str) -> Any:
    """The estimator behind the standardisation of features, and of the target of a regression."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), core)
    if learning == "classification":
        return pipeline
    return TransformedTargetRegressor(pipeline, transformer=StandardScaler())


def _fit(model: Any, train: Part) -> tuple[Any, float]:
    """The fitted model and the wall-clock seconds it took, on one thread; an early end gives no warning."""
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(train.x, train.y)
        return model, time.perf_counter() - start


def _arrays(part: Part) -> tuple[np.ndarray, ...]:
    return part.rows, part.x, part.y
