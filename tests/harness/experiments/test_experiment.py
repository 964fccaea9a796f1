from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from optathlon import Experiment
from optathlon.errors import UsageError
from optathlon.experiments.experiment import parse_seeds

MINIMAL: dict[str, Any] = {"optimizers": ["random"], "tasks": ["mfh/*"]}


def read(tmp_path: Path, text: str | bytes, **flags: Any) -> Experiment:
    path = tmp_path / "experiment.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return Experiment.read(path, flags)


def refused(tmp_path: Path, text: str | bytes, **flags: Any) -> str:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text, **flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        (5, [0, 1, 2, 3, 4]),
        ("5", [0, 1, 2, 3, 4]),
        ("1", [0]),
        ("3:6", [3, 4, 5]),
        ("1,4,7", [1, 4, 7]),
        ("7,", [7]),
        ("4, 1, 4", [4, 1]),
    ],
)
def test_seeds(text: Any, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds
    assert Experiment(**MINIMAL, seeds=text).seeds == seeds


@pytest.mark.parametrize(
    "text",
    [0, "0", "-1", -3, "3:3", "5:3", "-1:3", "1,-2", ",", "", "a", "1.5", "1:2:3", True, "1e2", "1_0", "٣", "0x3"],
)
def test_seeds_that_are_none(text: str | int) -> None:
    with pytest.raises(UsageError):
        parse_seeds(text)


def test_a_file_means_the_same_as_flags(tmp_path: Path) -> None:
    text = """
        name: mine
        optimizers: [random, optuna-tpe]
        tasks: ["bbob/f*/d2/i1", mfh/*]
        seeds: 3
        budget: 50
        root_seed: 7
        plugins: [my.py]
        jobs: 2
        out: results
    """
    flags: dict[str, Any] = {
        "name": "mine",
        "optimizers": ["random", "optuna-tpe"],
        "tasks": ["bbob/f*/d2/i1", "mfh/*"],
        "seeds": "3",
        "budget": "50",
        "root_seed": 7,
        "plugins": [Path("my.py")],
        "jobs": 2,
        "out": Path("results"),
    }
    assert read(tmp_path, text) == Experiment.read(None, flags) == Experiment(**flags)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("seeds", text) for text in ("3:8", "1:30", "0:2", "010", "08", "1_0", "0o10", "0x10", "1e1", "1,4,7", "7,")),
        *(("budget", text) for text in ("1:30", "010", "1_0", "1e2", "2h", "90", ".5", "0x10", "inf")),
        *(("jobs", text) for text in ("010", "1_0", "0x10", "08", "1:30", "yes")),
        *(("fail_fast", text) for text in ("010", "1_0", "0x10", "3")),
        *(("trial_memory", text) for text in ("010", "1_0", "0x10", "1e9", "2GiB")),
        *(("root_seed", text) for text in ("010", "1_0", "0b1", "12")),
        *(("name", text) for text in ("no", "010", "1e3", "2024-01-01", "3:8", "1.10", "true", "0x10", ".inf")),
        *(("run_timeout", text) for text in ("90s", "1:30", "010", "1_0s")),
        *(("trial_memory", text) for text in ("1GiB", "010", "4000000")),
        *(("shard", text) for text in ("1/2", "0/2", "01/02")),
    ],
)
def test_a_value_in_a_file_means_what_it_means_as_a_flag(tmp_path: Path, key: str, value: str) -> None:
    def outcome(path: Path | None, flags: dict[str, Any]) -> Experiment | str:
        try:
            return Experiment.read(path, flags)
        except UsageError as error:
            return str(error).replace(str(path or "the command"), "")

    path = tmp_path / "experiment.yaml"
    path.write_text(f"{key}: {value}\n")
    assert outcome(path, dict(MINIMAL)) == outcome(None, MINIMAL | {key: value})


@pytest.mark.parametrize(("text", "seeds"), [("3:8", [3, 4, 5, 6, 7]), ("010", [*range(10)]), ("[08, 010]", [8, 10])])
def test_seeds_are_decimal_and_ranges(tmp_path: Path, text: str, seeds: list[int]) -> None:
    assert read(tmp_path, f"optimizers: [random]\ntasks: [a/b]\nseeds: {text}\n").seeds == seeds


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, "optimizers: [random]\ntasks: [a/b]\nseeds: 2\nseeds: 5\n")
    assert "line 4: the key 'seeds' is repeated from line 3" in message


def test_options_of_the_executor_are_text(tmp_path: Path) -> None:
    text = "{optimizers: [random], tasks: [a/b], executor: {kind: slurm, account: 0123, partition: on}}"
    assert read(tmp_path, text).executor == {"kind": "slurm", "account": "0123", "partition": "on"}


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    text = "{optimizers: [random], tasks: [a/b], seeds: 3, budget: 50, root_seed: 4}"
    experiment = read(tmp_path, text, seeds="2", optimizers=["sobol"], tasks=None, budget=None, root_seed=0, jobs=None)
    assert (experiment.seeds, experiment.optimizers, experiment.tasks) == ([0, 1], ["sobol"], ["a/b"])
    assert (experiment.budget, experiment.root_seed) == ("50", 0)


@pytest.mark.parametrize(
    ("value", "seeds"), [("[4, 1]", [4, 1]), ("[1, 1, 2]", [1, 2]), ("'3:5'", [3, 4]), ("2", [0, 1])]
)
def test_seeds_in_a_file(tmp_path: Path, value: str, seeds: list[int]) -> None:
    assert read(tmp_path, f"{{optimizers: [random], tasks: [a/b], seeds: {value}}}").seeds == seeds


@pytest.mark.parametrize("value", ["50", "50.0", "'50'", "5e1", "' 50 '"])
def test_budgets_in_a_file(tmp_path: Path, value: str) -> None:
    assert read(tmp_path, f"{{optimizers: [random], tasks: [a/b], budget: {value}}}").budget == "50"


@pytest.mark.parametrize(
    ("more", "hint"),
    [
        ("sedes: 3", "did you mean 'seeds'?"),
        ("optimiser: [random]", "did you mean 'optimizers'?"),
        ("zzz: 1", "unknown key 'zzz'"),
        ("1: 2", "unknown key"),
        ("budget: 0", "budget"),
        ("budget: -3", "budget"),
        ("budget: many", "can't read the budget 'many'"),
        ("budget: 1.2.3", "can't read the budget '1.2.3'"),
        ("budget: true", "can't read the budget"),
        ("budget: [50]", "budget"),
        ("seeds: 0", "seeds"),
        ("seeds: -2", "seeds"),
        ("seeds: [-1]", "seeds"),
        ("seeds: [a]", "seeds"),
        ("seeds: [1.5]", "seeds"),
        ("seeds: []", "seeds"),
        ("seeds: many", "can't read the seeds 'many'"),
        ("seeds: {a: 1}", "seeds"),
        ("jobs: 0", "jobs"),
        ("jobs: many", "jobs"),
        ("root_seed: -1", "root_seed"),
        ("plugins: 3", "plugins"),
        ("out: [a]", "out"),
    ],
)
def test_a_key_or_value_that_is_wrong_is_named_in_one_line(tmp_path: Path, more: str, hint: str) -> None:
    message = refused(tmp_path, f"optimizers: [random]\ntasks: [a/b]\n{more}\n")
    assert hint in message
    assert more.partition(":")[0] in message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "must be a mapping"),
        ("[random]", "must be a mapping"),
        ("random", "must be a mapping"),
        ("a: [b", "is not YAML"),
        ("\ta: b", "is not YAML"),
        ("tasks: [a/b]", "give -o NAME"),
        ("optimizers: [random]", "give -t NAME"),
        ("{optimizers: [], tasks: [a/b]}", "give -o NAME"),
        ("{optimizers: random, tasks: [a/b]}", "optimizers"),
        ("{optimizers: [[3]], tasks: [a/b]}", "optimizers"),
        (b"\xff\xfe\xfa", "experiment.yaml"),
    ],
)
def test_files_that_are_no_experiment(tmp_path: Path, text: str | bytes, hint: str) -> None:
    assert hint in refused(tmp_path, text)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(UsageError, match=path.name):
            Experiment.read(path, {})
    with pytest.raises(UsageError, match="no optimizers in the command"):
        Experiment.read(None, {})
