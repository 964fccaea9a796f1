"""Pipelines: how features are scaled and reduced is tuned together with the model, or with the choice of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any

from optathlon.tasks.trainings.datasets import Learning
from optathlon.tasks.trainings.families.kernels import SVM
from optathlon.tasks.trainings.families.linear import STOCHASTIC
from optathlon.tasks.trainings.families.neighbors import NEIGHBORS
from optathlon.tasks.trainings.families.trees import FOREST, HISTOGRAM_BOOSTING, TREE
from optathlon.tasks.trainings.family import Config, Family, Setting, for_learning
from optathlon.tasks.trainings.spaces import cs, make_space

MODELS: Mapping[str, Family] = {
    "boosting": HISTOGRAM_BOOSTING,
    "forest": FOREST,
    "knn": NEIGHBORS,
    "linear": STOCHASTIC,
    "svm": SVM,
    "tree": TREE,
}
"""What `cash` chooses from."""


def _space(*more: Any, when: Mapping[str, tuple[str, Sequence[Any]]]) -> cs.ConfigurationSpace:
    """The preparation of features, with further hyperparameters."""
    return make_space(
        cs.Categorical("scaler", ["standard", "none", "min_max", "robust", "quantile", "power"]),
        cs.Categorical("reduction", ["none", "pca", "selection", "forest"]),
        cs.Float("variance", (0.3, 0.999), default=0.95),
        cs.Categorical("whiten", [False, True]),
        cs.Float("kept", (0.05, 1.0), default=0.5),
        cs.Categorical("score", ["f", "mutual_information"]),
        *more,
        when={
            "variance": ("reduction", ["pca"]),
            "whiten": ("reduction", ["pca"]),
            "kept": ("reduction", ["selection", "forest"]),
            "score": ("reduction", ["selection"]),
            **when,
        },
    )


def _one_model_space(family: Family, learning: Learning) -> cs.ConfigurationSpace:
    of_model, when = _named("model", family.space(learning))
    return _space(*of_model, when=when)


def _any_model_space(learning: Learning) -> cs.ConfigurationSpace:
    hyperparameters: list[Any] = [cs.Categorical("model", list(MODELS))]
    conditions: dict[str, tuple[str, Sequence[Any]]] = {}
    for model, family in MODELS.items():
        of_model, when = _named(model, family.space(learning))
        hyperparameters += of_model
        conditions |= {one.name: ("model", [model]) for one in of_model} | when
    return _space(*hyperparameters, when=conditions)


def _named(prefix: str, space: cs.ConfigurationSpace) -> tuple[list[Any], dict[str, tuple[str, Sequence[Any]]]]:
    """A space's hyperparameters under names that begin with `prefix:`, and when they are active."""
    hyperparameters = [copy(one) for one in space.values()]
    for one in hyperparameters:
        one.name = f"{prefix}:{one.name}"
    conditions: Sequence[Any] = space.conditions
    when = {
        f"{prefix}:{condition.child.name}": (f"{prefix}:{condition.parent.name}", _values(condition))
        for condition in conditions
    }
    return hyperparameters, when


def _values(condition: Any) -> Sequence[Any]:
    return [condition.value] if isinstance(condition, cs.EqualsCondition) else list(condition.values)


def _one_model(family: Family, config: Config, setting: Setting) -> Any:
    return _prepared(config, setting, family.estimator(_of("model", config), setting)[-1])


def _any_model(config: Config, setting: Setting) -> Any:
    name = config["model"]
    return _prepared(config, setting, MODELS[name].estimator(_of(name, config), setting)[-1])


def _of(prefix: str, config: Config) -> Config:
    start = f"{prefix}:"
    return {name.removeprefix(start): value for name, value in config.items() if name.startswith(start)}


def _prepared(config: Config, setting: Setting, core: Any) -> Any:
    """The estimator behind the scaling and reduction of features, fitted on the training rows."""
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_scaler(config, setting), _reduction(config, setting), core)


def _scaler(config: Config, setting: Setting) -> Any:
    from sklearn import preprocessing

    scalers: Mapping[str, Callable[[], Any]] = {
        "none": lambda: "passthrough",
        "standard": preprocessing.StandardScaler,
        "min_max": preprocessing.MinMaxScaler,
        "robust": preprocessing.RobustScaler,
        "quantile": lambda: preprocessing.QuantileTransformer(
            n_quantiles=min(100, setting.rows), output_distribution="normal", random_state=setting.seed
        ),
        "power": preprocessing.PowerTransformer,
    }
    return scalers[config["scaler"]]()


def _reduction(config: Config, setting: Setting) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import SelectPercentile

    match config["reduction"]:
        case "none":
            return "passthrough"
        case "pca":
            return PCA(config["variance"], whiten=config["whiten"], svd_solver="full")
        case "selection":
            return SelectPercentile(_score(config["score"], setting), percentile=100 * config["kept"])
        case _:
            return SelectPercentile(partial(_importances, setting=setting), percentile=100 * config["kept"])


def _score(name: str, setting: Setting) -> Callable[..., Any]:
    from sklearn import feature_selection as fs

    of_f: Callable[..., Any] = for_learning(setting, fs.f_classif, fs.f_regression)
    measure = for_learning(setting, fs.mutual_info_classif, fs.mutual_info_regression)
    return of_f if name == "f" else partial(measure, random_state=setting.seed)


def _importances(x: Any, y: Any, *, setting: Setting) -> Any:
    """What each feature is worth to a small forest."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    kind = for_learning(setting, ExtraTreesClassifier, ExtraTreesRegressor)
    return kind(n_estimators=32, n_jobs=1, random_state=setting.seed).fit(x, y).feature_importances_


def _with_preparation(family: Family) -> Family:
    """The family, with the preparation of features tuned too."""
    return Family(
        space=partial(_one_model_space, family),
        estimator=partial(_one_model, family),
        description=f"how features are scaled and reduced (PCA or selection), and {family.description}",
        seconds=family.seconds + 0.1,
        fidelity=family.fidelity,
        learnings=family.learnings,
        size=family.size,
    )


KNN_PIPELINE = _with_preparation(NEIGHBORS)
SVM_PIPELINE = _with_preparation(SVM)
LINEAR_PIPELINE = _with_preparation(STOCHASTIC)
CASH = Family(
    space=_any_model_space,
    estimator=_any_model,
    description=f"which of {len(MODELS)} models is trained ({', '.join(MODELS)}), its hyperparameters, and how "
    "features are scaled and reduced (PCA or selection)",
    seconds=0.3,
)
