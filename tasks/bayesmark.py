"""Bayesmark: nine models of scikit-learn on its bundled data sets, scored by cross-validation.

The benchmark behind the black-box optimization challenge of NeurIPS 2020: R. Turner et al., "Bayesian Optimization is
Superior to Random Search for Machine Learning Hyperparameter Tuning", 2021. Models, spaces, data and scores are those
of R. Turner and D. Eriksson: "Bayesmark", 2019 (version 0.0.8, Apache-2.0).

- A fifth of the rows, drawn once, is for the test. The objective is the mean score of a 5-fold cross-validation on the
  others, in their order after the draw, stratified by class, features as they are. `test/METRIC` is the score on the
  test rows of a model that is trained on all others; the optimizer doesn't see it.
- Metrics are `nll` (the mean negative logarithm of the likelihood, minimised) and `acc` (the accuracy, maximised) of
  classification, `mse` and `mae` (the mean squared and absolute error, minimised) of regression.
- What Bayesmark searches on a logit scale is given as its logit, as `NAME_logit`, so that spaces have its geometry.
- Bayesmark sets no random state; here a trial's seed is that of every model.

Today's scikit-learn differs from that of 2020 in AdaBoost, which has lost its variant SAMME.R. The data set `boston` is
gone from it, and so it is here. `normalize` of `lasso` and `linear`, gone too, is done here as it was done there.
"""

from __future__ import annotations

import math
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem
from optathlon.resources import Resources
from optathlon.stored_facts import StoredFacts
from optathlon.task import PROBES, Task, short_hash
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import ConfigurationSpace

BUDGET = 128
"""Evaluations by default: 16 batches of 8, as in the challenge."""
FOLDS = 5
SPLIT_SEED = 0
_TEST_SHARE = 0.2
_LOGIT = "_logit"

Learning = Literal["classification", "regression"]

DATASETS: Mapping[str, tuple[str, Learning]] = {
    "breast": ("breast_cancer", "classification"),
    "diabetes": ("diabetes", "regression"),
    "digits": ("digits", "classification"),
    "iris": ("iris", "classification"),
    "wine": ("wine", "classification"),
}
"""scikit-learn's names of the data sets, and what is learnt, by Bayesmark's names."""

METRICS: Mapping[Learning, Mapping[str, tuple[Objective, str]]] = {
    "classification": {
        "nll": (Objective("nll", "minimize", 0.0), "neg_log_loss"),
        "acc": (Objective("acc", "maximize", 0.0, 1.0), "accuracy"),
    },
    "regression": {
        "mse": (Objective("mse", "minimize", 0.0), "neg_mean_squared_error"),
        "mae": (Objective("mae", "minimize", 0.0), "neg_mean_absolute_error"),
    },
}
"""Objectives, and scikit-learn's names of the scores, by Bayesmark's names."""

_METRIC_WORDS = {
    "nll": "the mean negative log-likelihood",
    "acc": "the accuracy",
    "mse": "the mean squared error",
    "mae": "the mean absolute error",
}

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Model:
    """One of Bayesmark's models.

    Parameters
    ----------
    description:
        What it is.
    space:
        Makes the hyperparameters, for what is learnt.
    estimator:
        Makes the estimator of a configuration (without logits), what is learnt, the number of training rows, and the
        random state.
    seconds:
        About how long an evaluation takes on the largest data set.
    """

    description: str
    space: Callable[[Learning], Sequence[Any]]
    estimator: Callable[[Config, Learning, int, int], Any]
    seconds: float


def _real(name: str, lower: float, upper: float) -> Any:
    from ConfigSpace import Float

    return Float(name, (lower, upper))


def _log(name: str, lower: float, upper: float) -> Any:
    from ConfigSpace import Float

    return Float(name, (lower, upper), log=True)


def _logit(name: str, lower: float, upper: float) -> Any:
    return _real(name + _LOGIT, math.log(lower / (1 - lower)), math.log(upper / (1 - upper)))


def _integer(name: str, lower: int, upper: int) -> Any:
    from ConfigSpace import Integer

    return Integer(name, (lower, upper))


def _log_integer(name: str, lower: int, upper: int) -> Any:
    from ConfigSpace import Integer

    return Integer(name, (lower, upper), log=True)


def _boolean(name: str) -> Any:
    from ConfigSpace import Categorical

    return Categorical(name, [False, True])


def _knn_space(learning: Learning) -> Sequence[Any]:
    return _integer("n_neighbors", 1, 25), _integer("p", 1, 4)


def _knn(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    return (KNeighborsClassifier if learning == "classification" else KNeighborsRegressor)(**config)


def _svm_space(learning: Learning) -> Sequence[Any]:
    return _log("C", 1.0, 1e3), _log("gamma", 1e-4, 1e-3), _log("tol", 1e-5, 1e-1)


def _svm(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.svm import SVC, SVR

    if learning == "classification":
        return SVC(**config, kernel="rbf", probability=True, random_state=seed)
    return SVR(**config, kernel="rbf")


def _tree_space(learning: Learning) -> Sequence[Any]:
    return (
        _integer("max_depth", 1, 15),
        _logit("min_samples_split", 0.01, 0.99),
        _logit("min_samples_leaf", 0.01, 0.49),
        _logit("min_weight_fraction_leaf", 0.01, 0.49),
        _logit("max_features", 0.01, 0.99),
        _real("min_impurity_decrease", 0.0, 0.5),
    )


def _tree(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if learning == "classification" else DecisionTreeRegressor
    return kind(**config, max_leaf_nodes=None, random_state=seed)


def _forest(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestClassifier if learning == "classification" else RandomForestRegressor
    return kind(**config, n_estimators=10, max_leaf_nodes=None, random_state=seed)


def _perceptron_space(learning: Learning) -> list[Any]:
    return [
        _integer("hidden_layer_sizes", 50, 200),
        _log("alpha", 1e-5, 1e1),
        _integer("batch_size", 10, 250),
        _log("learning_rate_init", 1e-5, 1e-1),
        _log("tol", 1e-5, 1e-1),
        _logit("validation_fraction", 0.1, 0.9),
    ]


def _adam_space(learning: Learning) -> Sequence[Any]:
    return [
        *_perceptron_space(learning),
        _logit("beta_1", 0.5, 0.99),
        _logit("beta_2", 0.9, 1.0 - 1e-6),
        _log("epsilon", 1e-9, 1e-6),
    ]


def _sgd_space(learning: Learning) -> Sequence[Any]:
    return [*_perceptron_space(learning), _logit("power_t", 0.1, 0.9), _logit("momentum", 0.001, 0.999)]


def _adam(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kind = MLPClassifier if learning == "classification" else MLPRegressor
    return kind(**config, solver="adam", early_stopping=True, random_state=seed)


def _sgd(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    fixed = {"solver": "sgd", "early_stopping": True, "learning_rate": "invscaling", "nesterovs_momentum": True}
    if learning == "classification":
        return MLPClassifier(**config, **fixed, random_state=seed)
    return MLPRegressor(**config, **fixed, activation="tanh", random_state=seed)


def _ada_space(learning: Learning) -> Sequence[Any]:
    return _integer("n_estimators", 10, 100), _log("learning_rate", 1e-4, 1e1)


def _ada(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor

    return (AdaBoostClassifier if learning == "classification" else AdaBoostRegressor)(**config, random_state=seed)


def _linear_space(learning: Learning, *of_regression: Any, least_tol: float) -> Sequence[Any]:
    if learning == "classification":
        return _log("C", 1e-2, 1e2), _log("intercept_scaling", 1e-2, 1e2)
    return (
        _log("alpha", 1e-2, 1e2),
        _boolean("fit_intercept"),
        _boolean("normalize"),
        _log_integer("max_iter", 10, 5000),
        _log("tol", least_tol, 1e-1),
        *of_regression,
    )


def _l1_space(learning: Learning) -> Sequence[Any]:
    return _linear_space(learning, _boolean("positive"), least_tol=1e-5)


def _l2_space(learning: Learning) -> Sequence[Any]:
    return _linear_space(learning, least_tol=1e-4)


def _l1(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.linear_model import Lasso

    if learning == "classification":
        return _one_against_rest(config, 1.0, seed)
    return _normalized(Lasso, config, math.sqrt(rows))


def _l2(config: Config, learning: Learning, rows: int, seed: int) -> Any:
    from sklearn.linear_model import Ridge

    if learning == "classification":
        return _one_against_rest(config, 0.0, seed)
    return _normalized(Ridge, config, rows)


def _one_against_rest(config: Config, l1_ratio: float, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    return OneVsRestClassifier(LogisticRegression(**config, l1_ratio=l1_ratio, solver="liblinear", random_state=seed))


def _normalized(kind: Any, config: Config, factor: float) -> Any:
    """The regressor, on features that are centred and divided by their Euclidean norm where `normalize` says so.

    Without an intercept that had no effect. Standardised features are longer by √n, which `factor` makes up for in the
    penalty.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    options = {name: value for name, value in config.items() if name != "normalize"}
    if not (config["normalize"] and config["fit_intercept"]):
        return kind(**options)
    return make_pipeline(StandardScaler(), kind(**{**options, "alpha": config["alpha"] * factor}))


MODELS: Mapping[str, Model] = {
    "DT": Model("a decision tree", _tree_space, _tree, 0.03),
    "MLP-adam": Model("a multi-layer perceptron by Adam", _adam_space, _adam, 2.0),
    "MLP-sgd": Model("a multi-layer perceptron by stochastic gradient descent", _sgd_space, _sgd, 2.0),
    "RF": Model("a random forest of ten trees", _tree_space, _forest, 0.1),
    "SVM": Model("a support vector machine", _svm_space, _svm, 0.6),
    "ada": Model("AdaBoost", _ada_space, _ada, 1.0),
    "kNN": Model("nearest neighbours", _knn_space, _knn, 0.3),
    "lasso": Model("a linear model with l1 penalty", _l1_space, _l1, 1.0),
    "linear": Model("a linear model with l2 penalty", _l2_space, _l2, 0.5),
}
"""By Bayesmark's names."""

_RECOMMENDED = ("nll", "mse")
"""The smoother metrics."""


class Bayesmark(StoredFacts):
    """`bayesmark/MODEL/DATASET/METRIC`, in Bayesmark's names: `bayesmark/SVM/digits/nll`."""

    name: ClassVar[str] = "bayesmark"
    description: ClassVar[str] = "Nine models of scikit-learn on its data sets, by cross-validation, as in Bayesmark"
    packages: ClassVar[tuple[str, ...]] = ("sklearn",)
    install: ClassVar[str] = "pip install 'optathlon[sklearn]'"

    def ids(self) -> Iterator[str]:
        """9 models x 5 data sets x 2 metrics."""
        for model in MODELS:
            for dataset, (_, learning) in DATASETS.items():
                for metric in METRICS[learning]:
                    yield f"{self.name}/{model}/{dataset}/{metric}"

    def make(self, id: str) -> BayesmarkTask:
        """The task of that id; `KeyError` where there is none."""
        match = re.fullmatch(r"bayesmark/([\w-]+)/(\w+)/(\w+)", id, re.ASCII)
        if match is None or match[1] not in MODELS or match[2] not in DATASETS:
            raise KeyError(id)
        if match[3] not in METRICS[DATASETS[match[2]][1]]:
            raise KeyError(id)
        return BayesmarkTask(*match.groups())

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each task; a search space is made for each model and what it learns."""
        spaces: dict[tuple[str, Learning], ConfigurationSpace] = {}
        for id in self.ids():
            task = self.make(id)
            _, model, dataset, metric = id.split("/")
            learning = DATASETS[dataset][1]
            if (model, learning) not in spaces:
                spaces[model, learning] = search_space(model, learning)
            yield (
                Facts.of(
                    Problem(spaces[model, learning], (task.objective,)),
                    kind=Evaluation.TRAINING,
                    domain="tabular data",
                    description=f"Tunes {MODELS[model].description} of scikit-learn on its data set "
                    f"{DATASETS[dataset][0]} ({learning}). The objective is {_METRIC_WORDS[metric]} of a "
                    f"{FOLDS}-fold cross-validation.",
                    noisy=model not in ("kNN", "lasso", "linear"),
                    seconds=MODELS[model].seconds if dataset == "digits" else MODELS[model].seconds / 10,
                    recommended=metric in _RECOMMENDED and dataset != "iris",
                    licence="Apache-2.0",
                    citation="Turner et al. 2021, Bayesian Optimization is Superior to Random Search for Machine "
                    "Learning Hyperparameter Tuning: Analysis of the Black-Box Optimization Challenge 2020",
                ),
                (id,),
            )


class BayesmarkTask(Task):
    """A model on a data set, scored by a metric; all three by Bayesmark's names."""

    resources = Resources(isolated=True)

    def __init__(self, model: str, dataset: str, metric: str) -> None:
        self.id = f"bayesmark/{model}/{dataset}/{metric}"
        self.metadata = {"model": model, "dataset": dataset, "metric": metric}
        self._model, self._dataset = model, dataset
        self._learning = DATASETS[dataset][1]
        self.objective, self._score = METRICS[self._learning][metric]

    @cached_property
    def problem(self) -> Problem:
        """Bayesmark's space; what stands on its logit scale as logit."""
        return Problem(search_space(self._model, self._learning), (self.objective,), budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The mean score of the cross-validation; a model that can't be trained on a fold raises its `ValueError`."""
        from threadpoolctl import threadpool_limits

        x, test_x, y, test_y = load(self._dataset)
        with threadpool_limits(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # strange configurations are warned of; their score tells all
            start = time.perf_counter()
            scores = [
                self._fitted_score(config, seed, x[train], y[train], x[rest], y[rest])
                for train, rest in _folds(self._learning).split(x, y)
            ]
            test_score = self._fitted_score(config, seed, x, y, test_x, test_y)
            seconds = time.perf_counter() - start
        value = math.fsum(scores) / FOLDS
        return Result((value,), cost=seconds, metrics={f"test/{self.objective.name}": test_score})

    def fingerprint(self) -> str:
        """A hash of the rows for training, and of the values (three digits) at two probes."""
        from optathlon.space import probes

        x, _, y, _ = load(self._dataset)
        values = [self._probed(config) for config in probes(self.problem.space, PROBES)[:2]]
        return short_hash("\n".join([x.tobytes().hex(), y.tobytes().hex(), *values]))

    def _probed(self, config: Mapping[str, Any]) -> str:
        try:
            return f"{self.evaluate(config, fidelity=None, seed=0).values[0]:.3g}"
        except ValueError:
            return "failed"

    def _fitted_score(self, config: Config, seed: int, x: Any, y: Any, other_x: Any, other_y: Any) -> float:
        """The metric on other rows, in its own units, of a model that is trained on x and y."""
        from sklearn.metrics import get_scorer

        model = MODELS[self._model].estimator(_without_logits(config), self._learning, len(x), seed)
        score = float(get_scorer(self._score)(model.fit(x, y), other_x, other_y))
        return score if self.objective.direction == "maximize" else -score


def search_space(model: str, learning: Learning) -> ConfigurationSpace:
    """The space of a model."""
    from ConfigSpace import ConfigurationSpace

    space = ConfigurationSpace()
    space.add(MODELS[model].space(learning))
    return space


@lru_cache
def load(dataset: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The features of the rows for training and for the test, and the targets of both."""
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    x, y = getattr(datasets, f"load_{DATASETS[dataset][0]}")(return_X_y=True)
    x, test_x, y, test_y = train_test_split(x, y, test_size=_TEST_SHARE, random_state=SPLIT_SEED, shuffle=True)
    return x, test_x, y, test_y


def _folds(learning: Learning) -> Any:
    from sklearn.model_selection import KFold, StratifiedKFold

    return (StratifiedKFold if learning == "classification" else KFold)(FOLDS)


def _without_logits(config: Config) -> dict[str, Any]:
    return {
        name.removesuffix(_LOGIT): 1 / (1 + math.exp(-value)) if name.endswith(_LOGIT) else value
        for name, value in config.items()
    }
