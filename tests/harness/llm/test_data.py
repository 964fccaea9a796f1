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
        ({"messages": []}, "line 2: messages is not a list of turns"),
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
    with pytest.raises(UsageError, match=r"torn\.parquet is not a Parquet file that can be read"):
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


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_json_without_end_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('{"instruction":' * 100_000)
    with pytest.raises(UsageError, match="nested too deep"):
        read_examples(name, tmp_path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet"])
def test_a_file_that_holds_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    rows = [ALPACA | {"answer": "3"}] * 5000
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for text in ("a.jsonl", "a.json"):
        (tmp_path / text).write_text(json.dumps(rows))
    monkeypatch.setattr("optathlon.llm.data._LARGEST_BYTES", 1000)
    with pytest.raises(UsageError, match="holds more than"):
        read_examples(name, tmp_path)


def test_rows_say_how_their_answers_are_compared(tmp_path: Path) -> None:
    row = {"instruction": "a", "answer": "words <= 2", "matching": "checks"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    assert read_examples("a.jsonl", tmp_path)[0].prompt.matching == "checks"
    for change, complaint in (
        ({"matching": "numbers"}, "unknown matching 'numbers' in a.jsonl, line 1: did you mean 'number'"),
        ({"answer": "be short"}, "'be short' is not a check of an answer"),
        ({"matching": "number", "answer": "seven"}, "line 1: the answer is 'seven', not a number, which `matching: nu"),
        ({"matching": "choice", "answer": "Paris"}, "line 1: the answer is 'Paris', not a letter"),
        ({"matching": "contains", "answer": " "}, "line 1: the answer is empty"),
    ):
        (tmp_path / "a.jsonl").write_text(json.dumps(row | change))
        with pytest.raises(UsageError, match=complaint):
            read_examples("a.jsonl", tmp_path)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"instruction": "a\ud800b"}, "a.jsonl, line 1: instruction has half a character at 1"),
        ({"instruction": "a", "output": "\udfff"}, "a.jsonl, line 1: output has half a character at 0"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "a.jsonl, line 1: content has half a character"),
        ({"instruction": "a", "id": "\ud800"}, "a.jsonl, line 1: the id has half a character"),
        ({"instruction": "a", "id": "x" * 201}, "a.jsonl, line 1: the id has 201 characters, more than 200"),
        ({"instruction": "a" * 1_000_001}, "instruction has 1,000,001 characters, more than 1,000,000"),
    ],
)
def test_rows_that_no_model_can_read_are_refused(tmp_path: Path, row: dict[str, object], complaint: str) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    with pytest.raises(UsageError, match=complaint):
        read_examples("a.jsonl", tmp_path)
