"""scikit-learn tasks, against pipelines written out by hand and against the data sets themselves."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from facts_check import recommended, require_facts_of_tasks

from optathlon.problem import TaskType
from optathlon.space import active_checker, decode
from optathlon.tasks.trainings.datasets import BUNDLED, DATASETS
from optathlon.tasks.trainings.sklearn import Sklearn
from optathlon.tasks.trainings.splits import Part, load_split, subsample

pytest.importorskip("sklearn")
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.utils._param_validation import InvalidParameterError

FAMILIES = Sklearn.families
OLD = ("boosting", "forest", "knn", "linear", "mlp", "svm")
"""Of the first release, whose results stay."""
FAILING = ("discriminant", "cash", "knn_pipeline", "linear_pipeline", "svm_pipeline")
"""Families with configurations that can't be trained on every data set."""


def _whole(dataset: str) -> tuple[np.ndarray, np.ndarray]:
    return DATASETS[dataset].load()


def _is_real(error: ValueError, family: str) -> bool:
    """Whether it is the data that don't fit the configuration, not its values that scikit-learn refuses."""
    return family in FAILING and not isinstance(error, InvalidParameterError)


def _smallest(family: str) -> str:
    return "iris" if "classification" in FAMILIES[family].learnings else "diabetes"


def _datasets(family: str) -> list[str]:
    return [name for name in ("iris", "diabetes") if DATASETS[name].learning in FAMILIES[family].learnings]


def _sample(task: Any, count: int, seed: int = 0) -> list[dict[str, Any]]:
    space = task.problem.space
    space.seed(seed)
    return decode(space, np.stack([space.sample_configuration().get_array() for _ in range(count)]))


def _by_hand(estimator: Any, dataset: str) -> tuple[float, float]:
    """Share of wrong labels on the validation and test rows, all training rows used, standardised by hand."""
    x, y = _whole(dataset)
    split = load_split(dataset)
    mean, deviation = x[split.train.rows].mean(axis=0), x[split.train.rows].std(axis=0)
    x = (x - mean) / np.where(deviation == 0, 1, deviation)
    estimator.fit(x[split.train.rows], y[split.train.rows])
    wrong = [float(np.mean(estimator.predict(x[part.rows]) != y[part.rows])) for part in (split.validation, split.test)]
    return wrong[0], wrong[1]


CASES: dict[str, tuple[dict[str, Any], Callable[[int], Any]]] = {
    "svm/iris": ({"C": 2.0, "kernel": "rbf", "gamma": 0.2}, lambda seed: SVC(C=2.0, gamma=0.2)),
    "svm/digits": (
        {"C": 0.5, "kernel": "poly", "gamma": 0.05, "degree": 2, "coef0": 0.5},
        lambda seed: SVC(C=0.5, kernel="poly", gamma=0.05, degree=2, coef0=0.5),
    ),
    "knn/wine": (
        {"n_neighbors": 7, "weights": "distance", "p": 1.0},
        lambda seed: KNeighborsClassifier(n_neighbors=7, weights="distance", p=1.0),
    ),
    "forest/breast_cancer": (
        {
            **{"n_estimators": 20, "max_depth": 5, "min_samples_split": 2, "min_samples_leaf": 2},
            **{"max_features": 0.3, "bootstrap": False},
        },
        lambda seed: RandomForestClassifier(
            n_estimators=20, max_depth=5, min_samples_leaf=2, max_features=0.3, bootstrap=False, random_state=seed
        ),
    ),
    "boosting/wine": (
        {
            **{"learning_rate": 0.3, "max_iter": 10, "max_leaf_nodes": 7, "min_samples_leaf": 5},
            **{"l2_regularization": 0.1, "max_features": 0.5},
        },
        lambda seed: HistGradientBoostingClassifier(
            learning_rate=0.3,
            max_iter=10,
            max_leaf_nodes=7,
            min_samples_leaf=5,
            l2_regularization=0.1,
            max_features=0.5,
            early_stopping=False,
            random_state=seed,
        ),
    ),
    "linear/breast_cancer": (
        {"alpha": 1e-3, "eta0": 0.01, "penalty": "l1", "learning_rate": "constant"},
        lambda seed: SGDClassifier(
            loss="log_loss", alpha=1e-3, eta0=0.01, penalty="l1", learning_rate="constant", random_state=seed
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_errors_are_those_of_the_same_model_by_hand(case: str) -> None:
    config, make = CASES[case]
    task = Sklearn().make(f"sklearn/{case}")
    assert active_checker(task.problem.space)(config) == config
    result = task.evaluate(config, fidelity=None, seed=11)
    error, test_error = _by_hand(make(11), case.split("/")[1])
    assert result.values == pytest.approx((error,), abs=1e-12)
    assert result.metrics["test/error"] == pytest.approx(test_error, abs=1e-12)


@pytest.mark.parametrize("epochs", [1, 6])
def test_epochs_are_passes_over_all_training_rows(epochs: int) -> None:
    config = {"n_layers": 2, "n_units": 16, "activation": "tanh", "alpha": 1e-3, "learning_rate_init": 0.01}
    config |= {"batch_size": 16, "solver": "sgd", "momentum": 0.8, "nesterovs_momentum": True}
    by_hand = MLPClassifier(
        hidden_layer_sizes=(16, 16),
        activation="tanh",
        alpha=1e-3,
        learning_rate_init=0.01,
        batch_size=16,
        solver="sgd",
        momentum=0.8,
        max_iter=epochs,
        random_state=5,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = _by_hand(by_hand, "wine")
    assert by_hand.n_iter_ == epochs
    result = Sklearn().make("sklearn/mlp/wine").evaluate(config, fidelity=epochs, seed=5)
    assert (*result.values, result.metrics["test/error"]) == pytest.approx(expected, abs=1e-12)


def test_regression_error_is_the_squared_error_relative_to_the_mean() -> None:
    x, y = _whole("diabetes")
    split = load_split("diabetes")
    scale = StandardScaler().fit(x[split.train.rows])
    mean, deviation = y[split.train.rows].mean(), y[split.train.rows].std()
    model = SVR(C=3.0, gamma=0.05).fit(scale.transform(x[split.train.rows]), (y[split.train.rows] - mean) / deviation)

    def error(part: Part) -> float:
        predicted = model.predict(scale.transform(x[part.rows])) * deviation + mean
        return float(np.sum((y[part.rows] - predicted) ** 2) / np.sum((y[part.rows] - y[part.rows].mean()) ** 2))

    task = Sklearn().make("sklearn/svm/diabetes")
    result = task.evaluate({"C": 3.0, "kernel": "rbf", "gamma": 0.05}, fidelity=None, seed=0)
    assert result.values == pytest.approx((error(split.validation),))
    assert result.metrics["test/error"] == pytest.approx(error(split.test))


@pytest.mark.parametrize("dataset", DATASETS)
def test_splits_are_disjoint_complete_60_20_20_and_stratified(dataset: str) -> None:
    x, y = _whole(dataset)
    split = load_split(dataset)
    parts = (split.train, split.validation, split.test)
    assert np.array_equal(np.sort(np.concatenate([part.rows for part in parts])), np.arange(len(y)))
    for part, fraction in zip(parts, (0.6, 0.2, 0.2), strict=True):
        assert len(part.rows) == pytest.approx(fraction * len(y), abs=1.5)
        assert np.array_equal(part.x, x[part.rows])
        assert np.array_equal(part.y, y[part.rows])
        if DATASETS[dataset].learning == "classification":
            assert np.abs(np.bincount(part.y) - fraction * np.bincount(y)).max() <= 1.5


@pytest.mark.parametrize("dataset", BUNDLED)
@pytest.mark.parametrize("seed", [0, 1])
def test_subsamples_are_nested_and_stratified_and_the_full_one_has_all_rows(dataset: str, seed: int) -> None:
    train = load_split(dataset).train
    smaller: set[int] = set()
    for fraction in (1 / 9, 1 / 3, 0.99, 1.0):
        part = subsample(train, fraction, DATASETS[dataset].learning, seed)
        assert len(set(part.rows.tolist())) == len(part.rows) == round(fraction * len(train.rows))
        assert smaller <= set(part.rows.tolist())
        smaller = set(part.rows.tolist())
        if DATASETS[dataset].learning == "classification":
            assert np.abs(np.bincount(part.y) - fraction * np.bincount(train.y)).max() <= 1.5
    assert np.array_equal(part.rows, train.rows)
    assert np.array_equal(part.x, train.x)


def test_the_seed_picks_the_rows() -> None:
    train = load_split("digits").train
    picks = [subsample(train, 1 / 9, "classification", seed).rows.tolist() for seed in (0, 0, 1)]
    assert picks[0] == picks[1] != picks[2]


@pytest.mark.parametrize(("family", "dataset"), [(family, data) for family in FAMILIES for data in _datasets(family)])
def test_the_same_arguments_give_the_same_errors(family: str, dataset: str) -> None:
    task = Sklearn().make(f"sklearn/{family}/{dataset}")
    fidelity = task.problem.fidelity
    assert fidelity is not None
    for config, level in zip(_sample(task, 2), (fidelity.lower, fidelity.upper), strict=True):
        try:
            first, second = (task.evaluate(config, fidelity=level, seed=3) for _ in range(2))
        except ValueError as error:
            assert _is_real(error, family)
            continue
        assert first.values == second.values
        assert first.metrics["test/error"] == second.metrics["test/error"]
        assert first.cost == first.metrics["fit_seconds"]
        assert first.cost is not None and first.cost > 0
        for objective, value in zip(task.problem.objectives, first.values, strict=True):
            assert objective.lower <= value <= objective.upper


def test_the_seed_and_the_level_matter() -> None:
    task = Sklearn().make("sklearn/forest/digits")
    config = dict(task.problem.space.get_default_configuration())
    low = [task.evaluate(config, fidelity=1 / 9, seed=seed).values[0] for seed in range(4)]
    full = task.evaluate(config, fidelity=None, seed=0)
    assert len(set(low)) > 1
    assert full.values[0] < min(low)
    assert full.values == task.evaluate(config, fidelity=1.0, seed=0).values


@pytest.mark.parametrize(
    "family, switch, children",
    [
        (
            "svm",
            "kernel",
            {
                "linear": set(),
                "rbf": {"gamma"},
                "poly": {"gamma", "degree", "coef0"},
                "sigmoid": {"gamma", "coef0"},
            },
        ),
        ("mlp", "solver", {"sgd": {"momentum", "nesterovs_momentum"}, "adam": {"beta_1"}}),
        ("forest", "bootstrap", {True: {"max_samples"}, False: set()}),
        ("linear", "penalty", {"l1": set(), "l2": set(), "elasticnet": {"l1_ratio"}}),
        ("linear", "learning_rate", {"invscaling": {"power_t"}, "constant": set(), "adaptive": set()}),
    ],
)
def test_conditions(family: str, switch: str, children: dict[Any, set[str]]) -> None:
    task = Sklearn().make(f"sklearn/{family}/iris")
    controlled = set().union(*children.values())
    seen = set()
    for config in _sample(task, 40):
        assert set(config) & controlled == children[config[switch]]
        seen.add(config[switch])
    assert seen == set(children)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in FAILING])
def test_every_sampled_configuration_trains_at_the_lowest_level_of_the_smallest_data(family: str) -> None:
    task = Sklearn().make(f"sklearn/{family}/{_smallest(family)}")
    fidelity = task.problem.fidelity
    assert fidelity is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for config in _sample(task, 8, seed=1):
            assert task.evaluate(config, fidelity=fidelity.lower, seed=0).values[0] >= 0


def test_multi_objective_tasks_have_error_and_seconds() -> None:
    task = Sklearn().make("sklearn/boosting-mo/iris")
    assert task.problem.type is TaskType.MULTI_FIDELITY_OBJECTIVE
    assert [objective.name for objective in task.problem.objectives] == ["error", "fit_seconds"]
    assert all(objective.reference is not None for objective in task.problem.objectives)
    config = dict(task.problem.space.get_default_configuration())
    result = task.evaluate(config, fidelity=None, seed=0)
    assert result.values[1] == result.cost
    assert set(result.metrics) == {"test/error"}  # gradient boosting of histograms has no size
    assert result.values[0] == Sklearn().make("sklearn/boosting/iris").evaluate(config, fidelity=None, seed=0).values[0]


def test_ids() -> None:
    ids = list(Sklearn().ids())
    assert len(ids) == len(set(ids))
    for id in ids:
        assert Sklearn().make(id).id == id
    for family in OLD:
        for dataset in BUNDLED:
            assert {f"sklearn/{family}/{dataset}", f"sklearn/{family}-mo/{dataset}"} <= set(ids)
    for wrong in (
        *("sklearn/svm/boston", "sklearn/svm", "sklearn/trees/iris", "hpobench/svm/iris", "sklearn/svm-/iris"),
        *("sklearn/knn-size/iris", "sklearn/svm-size-mo/iris", "sklearn/elastic_net/iris", "sklearn/logistic/diabetes"),
    ):
        with pytest.raises(KeyError):
            Sklearn().make(wrong)


def test_facts_are_those_of_the_tasks() -> None:
    require_facts_of_tasks(Sklearn(), step=7)
    assert len(recommended(Sklearn())) >= 150


@pytest.mark.parametrize("name", DATASETS)
def test_data_sets_have_the_shape_that_is_told_of_them(name: str) -> None:
    x, y = DATASETS[name].load()
    assert x.shape == (DATASETS[name].rows, DATASETS[name].features)
    assert len(y) == len(x)
    assert np.isfinite(x).all() and np.isfinite(y).all()
    if DATASETS[name].classes:
        assert np.unique(y).tolist() == list(range(DATASETS[name].classes))


def test_generated_data_sets_are_those_of_scikit_learns_generators() -> None:
    x, y = DATASETS["hastie"].load()
    native_x, native_y = datasets.make_hastie_10_2(n_samples=2000, random_state=0)
    assert np.abs(x - native_x).max() <= 5e-7
    assert np.array_equal(y, native_y > 0)
    x, y = DATASETS["friedman1"].load()
    native_x, native_y = datasets.make_friedman1(n_samples=1000, noise=1.0, random_state=0)
    assert np.abs(x - native_x).max() <= 5e-7
    assert np.abs(y - native_y).max() <= 5e-7


def test_every_tenth_target_of_the_outliers_is_off() -> None:
    x, y = DATASETS["outliers"].load()
    clean = np.arange(len(y)) % 10 != 0
    weights, *_ = np.linalg.lstsq(x[clean], y[clean], rcond=None)
    off = np.abs(y - x @ weights)
    assert off[~clean].mean() > 5 * off[clean].mean()


SIZES = [family for family in FAMILIES if FAMILIES[family].size]


@pytest.mark.parametrize("family", SIZES)
def test_sizes_repeat_and_are_within_their_bounds(family: str) -> None:
    task = Sklearn().make(f"sklearn/{family}-size/{_smallest(family)}")
    for config in _sample(task, 1):
        first = task.evaluate(config, fidelity=None, seed=3)
        for objective, value in zip(task.problem.objectives, first.values, strict=True):
            assert objective.lower <= value <= objective.upper
        single = Sklearn().make(f"sklearn/{family}/{_smallest(family)}").evaluate(config, fidelity=None, seed=3)
        assert (*single.values, single.metrics[task.problem.objectives[1].name]) == first.values


def test_sizes_are_what_a_model_by_hand_has() -> None:
    split = load_split("wine")
    x = StandardScaler().fit_transform(split.train.x)
    svm = SVC(C=2.0, gamma=0.2).fit(x, split.train.y)
    result = (
        Sklearn()
        .make("sklearn/svm-size/wine")
        .evaluate({"C": 2.0, "kernel": "rbf", "gamma": 0.2}, fidelity=None, seed=0)
    )
    assert result.values[1] == len(svm.support_) / len(x)
    config = {"max_depth": 4, "min_samples_split": 2, "min_samples_leaf": 1, "max_features": 0.5}
    trees = ExtraTreesClassifier(9, max_depth=4, max_features=0.5, random_state=0).fit(x, split.train.y)
    result = Sklearn().make("sklearn/extra_trees-size/wine").evaluate(config, fidelity=9, seed=0)
    assert result.values[1] == pytest.approx(np.log10(sum(tree.tree_.node_count for tree in trees)))


def test_pipelines_scale_and_reduce_on_the_training_rows_alone() -> None:
    split = load_split("breast_cancer")
    by_hand = make_pipeline(MinMaxScaler(), PCA(0.9, whiten=True, svd_solver="full"), KNeighborsClassifier(3, p=1.5))
    by_hand.fit(split.train.x, split.train.y)
    config = {"scaler": "min_max", "reduction": "pca", "variance": 0.9, "whiten": True}
    config |= {"model": "knn", "knn:n_neighbors": 3, "knn:weights": "uniform", "knn:p": 1.5}
    task = Sklearn().make("sklearn/cash/breast_cancer")
    assert active_checker(task.problem.space)(config) == config
    result = task.evaluate(config, fidelity=None, seed=0)
    assert result.values[0] == pytest.approx(1 - by_hand.score(split.validation.x, split.validation.y), abs=1e-12)


def test_cash_has_the_hyperparameters_of_the_chosen_model_only() -> None:
    task = Sklearn().make("sklearn/cash/iris")
    seen = set()
    for config in _sample(task, 60):
        prefixes = {name.split(":")[0] for name in config if ":" in name}
        assert prefixes == {config["model"]}
        model = {name.split(":")[1]: value for name, value in config.items() if ":" in name}
        assert active_checker(FAMILIES[config["model"]].space("classification"))(model) == model
        seen.add(config["model"])
    assert seen == {"boosting", "forest", "knn", "linear", "svm", "tree"}


def test_what_a_model_can_not_do_is_a_failure() -> None:
    task = Sklearn().make("sklearn/discriminant/digits")
    with pytest.raises(ValueError, match=r"rank|singular|positive definite"):
        task.evaluate({"boundary": "quadratic", "reg_param": 1e-8}, fidelity=None, seed=0)
    assert task.fingerprint() == task.fingerprint()


def test_a_solver_is_not_given_a_penalty_that_it_does_not_have() -> None:
    task = Sklearn().make("sklearn/logistic/iris")
    for config in _sample(task, 60):
        assert config["solver"] == "saga" or config["penalty"] in ("none", "l2")


def test_old_tasks_have_the_fingerprints_of_the_first_release() -> None:
    """Of the shipped subset, made with scikit-learn 1.9.1."""
    assert Sklearn().make("sklearn/knn-mo/wine").fingerprint() == "c54bb52f893d7371"
    assert Sklearn().make("sklearn/boosting-mo/iris").fingerprint() == "24c129a8eb511e87"
    assert Sklearn().make("sklearn/svm-mo/breast_cancer").fingerprint() == "38bd885ca0da0154"


def test_fingerprints_tell_tasks_apart_and_are_repeatable() -> None:
    ids = ["sklearn/svm/iris", "sklearn/svm/wine", "sklearn/knn/iris", "sklearn/boosting-mo/iris"]
    prints = [Sklearn().make(id).fingerprint() for id in ids]
    assert len(set(prints)) == len(ids)
    assert [Sklearn().make(id).fingerprint() for id in ids] == prints
