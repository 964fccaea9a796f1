"""Nearest neighbours and surrogates, against what they are defined by."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from table_files import examined, made

from optathlon.facts import Evaluation
from optathlon.shares import numbers_of
from optathlon.space import probes
from optathlon.tables import TableTask
from optathlon.tables.forest import Forest
from optathlon.trial import Status

CLOUD: dict[str, Any] = {
    "id": "mine/cloud",
    "table": "cloud.csv",
    "hyperparameters": {
        "rate": {"kind": "float", "log": True},
        "depth": "integer",
        "width": "ordinal",
        "kind": "categorical",
        "slope": {"kind": "float", "when": {"kind": "leaky"}},
    },
    "objectives": {"loss": {"direction": "minimize", "test": "test"}, "size": "minimize"},
    "fidelity": "epochs",
    "cost": "seconds",
    "answer": "nearest",
}


def cloud(count: int, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "rate": 10 ** draw.uniform(-5, 0, count),
            "depth": draw.integers(1, 9, count),
            "width": draw.choice([8, 16, 64], count),
            "kind": draw.choice(["relu", "leaky", "tanh"], count),
        }
    )
    rows["slope"] = np.where(rows["kind"] == "leaky", draw.uniform(0, 1, count), np.nan)
    rows = pd.concat([rows.assign(epochs=level) for level in (1, 10)], ignore_index=True)
    rows["loss"] = (
        3 * (np.log10(rows["rate"]) + 2) ** 2 + rows["depth"] / 8 + rows["slope"].fillna(0.5) + 1 / rows["epochs"]
    )
    rows["test"] = rows["loss"] + 0.1
    rows["size"] = rows["width"] * rows["depth"]
    rows["seconds"] = rows["epochs"] * 1.5
    return rows


def nearest(rows: list[Any], level: int, config: dict[str, Any]) -> Any:
    """The row of the nearest configuration at a level, by the definition and one by one."""
    names = ("rate", "depth", "slope")
    known = {name: [row[name] for row in rows if not math.isnan(row[name])] for name in names}
    bounds = {name: (min(values), max(values)) for name, values in known.items()}

    def scaled(name: str, value: float | None) -> float:
        if value is None or math.isnan(value):
            return 0.5
        scale = math.log if name == "rate" else float
        low, high = (scale(bound) for bound in bounds[name])
        return (scale(value) - low) / (high - low)

    def distance(row: Any) -> float:
        widths = [8, 16, 64]
        parts = [scaled(name, row[name]) - scaled(name, config.get(name)) for name in names]
        parts.append((widths.index(row["width"]) - widths.index(config["width"])) / 2)
        return math.fsum(part**2 for part in parts) + (row["kind"] != config["kind"])

    return min((row for row in rows if row["epochs"] == level), key=distance)


def test_the_nearest_configuration_that_has_the_level_answers(tmp_path: Path) -> None:
    rows = cloud(60).drop(index=range(60, 90))
    task = made(rows, tmp_path, CLOUD)
    stored = rows.to_dict("records")
    for config in probes(task.problem.space, 30):
        for level in (1, 10):
            row = nearest(stored, level, config)
            result = task.evaluate(config, fidelity=level, seed=0)
            assert result.values == pytest.approx((row["loss"], row["size"]))
            assert result.cost == pytest.approx(row["seconds"])
            assert result.metrics == {"test/loss": pytest.approx(row["test"])}


def test_a_stored_configuration_is_its_own_nearest_one(tmp_path: Path) -> None:
    rows = cloud(200)
    task = made(rows, tmp_path, CLOUD)
    for row in rows.head(200).to_dict("records"):
        config = {name: row[name] for name in ("rate", "depth", "width", "kind")}
        if row["kind"] == "leaky":
            config["slope"] = row["slope"]
        assert task.evaluate(config, fidelity=1, seed=0).values == (row["loss"], row["size"])


def test_of_equally_near_ones_the_first_in_the_table_answers(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": [0.9, 0.1, 0.5], "loss": [1.0, 2.0, 3.0]})
    base = {"id": "mine/x", "table": "t.csv", "objectives": {"loss": "minimize"}, "answer": "nearest"}
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        task = made(table.loc[order], tmp_path, base, hyperparameters={"x": "float"})
        first, second = (next(place for place in order if place in pair) for pair in ((0, 2), (1, 2)))
        assert task.evaluate({"x": 0.7}, fidelity=None, seed=0).values == (table["loss"][first],)
        assert task.evaluate({"x": 0.3}, fidelity=None, seed=0).values == (table["loss"][second],)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A surrogate whose trials fail at high rates, and the rows that it is fitted to."""
    rows = cloud(150, seed=3)
    rows.loc[rows["rate"] > 0.1, ["loss", "test"]] = np.nan
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTATHLON_CACHE", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("table")
        first, second = (made(rows, folder, CLOUD, answer="surrogate", missing="failure") for _ in range(2))
        first.prepare()
        second.prepare()
        yield first, second, rows


def test_a_surrogate_answers_near_what_is_stored_and_alike_from_the_cache(fitted: Any) -> None:
    first, second, _ = fitted
    configs: list[Any] = [config for config in probes(first.problem.space, 200) if float(config["rate"]) < 0.05]
    answers = first.evaluate_many(configs, fidelity=10, seeds=[0] * len(configs))
    assert answers == second.evaluate_many(configs, fidelity=10, seeds=[7] * len(configs))
    assert answers == [first.evaluate(config, fidelity=10, seed=1) for config in configs]
    losses = np.array([answer.values[0] for answer in answers])
    true = [3 * (math.log10(c["rate"]) + 2) ** 2 + c["depth"] / 8 + c.get("slope", 0.5) + 0.1 for c in configs]
    assert np.corrcoef(losses, true)[0, 1] > 0.95
    assert all(answer.cost == pytest.approx(15) for answer in answers)
    assert all(set(answer.metrics) == {"test/loss"} for answer in answers)


def test_a_surrogate_fails_where_what_is_stored_does(fitted: Any) -> None:
    task, _, _ = fitted
    configs = [config | {"rate": rate} for rate in (0.5, 0.001) for config in probes(task.problem.space, 20)]
    found = [answer.status for answer in task.evaluate_many(configs, fidelity=10, seeds=[0] * 40)]
    assert found == [Status.CRASHED] * 20 + [Status.OK] * 20


def test_the_quality_of_a_surrogate_is_that_of_held_out_configurations(fitted: Any, tmp_path: Path) -> None:
    task, _, rows = fitted
    metadata = task.metadata
    assert 0.8 < metadata["cv_r2/loss"] < 1
    assert 0.8 < metadata["cv_rank_correlation/loss"] < 1
    assert task.facts().kind is Evaluation.SURROGATE
    shuffled = rows.assign(loss=rows["loss"].sample(frac=1, random_state=0).to_numpy())
    random = made(shuffled, tmp_path, CLOUD, answer="surrogate", missing="failure")
    assert float(random.metadata["cv_r2/loss"]) < 0.2
    assert task.problem.objectives[0].optimum is None


def test_a_forest_predicts_what_scikit_learn_does() -> None:
    sklearn = pytest.importorskip("sklearn.ensemble", reason="the extra 'sklearn' is not installed")
    draw = np.random.default_rng(0)
    points, others = draw.random((300, 5)), draw.random((100, 5))
    targets = np.column_stack([points @ draw.random(5), points[:, 0] ** 2])
    forest = Forest.fit(points, targets)
    center, scale = targets.mean(axis=0), targets.std(axis=0)
    reference = sklearn.RandomForestRegressor(n_estimators=len(forest.roots), random_state=0)
    reference.fit(points, (targets - center) / scale)
    np.testing.assert_allclose(forest.predict(others), reference.predict(others) * scale + center, rtol=1e-12)


def test_a_damaged_cache_is_of_no_consequence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTATHLON_CACHE", str(tmp_path / "cache"))

    def answer() -> Any:
        task = made(cloud(30), tmp_path, CLOUD, answer="surrogate")
        return task.evaluate(probes(task.problem.space, 1)[0], fidelity=None, seed=0)

    first = answer()
    (file,) = (tmp_path / "cache" / "tables").iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    assert answer() == first


@pytest.mark.parametrize(
    ("count", "complaint"),
    [
        (10, "a surrogate needs 20 configurations, and it has 10"),
        (40, "70 configurations x levels at most, and it has 80"),
    ],
)
def test_a_surrogate_of_too_few_or_too_many_is_refused(
    count: int, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optathlon.tables.examination.MOST_CELLS", 70)
    (problem,) = examined(cloud(count), tmp_path, CLOUD, answer="surrogate").findings.problems
    assert complaint in problem


def test_tasks_are_the_same_after_a_copy_to_another_folder(tmp_path: Path) -> None:
    def fingerprint(folder: str) -> str:
        (tmp_path / folder).mkdir()
        task: TableTask = made(cloud(25), tmp_path / folder, CLOUD)
        return task.fingerprint()

    assert fingerprint("here") == fingerprint("there")


def test_shares_are_searched_by_their_encoding(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    table = pd.DataFrame(draw.dirichlet([1, 1, 1], 50), columns=["web", "code", "books"]).round(6)
    table["books"] = 1 - table["web"] - table["code"]
    table["loss"] = table["code"]
    base = {"id": "mine/mixture", "table": "t.csv", "objectives": {"loss": "minimize"}, "answer": "nearest"}
    mix = {"mix": {"kind": "shares", "column": ["web", "code", "books"]}}
    task = made(table, tmp_path, base, hyperparameters=mix)
    assert sorted(task.problem.space) == ["mix_1", "mix_2"]
    assert task.facts().floats == 2
    for row in table.to_dict("records"):
        first, second = numbers_of([row["web"], row["code"], row["books"]])
        assert task.evaluate({"mix_1": first, "mix_2": second}, fidelity=None, seed=0).values == (row["loss"],)
    wrong = examined(table.assign(web=table["web"] + (table.index == 2)), tmp_path, base, hyperparameters=mix)
    assert wrong.findings.problems == ["the shares 'mix' are not numbers >= 0 whose sum is 1 in row 3: fix them"]
    single = examined(table, tmp_path, base, hyperparameters={"mix": {"kind": "shares", "column": "web"}})
    assert "shares are of several columns" in single.findings.problems[0]
