"""The stored trials, against trainings that are done again, and against the files themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from importlib.resources import as_file, files
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from facts_check import recommended, require_facts_of_tasks

from optathlon.errors import UsageError
from optathlon.problem import TaskType
from optathlon.space import count_configurations
from optathlon.tasks.trainings.table import TrainingTable, best_mean
from optathlon.tasks.trainings.table.generate import completed, main, training
from optathlon.tasks.trainings.table.grids import Grid
from optathlon.tasks.trainings.table.tables import SEEDS, SOURCES, file_name
from optathlon.trial import Status

TABLES = [(source, dataset) for source in SOURCES for dataset in SOURCES[source].optima]
Row = Mapping[str, Any]


@cache
def _table(source: str, dataset: str) -> Any:
    with as_file(files("optathlon.tasks.trainings.table") / file_name(source, dataset)) as path:
        return pq.read_table(path)


@cache
def _rows(source: str, dataset: str) -> list[Row]:
    rows: list[Row] = _table(source, dataset).to_pylist()
    return rows


def _config(source: str, row: Row) -> dict[str, Any]:
    return {name: row[name] for name in SOURCES[source].grid.values if row[name] is not None}


@pytest.mark.parametrize(("source", "dataset"), TABLES)
def test_a_table_holds_every_configuration_with_every_seed_and_level_once(source: str, dataset: str) -> None:
    made, rows = SOURCES[source], _rows(source, dataset)
    configs = made.grid.configurations()
    keys = {(*sorted(_config(source, row).items()), row["seed"], row[made.fidelity.name]) for row in rows}
    expected = product(configs, SEEDS, made.fidelity.levels)
    assert keys == {(*sorted(config.items()), seed, level) for config, seed, level in expected}
    assert len(rows) == len(keys) >= 2000
    assert count_configurations(made.grid.space()) == len(configs)


@pytest.mark.parametrize(("source", "dataset"), TABLES)
def test_every_trial_is_what_the_file_says(source: str, dataset: str) -> None:
    made = SOURCES[source]
    task = TrainingTable().make(f"training-table/{source}-mo/{dataset}")
    for row in _rows(source, dataset)[::7]:
        seed = SEEDS.index(row["seed"]) + 10 * len(SEEDS)
        result = task.evaluate(_config(source, row), fidelity=row[made.fidelity.name], seed=seed)
        assert result.status == row["status"]
        assert result.cost == row["seconds"] > 0
        if result.ok:
            assert result.values == (row["error"], row["seconds"])
            assert result.metrics["test/error"] == row["test/error"]


@pytest.mark.parametrize(("source", "dataset"), TABLES)
def test_known_optima_are_the_best_means(source: str, dataset: str) -> None:
    made = SOURCES[source]
    full: dict[Any, list[float]] = {}
    for row in _rows(source, dataset):
        if row[made.fidelity.name] == made.fidelity.upper and row["status"] == "ok":
            full.setdefault(tuple(_config(source, row).items()), []).append(row["error"])
    expected = min(sum(errors) / 2 for errors in full.values() if len(errors) == 2)
    [objective] = TrainingTable().make(f"training-table/{source}/{dataset}").problem.objectives
    assert objective.optimum == pytest.approx(expected, rel=1e-12)
    assert best_mean(source, dataset) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dataset", SOURCES["pipeline"].optima)
def test_stored_pipelines_are_trained_again_with_the_same_errors(dataset: str) -> None:
    origin = _table("pipeline", dataset).schema.metadata
    if origin[b"scikit-learn"].decode() != version("scikit-learn"):
        pytest.skip("made with another scikit-learn")
    source = SOURCES["pipeline"]
    task = training(source, dataset)
    assert origin[b"task"].decode() == task.id
    for row in _rows("pipeline", dataset)[::449]:
        config = completed(task, _config("pipeline", row))
        if row["status"] == Status.OK:
            result = task.evaluate(config, fidelity=row["train_size"], seed=row["seed"])
            assert result.values[0] == pytest.approx(row["error"], abs=0.01)
            assert result.metrics["test/error"] == pytest.approx(row["test/error"], abs=0.01)
        else:
            with pytest.raises(ValueError):
                task.evaluate(config, fidelity=row["train_size"], seed=row["seed"])


@pytest.mark.torch
def test_stored_networks_are_trained_again_with_nearly_the_same_errors() -> None:
    """Processors round differently, and training makes more of it."""
    task = training(SOURCES["network"], "digits")
    gentle = [row for row in _rows("network", "digits") if row["learning_rate"] <= 0.001 and row["epochs"] == 3]
    for row in gentle[::48]:
        result = task.evaluate(completed(task, _config("network", row)), fidelity=3, seed=row["seed"])
        assert result.values[0] == pytest.approx(row["error"], abs=0.02)
        assert result.metrics["log10_weights"] == row["log10_weights"]


def test_epochs_are_one_training_whose_seconds_add_up() -> None:
    rows = _rows("network", "digits")
    for earlier, later in pairwise(rows):
        if later["epochs"] > earlier["epochs"]:
            assert later["seconds"] > earlier["seconds"]
            assert later["seed"] == earlier["seed"]


def test_types() -> None:
    types = {id: TrainingTable().make(id).problem.type for id in TrainingTable().ids()}
    assert set(types.values()) == {TaskType.MULTI_FIDELITY, TaskType.MULTI_FIDELITY_OBJECTIVE}
    task = TrainingTable().make("training-table/network-size/digits")
    assert [objective.name for objective in task.problem.objectives] == ["error", "log10_weights"]
    assert task.problem.fidelity is not None and task.problem.fidelity.resumable


def test_ids_and_facts() -> None:
    ids = list(TrainingTable().ids())
    assert len(ids) == len(set(ids)) == 4 * 2 + 3
    for id in ids:
        assert TrainingTable().make(id).id == id
    for wrong in ("training-table/pipeline/iris", "training-table/pipeline-size/friedman1", "training-table/network"):
        with pytest.raises(KeyError):
            TrainingTable().make(wrong)
    require_facts_of_tasks(TrainingTable())
    assert recommended(TrainingTable()) == ids


def test_fingerprints_tell_tables_apart() -> None:
    ids = ["training-table/pipeline/friedman1", "training-table/pipeline/breast_cancer"]
    prints = [TrainingTable().make(id).fingerprint() for id in ids]
    assert len(set(prints)) == 2
    assert [TrainingTable().make(id).fingerprint() for id in ids] == prints


def test_a_table_that_was_begun_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid(values={"model": ("knn",), "knn:n_neighbors": (1, 9)}, when={})
    monkeypatch.setitem(SOURCES, "pipeline", replace(SOURCES["pipeline"], grid=grid))
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    main(["pipeline", "friedman1", str(first)])
    made = pq.read_table(first).to_pylist()
    assert [(row["knn:n_neighbors"], row["seed"]) for row in made[::3]] == [(1, 0), (1, 1), (9, 0), (9, 1)]
    marked = [{**row, "test/error": 7.0} for row in made[:6]]
    notes = second.with_suffix(".notes")
    notes.write_text(f'{json.dumps([{"model": "knn", "knn:n_neighbors": 1}, marked])}\n[{{"model": "knn", "knn:n_n')
    main(["pipeline", "friedman1", str(second)])
    finished = pq.read_table(second).to_pylist()
    assert [row["test/error"] for row in finished[:6]] == [7.0] * 6
    assert [row["error"] for row in finished] == [row["error"] for row in made]
    assert not notes.exists()


@pytest.mark.parametrize("arguments", [[], ["pipeline"], ["forest", "digits", "f"], ["pipeline", "iris", "f"]])
def test_a_table_that_does_not_exist_is_not_made(arguments: list[str]) -> None:
    with pytest.raises(UsageError, match="usage"):
        main(arguments)
