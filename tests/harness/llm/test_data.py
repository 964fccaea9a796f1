"""Instruction data: what is read, and what is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from optathlon.errors import MissingData, MissingDependency, UsageError
from optathlon.llm.data import Example, Turn, example_of, read_examples, refuse_shared_prompts
from optathlon.llm.judging import Prompt
from optathlon.tasks.llm.setups import TINY, load_setup, make_setup, read_setup, setup_names

ALPACA = {"instruction": "Add", "input": "1 2", "output": "3", "answer": 3}
CHAT = {
    "id": "c",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Bye"},
        {"role": "assistant", "content": "See you"},
    ],
}


def write(path: Path, *rows: object) -> str:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path.name


def test_alpaca_and_chat_rows_mean_the_same_in_all_formats(tmp_path: Path) -> None:
    expected = [
        Example(Prompt("0", "Add", "1 2", "3"), "3"),
        Example(
            Prompt("c", "Bye"),
            "See you",
            (Turn("system", "Be brief."), Turn("user", "Hello"), Turn("assistant", "Hi")),
        ),
    ]
    assert read_examples(write(tmp_path / "a.jsonl", ALPACA, CHAT), tmp_path) == expected
    (tmp_path / "a.json").write_text(json.dumps([ALPACA, CHAT]))
    assert read_examples("a.json", tmp_path) == expected
    pq.write_table(pa.Table.from_pylist([{**ALPACA, "answer": "3"}]), tmp_path / "a.parquet")
    assert read_examples("a.parquet", tmp_path) == expected[:1]
    assert expected[0].turns == (Turn("user", "Add\n\n1 2"),)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("", "line 2 is empty"),
        ("{oops", "line 2 is not JSON"),
        ("[1]", "line 2 is list"),
        ({"input": "x"}, "line 2: instruction is missing"),
        ({"instruction": " "}, "line 2: instruction is empty"),
        ({"instruction": 3}, "line 2: instruction is 3"),
        ({"instruction": "x", "output": 4}, "line 2: output is 4"),
        ({"messages": []}, "line 2: messages is no list of turns"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "line 2: a turn has no role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "line 2: the last turn before the response"),
        ({**ALPACA, "id": "0"}, "the id '0' stands twice"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line(row: object, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=complaint):
        read_examples(write(tmp_path / "d.jsonl", ALPACA, row, ALPACA), tmp_path)


def test_a_line_ends_at_a_newline_only(tmp_path: Path) -> None:
    """JSON may hold the line separator of Unicode, at which Python splits too."""
    row = '{"instruction": "one\u2028two\x85three", "output": "a"}'
    for text in (row, f"{row}\n", f"{row}\r\n"):
        (tmp_path / "a.jsonl").write_text(text, encoding="utf-8", newline="")
        (example,) = read_examples("a.jsonl", tmp_path)
        assert example.prompt.instruction == "one\u2028two\x85three"


def test_a_judge_is_shown_the_whole_chat() -> None:
    row = {"messages": [Turn(*turn)._asdict() for turn in (("user", "A?"), ("assistant", "B."), ("user", "C?"))]}
    example = example_of(row, "here", 3)
    assert example.prompt.instruction == "C?"
    assert example.judged == Prompt("3", "User: A?\n\nAssistant: B.\n\nUser: C?")
    alone = example_of({"instruction": "A", "input": "B", "answer": "C"}, "here", 3)
    assert alone.judged == alone.prompt == Prompt("3", "A", "B", "C")


def test_what_can_not_be_found_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"no data file 'absent\.jsonl'"):
        read_examples("absent.jsonl", tmp_path)
    with pytest.raises(UsageError, match="no examples"):
        read_examples(write(tmp_path / "none.jsonl"), tmp_path)
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"torn\.parquet is no Parquet file that can be read"):
        read_examples("torn.parquet", tmp_path)
    with pytest.raises(UsageError, match="can't read the data 'name'"):
        read_examples("name", tmp_path)
    with pytest.raises((MissingDependency, MissingData), match=r"owner/name"):
        read_examples("owner/name:train", tmp_path)


def test_prompts_in_two_parts_are_refused() -> None:
    ours, theirs = Example(Prompt("a", "Say  Hello")), Example(Prompt("b", "say hello"))
    refuse_shared_prompts({"train": [ours, ours], "test": [Example(Prompt("c", "say bye"))]})
    with pytest.raises(UsageError, match=r"1 prompts stand both in train and in test, the first is 'b'"):
        refuse_shared_prompts({"train": [ours], "test": [theirs]})


def test_a_setup_is_read_from_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    (tmp_path / "llm").mkdir()
    for part in ("train", "tune", "test"):
        write(tmp_path / "llm" / f"{part}.jsonl", {**ALPACA, "instruction": part})
    sources = "{train: train.jsonl, tune: tune.jsonl, test: test.jsonl}"
    (tmp_path / "llm" / "mine.yaml").write_text(
        f"model: /some/where\ndata: {sources}\nepochs: 2\nlearning_rates: [1.0e-5, 1.0e-3]\n"
    )
    assert setup_names() == ["tiny", "mine"]
    setup = load_setup("mine")
    assert (setup.name, setup.epochs, setup.learning_rates) == ("mine", 2, (1e-5, 1e-3))
    assert setup.examples("tune")[0].prompt.instruction == "tune"
    assert load_setup("tiny") is TINY
    with pytest.raises(KeyError):
        load_setup("absent")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"model": "tiny", "epoch": 3}, "unknown key 'epoch' in the setup 'x': did you mean 'epochs'"),
        ({"model": "tiny", "epochs": "many"}, "the setup 'x': epochs: "),
        ({"epochs": 3}, "the setup 'x': model: "),
        ({"model": "a/b", "data": {"train": "x.jsonl"}}, "data needs exactly the sources train, tune, test, not train"),
        ({"model": "tiny", "dtype": "float16"}, "the setup 'x': dtype: "),
        ({"model": "tiny", "data": {"tune": "x.jsonl"}}, "data needs exactly the sources train, tune, test, not tune"),
        ({"model": "tiny", "epochs": 0}, "the setup 'x': epochs: input should be greater than or equal to 1"),
        ({"model": "tiny", "answer_batch": 0}, "the setup 'x': answer_batch: input should be greater"),
        ({"model": "tiny", "max_new_tokens": -1}, "the setup 'x': max_new_tokens: input should be greater"),
        ({"model": "tiny", "learning_rates": [1e-2, 1e-4]}, "learning_rates: a lower bound is followed by a higher"),
        ({"model": "tiny", "learning_rates": [0, 1e-4]}, "learning_rates.0: input should be greater than 0"),
        ({"model": "tiny", "batch_sizes": [8, 4]}, "batch_sizes: the lower bound stands first, not 8 before 4"),
        ({"model": "tiny", "ranks": [0, 8]}, "ranks.0: input should be greater than or equal to 1"),
        ({"model": "tiny", "methods": []}, "methods: tuple should have at least 1 item"),
        ({"model": "tiny", "methods": ["lora", "lora"]}, "methods: each method stands once, not lora, lora"),
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


def test_numbers_that_yaml_takes_for_text_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "model: tiny\nlearning_rates: [1e-5, 1e-3]\nreference: {learning_rate: 5e-4, batch_size: 8}\n"
    )
    setup = read_setup(tmp_path / "x.yaml")
    assert setup.learning_rates == (1e-5, 1e-3)
    assert setup.reference == {"method": "full", "learning_rate": 5e-4, "batch_size": 8}


def test_a_setup_may_allow_one_method(tmp_path: Path) -> None:
    from optathlon.tasks.llm.sft import SFT, PandaLMGrid

    only = {method: make_setup("x", {"model": "tiny", "methods": [method]}, tmp_path) for method in ("full", "lora")}
    spaces = {method: SFT("llm/sft/x/loss", setup, ("loss",)).problem.space for method, setup in only.items()}
    full, lora = (spaces[method].sample_configuration(20) for method in only)
    assert {config["method"] for config in full} == {"full"} and "rank" not in spaces["full"]
    assert {config["method"] for config in lora} == {"lora"} and all("rank" in config for config in lora)
    with pytest.raises(UsageError, match="the setup 'x' allows no full tuning, which the grid is made of"):
        PandaLMGrid("llm/pandalm-grid/x/win-rate", only["lora"], ("win-rate",))


def test_bounds_that_meet_leave_a_constant(tmp_path: Path) -> None:
    from optathlon.tasks.llm.spaces import sft_space

    setup = make_setup("x", {"model": "tiny", "ranks": [8, 8], "batch_sizes": [16, 16]}, tmp_path)
    for config in map(dict, sft_space(setup).sample_configuration(20)):
        assert config["batch_size"] == 16
        assert config.get("rank") == (8 if config["method"] == "lora" else None), "inactive ones are not there"


def test_a_setup_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("- a")
    with pytest.raises(UsageError, match="no mapping"):
        read_setup(tmp_path / "x.yaml")
