"""YAHPO Gym's tasks, against upstream's own statistics and against its encoding rule written out a second time."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optathlon import Experiment
from optathlon.data import used_files
from optathlon.errors import MissingData
from optathlon.experiments.plan import make_plan
from optathlon.facts import Evaluation, Facts
from optathlon.problem import TaskType
from optathlon.space import active_checker, decode
from optathlon.tasks.yahpo import Yahpo
from optathlon.tasks.yahpo.files import instances
from optathlon.tasks.yahpo.published import SOURCES
from optathlon.tasks.yahpo.scenarios import SCENARIOS, TARGETS

ort = pytest.importorskip("onnxruntime")
ROOT = Path(os.environ.get("OPTATHLON_TEST_DATA", "")) / "yahpo"
needs_data = pytest.mark.skipif(
    "OPTATHLON_TEST_DATA" not in os.environ or not ROOT.is_dir(), reason="OPTATHLON_TEST_DATA has no folder yahpo/"
)
SCENARIOS_HERE = ("lcbench", "rbv2_xgboost")
LCBENCH_OUTPUTS = "time val_accuracy val_cross_entropy val_balanced_accuracy test_cross_entropy test_balanced_accuracy"
LCBENCH_INPUTS = "epoch batch_size learning_rate momentum weight_decay num_layers max_units max_dropout"
XGBOOST_OUTPUTS = "acc bac auc brier f1 logloss timetrain timepredict memory"
XGBOOST_INPUTS = (
    "nrounds eta gamma lambda alpha subsample max_depth min_child_weight colsample_bytree colsample_bylevel "
    "rate_drop skip_drop trainsize repl"
)


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPTATHLON_DATA", str(ROOT.parent))
    return ROOT


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, to damage: it holds lcbench."""
    shutil.copytree(ROOT / "lcbench", tmp_path / "yahpo" / "lcbench", copy_function=_writable_copy)
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    return tmp_path / "yahpo"


def _writable_copy(source: str, target: str) -> None:
    Path(target).write_bytes(Path(source).read_bytes())


def _sample(task: Any, count: int, seed: int = 0) -> list[dict[str, Any]]:
    space = task.problem.space
    space.seed(seed)
    return decode(space, np.stack([space.sample_configuration().get_array() for _ in range(count)]))


def _upstream_statistics() -> dict[tuple[str, str, str, str], float]:
    with (ROOT / "global_statistics" / "instance_target_statistics.csv").open(newline="") as stream:
        return {
            (row["scenario"], row["instance"], row["metric"], row["statistic"]): float(row["value"])
            for row in csv.DictReader(stream)
        }


def _upstream_values(scenario: str, values: Mapping[str, Any]) -> dict[str, float]:
    """The documented rule, by hand: codes of `encoding.json` ("#na#" where missing) and numbers (0 where missing)."""
    folder = ROOT / scenario
    encoding = json.loads((folder / "encoding.json").read_text())
    if scenario == "lcbench":
        categorical, numerical, outputs = ["OpenML_task_id"], LCBENCH_INPUTS.split(), LCBENCH_OUTPUTS.split()
    else:
        categorical = ["task_id", "booster", "num.impute.selected.cpo"]
        numerical, outputs = XGBOOST_INPUTS.split(), XGBOOST_OUTPUTS.split()
    x_cat = np.zeros((1, len(categorical)), np.int32)
    x_cont = np.zeros((1, len(numerical)), np.float32)
    for column, name in enumerate(categorical):
        x_cat[0, column] = encoding[name][values.get(name, "#na#")]
    for column, name in enumerate(numerical):
        if name in values:
            x_cont[0, column] = values[name]
    session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    return dict(zip(outputs, session.run(None, {"x_cat": x_cat, "x_cont": x_cont})[0][0].tolist(), strict=True))


@needs_data
@pytest.mark.parametrize(
    "id, full, level",
    [
        ("yahpo/lcbench/167168/val_accuracy", {"OpenML_task_id": "167168", "epoch": 52}, None),
        ("yahpo/lcbench/3945/val_cross_entropy", {"OpenML_task_id": "3945", "epoch": 7}, 7),
        ("yahpo/rbv2_xgboost/12/acc", {"task_id": "12", "trainsize": 1.0, "repl": 10}, None),
        ("yahpo/rbv2_xgboost/40499/f1", {"task_id": "40499", "trainsize": 0.1, "repl": 10}, 0.1),
    ],
)
def test_results_are_those_of_the_documented_rule(
    data: Path, id: str, full: dict[str, Any], level: float | None
) -> None:
    task = Yahpo().make(id)
    _, scenario, _, target = id.split("/")
    for config in _sample(task, 12):
        expected = _upstream_values(scenario, {**config, **full})
        result = task.evaluate(config, fidelity=level, seed=1)
        assert result.values == pytest.approx((expected.pop(target),), rel=1e-5)
        assert result.cost == pytest.approx(expected["time" if scenario == "lcbench" else "timetrain"], rel=1e-5)
        metrics = {name.replace("test_", "test/"): value for name, value in expected.items()}
        assert result.metrics == pytest.approx(metrics, rel=1e-5, abs=1e-9)


@needs_data
@pytest.mark.parametrize("scenario", SCENARIOS_HERE)
def test_sampled_outputs_lie_inside_upstreams_statistics(data: Path, scenario: str) -> None:
    """Upstream's extremes come from 500,000 random points per scenario, so one of ours may slightly exceed them."""
    statistics = _upstream_statistics()
    outside = total = 0
    collection = Yahpo()
    for instance in instances(scenario)[::4]:
        task = collection.make(f"yahpo/{scenario}/{instance}/{SCENARIOS[scenario].scores[0]}")
        fidelity = task.problem.fidelity
        assert fidelity is not None
        for config in _sample(task, 20, seed=int(instance)):
            for level in (fidelity.lower, fidelity.upper):
                result = task.evaluate(config, fidelity=level, seed=0)
                found = {SCENARIOS[scenario].scores[0]: result.values[0], **result.metrics}
                for name, value in found.items():
                    target = name.replace("test/", "test_")
                    low, high = (statistics[scenario, instance, target, which] for which in ("min", "max"))
                    total += 1
                    outside += not low - 1e-6 <= value <= high + 1e-6
                    assert low - 0.25 * (high - low) <= value <= high + 0.25 * (high - low)
    assert outside <= 0.01 * total


@needs_data
def test_an_inactive_hyperparameter_changes_nothing_once_the_harness_has_stripped_it(data: Path) -> None:
    task = Yahpo().make("yahpo/rbv2_xgboost/12/acc")
    active = active_checker(task.problem.space)
    linear = {
        "booster": "gblinear",
        "alpha": 1.0,
        "lambda": 1.0,
        "nrounds": 100,
        "subsample": 0.5,
        "num.impute.selected.cpo": "impute.mean",
    }
    results = [
        task.evaluate(active({**linear, **inactive}), fidelity=None, seed=0)
        for inactive in ({}, {"eta": 0.5}, {"eta": 0.01, "max_depth": 3, "rate_drop": 0.9})
    ]
    assert results[0] == results[1] == results[2]
    assert task.evaluate({**linear, "eta": 0.5}, fidelity=None, seed=0) != results[0]  # why they must be stripped


@needs_data
def test_results_do_not_depend_on_the_seed(data: Path) -> None:
    task = Yahpo().make("yahpo/lcbench/167168/val_accuracy")
    [config] = _sample(task, 1)
    assert task.evaluate(config, fidelity=10, seed=1) == task.evaluate(config, fidelity=10, seed=2)
    assert task.evaluate(config, fidelity=10, seed=1) != task.evaluate(config, fidelity=11, seed=1)


@needs_data
def test_lcbench_problem(data: Path) -> None:
    problem = Yahpo().make("yahpo/lcbench/167168/val_accuracy").problem
    assert set(problem.space) == {*LCBENCH_INPUTS.split()} - {"epoch"}
    rate: Any = problem.space["learning_rate"]
    units: Any = problem.space["max_units"]
    assert rate.log
    assert (units.lower, units.upper) == (64, 1024)
    assert not problem.space.conditions
    assert problem.fidelity is not None
    assert (problem.fidelity.name, problem.fidelity.lower, problem.fidelity.upper) == ("epoch", 1, 52)
    assert problem.fidelity.kind == "int"
    assert problem.fidelity.resumable
    [objective] = problem.objectives
    assert (objective.name, objective.direction) == ("val_accuracy", "maximize")
    assert (objective.lower, objective.upper) == pytest.approx((0, 100), abs=0.02)
    assert objective.lower < 0 and objective.upper > 100, "the model's answers are not cut at the bounds"
    assert problem.budget.evaluations == math.ceil(20 + 40 * math.sqrt(7))


@needs_data
def test_rbv2_problem(data: Path) -> None:
    problem = Yahpo().make("yahpo/rbv2_xgboost/12/f1").problem
    names = {*XGBOOST_INPUTS.split(), "booster", "num.impute.selected.cpo"} - {"trainsize", "repl"}
    assert set(problem.space) == names
    assert problem.fidelity is not None
    assert (problem.fidelity.name, problem.fidelity.lower, problem.fidelity.upper) == ("trainsize", 0.03, 1.0)
    assert not problem.fidelity.resumable
    assert problem.objectives[0].direction == "maximize"  # upstream's table says minimize
    document = json.loads((ROOT / "rbv2_xgboost" / "config_space.json").read_text())
    conditions = {entry["child"]: entry.get("values", [entry.get("value")]) for entry in document["conditions"]}
    for config in _sample(Yahpo().make("yahpo/rbv2_xgboost/12/f1"), 60):
        inactive = {child for child, values in conditions.items() if config["booster"] not in values}
        assert set(config) == names - inactive


@needs_data
def test_multi_objective_tasks_have_reference_points_from_the_statistics(data: Path) -> None:
    task = Yahpo().make("yahpo/rbv2_xgboost/28/acc+memory")
    statistics = _upstream_statistics()
    assert task.problem.type is TaskType.MULTI_FIDELITY_OBJECTIVE
    accuracy, memory = task.problem.objectives
    assert accuracy.reference == statistics["rbv2_xgboost", "28", "acc", "min"]
    assert memory.reference == statistics["rbv2_xgboost", "28", "memory", "max"]
    [config] = _sample(task, 1)
    single = Yahpo().make("yahpo/rbv2_xgboost/28/acc").evaluate(config, fidelity=None, seed=0)
    both = task.evaluate(config, fidelity=None, seed=0)
    assert both.values == (single.values[0], single.metrics["memory"])
    assert set(both.metrics) == set(single.metrics) - {"memory"}


@needs_data
def test_ids(data: Path) -> None:
    ids = list(Yahpo().ids())
    scores = 34 * 3 + 119 * 6
    assert len(ids) == len(set(ids)) == 2 * scores + 6 + 119 * 6
    pairs = {id for id in ids if id.endswith(("+time", "+timetrain"))}
    assert len(pairs) == scores
    multi = json.loads((ROOT / "benchmark_suites" / "v1.0" / "multi.json").read_text())
    assert {id for id in ids if "+" in id} - pairs == {
        f"yahpo/{entry['scenario']}/{entry['instance']}/{'+'.join(entry['target'])}"
        for entry in multi
        if entry["scenario"] in SCENARIOS_HERE
    }
    single = json.loads((ROOT / "benchmark_suites" / "v1.0" / "single.json").read_text())
    for entry in single:
        if entry["scenario"] in SCENARIOS_HERE:
            assert f"yahpo/{entry['scenario']}/{entry['instance']}/{entry['target'][0]}" in ids
    for id in ids[::37]:
        assert Yahpo().make(id).id == id


@needs_data
def test_facts_are_those_of_the_tasks(data: Path) -> None:
    groups = list(Yahpo().facts())
    assert [id for _, ids in groups for id in ids] == list(Yahpo().ids())
    for facts, ids in groups:
        for id in (ids[0], ids[-1]):
            built = Facts.of(
                Yahpo().make(id).problem,
                kind=Evaluation.SURROGATE,
                domain=facts.domain,
                description=facts.description,
                download=True,
                recommended=facts.recommended,
                licence="Apache-2.0",
                citation=facts.citation,
            )
            assert facts == built
    assert sum(len(ids) for facts, ids in groups if facts.recommended) == 34 + 119


@needs_data
def test_all_scenarios_have_the_published_numbers_of_instances_scores_and_hyperparameters() -> None:
    """852 instances; upstream's page of scenarios says how many hyperparameters each has, fidelities left out."""
    named: dict[str, set[str]] = {}
    for scenario, instance, _, _ in _upstream_statistics():
        named.setdefault(scenario, set()).add(instance)
    assert sum(map(len, named.values())) == 852
    assert sum(len(named[name]) * len(spec.scores) for name, spec in SCENARIOS.items()) == 4965
    published = {"lcbench": 7, "nb301": 34, "rbv2_super": 38, "rbv2_svm": 6, "rbv2_rpart": 5, "rbv2_aknn": 6} | {
        **{"rbv2_glmnet": 3, "rbv2_ranger": 8, "rbv2_xgboost": 14, "iaml_super": 28, "iaml_rpart": 4},
        **{"iaml_glmnet": 2, "iaml_ranger": 8, "iaml_xgboost": 13},
    }
    assert {name: len(set(spec.inputs) - spec.fixed) for name, spec in SCENARIOS.items()} == published


@needs_data
@pytest.mark.parametrize("id", ["yahpo/lcbench/3945/val_accuracy", "yahpo/rbv2_xgboost/12/acc+timetrain"])
@pytest.mark.parametrize("level", [None, 0.5])
def test_many_together_are_exactly_what_they_are_one_after_the_other(data: Path, id: str, level: float | None) -> None:
    task = Yahpo().make(id)
    level = level if level is None or "xgboost" in id else 7
    configs = _sample(task, 50)
    seeds = list(range(len(configs)))
    expected = [task.evaluate(config, fidelity=level, seed=0) for config in configs]
    assert task.evaluate_many(configs, fidelity=level, seeds=seeds) == expected
    assert task.evaluate_many([], fidelity=level, seeds=[]) == []


@needs_data
def test_the_second_fidelity_is_the_replication_at_the_full_training_set(data: Path) -> None:
    task = Yahpo().make("yahpo/rbv2_xgboost/12/acc/repl")
    first = Yahpo().make("yahpo/rbv2_xgboost/12/acc")
    fidelity = task.problem.fidelity
    assert fidelity is not None
    assert (fidelity.name, fidelity.lower, fidelity.upper, fidelity.kind) == ("repl", 1, 10, "int")
    assert task.fingerprint() != first.fingerprint()
    for config in _sample(task, 5):
        expected = _upstream_values("rbv2_xgboost", {**config, "task_id": "12", "trainsize": 1.0, "repl": 3})
        assert task.evaluate(config, fidelity=3, seed=0).values == pytest.approx((expected["acc"],), rel=1e-5)
        assert task.evaluate(config, fidelity=None, seed=0) == first.evaluate(config, fidelity=None, seed=0)


@needs_data
def test_the_checksums_of_the_sources_are_those_of_the_files(data: Path) -> None:
    parts = [part for source in SOURCES for part in source.parts if part.sha256]
    assert len(parts) == 8
    for part in parts:
        content = (ROOT / part.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (part.size, part.sha256)


@needs_data
def test_a_scenario_without_its_model_is_not_listed(copied: Path) -> None:
    assert len(list(Yahpo().ids())) == 34 * 3
    (copied / "lcbench" / "model.onnx").unlink()
    assert list(Yahpo().ids()) == []
    assert list(Yahpo().facts()) == []


@needs_data
@pytest.mark.parametrize(
    "id",
    [
        "yahpo/lcbench/167168",
        "yahpo/lcbench/167168/accuracy",
        "yahpo/lcbench/167168/test_cross_entropy",
        "yahpo/lcbench/167168/val_accuracy+val_accuracy",
        "yahpo/lcbench/1/val_accuracy",
        "yahpo/lcbenchmark/167168/val_accuracy",
        "yahpo/fcnet/fcnet_naval_propulsion/valid_loss",
        "hpobench/lcbench/167168/val_accuracy",
        "yahpo/lcbench/167168/val_accuracy/",
        "yahpo/lcbench/167168/val_accuracy/repl",
        "yahpo/rbv2_xgboost/12/acc/trainsize",
        "yahpo/rbv2_xgboost/12/acc/repl/repl",
    ],
)
def test_there_is_no_task_of_a_wrong_id(data: Path, id: str) -> None:
    with pytest.raises(KeyError):
        Yahpo().make(id)


def test_without_data_there_are_no_ids_and_an_error_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    assert list(Yahpo().ids()) == []
    with pytest.raises(MissingData, match=r"lcbench/config_space\.json.*slds-lmu/yahpo_data"):
        Yahpo().make("yahpo/lcbench/167168/val_accuracy")


def _flip_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


@needs_data
@pytest.mark.parametrize("damage", [_flip_byte, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_corrupt_or_missing_model_is_an_error_with_its_remedy(copied: Path, damage: Any) -> None:
    task = Yahpo().make("yahpo/lcbench/167168/val_accuracy")
    damage(copied / "lcbench" / "model.onnx")
    config = dict(task.problem.space.get_default_configuration())
    with pytest.raises(MissingData, match=r"lcbench/model\.onnx.*slds-lmu/yahpo_data"):
        task.evaluate(config, fidelity=None, seed=0)


@needs_data
@pytest.mark.parametrize("content", [b"not a model", b""])
def test_a_model_without_known_checksum_is_checked_by_its_shape(
    copied: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr("optathlon.tasks.yahpo.published._KNOWN", {})
    task = Yahpo().make("yahpo/lcbench/167168/val_accuracy")
    config = dict(task.problem.space.get_default_configuration())
    for wrong in (content, (ROOT / "rbv2_xgboost" / "model.onnx").read_bytes()):
        (copied / "lcbench" / "model.onnx").write_bytes(wrong)
        with pytest.raises(MissingData, match=r"lcbench/model\.onnx.*slds-lmu/yahpo_data"):
            task.evaluate(config, fidelity=None, seed=0)


@needs_data
@pytest.mark.parametrize(
    "old, new",
    [('"name": "epoch"', '"name": "epochs"'), ('"forbiddens": []', '"forbiddens": [{}]'), ("[", "")],
)
def test_a_damaged_search_space_is_an_error(copied: Path, old: str, new: str) -> None:
    path = copied / "lcbench" / "config_space.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(MissingData, match=r"lcbench/config_space\.json"):
        Yahpo().make("yahpo/lcbench/167168/val_accuracy")


@needs_data
def test_an_encoding_that_misses_a_choice_is_an_error(copied: Path) -> None:
    path = copied / "lcbench" / "encoding.json"
    path.write_text(path.read_text().replace('"3945"', '"3946"'))
    task = Yahpo().make("yahpo/lcbench/167168/val_accuracy")
    with pytest.raises(MissingData, match=r"lcbench/encoding\.json.*OpenML_task_id"):
        task.evaluate(dict(task.problem.space.get_default_configuration()), fidelity=None, seed=0)


@needs_data
def test_the_problem_does_not_load_the_model(copied: Path) -> None:
    (copied / "lcbench" / "model.onnx").write_bytes(b"no model")
    task = Yahpo().make("yahpo/lcbench/167168/val_accuracy")
    assert len(task.problem.space) == task.metadata["dimension"] == 7


@needs_data
@pytest.mark.parametrize("absent", ["lcbench/encoding.json", "lcbench/model.onnx"])
def test_half_a_scenario_is_refused_when_planning(copied: Path, absent: str) -> None:
    assert make_plan(Experiment(optimizers=["random"], tasks=["yahpo/lcbench/3945/val_accuracy"]), ()).todo
    (copied / absent).unlink()
    with pytest.raises(MissingData, match=f"'lcbench' is incomplete.*lacks {absent}: fetch it"):
        make_plan(Experiment(optimizers=["random"], tasks=["yahpo/lcbench/3945/val_accuracy"]), ())
    with pytest.raises(MissingData, match=r"finds no data in .*optathlon data fetch yahpo"):
        make_plan(Experiment(optimizers=["random"], tasks=["yahpo/lcbench/*/val_accuracy"]), ())


@needs_data
def test_several_objectives_need_the_statistics(copied: Path) -> None:
    with pytest.raises(MissingData, match="lacks global_statistics/"):
        Yahpo().make("yahpo/lcbench/3945/val_accuracy+val_cross_entropy")


@needs_data
def test_fingerprints_tell_tasks_and_data_apart(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [
        "yahpo/lcbench/167168/val_accuracy",
        "yahpo/lcbench/3945/val_accuracy",
        "yahpo/lcbench/3945/val_cross_entropy",
    ]
    prints = [Yahpo().make(id).fingerprint() for id in ids]
    assert len(set(prints)) == 3
    assert Yahpo().make(ids[0]).fingerprint() == prints[0]
    monkeypatch.setattr("optathlon.tasks.yahpo.published._KNOWN", {})
    _flip_byte(copied / "lcbench" / "model.onnx")
    assert Yahpo().make(ids[0]).fingerprint() != prints[0]


@needs_data
def test_used_files_are_noted_with_their_checksums(data: Path) -> None:
    task = Yahpo().make("yahpo/lcbench/167168/val_accuracy")
    task.evaluate(dict(task.problem.space.get_default_configuration()), fidelity=None, seed=0)
    task.fingerprint()
    known = "b45c0d85ae39abf8820c8bea5ac82f415763afcbaf3b725e36af452b09cb6dcd"
    assert used_files()["yahpo/lcbench/model.onnx"] == known


@needs_data
def test_every_published_statistic_is_a_target_of_the_scenario_table() -> None:
    """The table of scenarios against upstream's statistics: the same scenarios, each with the same targets."""
    published: dict[str, set[str]] = {}
    for scenario, _, target, _ in _upstream_statistics():
        published.setdefault(scenario, set()).add(target)
    assert published == {name: set(spec.targets) for name, spec in SCENARIOS.items()}


def test_the_scenario_table_is_sound() -> None:
    for name, spec in SCENARIOS.items():
        assert len(set(spec.inputs)) == len(spec.inputs), name
        assert spec.fidelity in spec.numerical
        assert spec.runtime in spec.targets
        assert (spec.instance in spec.categorical) == (spec.default_instance is None)
        assert set(dict(spec.constants)) <= set(spec.inputs)
        assert set(spec.scores) <= set(spec.objectives) <= set(TARGETS)
        assert spec.scores


NESTED_SPACE = {
    "hyperparameters": [
        {"name": "task_id", "type": "categorical", "choices": ["1", "2"], "default": "1"},
        {"name": "splitrule", "type": "categorical", "choices": ["gini", "extratrees"], "default": "gini"},
        {"name": "replace", "type": "categorical", "choices": ["TRUE", "FALSE"], "default": "TRUE"},
        {
            "name": "respect.unordered.factors",
            "type": "categorical",
            "choices": ["ignore", "order"],
            "default": "ignore",
        },
        *(
            {"name": name, "type": "uniform_int", "log": False, "lower": 1, "upper": 100, "default": 50}
            for name in ("num.trees", "min.node.size", "num.random.splits")
        ),
        *(
            {"name": name, "type": "uniform_float", "log": False, "lower": 0, "upper": 1, "default": 1}
            for name in ("sample.fraction", "mtry.ratio")
        ),
        {"name": "trainsize", "type": "uniform_float", "log": False, "lower": 0.05, "upper": 1.0, "default": 0.5},
    ],
    "conditions": [
        {
            "child": "num.random.splits",
            "type": "AND",
            "conditions": [
                {"child": "num.random.splits", "parent": "splitrule", "type": "EQ", "value": "extratrees"},
                {"child": "num.random.splits", "parent": "replace", "type": "IN", "values": ["TRUE"]},
            ],
        }
    ],
    "forbiddens": [],
    "json_format_version": 0.2,
}


def test_conditions_that_need_two_parents_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenarios with several learners have them (`"type": "AND"`); here on `iaml_ranger`."""
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    folder = tmp_path / "yahpo" / "iaml_ranger"
    folder.mkdir(parents=True)
    (folder / "config_space.json").write_text(json.dumps(NESTED_SPACE))
    for unread in ("encoding.json", "model.onnx"):
        (folder / unread).touch()
    task = Yahpo().make("yahpo/iaml_ranger/2/mmce")
    assert task.problem.fidelity is not None
    assert task.problem.fidelity.lower == 0.05
    configs = _sample(task, 60)
    for config in configs:
        wanted = config["splitrule"] == "extratrees" and config["replace"] == "TRUE"
        assert ("num.random.splits" in config) == wanted
    assert 0 < sum("num.random.splits" in config for config in configs) < 60
