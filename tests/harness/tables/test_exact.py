"""Exact look-up: each row of a table is what a trial gets, and nothing else is."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import CategoricalHyperparameter, Constant, OrdinalHyperparameter
from table_files import GRID, SEEDS, examined, grid_rows, made

from optathlon.errors import UsageError
from optathlon.facts import Evaluation
from optathlon.problem import TaskType
from optathlon.space import active_checker, count_configurations, probes
from optathlon.trial import Status

NAMES = ("rate", "width", "kind")


@pytest.mark.parametrize("table", ["trials.csv", "trials.csv.gz", "trials.parquet", "trials.tsv.gz"])
def test_every_row_is_found(table: str, tmp_path: Path) -> None:
    rows = grid_rows().sample(frac=1, random_state=1)
    if table.endswith(".tsv.gz"):
        rows.to_csv(tmp_path / "other.tsv.gz", sep="\t", index=False)
        (tmp_path / "other.tsv.gz").rename(tmp_path / table)
        from optathlon.tables import examine

        (task,) = examine({**GRID, "table": table}, tmp_path).tasks.values()
    else:
        task = made(rows, tmp_path, table=table)
    tests = rows.groupby([*NAMES, "epochs"])["test_error"].mean()
    for row in rows.to_dict("records"):
        config = {name: row[name] for name in NAMES}
        result = task.evaluate(config, fidelity=row["epochs"], seed=row["seed"] + 300)
        mean = tests[(*config.values(), row["epochs"])]
        assert (result.ok, result.values) == (True, (row["val_error"],))
        assert result.cost == pytest.approx(row["seconds"])
        assert result.metrics == pytest.approx({"weights": row["weights"], "test/val_error": mean})


def test_the_problem_is_the_grid(tmp_path: Path) -> None:
    rows = grid_rows()
    problem = made(rows, tmp_path).problem
    assert problem.type is TaskType.MULTI_FIDELITY
    assert count_configurations(problem.space) == 12
    rate, kind = problem.space["rate"], problem.space["kind"]
    assert isinstance(rate, OrdinalHyperparameter)
    assert rate.sequence == (0.001, 0.01, 0.1)
    assert isinstance(kind, CategoricalHyperparameter)
    assert kind.choices == ("relu", "tanh")
    assert problem.fidelity is not None
    assert problem.fidelity.levels == (1, 3, 9)
    assert problem.fidelity.kind == "int"
    assert problem.fidelity.resumable
    full = rows[rows["epochs"] == 9]
    (objective,) = problem.objectives
    assert objective.optimum == pytest.approx(full.groupby(list(NAMES))["val_error"].mean().min(), rel=1e-12)


def test_without_a_level_it_is_the_full_one_and_between_two_the_lower_one(tmp_path: Path) -> None:
    task = made(grid_rows(), tmp_path)
    config = probes(task.problem.space, 1)[0]

    def value(level: float | None) -> Any:
        return task.evaluate(config, fidelity=level, seed=1).values

    assert value(None) == value(9) == value(9.0)
    assert value(4.5) == value(3) != value(9)


def test_a_batch_is_the_same_as_single_trials(tmp_path: Path) -> None:
    task = made(grid_rows().drop(index=[107, 3]), tmp_path, missing="failure", seed=None, duplicates="repetitions")
    configs = probes(task.problem.space, 40)
    seeds = range(40)
    assert task.evaluate_many(configs, fidelity=3, seeds=seeds) == [
        task.evaluate(config, fidelity=3, seed=seed) for config, seed in zip(configs, seeds, strict=True)
    ]
    assert task.evaluate_many([], fidelity=None, seeds=[]) == []


def test_what_has_no_row_is_refused_or_fails(tmp_path: Path) -> None:
    rows = grid_rows()
    gone = (rows["width"] == 8) & (rows["rate"] == 0.1) & (rows["kind"] == "tanh") & (rows["epochs"] == 9)
    with pytest.raises(UsageError, match=r"1 of 36 cells of the grid have no row, 2.8% \(the first is of mine/grid"):
        made(rows[~gone], tmp_path)
    task = made(rows[~gone], tmp_path, missing="failure")
    config = {"width": 8, "rate": 0.1, "kind": "tanh"}
    result = task.evaluate(config, fidelity=9, seed=0)
    assert result.status is Status.CRASHED
    assert "the table has no row of" in result.error
    assert task.evaluate(config, fidelity=3, seed=0).ok


def test_stored_failures_fail_and_keep_their_cost(tmp_path: Path) -> None:
    rows = grid_rows()
    rows["state"] = "done"
    rows.loc[0, "state"], rows.loc[1, "state"] = "timeout", "killed by hand"
    rows.loc[3, "val_error"], rows.loc[4, "val_error"] = np.nan, np.inf
    task = made(rows, tmp_path, status={"column": "state", "ok": "done"}, missing="failure")
    config = {"rate": 0.001, "width": 8, "kind": "relu"}
    first, second, _ = (task.evaluate(config, fidelity=1, seed=seed) for seed in SEEDS)
    assert (first.status, first.values) == (Status.TIMEOUT, ())
    assert first.cost == pytest.approx(8 / 7)
    assert second.status is Status.CRASHED
    assert "killed by hand" in second.error
    empty, infinite, _ = (task.evaluate(config, fidelity=3, seed=seed) for seed in SEEDS)
    assert (empty.status, infinite.status) == (Status.DIVERGED, Status.DIVERGED)
    assert "has no value" in empty.error
    assert "is infinite" in infinite.error


def test_hyperparameters_are_active_where_their_parents_say_so(tmp_path: Path) -> None:
    rows = [
        (solver, momentum, nesterov, rate)
        for rate in (0.1, 1)
        for solver, momentum, nesterov in [
            ("adam", None, None),
            ("sgd", 0.0, None),
            ("sgd", 0.9, "yes"),
            ("sgd", 0.9, "no"),
        ]
    ]
    table = pd.DataFrame(rows, columns=["solver", "momentum", "nesterov", "rate"])
    table["loss"] = range(len(table))
    task = made(
        table,
        tmp_path,
        {"id": "mine/conditional", "table": "t.csv", "objectives": {"loss": "minimize"}},
        hyperparameters={
            "nesterov": {"kind": "categorical", "when": {"momentum": ["0.90"]}},
            "momentum": {"kind": "ordinal", "when": {"solver": "sgd"}},
            "solver": "categorical",
            "rate": "ordinal",
        },
    )
    space = task.problem.space
    assert count_configurations(space) == len(table)
    check = active_checker(space)
    for solver, momentum, nesterov, rate, loss in table.itertuples(index=False):
        config = {"solver": solver, "momentum": momentum, "nesterov": nesterov, "rate": rate}
        active = {name: value for name, value in config.items() if isinstance(value, str) or not pd.isna(value)}
        assert check(active) == active
        assert task.evaluate(active, fidelity=None, seed=0).values == (loss,)
    assert all(task.evaluate(config, fidelity=None, seed=0).ok for config in probes(space, 50))


def test_cells_of_inactive_hyperparameters_do_not_count(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"solver": ["adam", "sgd", "sgd"], "momentum": ["left over", "0", "0.9"], "loss": [1.0, 2.0, 3.0]}
    )
    task = made(
        table,
        tmp_path,
        {"id": "mine/x", "table": "t.csv", "objectives": {"loss": "minimize"}},
        hyperparameters={"solver": "categorical", "momentum": {"kind": "ordinal", "when": {"solver": "sgd"}}},
    )
    assert task.evaluate({"solver": "adam"}, fidelity=None, seed=0).values == (1.0,)
    assert task.evaluate({"solver": "sgd", "momentum": 0.9}, fidelity=None, seed=0).values == (3.0,)


def test_groups_are_tasks_of_their_own(tmp_path: Path) -> None:
    rows = grid_rows().assign(**{"data set": "iris plants"})
    others = grid_rows().assign(**{"data set": "wine"}, val_error=lambda frame: 1 - frame["val_error"])
    single = grid_rows().head(9).assign(**{"data set": "one configuration"})
    found = examined(pd.concat([rows, others, single]), tmp_path, group="data set")
    assert list(found.tasks) == ["mine/grid/iris-plants", "mine/grid/wine"]
    config = {"rate": 0.1, "width": 64, "kind": "relu"}
    iris, wine = (task.evaluate(config, fidelity=9, seed=0).values[0] for task in found.tasks.values())
    assert iris == pytest.approx(1 - wine)
    assert "left out: mine/grid/one-configuration: it has only one configuration" in found.findings.notes


def test_groups_of_the_same_name_in_ids_are_refused(tmp_path: Path) -> None:
    rows = pd.concat([grid_rows().assign(d="a b"), grid_rows().assign(d="a/b")])
    (problem,) = examined(rows, tmp_path, group="d").findings.problems
    assert "several groups would have the id mine/grid/a-b" in problem


def test_only_rows_that_are_asked_for_count(tmp_path: Path) -> None:
    task = made(grid_rows(), tmp_path, where={"kind": "relu", "width": ["8"]})
    assert isinstance(task.problem.space["kind"], Constant)
    assert count_configurations(task.problem.space) == 3
    assert task.evaluate({"rate": 0.1, "width": 8, "kind": "relu"}, fidelity=9, seed=0).ok


def test_characters_and_combinations_are_choices(tmp_path: Path) -> None:
    codes = ["02", "01", "12", "11"]
    table = pd.DataFrame({"code": codes, "a": list("xxyy"), "b": list("uvuv"), "loss": [1.0, 2.0, 3.0, 4.0]})
    task = made(
        table,
        tmp_path,
        {"id": "mine/x", "table": "t.csv", "objectives": {"loss": "minimize"}},
        hyperparameters={
            "first": {"kind": "categorical", "column": "code", "character": 1},
            "last": {"kind": "ordinal", "column": "code", "character": 2},
            "both": {"kind": "categorical", "column": ["a", "b"]},
        },
        missing="failure",
    )
    for code, a, b, loss in table.itertuples(index=False):
        config = {"first": code[0], "last": int(code[1]), "both": f"{a} + {b}"}
        assert task.evaluate(config, fidelity=None, seed=0).values == (loss,)


def test_levels_are_in_their_declared_order(tmp_path: Path) -> None:
    table = pd.DataFrame({"size": ["large", "small", "medium"], "loss": [1.0, 2.0, 3.0]})
    task = made(
        table,
        tmp_path,
        {"id": "mine/x", "table": "t.csv", "objectives": {"loss": "minimize"}},
        hyperparameters={"size": {"kind": "ordinal", "levels": ["small", "medium", "large"]}},
    )
    size = task.problem.space["size"]
    assert isinstance(size, OrdinalHyperparameter)
    assert size.sequence == ("small", "medium", "large")


def test_several_objectives_have_the_hypervolume_of_the_means(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"x": [1, 2, 3, 4], "accuracy": [0.9, 0.7, 0.8, 0.1], "size": [8.0, 2.0, 5.0, 9.0]},
    )
    task = made(
        table,
        tmp_path,
        {"id": "mine/x", "table": "t.csv", "hyperparameters": {"x": "ordinal"}},
        objectives={"accuracy": {"direction": "maximize", "reference": 0.5}, "size": {"direction": "minimize"}},
    )
    accuracy, size = task.problem.objectives
    assert (accuracy.reference, size.reference, accuracy.optimum) == (0.5, 9.0, None)
    staircase = (0.9 - 0.8) * (9 - 8) + (0.8 - 0.7) * (9 - 5) + (0.7 - 0.5) * (9 - 2)
    assert task.metadata["optimal_hypervolume"] == pytest.approx(staircase)


def test_the_fingerprint_tells_tables_and_meanings_apart_but_not_words(tmp_path: Path) -> None:
    task = made(grid_rows(), tmp_path)
    same = made(grid_rows(), tmp_path, description="in words", budget=7, licence="MIT")
    flipped = made(grid_rows(), tmp_path, objectives={"val_error": "maximize"})
    other = made(grid_rows().assign(test_error=0.5), tmp_path)
    assert task.fingerprint() == same.fingerprint()
    assert len({task.fingerprint(), flipped.fingerprint(), other.fingerprint()}) == 3
    assert other.data_files().keys() == {"trials.csv"}
    assert task.data_files() != other.data_files()


def test_facts_are_those_of_the_problem(tmp_path: Path) -> None:
    facts = made(grid_rows(), tmp_path, description="in words", domain="toys").facts()
    assert (facts.kind, facts.domain, facts.ordinals, facts.categoricals) == (Evaluation.TABLE, "toys", 2, 1)
    assert (facts.noisy, facts.resumable, facts.optimum) == (True, True, True)
    assert not made(grid_rows(), tmp_path, where={"seed": "1"}).facts().noisy


def test_random_tables_are_found_again(tmp_path: Path) -> None:
    generator = random.Random(5)
    sizes = {"a": 5, "b": 4, "c": 3}
    keys = [(a, f"b{b}", c / 8) for a in range(5) for b in range(4) for c in range(3)]
    chosen = generator.sample(keys, 40)
    table = pd.DataFrame(chosen, columns=list(sizes)).assign(loss=[generator.random() for _ in chosen])
    task = made(
        table,
        tmp_path,
        {"id": "mine/x", "table": "t.csv", "objectives": {"loss": "minimize"}, "missing": "failure"},
        hyperparameters={"a": "integer", "b": "categorical", "c": "ordinal"},
    )
    stored = {key: loss for *key_parts, loss in table.itertuples(index=False) for key in [tuple(key_parts)]}
    for key in keys:
        result = task.evaluate(dict(zip(sizes, key, strict=True)), fidelity=None, seed=0)
        assert result.values == ((stored[key],) if key in stored else ())
