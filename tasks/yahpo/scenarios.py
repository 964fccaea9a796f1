"""The scenarios of YAHPO Gym's release: what `yahpo_gym.benchmarks` (package `yahpo_gym` 1.0) says of them, compactly.

Upstream's experimental scenarios are left out: `fcnet` (its surrogate is constant, syne-tune issue 372, and it has no
published statistics), `taskset` and `fair_*` (not part of the release).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from optathlon.problem import Direction

_PERFORMANCE: tuple[tuple[Direction, float, str], ...] = (
    ("maximize", 100, "val_accuracy"),
    ("maximize", 1, "val_balanced_accuracy acc bac auc f1"),  # upstream marks rbv2's f1 as minimised: a slip
    ("minimize", 1, "mmce"),
    ("minimize", 2, "brier"),
    ("minimize", math.inf, "val_cross_entropy logloss"),
)
_EXPENSE = "time runtime timetrain timepredict memory ramtrain rammodel rampredict mec ias nf"

TARGETS: Mapping[str, tuple[Direction, float]] = {
    target: (direction, upper)
    for direction, upper, targets in (*_PERFORMANCE, ("minimize", math.inf, _EXPENSE))
    for target in targets.split()
}
"""Direction and upper bound of every target that may be optimised; the lower bound is 0."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the data folder doesn't say of a scenario.

    Parameters
    ----------
    targets:
        The model's outputs, in order.
    numerical, categorical:
        The model's inputs, in order.
    instance:
        The hyperparameter that names the instance.
    fidelity:
        The hyperparameter that is the fidelity.
    runtime:
        The target that is the cost of an evaluation, in seconds.
    default_instance:
        The only instance, where `instance` is not an input of the model.
    constants:
        Hyperparameters that are fixed.
    """

    targets: tuple[str, ...]
    numerical: tuple[str, ...]
    categorical: tuple[str, ...]
    instance: str
    fidelity: str
    runtime: str
    default_instance: str | None = None
    constants: tuple[tuple[str, int], ...] = ()

    @property
    def objectives(self) -> tuple[str, ...]:
        """The targets that may be optimised: all but test scores."""
        return tuple(target for target in self.targets if target in TARGETS)

    @property
    def scores(self) -> tuple[str, ...]:
        """The objectives that say how good a model is, not what it costs or how simple it is."""
        return tuple(target for target in self.objectives if target not in _EXPENSE.split())

    @property
    def fixed(self) -> frozenset[str]:
        """The hyperparameters that are not part of the search space."""
        return frozenset({self.instance, self.fidelity, *dict(self.constants)})

    @property
    def inputs(self) -> tuple[str, ...]:
        """All inputs of the model."""
        return (*self.categorical, *self.numerical)


_GLMNET = "alpha s"
_RPART = "cp maxdepth minbucket minsplit"
_XGBOOST = (
    "nrounds eta gamma lambda alpha subsample max_depth min_child_weight colsample_bytree colsample_bylevel "
    "rate_drop skip_drop"
)
_SVM = "cost gamma tolerance degree"
_AKNN = "k M ef ef_construction"
_RBV2_RANGER = "num.trees sample.fraction mtry.power min.node.size num.random.splits"
_IAML_RANGER = "num.trees sample.fraction mtry.ratio min.node.size num.random.splits"


def _joint(**learners: str) -> str:
    """The hyperparameters of several learners, as the scenarios that choose among them call them."""
    return " ".join(f"{learner}.{name}" for learner, names in learners.items() for name in names.split())


def _rbv2(numerical: str, categorical: str = "") -> Scenario:
    return Scenario(
        targets=("acc", "bac", "auc", "brier", "f1", "logloss", "timetrain", "timepredict", "memory"),
        numerical=(*numerical.split(), "trainsize", "repl"),
        categorical=("task_id", *categorical.split(), "num.impute.selected.cpo"),
        instance="task_id",
        fidelity="trainsize",
        runtime="timetrain",
        constants=(("repl", 10),),
    )


def _iaml(numerical: str, categorical: str = "") -> Scenario:
    performance = ("mmce", "f1", "auc", "logloss")
    resources = ("ramtrain", "rammodel", "rampredict", "timetrain", "timepredict")
    return Scenario(
        targets=(*performance, *resources, "mec", "ias", "nf"),
        numerical=(*numerical.split(), "trainsize"),
        categorical=("task_id", *categorical.split()),
        instance="task_id",
        fidelity="trainsize",
        runtime="timetrain",
    )


def _darts() -> tuple[str, ...]:
    """The categorical hyperparameters of a DARTS cell pair, by NAS-Bench-301's names."""
    edges = [f"edge_{cell}_{index}" for cell in ("normal", "reduce") for index in range(14)]
    nodes = [f"inputs_node_{cell}_{index}" for cell in ("normal", "reduce") for index in (3, 4, 5)]
    return tuple(f"NetworkSelectorDatasetInfo_COLON_darts_COLON_{name}" for name in edges + nodes)


SCENARIOS: Mapping[str, Scenario] = {
    "lcbench": Scenario(
        targets=(
            *("time", "val_accuracy", "val_cross_entropy", "val_balanced_accuracy"),
            *("test_cross_entropy", "test_balanced_accuracy"),
        ),
        numerical=(
            *("epoch", "batch_size", "learning_rate", "momentum", "weight_decay"),
            *("num_layers", "max_units", "max_dropout"),
        ),
        categorical=("OpenML_task_id",),
        instance="OpenML_task_id",
        fidelity="epoch",
        runtime="time",
    ),
    "nb301": Scenario(
        targets=("val_accuracy", "runtime"),
        numerical=("epoch",),
        categorical=_darts(),
        instance="dataset",
        fidelity="epoch",
        runtime="runtime",
        default_instance="CIFAR10",
    ),
    "rbv2_aknn": _rbv2(_AKNN, "distance"),
    "rbv2_glmnet": _rbv2(_GLMNET),
    "rbv2_ranger": _rbv2(_RBV2_RANGER, "respect.unordered.factors splitrule"),
    "rbv2_rpart": _rbv2(_RPART),
    "rbv2_super": _rbv2(
        _joint(svm=_SVM, glmnet=_GLMNET, rpart=_RPART, ranger=_RBV2_RANGER, aknn=_AKNN, xgboost=_XGBOOST),
        "learner_id svm.kernel ranger.respect.unordered.factors ranger.splitrule aknn.distance xgboost.booster",
    ),
    "rbv2_svm": _rbv2(_SVM, "kernel"),
    "rbv2_xgboost": _rbv2(_XGBOOST, "booster"),
    "iaml_glmnet": _iaml(_GLMNET),
    "iaml_ranger": _iaml(_IAML_RANGER, "replace respect.unordered.factors splitrule"),
    "iaml_rpart": _iaml(_RPART),
    "iaml_super": _iaml(
        _joint(ranger=_IAML_RANGER, rpart=_RPART, glmnet=_GLMNET, xgboost=_XGBOOST),
        "learner ranger.replace ranger.respect.unordered.factors ranger.splitrule xgboost.booster",
    ),
    "iaml_xgboost": _iaml(_XGBOOST, "booster"),
}
"""The scenarios by name."""

_LEARNERS = {
    "aknn": "approximate nearest neighbours",
    "glmnet": "elastic nets",
    "ranger": "random forests",
    "rpart": "decision trees",
    "super": "several learners and the choice among them",
    "svm": "support vector machines",
    "xgboost": "XGBoost",
}


def _about(scenario: str) -> tuple[str, str, str]:
    match scenario.split("_"):
        case ["lcbench"]:
            return "neural networks", "multi-layer perceptrons", "one OpenML task for up to 52 epochs"
        case ["nb301"]:
            return "architectures", "DARTS cells", "CIFAR-10 for up to 98 epochs"
        case [_, learner]:
            return "tabular data", _LEARNERS[learner], "one OpenML dataset or a share of it"
    raise ValueError(scenario)


DOMAINS: Mapping[str, tuple[str, str, str]] = {scenario: _about(scenario) for scenario in SCENARIOS}
"""What each scenario is about, what is tuned, and on what."""
