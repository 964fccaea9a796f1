"""Reads the files of the public `yahpo_data` repository from the data folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from optathlon.data import data_file, data_root
from optathlon.errors import MissingData
from optathlon.problem import Fidelity
from optathlon.tasks.yahpo import published
from optathlon.tasks.yahpo.scenarios import SCENARIOS

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.conditions import Condition, Conjunction
    from ConfigSpace.hyperparameters import Hyperparameter

FOLDER = "yahpo"
_CONFIG_SPACE = "config_space.json"
SCENARIO_FILES = (_CONFIG_SPACE, "encoding.json", "model.onnx")
"""What each scenario's folder must have."""
_SUITE = "benchmark_suites/v1.0/multi.json"
_STATISTICS = "global_statistics/instance_target_statistics.csv"
REMEDY = "fetch it by `optathlon data fetch yahpo/SCENARIO`, or copy it from github.com/slds-lmu/yahpo_data (v1.0.2)"


def scenario_file(scenario: str, name: str) -> Path:
    """The path of a scenario's file; `MissingData` where it is absent or not the published one."""
    relative = f"{scenario}/{name}"
    return data_file(FOLDER, relative, sha256=published.sha256(relative), remedy=REMEDY)


def damaged(relative: str, reason: str) -> MissingData:
    """The error for a data file that is there but can't be used."""
    return MissingData(f"{data_root() / FOLDER / relative} can't be used ({reason}): {REMEDY}")


def require_complete(scenario: str, *, statistics: bool) -> None:
    """Raise `MissingData` where a file that trials of the scenario need is absent, before any of them is read."""
    needed = [f"{scenario}/{name}" for name in SCENARIO_FILES] + [_STATISTICS] * statistics
    absent = [name for name in needed if not (data_root() / FOLDER / name).is_file()]
    if absent:
        folder = data_root() / FOLDER
        raise MissingData(
            f"the YAHPO scenario {scenario!r} is incomplete, {folder} lacks {', '.join(absent)}: {REMEDY}"
        )


def available() -> list[str]:
    """The scenarios whose files are all in the data folder, the model among them."""
    folder = data_root() / FOLDER
    return [name for name in SCENARIOS if all((folder / name / file).is_file() for file in SCENARIO_FILES)]


def instances(scenario: str) -> Sequence[str]:
    """The names of a scenario's instances."""
    only = SCENARIOS[scenario].default_instance
    return (only,) if only else tuple(choices(scenario)[SCENARIOS[scenario].instance])


def choices(scenario: str) -> dict[str, list[str]]:
    """The choices of a scenario's categorical hyperparameters, its instances among them."""
    return {name: entry["choices"] for name, entry in _entries(scenario).items() if entry["type"] == "categorical"}


def search_space(scenario: str) -> ConfigurationSpace:
    """The search space: without instance, fidelity and constants, on which no condition depends."""
    from ConfigSpace import ConfigurationSpace

    left_out = SCENARIOS[scenario].fixed
    space = ConfigurationSpace()
    space.add(
        [_hyperparameter(scenario, entry) for entry in _entries(scenario).values() if entry["name"] not in left_out]
    )
    space.add([_condition(scenario, space, entry) for entry in _document(scenario)["conditions"]])
    return space


def fidelity(scenario: str, name: str) -> Fidelity:
    """The fidelity of that name; epochs can be continued, training set sizes and replications can't."""
    entry = _entries(scenario)[name]
    kind: Literal["int", "float"] = "int" if entry["type"] == "uniform_int" else "float"
    resumable = entry["name"] == "epoch"
    return Fidelity(entry["name"], entry["lower"], entry["upper"], kind=kind, log=entry["log"], resumable=resumable)


def statistics(scenario: str, instance: str, target: str) -> tuple[float, float]:
    """The smallest and the largest value of a target that upstream's random search met, at all fidelities."""
    try:
        return _all_statistics(data_root())[scenario, instance, target]
    except KeyError:
        raise damaged(_STATISTICS, f"it has no minimum and maximum of {scenario}/{instance}/{target}") from None


def has_statistics() -> bool:
    """Whether the statistics are there, which reference points come from."""
    return (data_root() / FOLDER / _STATISTICS).is_file()


def multi_objective_suite(scenario: str) -> list[str]:
    """Upstream's tasks of a scenario with several objectives, as `"INSTANCE/TARGET+TARGET"`; none without its file."""
    if not (data_root() / FOLDER / _SUITE).is_file():
        return []
    entries = (entry for entry in read_json(_SUITE) if entry["scenario"] == scenario)
    return [f"{entry['instance']}/{'+'.join(entry['target'])}" for entry in entries]


def read_json(relative: str) -> Any:
    """The content of a JSON file in the data folder."""
    try:
        return json.loads(data_file(FOLDER, relative, remedy=REMEDY).read_text())
    except ValueError as error:
        raise damaged(relative, f"it is not JSON: {error}") from None


def _document(scenario: str) -> Mapping[str, Any]:
    """A scenario's `config_space.json`: a search space as ConfigSpace 0.4 wrote it."""
    return _checked_document(scenario, data_root())


@lru_cache
def _checked_document(scenario: str, root: Path) -> Mapping[str, Any]:
    document: Mapping[str, Any] = read_json(f"{scenario}/{_CONFIG_SPACE}")
    expected = set(SCENARIOS[scenario].inputs) | {SCENARIOS[scenario].instance}
    try:
        found = {entry["name"] for entry in document["hyperparameters"]} | {SCENARIOS[scenario].instance}
        forbiddens = document["forbiddens"]
    except (KeyError, TypeError):
        raise damaged(f"{scenario}/{_CONFIG_SPACE}", "it is not a search space of ConfigSpace 0.4") from None
    if found != expected:
        raise damaged(f"{scenario}/{_CONFIG_SPACE}", f"its names differ from the model's: {sorted(found ^ expected)}")
    if forbiddens:
        raise damaged(f"{scenario}/{_CONFIG_SPACE}", "it has forbidden clauses, the release has none")
    return document


def _entries(scenario: str) -> dict[str, Mapping[str, Any]]:
    return {entry["name"]: entry for entry in _document(scenario)["hyperparameters"]}


def _hyperparameter(scenario: str, entry: Mapping[str, Any]) -> Hyperparameter[Any, Any]:
    from ConfigSpace import Categorical, Float, Integer

    name, default = entry["name"], entry["default"]
    match entry["type"]:
        case "categorical":
            return Categorical(name, entry["choices"], default=default)
        case "uniform_int":
            return Integer(name, (entry["lower"], entry["upper"]), log=entry["log"], default=default)
        case "uniform_float":
            bounds = float(entry["lower"]), float(entry["upper"])
            return Float(name, bounds, log=entry["log"], default=float(default))
        case kind:
            raise damaged(f"{scenario}/{_CONFIG_SPACE}", f"hyperparameter {name!r} is of an unknown kind {kind!r}")


def _condition(scenario: str, space: ConfigurationSpace, entry: Mapping[str, Any]) -> Condition | Conjunction:
    from ConfigSpace import AndConjunction, EqualsCondition, InCondition

    child = space[entry["child"]]
    match entry["type"]:
        case "EQ":
            return EqualsCondition(child, space[entry["parent"]], entry["value"])
        case "IN":
            return InCondition(child, space[entry["parent"]], entry["values"])
        case "AND":
            return AndConjunction(*(_condition(scenario, space, part) for part in entry["conditions"]))
        case kind:
            raise damaged(f"{scenario}/{_CONFIG_SPACE}", f"a condition is of an unknown kind {kind!r}")


@lru_cache
def _all_statistics(root: Path) -> dict[tuple[str, str, str], tuple[float, float]]:
    bounds: dict[str, dict[tuple[str, str, str], float]] = {"min": {}, "max": {}}
    with data_file(FOLDER, _STATISTICS, remedy=REMEDY).open(newline="") as stream:
        for row in csv.DictReader(stream):
            bounds[row["statistic"]][row["scenario"], row["instance"], row["metric"]] = float(row["value"])
    return {key: (lowest, bounds["max"][key]) for key, lowest in bounds["min"].items()}
