from __future__ import annotations

import json
import re
import sys
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    OrConjunction,
    OrdinalHyperparameter,
)
from scipy.stats import rankdata

from optathlon.analysis.stats.importance import hyperparameter_importance
from optathlon.errors import UsageError
from optathlon.installation import as_installed

FLAT = ConfigurationSpace({"x": (0.0, 1.0), "y": (0.0, 1.0), "z": (1, 100), "k": 3})


def trials_of(space: ConfigurationSpace, loss: Any, count: int = 1000) -> pd.DataFrame:
    space.seed(1)
    configs = [dict(config) for config in space.sample_configuration(count)]
    texts = [
        json.dumps({name: getattr(value, "item", lambda v=value: v)() for name, value in c.items()}) for c in configs
    ]
    return pd.DataFrame({"config": texts, "loss": [float(loss(config)) for config in configs]})


def importance(space: ConfigurationSpace, trials: pd.DataFrame, **options: int) -> pd.DataFrame:
    return hyperparameter_importance(trials, space.to_serialized_dict(), **options)


def sobol_total(sample: Any, loss: Any, count: int = 20_000) -> dict[str, float]:
    """Total Sobol indices of the rank of `loss`, by Jansen's estimator on the function itself."""
    rng = np.random.default_rng(0)
    first, second = sample(rng, count), sample(rng, count)
    values = np.sort(loss(first))

    def rank(points: Any) -> np.ndarray:
        return np.searchsorted(values, loss(points)) / count

    return {
        name: float(((rank(first) - rank(first | {name: second[name]})) ** 2).mean() / 2 / rank(first).var())
        for name in first
    }


def test_an_additive_function_has_its_shares() -> None:
    found = importance(FLAT, trials_of(FLAT, lambda c: 2 * c["x"] + c["y"]), limit=1000)

    def sample(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        return {name: rng.random(count) for name in "xyz"}

    expected = sobol_total(sample, lambda points: 2 * points["x"] + points["y"])
    assert found.index.tolist() == ["x", "y", "z"]
    for name in "xyz":
        assert found.loc[name, "importance"] == pytest.approx(expected[name], abs=0.08)
    assert abs(found.loc["z", "importance"]) < 0.01
    assert (found["score"] > 0.9).all()


def test_outliers_and_scales_do_not_matter() -> None:
    trials = trials_of(FLAT, lambda c: 2 * c["x"] + c["y"], 300)
    stretched = trials.assign(loss=np.exp(20 * trials["loss"]))
    pd.testing.assert_frame_equal(importance(FLAT, trials), importance(FLAT, stretched))


def test_noise_explains_nothing() -> None:
    rng = np.random.default_rng(2)
    found = importance(FLAT, trials_of(FLAT, lambda config: rng.random(), 500))
    assert (found["score"] < 0.05).all()


def test_a_conditional_hyperparameter_does_not_take_the_credit_of_its_condition() -> None:
    space = ConfigurationSpace({"idle": (0.0, 1.0)})
    kind, depth, rate = Categorical("kind", ["u", "v"]), Float("depth", (0, 1)), Float("rate", (0, 1))
    space.add([kind, depth, rate, EqualsCondition(depth, kind, "u"), EqualsCondition(rate, kind, "u")])
    found = importance(space, trials_of(space, lambda c: 10 * (c["kind"] == "u") + c.get("depth", 0.0)))
    # of ranks in [0, 1]: all v share 1/4, the u spread evenly over [1/2, 1]; "depth" is of half of the trials
    variance = 1 / 4 * (3 / 4 - 1 / 4) ** 2 + 1 / 2 * (1 / 2) ** 2 / 12
    assert found.index[:2].tolist() == ["kind", "depth"]
    assert found.loc["kind", "importance"] == pytest.approx(1 / 4 * (3 / 4 - 1 / 4) ** 2 / variance, abs=0.12)
    assert found.loc["depth", "importance"] == pytest.approx(1 / 2 * (1 / 2) ** 2 / 12 / variance, abs=0.03)
    assert found.loc[["rate", "idle"], "importance"].abs().max() < 0.01


@pytest.mark.parametrize("nested", [False, True])
def test_a_choice_has_its_credit_though_each_option_has_hyperparameters_that_betray_it(nested: bool) -> None:
    space = ConfigurationSpace({"x": (0.0, 1.0), "gate": ["g", "h"]})
    options = ["a", "b", "c"]
    kind = Categorical("kind", options)
    space.add(kind)
    for option, i in product(options, range(4)):
        child, leaf = Categorical(f"{option}{i}", ["p", "q"]), Categorical(f"{option}{i}/leaf", ["p", "q"])
        chosen = EqualsCondition(child, kind, option)
        if nested:
            gates = [AndConjunction(chosen, EqualsCondition(child, space["gate"], gate)) for gate in "gh"]
            space.add([child, OrConjunction(*gates), leaf, EqualsCondition(leaf, child, "p")])
        else:
            space.add([child, chosen])
    found = importance(space, trials_of(space, lambda c: (c["kind"] != "b") + 0.9 * c["x"]))["importance"]

    def sample(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        return {"kind": rng.choice(list("abc"), count), "x": rng.random(count)}

    expected = sobol_total(sample, lambda points: (points["kind"] != "b") + 0.9 * points["x"])
    assert found.index[:2].tolist() == ["kind", "x"]
    assert found["kind"] == pytest.approx(expected["kind"], abs=0.12)
    assert found["x"] == pytest.approx(expected["x"], abs=0.05)
    assert found[2:].abs().max() < 0.03


def test_choices_and_ordered_choices() -> None:
    space = ConfigurationSpace()
    space.add([Categorical("c", ["p", "q", "r", "s"]), OrdinalHyperparameter("o", ["low", "mid", "high"])])
    effect = {"p": 0.0, "q": 6.0, "r": 1.0, "s": 9.0, "low": 0.0, "mid": 0.2, "high": 0.4}
    rng = np.random.default_rng(0)
    trials = trials_of(space, lambda c: effect[c["c"]] + effect[c["o"]] + rng.normal(0, 0.01))
    assert trials["config"].nunique() == 12
    assert importance(space, trials)["importance"].isna().all()
    wide = ConfigurationSpace({"c": list("pqrs"), "x": (0.0, 1.0)})
    found = importance(wide, trials_of(wide, lambda c: effect[c["c"]] + 0.1 * c["x"]))
    ranks = rankdata([effect[name] for name in "pqrs"])
    within = (1 / 4) ** 2 / 12 / (1 / 12)  # of a rank in one of four levels
    assert len(set(ranks)) == 4
    assert found.loc["c", "importance"] == pytest.approx(1 - within, abs=0.1)
    assert found.loc["x", "importance"] == pytest.approx(within, abs=0.03)


def test_repeated_configurations_are_one() -> None:
    rng = np.random.default_rng(4)
    trials = trials_of(FLAT, lambda config: rng.random(), 100)
    turned = trials["config"].map(lambda text: json.dumps(dict(reversed(json.loads(text).items()))))
    again = pd.concat([trials, trials.assign(config=turned, loss=trials["loss"] + 2), trials.assign(loss=np.nan)])
    pd.testing.assert_frame_equal(importance(FLAT, trials), importance(FLAT, again))


def test_rows_and_seeds() -> None:
    trials = trials_of(FLAT, lambda c: c["x"], 300)
    first = importance(FLAT, trials, limit=100, seed=1)
    pd.testing.assert_frame_equal(first, importance(FLAT, trials.sample(frac=1, random_state=0), limit=100, seed=1))
    assert not first.equals(importance(FLAT, trials, limit=100, seed=2))


def test_nothing_to_learn_from() -> None:
    flat = importance(FLAT, trials_of(FLAT, lambda config: 1.0, 100))
    missing = importance(FLAT, trials_of(FLAT, lambda config: np.nan, 100))
    for found, count in ((flat, 100), (missing, 0)):
        assert found[["importance", "std", "score"]].isna().all(axis=None)
        assert (found["configurations"] == count).all()
    assert flat.index.tolist() == missing.index.tolist() == ["x", "y", "z"]
    assert hyperparameter_importance(trials_of(FLAT, lambda c: c["x"], 100), {}).empty


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(UsageError, match=re.escape(as_installed("pip install 'optathlon[sklearn]'"))):
        importance(FLAT, trials_of(FLAT, lambda c: c["x"], 100))
