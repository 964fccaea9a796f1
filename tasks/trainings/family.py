"""What a model family is: its search space, and the estimators that configurations stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optathlon.fidelity import Fidelity
from optathlon.tasks.trainings.datasets import Dataset, Learning
from optathlon.tasks.trainings.spaces import cs

TRAIN_SIZE = Fidelity("train_size", 1 / 9, 1.0, log=True)
"""The fraction of the training rows; nine rows in ten of the smallest data set are left out at the lowest level."""
EPOCHS = Fidelity("epochs", 1, 81, kind="int", log=True)
"""Passes over the training rows. Not resumable: networks are trained from the beginning at each level."""
TREES = Fidelity("trees", 1, 81, kind="int", log=True)
"""How many trees, or rounds of boosting. Not resumable: they are grown from the beginning at each level."""

BOTH: tuple[Learning, ...] = ("classification", "regression")

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Setting:
    """What an estimator depends on beside its configuration.

    Parameters
    ----------
    learning:
        What is learnt.
    rows:
        The number of training rows.
    level:
        Epochs or trees, where they are the fidelity; otherwise 0.
    seed:
        Of the model's randomness.
    """

    learning: Learning
    rows: int
    level: int
    seed: int


@dataclass(frozen=True, slots=True)
class Size:
    """How large a fitted model is, as a second objective that any machine repeats.

    Parameters
    ----------
    name:
        Of the objective.
    meaning:
        What it counts, in a few words.
    of:
        Measures a fitted model (the last step of its pipeline), given its number of training rows.
    largest:
        No model on the data set is larger.
    """

    name: str
    meaning: str
    of: Callable[[Any, int], float]
    largest: Callable[[Dataset], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A model family.

    Parameters
    ----------
    space:
        Makes the search space for what is learnt.
    estimator:
        Makes the estimator of features; the task standardises the targets of a regression around it.
    description:
        What is tuned, in words that follow "tunes".
    seconds:
        About how long a full training on 1,000 rows takes.
    fidelity:
        What trades cost for accuracy.
    learnings:
        What the family can learn.
    size:
        Its second objective, where the size differs between configurations.
    """

    space: Callable[[Learning], cs.ConfigurationSpace]
    estimator: Callable[[Config, Setting], Any]
    description: str
    seconds: float
    fidelity: Fidelity = TRAIN_SIZE
    learnings: Sequence[Learning] = BOTH
    size: Size | None = None


def for_learning(setting: Setting, classifier: Any, regressor: Any) -> Any:
    """The one of both that the setting needs."""
    return classifier if setting.learning == "classification" else regressor


def standardised(core: Any) -> Any:
    """An estimator behind the standardisation of features on the training rows."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), core)


def everything(data: Dataset) -> float:
    """The largest share."""
    return 1.0
