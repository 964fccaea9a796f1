"""Descriptors of public tables, on the real tables, against what is published of them and what they hold."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import CategoricalHyperparameter

from optathlon.errors import MissingData
from optathlon.facts import Evaluation
from optathlon.problem import TaskType
from optathlon.tables import examine
from optathlon.tables.descriptor import Descriptor
from optathlon.tasks.tables import Tables, _content
from optathlon.tasks.tables.listed import LISTED
from optathlon.trial import Status

DATA = Path(os.environ.get("OPTATHLON_TEST_DATA", ""))
EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
FOLDERS = ("steplaw", "nas_bench_macro", "llm_inference_bench", "alpaca_eval_lc")
HERE = "OPTATHLON_TEST_DATA" in os.environ and all((DATA / folder).is_dir() for folder in (*FOLDERS, "taskset_rnn"))
REAL = pytest.mark.skipif(not HERE, reason="OPTATHLON_TEST_DATA has not the folders of the public tables")

COLLECTION = Tables()
STEPLAW = DATA / "steplaw" / "dense_lr_bs_loss.csv"


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The data folder holds the real tables, but for TaskSet's, which is made of arrays."""
    (tmp_path / "tables").mkdir()
    for folder in FOLDERS:
        (tmp_path / "tables" / folder).symlink_to(DATA / folder)
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))


def value(task: Any, config: dict[str, Any], **more: Any) -> Any:
    return task.evaluate(config, **{"fidelity": None, "seed": 0, **more}).values


def test_without_data_nothing_is_listed_and_a_task_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    assert list(COLLECTION.ids()) == []
    assert list(COLLECTION.facts()) == []
    with pytest.raises(MissingData, match=r"docs/tasks\.md says where to get it"):
        COLLECTION.make("tables/nas-bench-macro")


@pytest.mark.parametrize("id", ["tables", "tables/", "tables/other", "tables/steplaw2", "other/steplaw", ""])
def test_other_ids_are_key_errors(id: str) -> None:
    with pytest.raises(KeyError):
        COLLECTION.make(id)


@pytest.mark.parametrize("table", LISTED)
def test_descriptors_are_valid_and_of_the_listed_files(table: str) -> None:
    descriptor = Descriptor.model_validate(_content(table))
    assert descriptor.id == f"tables/{table}"
    assert descriptor.table == LISTED[table][0]
    assert descriptor.description
    assert descriptor.citation
    assert descriptor.domain != "unknown"


@REAL
def test_the_listed_tasks_are_those_that_the_tables_make(data: None) -> None:
    listed = list(COLLECTION.ids())
    assert len(listed) == len(set(listed)) == 17 + 5 + 1 + 35 + 1
    for table in LISTED:
        if table != "taskset-rnn":
            found = examine(_content(table), DATA)
            assert not found.findings.problems
            assert list(found.tasks) == [id for id in listed if f"{id}/".startswith(f"tables/{table}/")]
    with pytest.raises(KeyError):
        COLLECTION.make("tables/steplaw/1/2")
    with pytest.raises(KeyError):
        COLLECTION.make("tables/steplaw")


@REAL
def test_facts_agree_with_the_tasks(data: None) -> None:
    for facts, ids in COLLECTION.facts():
        problem = COLLECTION.make(ids[-1]).problem
        assert facts.type is problem.type
        assert facts.kind is Evaluation.TABLE
        assert facts.dims == len(problem.space)
        assert facts.objectives == len(problem.objectives)
        assert facts.download


@REAL
def test_the_step_law_has_its_published_regret_on_the_dense_groups(data: None) -> None:
    """arXiv:2503.04715: lr = 1.79 N^-0.713 D^0.307 and 0.58 D^0.571 tokens a batch, of 2,048 tokens a sequence."""
    table = pd.read_csv(STEPLAW)
    regrets = []
    for id in (id for id in COLLECTION.ids() if id.startswith("tables/steplaw/")):
        task = COLLECTION.make(id)
        size, tokens = map(int, id.split("/")[2:])
        group = table[(table["N"] == size) & (table["D"] == tokens)]
        rate, batch = 1.79 * size**-0.713 * tokens**0.307, 0.58 * tokens**0.571 / 2048
        place = (np.log(group["lr"] / rate) ** 2 + np.log(group["bs"] / batch) ** 2).idxmin()
        stored = {"lr": float(group["lr"][place]), "bs": int(group["bs"][place])}
        (loss,) = value(task, stored)
        (objective,) = task.problem.objectives
        assert loss == group["smooth loss"][place]
        assert objective.optimum == group["smooth loss"].min()
        regrets.append((loss - objective.optimum) / objective.optimum)
    assert len(regrets) == 17
    assert 100 * np.mean(regrets) == pytest.approx(0.096, abs=0.001)


@REAL
def test_step_law_with_tokens_as_fidelity_is_the_same_table(data: None) -> None:
    task = COLLECTION.make("tables/steplaw-tokens/429260800")
    fidelity = task.problem.fidelity
    assert fidelity is not None
    assert not fidelity.resumable
    assert fidelity.levels == (8e9, 22.7e9, 40e9, 50e9)
    table = pd.read_csv(STEPLAW)
    for row in table[table["N"] == 429260800].sample(60, random_state=0).to_dict("records"):
        stored = {"lr": row["lr"], "bs": row["bs"]}
        assert value(task, stored, fidelity=row["D"]) == (row["smooth loss"],)


@REAL
def test_nas_bench_macro_is_a_complete_grid_with_its_published_best(data: None) -> None:
    task = COLLECTION.make("tables/nas-bench-macro")
    assert task.problem.type is TaskType.MULTI_OBJECTIVE
    table = pd.read_csv(DATA / "nas_bench_macro" / "nas_bench_macro_cifar10.csv", dtype={"arch": str})
    configs = [{f"layer{place}": one for place, one in enumerate(arch, start=1)} for arch in table["arch"]]
    found = np.array([answer.values for answer in task.evaluate_many(configs, fidelity=None, seeds=[0] * len(configs))])
    np.testing.assert_array_equal(found, table[["mean_acc", "params", "flops"]].to_numpy(float))
    assert len(found) == 3**8
    assert found[:, 0].max() == pytest.approx(93.13, abs=0.005)  # arXiv:2103.11922
    reference = np.array([one.reference for one in task.problem.objectives], dtype=float)
    assert (found[:, 1:].max(axis=0) < reference[1:]).all()


@REAL
def test_llm_inference_bench_has_57_repeated_keys(data: None) -> None:
    content = {key: one for key, one in _content("llm-inference-bench").items() if key not in ("duplicates", "where")}
    (problem,) = examine(content, DATA).findings.problems
    assert problem.startswith("57 rows have the key of an earlier row (rows 883, 884, 886, 887, 888 and 52 more)")


@REAL
def test_llm_inference_bench_answers_with_its_repetitions_and_fails_elsewhere(data: None) -> None:
    task = COLLECTION.make("tables/llm-inference-bench/meta-llama-Meta-Llama-3-8B/1024")
    table = pd.read_csv(DATA / "llm_inference_bench" / "all_results.csv")
    table = table[(table["Model"] == "meta-llama/Meta-Llama-3-8B") & (table["Input Output Length"] == 1024)]
    keys = ["Hardware", "Framework", "Num of Hardware", "Batch Size"]
    for (hardware, framework, devices, batch), rows in table.groupby(keys):
        config = {"system": f"{hardware} + {framework}", "devices": devices, "batch_size": batch}
        measured = [value(task, config, seed=seed) for seed in range(len(rows))]
        assert measured == list(rows[["Throughput", "Latency"]].itertuples(index=False, name=None))
    gone = {"system": "SambaNova SN40L + sambaflow", "devices": 1, "batch_size": 1}
    assert task.evaluate(gone, fidelity=None, seed=0).status is Status.CRASHED


@REAL
def test_alpaca_eval_has_the_published_win_rates_as_means(data: None) -> None:
    task = COLLECTION.make("tables/alpaca-eval")
    board = pd.read_csv(DATA / "alpaca_eval_lc" / "leaderboard.csv", index_col=0)
    models = task.problem.space["model"]
    assert isinstance(models, CategoricalHyperparameter)
    annotations = pd.read_parquet(DATA / "alpaca_eval_lc" / "annotations.parquet")
    best = -math.inf
    for model in models.choices:
        own = annotations[annotations["model"] == model]
        answers = task.evaluate_many([{"model": model}] * len(own), fidelity=None, seeds=range(len(own)))
        rate = 100 * (np.mean([answer.values[0] for answer in answers]) - 1)
        assert rate == pytest.approx(board["win_rate"][model], abs=1e-4)
        best = max(best, float(rate))
    assert task.problem.objectives[0].optimum == pytest.approx(best / 100 + 1)


@pytest.fixture(scope="module")
def taskset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The data folder with TaskSet's table, as the example in the documentation makes it."""
    spec = importlib.util.spec_from_file_location("taskset_table", EXAMPLES / "taskset_table.py")
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    root = tmp_path_factory.mktemp("data")
    folder = root / "tables" / "taskset_rnn"
    folder.mkdir(parents=True)
    example.write_table(DATA / "taskset_rnn", folder / "taskset.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTATHLON_DATA", str(root))
        yield np.load(DATA / "taskset_rnn" / "taskset_adam8p_rnn12.npz")


@REAL
def test_taskset_has_its_curves_and_its_diverged_trainings(taskset: Any) -> None:
    names, loss = taskset["tasks"].tolist(), taskset["loss"]
    configs = pd.read_csv(DATA / "taskset_rnn" / "configs_adam8p.csv").to_dict("records")
    assert list(COLLECTION.ids()) == [f"tables/taskset-rnn/{name}" for name in names]
    for name in (names[0], names[-1]):
        task = COLLECTION.make(f"tables/taskset-rnn/{name}")
        fidelity = task.problem.fidelity
        assert fidelity is not None
        assert (fidelity.levels, fidelity.resumable) == (tuple(range(1, 52)), True)
        for checkpoint in (1, 17, 51):
            answers = task.evaluate_many(configs, fidelity=checkpoint, seeds=[0] * len(configs))
            train, valid, test = loss[names.index(name), :, :, checkpoint - 1].T.astype(float)
            for place, answer in enumerate(answers):
                assert answer.ok == math.isfinite(valid[place])
                if answer.ok:
                    metrics = {"train_loss": train[place], "test/valid_loss": test[place]}
                    assert answer.values == (valid[place],)
                    assert answer.metrics == pytest.approx(metrics, nan_ok=True)
        finite = loss[names.index(name), :, 1, -1]
        assert task.problem.objectives[0].optimum == float(np.nanmin(finite))
