"""XGBoost's and LightGBM's tasks, against the libraries' own interfaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from facts_check import recommended, require_facts_of_tasks

from optathlon.space import active_checker, decode
from optathlon.tasks.trainings.boosting import LightGBM, XGBoost
from optathlon.tasks.trainings.collection import Trainings
from optathlon.tasks.trainings.splits import Part, load_split

xgboost = pytest.importorskip("xgboost")
lightgbm = pytest.importorskip("lightgbm")

COLLECTIONS: dict[str, Trainings] = {"xgboost": XGBoost(), "lightgbm": LightGBM()}
FAMILIES = [f"{name}/{family}" for name, collection in COLLECTIONS.items() for family in collection.families]


def _make(id: str) -> Any:
    return COLLECTIONS[id.split("/", maxsplit=1)[0]].make(id)


def _scaled(dataset: str) -> tuple[Part, Part]:
    """Training and validation rows, their features standardised by hand."""
    split = load_split(dataset)
    mean, deviation = split.train.x.mean(axis=0), split.train.x.std(axis=0)
    return (
        Part(split.train.rows, (split.train.x - mean) / deviation, split.train.y),
        Part(split.validation.rows, (split.validation.x - mean) / deviation, split.validation.y),
    )


def _sample(task: Any, count: int) -> list[dict[str, Any]]:
    space = task.problem.space
    space.seed(4)
    return decode(space, np.stack([space.sample_configuration().get_array() for _ in range(count)]))


def test_errors_are_those_of_xgboosts_own_training() -> None:
    config: dict[str, Any] = {
        "learning_rate": 0.2,
        "reg_alpha": 1e-3,
        "reg_lambda": 2.0,
        "max_depth": 3,
        "min_child_weight": 0.5,
    }
    config |= {"gamma": 1e-3, "subsample": 0.8, "colsample_bytree": 0.7, "grow_policy": "lossguide", "max_leaves": 6}
    task = _make("xgboost/trees/wine")
    assert active_checker(task.problem.space)(config) == config
    train, validation = _scaled("wine")
    options = {**config, "objective": "multi:softprob", "num_class": 3, "tree_method": "hist", "nthread": 1, "seed": 5}
    booster = xgboost.train(options, xgboost.DMatrix(train.x, train.y), num_boost_round=9)
    wrong = booster.predict(xgboost.DMatrix(validation.x)).argmax(axis=1) != validation.y
    result = task.evaluate(config, fidelity=9, seed=5)
    assert result.values == pytest.approx((wrong.mean(),), abs=1e-12)
    nodes = sum(len(tree.splitlines()) for tree in booster.get_dump())
    assert result.metrics["log10_nodes"] == pytest.approx(np.log10(nodes))


def test_errors_are_those_of_lightgbms_own_training() -> None:
    config = {"learning_rate": 0.2, "num_leaves": 7, "min_child_samples": 5, "colsample_bytree": 1.0, "reg_alpha": 1e-3}
    config |= {"reg_lambda": 1e-3, "subsample": 1.0, "max_bin": 63, "extra_trees": False, "path_smooth": 0.5}
    task = _make("lightgbm/trees/breast_cancer")
    assert active_checker(task.problem.space)(config) == config
    train, validation = _scaled("breast_cancer")
    options = {"objective": "binary", "learning_rate": 0.2, "num_leaves": 7, "min_data_in_leaf": 5, "lambda_l1": 1e-3}
    options |= {"lambda_l2": 1e-3, "max_bin": 63, "path_smooth": 0.5, "num_threads": 1, "verbosity": -1}
    data = lightgbm.Dataset(train.x, train.y, params={"max_bin": 63, "verbosity": -1})
    booster = lightgbm.train({**options, "deterministic": True, "force_row_wise": True}, data, num_boost_round=9)
    wrong = (booster.predict(validation.x) > 0.5) != validation.y
    result = task.evaluate(config, fidelity=9, seed=5)
    assert result.values == pytest.approx((wrong.mean(),), abs=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dataset", ["iris", "diabetes"])
def test_every_sampled_configuration_trains_and_repeats(family: str, dataset: str) -> None:
    task = _make(f"{family}/{dataset}")
    for config in _sample(task, 6):
        first, second = (task.evaluate(config, fidelity=9, seed=2) for _ in range(2))
        assert first.values == second.values
        assert first.metrics["test/error"] == second.metrics["test/error"]
        assert first.values[0] >= 0


@pytest.mark.parametrize("collection", ["xgboost", "lightgbm"])
def test_sizes_are_within_their_bounds(collection: str) -> None:
    task = _make(f"{collection}/trees-size/iris")
    error, size = task.problem.objectives
    for config in _sample(task, 4):
        result = task.evaluate(config, fidelity=None, seed=0)
        assert error.lower <= result.values[0] <= error.upper
        assert size.lower <= result.values[1] <= size.upper == size.reference


@pytest.mark.parametrize(
    ("family", "switch", "children"),
    [
        ("xgboost/trees", "grow_policy", {"lossguide": {"max_leaves"}, "depthwise": set()}),
        (
            "xgboost/boosters",
            "booster",
            {
                "gbtree": {"max_depth"},
                "dart": {"max_depth", "rate_drop", "skip_drop", "sample_type", "normalize_type"},
                "gblinear": {"feature_selector"},
            },
        ),
        (
            "lightgbm/boosters",
            "boosting_type",
            {
                "gbdt": {"data_sample_strategy"},
                "rf": set(),
                "dart": {"data_sample_strategy", "drop_rate", "skip_drop", "uniform_drop"},
            },
        ),
    ],
)
def test_conditions(family: str, switch: str, children: dict[str, set[str]]) -> None:
    controlled = set().union(*children.values())
    seen = set()
    for config in _sample(_make(f"{family}/iris"), 40):
        assert set(config) & controlled == children[config[switch]]
        seen.add(config[switch])
    assert seen == set(children)


@pytest.mark.parametrize("name", COLLECTIONS)
def test_ids_and_facts(name: str) -> None:
    collection = COLLECTIONS[name]
    ids = list(collection.ids())
    assert len(ids) == len(set(ids))
    for id in ids:
        assert collection.make(id).id == id
    for wrong in (f"{name}/trees/boston", f"{name}/forest/iris", f"{name}/boosters-size/iris", "sklearn/trees/iris"):
        with pytest.raises(KeyError):
            collection.make(wrong)
    require_facts_of_tasks(collection, step=5)
    assert len(recommended(collection)) >= 15
