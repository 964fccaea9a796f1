"""Instruction data: what is read, and what is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from optathlon.errors import MissingData, MissingDependency, UsageError
from optathlon.llm.data import read_examples, refuse_shared_prompts
from optathlon.llm.examples import Example, Turn
from optathlon.llm.judging import Prompt
from optathlon.llm.rows import example_of

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
    (tmp_path / "lfs.jsonl").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")
    with pytest.raises(UsageError, match=r"lfs\.jsonl is a Git-LFS pointer, not the file: run `git lfs pull`"):
        read_examples("lfs.jsonl", tmp_path)
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


TURNS = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi"), ("user", "Bye"), ("assistant", "See you")]
CALLS = [{"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]


def messages(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in turns]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": messages(*TURNS)},
        {"messages": messages(*TURNS[1:]), "system": "Be brief."},
        {"messages": [{**one, "tool_calls": None, "name": None} for one in messages(*TURNS)]},
        {"messages": [{**one, "content": [{"type": "text", "text": one["content"]}]} for one in messages(*TURNS)]},
        {
            "conversations": [
                {"from": {"user": "human", "assistant": "gpt"}.get(role, role), "value": said} for role, said in TURNS
            ]
        },
        {"conversations": messages(*TURNS)},
        {"prompt": messages(*TURNS[:4]), "completion": messages(*TURNS[4:])},
        {"prompt": messages(*TURNS[:4]), "completion": "See you"},
    ],
)
def test_a_chat_is_the_same_in_every_form(row: dict[str, object]) -> None:
    system, *before = (Turn(*turn) for turn in TURNS[:3])
    assert example_of(row, "here", 0) == Example(Prompt("0", "Bye"), "See you", (system, *before))


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Add 1 2", "completion": "3"},
        {"instruction": "Add 1 2", "output": "3"},
        {"instruction": "Add 1 2", "prompt": "not this", "output": "3"},
        {"instruction": "Add 1 2", "instances": [{"input": "", "output": "3"}]},
        {"conversations": [{"from": "human", "value": "Add 1 2"}, {"from": "gpt", "value": "3"}]},
    ],
)
def test_a_question_is_the_same_in_every_form(row: dict[str, object]) -> None:
    assert example_of(row, "here", 0) == Example(Prompt("0", "Add 1 2"), "3")


def test_calls_of_tools_and_what_they_give_stand_behind_the_question() -> None:
    called = {"role": "assistant", "content": None, "tool_calls": CALLS}
    given = {"role": "tool", "content": "3", "tool_call_id": "x", "name": "add"}
    asked = {"role": "user", "content": "Add 1 2"}
    row = {"tools": TOOLS, "messages": [asked, called, given, {"role": "assistant", "content": "It is 3."}]}
    example = example_of(row, "here", 0)
    assert (example.prompt.instruction, example.response, example.before) == ("Add 1 2", "It is 3.", ())
    assert [turn.message for turn in example.turns] == [
        asked,
        {"role": "assistant", "content": "", "tool_calls": CALLS},
        given,
    ]
    assert json.loads(example.tools) == TOOLS
    shared = [("human", "Add 1 2"), ("function_call", json.dumps(CALLS[0]["function"])), ("observation", "3")]
    told = {"conversations": [{"from": who, "value": said} for who, said in shared], "tools": json.dumps(TOOLS)}
    assert [turn.message for turn in example_of(told, "here", 0).turns] == [
        asked,
        {"role": "assistant", "content": "", "tool_calls": CALLS},
        {"role": "tool", "content": "3"},
    ]
    calling = example_of({"messages": [asked, called]}, "here", 0)
    assert (calling.response, calling.is_answered) == ("", True)
    assert calling.reply.message["tool_calls"] == CALLS
    assert not example_of({"messages": [asked]}, "here", 0).is_answered
    assert "Tool: 3" in example.judged.instruction and '"add"' in example.judged.instruction


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"conversations": [{"from": "robot", "value": "x"}]}, "a turn is not from any of system, user"),
        ({"conversations": [{"from": "human", "value": 1}]}, "here: content is 1, not text"),
        ({"conversations": [{"from": "function_call", "value": "{"}]}, "here: the value of function_call is not JSON"),
        ({"conversations": [{"from": "function_call", "value": "[1]"}]}, "here: tool_calls is not a list of"),
        ({"prompt": "x", "completion": 3}, "here: completion is 3, not text"),
        ({"prompt": []}, "here: prompt is not a list of turns"),
        ({"instruction": "x", "instances": []}, "give every instance a row of its own"),
        ({"messages": [{"role": "system", "content": "x"}]}, "neither the user's nor a tool's"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "here: no turn is the user's"),
        ({"instruction": "x", "tools": "{"}, "here: tools is not JSON"),
        ({"instruction": "x", "tools": [{}]}, "here: tools is not a list of"),
        ({"instruction": "x", "system": 3}, "here: system is 3, not text"),
        ({"instruction": "x", "answer": [1]}, "here: the answer is list, not a text or a number"),
        ({"instruction": "x", "id": {}}, "here: the id is dict, not a text or a number"),
        ({"instruction": "x", "matching": []}, r"unknown matching '\[\]'"),
    ],
)
def test_a_malformed_row_of_any_form_is_refused(row: dict[str, object], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        example_of(row, "here", 0)


def test_a_row_that_is_deep_is_refused() -> None:
    deep: object = "x"
    for _ in range(2000):
        deep = [deep]
    for row in (
        {"instruction": deep},
        {"instruction": "x", "tools": [{"name": "a", "parameters": deep}]},
        {"instruction": "x", "answer": deep},
        {"messages": [{"role": "assistant", "content": deep}]},
    ):
        with pytest.raises(UsageError, match=r"^here"):
            example_of(row, "here", 0)


def test_the_instructions_of_self_instruct_are_read() -> None:
    import os

    folder = Path(os.environ.get("OPTATHLON_TEST_DATA", "absent"))
    if not (folder / "self_instruct_user_oriented.jsonl").is_file():
        pytest.skip("the 252 instructions of Self-Instruct are not here")
    examples = read_examples("self_instruct_user_oriented.jsonl", folder)
    assert len(examples) == 252 and all(example.is_answered for example in examples)
    first = examples[0]
    assert first.prompt.id == "user_oriented_task_0" and first.prompt.instruction.startswith("The sentence you are")
    assert first.prompt.input.startswith("If you have any questions") and first.response.startswith("If you have any")
