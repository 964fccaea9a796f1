"""Setups: what a file in the data folder means, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from facts_check import recommended, require_facts_of_tasks

from optathlon.errors import UsageError
from optathlon.tasks.llm import LLM
from optathlon.tasks.llm.setup_files import load_setup, make_setup, read_setup
from optathlon.tasks.llm.setup_names import setup_names
from optathlon.tasks.llm.setups import TINY


def test_a_setup_is_read_from_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    (tmp_path / "llm").mkdir()
    for part in ("train", "validation", "test"):
        (tmp_path / "llm" / f"{part}.jsonl").write_text(json.dumps({"instruction": part, "output": "3"}))
    sources = "{train: train.jsonl, validation: validation.jsonl, test: test.jsonl}"
    (tmp_path / "llm" / "mine.yaml").write_text(
        f"model: /some/where\njudge: verifier\ndata: {sources}\nepochs: 2\nlearning_rates: [1.0e-5, 1.0e-3]\n"
    )
    assert setup_names() == ["tiny", "mine"]
    setup = load_setup("mine")
    assert (setup.name, setup.epochs, setup.learning_rates) == ("mine", 2, (1e-5, 1e-3))
    assert setup.examples("validation")[0].prompt.instruction == "validation"
    assert load_setup("tiny") is TINY
    with pytest.raises(KeyError):
        load_setup("absent")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"model": "tiny", "epoch": 3}, "unknown key 'epoch' in the setup 'x': did you mean 'epochs'"),
        ({"model": "tiny"}, "the setup 'x' has no judge: write `judge: verifier` where every example has its right"),
        ({"model": "tiny", "judge": ""}, "the setup 'x' has no judge"),
        ({"model": "tiny", "epochs": "many"}, "the setup 'x': epochs: "),
        ({"epochs": 3}, "the setup 'x': model: "),
        (
            {"model": "a/b", "data": {"train": "x.jsonl"}},
            "exactly the sources train, validation, test, not train",
        ),
        ({"model": "tiny", "dtype": "float16"}, "the setup 'x': dtype: "),
        (
            {"model": "tiny", "data": {"validation": "x.jsonl"}},
            "exactly the sources train, validation, test, not val",
        ),
        ({"model": "tiny", "epochs": 0}, "the setup 'x': epochs: input should be greater than or equal to 1"),
        ({"model": "tiny", "answer_batch": 0}, "the setup 'x': answer_batch: input should be greater"),
        ({"model": "tiny", "max_new_tokens": -1}, "the setup 'x': max_new_tokens: input should be greater"),
        ({"model": "tiny", "learning_rates": [1e-2, 1e-4]}, "learning_rates: a lower bound is followed by a higher"),
        ({"model": "tiny", "learning_rates": [0, 1e-4]}, "learning_rates.0: input should be greater than 0"),
        ({"model": "tiny", "batch_sizes": [8, 4]}, "batch_sizes: the lower bound stands first, not 8 before 4"),
        ({"model": "tiny", "ranks": [0, 8]}, "ranks.0: input should be greater than or equal to 1"),
        ({"model": "tiny", "methods": []}, "methods: tuple should have at least 1 item"),
        ({"model": "tiny", "methods": ["lora", "lora"]}, "methods: each stands once, not lora, lora"),
        ({"model": "tiny", "methods": ["qlora"]}, "methods.0: input should be 'full' or 'lora'"),
        ({"model": "tiny", "trial_seconds": 0}, "trial_seconds: input should be greater than 0"),
        (
            {"model": "tiny", "reference": {"learning_rate": -1e-3, "batch_size": 8}},
            "reference: learning_rate: input should be greater than 0",
        ),
        (
            {"model": "tiny", "reference": {"learning_rate": 1e-3, "batch_size": 0}},
            "reference: batch_size: input should be greater than or equal to 1",
        ),
    ],
)
def test_a_wrong_setup_is_refused(content: dict[str, object], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=complaint):
        make_setup("x", content, tmp_path)


def test_a_setup_means_what_stands_there(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "model: tiny\njudge: verifier\nepochs: 010\nconcise: no\ngradient_checkpointing: true\n"
    )
    setup = read_setup(tmp_path / "x.yaml")
    assert (setup.epochs, setup.concise, setup.gradient_checkpointing) == (10, "no", True)


@pytest.mark.parametrize("value", ["1_0", "1:30", "0x10", "true", "yes"])
def test_what_only_looks_like_a_number_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / "x.yaml").write_text(f"model: tiny\nepochs: {value}\n")
    with pytest.raises(UsageError, match=f"epochs: give a number such as 10, not '{value}'"):
        read_setup(tmp_path / "x.yaml")


def test_a_repeated_key_of_a_setup_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("model: tiny\nepochs: 1\nepochs: 2\n")
    with pytest.raises(UsageError, match="line 3: the key 'epochs' is repeated from line 2"):
        read_setup(tmp_path / "x.yaml")


def test_numbers_that_yaml_takes_for_text_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "model: tiny\njudge: verifier\nlearning_rates: [1e-5, 1e-3]\nreference: {learning_rate: 5e-4, batch_size: 8}\n"
    )
    setup = read_setup(tmp_path / "x.yaml")
    assert setup.learning_rates == (1e-5, 1e-3)
    assert setup.reference == {"method": "full", "learning_rate": 5e-4, "batch_size": 8}


def test_a_setup_may_allow_one_method(tmp_path: Path) -> None:
    from optathlon.tasks.llm.kinds.pandalm_grid import PandaLMGrid
    from optathlon.tasks.llm.kinds.sft import SFT

    only = {
        method: make_setup("x", {"model": "tiny", "judge": "verifier", "methods": [method]}, tmp_path)
        for method in ("full", "lora")
    }
    spaces = {method: SFT("llm/sft/x/loss", setup, ("loss",)).problem.space for method, setup in only.items()}
    full, lora = (spaces[method].sample_configuration(20) for method in only)
    assert {config["method"] for config in full} == {"full"} and "rank" not in spaces["full"]
    assert {config["method"] for config in lora} == {"lora"} and all("rank" in config for config in lora)
    with pytest.raises(UsageError, match="the setup 'x' allows no full tuning, which the grid is made of"):
        PandaLMGrid("llm/pandalm-grid/x/win-rate", only["lora"], ("win-rate",))


def test_bounds_that_meet_leave_a_constant(tmp_path: Path) -> None:
    from optathlon.tasks.llm.spaces import tuning_space

    setup = make_setup("x", {"model": "tiny", "judge": "verifier", "ranks": [8, 8], "batch_sizes": [16, 16]}, tmp_path)
    for config in map(dict, tuning_space(setup).sample_configuration(20)):
        assert config["batch_size"] == 16
        assert config.get("rank") == (8 if config["method"] == "lora" else None), "inactive ones are not there"


def own(tmp_path: Path, **changes: object) -> Any:
    return make_setup("x", {"model": "tiny", "judge": "verifier", **changes}, tmp_path)


def test_gradient_descent_is_searched_only_where_a_setup_says_so(tmp_path: Path) -> None:
    from optathlon.tasks.llm.spaces import tuning_space

    def searched(setup: Any) -> set[object]:
        return {config["optimizer"] for config in tuning_space(setup).sample_configuration(30)}

    assert searched(own(tmp_path)) == {"adamw"}
    assert searched(own(tmp_path, optimizers=["adamw", "sgd"])) == searched(TINY) == {"adamw", "sgd"}


def test_low_rank_tunings_may_have_learning_rates_of_their_own(tmp_path: Path) -> None:
    from optathlon.tasks.llm.hyperparameters import recipe
    from optathlon.tasks.llm.spaces import tuning_space

    space = tuning_space(own(tmp_path, learning_rates=[1e-6, 1e-4], lora_learning_rates=[1e-4, 1e-2]))
    for config in map(dict, space.sample_configuration(50)):
        (rate,) = {"learning_rate", "lora_learning_rate"} & config.keys()
        assert rate == ("learning_rate" if config["method"] == "full" else "lora_learning_rate")
        assert (recipe(config).learning_rate > 1e-4) == (config["method"] == "lora")


def test_preferences_may_have_learning_rates_of_their_own(tmp_path: Path) -> None:
    from optathlon.tasks.llm.kinds.preference import preference_space
    from optathlon.tasks.llm.kinds.preference.pairs import PreferenceSection

    content = {"model": "tiny", "judge": "verifier", "preference": {"learning_rates": ["1e-8", "1e-5"]}}
    setup = make_setup("x", content, tmp_path, {"preference": PreferenceSection})
    rate: Any = preference_space(setup)["learning_rate"]
    assert (rate.lower, rate.upper) == (1e-8, 1e-5)


def test_what_a_setup_fixes_is_not_searched(tmp_path: Path) -> None:
    from optathlon.tasks.llm.spaces import tuning_space

    fixed = {"schedule": "linear", "beta2": "0.95", "rank": "8", "targets": "q_proj, v_proj", "warmup_from": "zero"}
    setup = own(tmp_path, fixed=fixed)
    assert setup.fixed == {**fixed, "beta2": 0.95, "rank": 8}
    assert tuning_space(own(tmp_path)).keys() - tuning_space(setup).keys() == {"schedule", "rank"}
    assert setup.identity != own(tmp_path).identity


@pytest.mark.parametrize(
    ("fixed", "complaint"),
    [
        ({"shedule": "linear"}, "fixed: unknown hyperparameter 'shedule'(.*)did you mean 'schedule'"),
        ({"beta2": 1.0}, "fixed: beta2: input should be less than 1"),
        ({"method": "lora"}, r"fixed: the method is fixed by `methods: \[lora\]`"),
        ({"clip": 0}, "fixed: clip: input should be greater than 0"),
        ({"minimum_rate": 2}, "fixed: minimum_rate: input should be less than or equal to 1"),
    ],
)
def test_a_wrong_fixed_value_is_refused(fixed: dict[str, object], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=complaint):
        own(tmp_path, fixed=fixed)


def test_a_setup_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("- a")
    with pytest.raises(UsageError, match="not a mapping"):
        read_setup(tmp_path / "x.yaml")


def test_facts_are_those_of_the_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    require_facts_of_tasks(LLM())
    assert recommended(LLM()) == list(LLM().ids())
    (tmp_path / "llm").mkdir()
    for part in ("train", "validation", "test"):
        (tmp_path / "llm" / f"{part}.jsonl").write_text(json.dumps({"instruction": part, "output": "3"}))
    sources = "{train: train.jsonl, validation: validation.jsonl, test: test.jsonl}"
    (tmp_path / "llm" / "own.yaml").write_text(f"model: /some/where\njudge: verifier\ndata: {sources}\n")
    require_facts_of_tasks(LLM())
    own = [facts for facts, ids in LLM().facts() if "/own/" in ids[0]]
    assert own
    assert all(facts.download and not facts.recommended and facts.seconds is None for facts in own)
