"""Bayesmark, against scikit-learn's own cross-validation of the published models."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from facts_check import recommended, require_facts_of_tasks

from optathlon.space import active_checker, decode
from optathlon.tasks.bayesmark import DATASETS, METRICS, MODELS, Bayesmark, load

pytest.importorskip("sklearn")
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

Case = tuple[str, dict[str, Any], Any, str]


def logit(share: float) -> float:
    return math.log(share / (1 - share))


CASES: list[Case] = [
    ("kNN/wine/acc", {"n_neighbors": 7, "p": 1}, KNeighborsClassifier(n_neighbors=7, p=1), "accuracy"),
    (
        "SVM/iris/nll",
        {"C": 20.0, "gamma": 5e-4, "tol": 1e-3},
        SVC(C=20.0, gamma=5e-4, tol=1e-3, probability=True, random_state=3),
        "neg_log_loss",
    ),
    (
        "RF/breast/acc",
        {
            **{"max_depth": 9, "max_features_logit": logit(0.4), "min_samples_split_logit": logit(0.1)},
            **{"min_samples_leaf_logit": logit(0.02), "min_weight_fraction_leaf_logit": logit(0.03)},
            "min_impurity_decrease": 0.01,
        },
        RandomForestClassifier(
            n_estimators=10,
            max_depth=9,
            max_features=0.4,
            min_samples_split=0.1,
            min_samples_leaf=0.02,
            min_weight_fraction_leaf=0.03,
            min_impurity_decrease=0.01,
            random_state=3,
        ),
        "accuracy",
    ),
    (
        "DT/diabetes/mae",
        {
            **{"max_depth": 6, "max_features_logit": logit(0.7), "min_samples_split_logit": logit(0.05)},
            **{"min_samples_leaf_logit": logit(0.02), "min_weight_fraction_leaf_logit": logit(0.02)},
            "min_impurity_decrease": 0.3,
        },
        DecisionTreeRegressor(
            max_depth=6,
            max_features=0.7,
            min_samples_split=0.05,
            min_samples_leaf=0.02,
            min_weight_fraction_leaf=0.02,
            min_impurity_decrease=0.3,
            random_state=3,
        ),
        "neg_mean_absolute_error",
    ),
    (
        "MLP-sgd/diabetes/mse",
        {
            **{"hidden_layer_sizes": 60, "alpha": 1e-3, "batch_size": 100, "learning_rate_init": 1e-3, "tol": 1e-3},
            **{"power_t_logit": logit(0.4), "momentum_logit": logit(0.8), "validation_fraction_logit": logit(0.2)},
        },
        MLPRegressor(
            hidden_layer_sizes=60,
            activation="tanh",
            solver="sgd",
            alpha=1e-3,
            batch_size=100,
            learning_rate="invscaling",
            learning_rate_init=1e-3,
            power_t=0.4,
            tol=1e-3,
            momentum=0.8,
            early_stopping=True,
            validation_fraction=0.2,
            random_state=3,
        ),
        "neg_mean_squared_error",
    ),
    (
        "linear/diabetes/mse",
        {"alpha": 0.5, "fit_intercept": False, "normalize": True, "max_iter": 500, "tol": 1e-3},
        Ridge(alpha=0.5, fit_intercept=False, max_iter=500, tol=1e-3),
        "neg_mean_squared_error",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_scores_are_those_of_scikit_learns_cross_validation(case: Case) -> None:
    name, config, model, score = case
    task = Bayesmark().make(f"bayesmark/{name}")
    assert active_checker(task.problem.space)(config) == config
    x, y = getattr(datasets, f"load_{DATASETS[name.split('/')[1]][0]}")(return_X_y=True)
    x, _, y, _ = train_test_split(x, y, test_size=0.2, random_state=0, shuffle=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = abs(cross_val_score(model, x, y, scoring=score, cv=5).mean())
    result = task.evaluate(config, fidelity=None, seed=3)
    assert result.values == pytest.approx((expected,), rel=1e-9)
    assert set(result.metrics) == {f"test/{name.split('/')[2]}"}
    assert result.cost is not None and result.cost > 0


@pytest.mark.parametrize(("name", "kind"), [("lasso", Lasso), ("linear", Ridge)])
def test_normalize_is_what_scikit_learn_did_until_1_1(name: str, kind: Any) -> None:
    """Its formula: features less their mean, over the Euclidean norm of the rest."""
    config = {"alpha": 0.02, "fit_intercept": True, "normalize": True, "max_iter": 5000, "tol": 1e-4}
    config |= {"positive": False} if name == "lasso" else {}
    x, test_x, y, test_y = load("diabetes")
    mean, norm = x.mean(axis=0), np.linalg.norm(x - x.mean(axis=0), axis=0)
    plain = {key: value for key, value in config.items() if key != "normalize"}
    model = kind(**plain).fit((x - mean) / norm, y)
    expected = float(np.mean((model.predict((test_x - mean) / norm) - test_y) ** 2))
    result = Bayesmark().make(f"bayesmark/{name}/diabetes/mse").evaluate(config, fidelity=None, seed=0)
    assert result.metrics["test/mse"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["lasso", "linear"])
def test_one_class_is_told_from_the_rest(name: str) -> None:
    """As `multi_class="ovr"` of scikit-learn's logistic regression did: sigmoids over their sum."""
    from sklearn.linear_model import LogisticRegression

    config = {"C": 2.0, "intercept_scaling": 3.0}
    x, test_x, y, test_y = load("iris")
    options = {**config, "solver": "liblinear", "l1_ratio": 1.0 if name == "lasso" else 0.0, "random_state": 0}
    models = [LogisticRegression(**options).fit(x, y == label) for label in range(3)]
    sigmoids = np.stack([1 / (1 + np.exp(-model.decision_function(test_x))) for model in models], axis=1)
    shares = sigmoids / sigmoids.sum(axis=1, keepdims=True)
    expected = -np.log(shares[np.arange(len(test_y)), test_y]).mean()
    result = Bayesmark().make(f"bayesmark/{name}/iris/nll").evaluate(config, fidelity=None, seed=0)
    assert result.metrics["test/nll"] == pytest.approx(expected, rel=1e-6)


PUBLISHED = {
    "DT": {"max_depth", "min_samples_split", "min_samples_leaf", "min_weight_fraction_leaf", "max_features"}
    | {"min_impurity_decrease"},
    "MLP-adam": {"hidden_layer_sizes", "alpha", "batch_size", "learning_rate_init", "tol", "validation_fraction"}
    | {"beta_1", "beta_2", "epsilon"},
    "MLP-sgd": {"hidden_layer_sizes", "alpha", "batch_size", "learning_rate_init", "tol", "validation_fraction"}
    | {"power_t", "momentum"},
    "SVM": {"C", "gamma", "tol"},
    "ada": {"n_estimators", "learning_rate"},
    "kNN": {"n_neighbors", "p"},
    "lasso": {"C", "intercept_scaling"},
    "linear": {"C", "intercept_scaling"},
}
PUBLISHED["RF"] = PUBLISHED["DT"]


@pytest.mark.parametrize("model", MODELS)
def test_hyperparameters_are_the_published_ones(model: str) -> None:
    space = Bayesmark().make(f"bayesmark/{model}/iris/nll").problem.space
    assert {name.removesuffix("_logit") for name in space} == PUBLISHED[model]


def test_logits_span_the_published_range() -> None:
    space: Any = Bayesmark().make("bayesmark/MLP-adam/iris/nll").problem.space
    momentum = space["beta_2_logit"]
    assert 1 / (1 + math.exp(-momentum.lower)) == pytest.approx(0.9)
    assert 1 / (1 + math.exp(-momentum.upper)) == pytest.approx(1 - 1e-6)
    assert (space["alpha"].lower, space["alpha"].upper, space["alpha"].log) == (1e-5, 10.0, True)


@pytest.mark.parametrize("dataset", ["iris", "diabetes"])
@pytest.mark.parametrize("model", MODELS)
def test_every_model_repeats_itself(model: str, dataset: str) -> None:
    metric = next(iter(METRICS[DATASETS[dataset][1]]))
    task = Bayesmark().make(f"bayesmark/{model}/{dataset}/{metric}")
    space = task.problem.space
    space.seed(1)
    [config] = decode(space, space.sample_configuration().get_array()[None])
    first, second = (task.evaluate(config, fidelity=None, seed=9) for _ in range(2))
    assert first.values == second.values
    assert first.metrics == second.metrics
    assert first.values[0] >= 0


def test_ids() -> None:
    ids = list(Bayesmark().ids())
    assert len(ids) == len(set(ids)) == 9 * 5 * 2
    for id in ids:
        assert Bayesmark().make(id).id == id
    for wrong in ("bayesmark/SVM/boston/mse", "bayesmark/SVM/iris/mse", "bayesmark/svm/iris/nll", "bayesmark/SVM/iris"):
        with pytest.raises(KeyError):
            Bayesmark().make(wrong)


def test_facts_are_those_of_the_tasks() -> None:
    require_facts_of_tasks(Bayesmark(), step=3)
    assert len(recommended(Bayesmark())) == 9 * 4
