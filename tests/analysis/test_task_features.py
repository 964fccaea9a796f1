from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, EqualsCondition, Float, OrdinalHyperparameter
from simulation import shuffled

from optathlon.analysis.metrics.task_features import task_features
from optathlon.results.frames import Results


def described(results: Results, task: str, **changes: object) -> pd.Series:
    """The features of `task` when its row is changed."""
    tasks = results.tasks.copy()
    for name, value in changes.items():
        tasks[name] = [value if id == task else old for id, old in tasks[name].items()]
    return task_features(tasks, results.trials).loc[task]


def test_tasks_of_all_types(messy: Results) -> None:
    features = task_features(messy.tasks, messy.trials)
    assert features.index.tolist() == sorted(messy.tasks.index)
    assert features["fidelity"][features["fidelity"]].index.tolist() == ["curves/higgs", "curves/mnist"]
    assert features["objectives"].to_dict() == {id: 2 if id.startswith("fronts") else 1 for id in messy.tasks.index}
    assert features["constraints"][features["constraints"] > 0].to_dict() == {"toy/box": 1}
    assert features["collection"].tolist() == [id.partition("/")[0] for id in features.index]
    assert features["type"].equals(messy.tasks["type"].sort_index().astype(str).rename_axis("task"))


def test_tables_of_others_miss_what_they_do_not_tell(messy: Results) -> None:
    row = described(messy, "toy/f0", metadata={})
    assert np.isnan(row["dimension"])
    assert (row["hyperparameters"], row["conditional"], row["noisy"]) == (None, None, None)


def spaces() -> dict[str, ConfigurationSpace]:
    both = ConfigurationSpace({"x": (0.0, 1.0), "n": (1, 9), "c": ["u", "v"], "k": 3.0})
    conditional = ConfigurationSpace()
    kind, depth = Categorical("kind", ["u", "v"]), Float("depth", (0.1, 1.0), log=True)
    conditional.add([kind, depth, EqualsCondition(depth, kind, "u")])
    ordered = ConfigurationSpace()
    ordered.add([OrdinalHyperparameter("o", ["small", "large"]), Constant("k", 1)])
    return {
        "mixed": both,
        "conditional": conditional,
        "ordered": ordered,
        "categorical": ConfigurationSpace({"c": ["u", "v"], "d": ["w", "z"]}),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mixed", (3, "mixed", False)),
        ("conditional", (2, "mixed", True)),
        ("ordered", (1, "numerical", False)),
        ("categorical", (2, "categorical", False)),
    ],
)
def test_spaces(messy: Results, name: str, expected: tuple[int, str, bool]) -> None:
    row = described(messy, "toy/f0", space=spaces()[name].to_serialized_dict())
    assert (row["dimension"], row["hyperparameters"], row["conditional"]) == expected


def evaluated(results: Results, values: list[float], **columns: object) -> pd.DataFrame:
    trials = results.trials[results.trials["task"] == "toy/f0"].head(len(values))
    return trials.assign(value=values, status="ok", **columns)


@pytest.mark.parametrize(
    ("metadata", "noisy"),
    [({"noise": 0.1}, True), ({"noise": 0.0}, False), ({"noise": "little"}, None), ({"noise": None}, None), ({}, None)],
)
def test_noise_is_what_the_metadata_say(messy: Results, metadata: dict[str, object], noisy: bool | None) -> None:
    assert described(messy, "toy/f0", metadata=metadata)["noisy"] is noisy


def test_features_do_not_depend_on_whether_configurations_are_loaded(messy: Results) -> None:
    tasks = messy.tasks.assign(metadata=[{}] * len(messy.tasks))
    loaded = messy.trials.assign(config=[f'{{"x":{number % 3}}}' for number in messy.trials["trial"]])
    pd.testing.assert_frame_equal(task_features(tasks, loaded), task_features(tasks, loaded.drop(columns="config")))


def test_cost_is_the_reported_or_else_the_measured_one(messy: Results) -> None:
    trials = evaluated(messy, [0.1] * 3, cost=[5.0, np.nan, np.nan], evaluate_s=[9.0, 3.0, 4.0])
    features = task_features(messy.tasks, trials)
    assert features["cost"].dropna().to_dict() == {"toy/f0": 4.0}


def test_cost_is_that_of_full_evaluations(messy: Results) -> None:
    trials = messy.trials[messy.trials["task"] == "curves/mnist"]
    trials = trials.assign(cost=np.where(trials["fidelity"] == 27.0, 30.0, 10.0))
    assert task_features(messy.tasks, trials)["cost"]["curves/mnist"] == 30.0


def test_reordering_changes_nothing(messy: Results) -> None:
    first, second = (task_features(results.tasks, results.trials) for results in (messy, shuffled(messy)))
    pd.testing.assert_frame_equal(first, second)
