"""What is too long is dropped or cut, and which tokens are trained on, with a tokenizer of one token a word."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from optathlon.errors import UsageError
from optathlon.llm.chat import IGNORED, Template, right_padded
from optathlon.llm.examples import Example, Turn, with_system
from optathlon.llm.fitting import Count, Room, shortened
from optathlon.llm.judging import Prompt
from optathlon.llm.rows import example_of

torch = pytest.importorskip("torch", reason="the extra 'llm' is not installed")
pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}> {{ m.content }}"
    "{% for call in m.tool_calls or [] %} call {{ call.function.name }}{% endfor %}"
    " {{ '<end> ' if m.role == 'assistant' else '' }}{% endfor %}"
    "{{ '<assistant> ' if add_generation_prompt }}"
)
WORDS = [*"abcdefghij", "call", "add"]
MARKS = ["<unk>", "<pad>", "<end>", "<user>", "<assistant>", "<system>", "<tool>"]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(WordLevel({word: n for n, word in enumerate([*MARKS, *WORDS])}, unk_token="<unk>"))
    made.pre_tokenizer = WhitespaceSplit()
    found = PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", pad_token="<pad>", eos_token="<end>", chat_template=TEMPLATE
    )
    found.add_special_tokens({"additional_special_tokens": MARKS[3:]})
    return found


def chat(*said: str, response: str = "a") -> Example:
    """Turns of the user and the assistant, one after the other."""
    roles = ("user", "assistant") * len(said)
    turns = [{"role": role, "content": content} for role, content in zip(roles, said, strict=False)]
    return example_of({"messages": [*turns, {"role": "assistant", "content": response}]}, "here", 0)


def spelled(tokenizer: Any, tokens: Any) -> str:
    return " ".join(tokenizer.convert_ids_to_tokens(list(tokens)))


def learnt_by_marks(tokens: list[str], *, every: bool) -> list[str]:
    """An independent reading: what follows `<assistant>` up to `<end>`, of every turn or of the last."""
    found: list[list[str]] = []
    inside = False
    for token in tokens:
        if token == "<assistant>":
            inside = True
            found.append([])
        elif inside:
            found[-1].append(token)
            inside = token != "<end>"
    return [token for turn in (found if every else found[-1:]) for token in turn]


@pytest.mark.parametrize("learnt", ["last", "all"])
def test_the_turns_that_are_named_bear_the_loss(tokenizer: Any, learnt: Any) -> None:
    template = Template(tokenizer)
    called = {"tool_calls": [{"function": {"name": "add", "arguments": {}}}], "role": "assistant"}
    rows = [
        [("user", "a b"), ("assistant", "c"), ("user", "d"), ("assistant", "e f"), ("user", "g"), ("assistant", "h")],
        [("system", "a"), ("user", "b"), ("assistant", "c d e")],
        [("user", "i"), ("assistant", "j"), ("user", "i i i i"), ("assistant", "j j")],
    ]
    examples = [
        example_of({"messages": [{"role": role, "content": said} for role, said in row]}, "here", 0) for row in rows
    ]
    asked, given = {"role": "user", "content": "a b"}, {"role": "tool", "content": "c"}
    examples.append(
        example_of({"messages": [asked, called, given, {"role": "assistant", "content": "it d"}]}, "here", 0)
    )
    encoded = [template.encode(example, sys.maxsize, learnt) for example in examples]
    batch = right_padded(encoded, tokenizer.pad_token_id, "cpu")
    for one, tokens, labels in zip(encoded, batch["input_ids"], batch["labels"], strict=True):
        words = tokenizer.convert_ids_to_tokens(tokens)
        expected = learnt_by_marks(words, every=learnt == "all")
        kept = labels != IGNORED
        assert tokenizer.convert_ids_to_tokens(tokens[kept]) == expected
        assert torch.equal(labels[kept], tokens[kept])
        assert one.learnt == int(kept.sum()) == len(expected)


def test_a_template_that_rewrites_earlier_turns_is_no_template_for_all_of_them(tokenizer: Any, tmp_path: Any) -> None:
    """As those that leave out earlier thoughts."""
    (tmp_path / "t.jinja").write_text(
        "{% for m in messages %}{{ m.content + ' ' }}{{ '<end> ' if m.role == 'assistant' and loop.last }}{% endfor %}"
    )
    rewritten = Template(tokenizer, str(tmp_path / "t.jinja"))
    assert rewritten.encode(chat("a", "b", "c", response="d"), 99).earlier == ()
    with pytest.raises(UsageError, match="writes earlier turns of '0' otherwise when the chat goes on: use `train_on"):
        rewritten.encode(chat("a", "b", "c", response="d"), 99, "all")


def test_tools_that_a_template_leaves_out_are_told(tokenizer: Any) -> None:
    call = {"role": "assistant", "content": "a", "tool_calls": [{"function": {"name": "add", "arguments": {}}}]}
    example = example_of({"messages": [{"role": "user", "content": "a"}, call]}, "here", 0)
    assert spelled(tokenizer, Template(tokenizer).encode(example, 99).response) == "a call add <end>"
    with pytest.raises(UsageError, match="the chat template doesn't write the tool 'add' of '0'"):
        Template(tokenizer, "chatml").encode(example, 99)
    told = example_of({"instruction": "a", "output": "b", "tools": [{"function": {"name": "add"}}]}, "here", 0)
    with pytest.raises(UsageError, match="doesn't write the tool 'add'"):
        Template(tokenizer).encode(told, 99)
    asked, given = {"role": "user", "content": "a"}, {"role": "tool", "content": "a"}
    with pytest.raises(UsageError, match="can't write '0': it has no tools"):
        Template(tokenizer, "alpaca").prompt(example_of({"messages": [asked, given]}, "here", 0))


def test_what_is_too_long_is_dropped_or_cut_and_counted(tokenizer: Any) -> None:
    template = Template(tokenizer)
    short, long_answer = chat("a b", response="c"), chat("a b", response="c d e f g h i j")
    long_prompt = chat("a b c d e f g h i j", response="a b c d e f g h i j")
    examples = [short, long_answer, long_prompt]
    found, count = Room(10, 9, "drop").encoded(template, examples)
    assert [spelled(tokenizer, one.tokens) for one in found] == ["<user> a b <assistant> c <end>"]
    assert count == Count(dropped=2, truncated=0)
    found, count = Room(10, 9, "truncate").encoded(template, examples)
    assert [spelled(tokenizer, one.tokens) for one in found] == [
        "<user> a b <assistant> c <end>",
        "<user> a b <assistant> c d e f g h",
        "<user> a b c <assistant> a b c d e",
    ]
    assert count == Count(dropped=0, truncated=2)
    prompts, count = Room(10, 9, "truncate").prompts(template, examples)
    assert [one.prompt.instruction.strip() for one in prompts] == ["a b", "a b", "a b c"]
    assert count == Count(dropped=0, truncated=1), "only prompts count where nothing is trained on"
    assert Room(10, 9, "drop").prompts(template, examples) == (examples[:2], Count(1, 0))
    assert Room(2, 1, "truncate").prompts(template, examples) == ([], Count(3, 0)), "the marks alone are too many"


def test_earlier_turns_go_first_and_the_oldest_before_others(tokenizer: Any) -> None:
    example = with_system(chat("a", "b", "c", "d", "e f", response="g"), "h")
    whole = len(Template(tokenizer).prompt(example))

    def left(most: int) -> str:
        found = shortened(Template(tokenizer), example, most)
        assert found is not None
        return " ".join(turn.content for turn in found.turns).strip()

    turns = [left(whole - fewer) for fewer in (0, 1, 5, 6, 10)]
    assert turns == ["h a b c d e f", "h c d e f", "h c d e f", "h e f", "h e f"]
    assert left(whole - 11).split() == ["h", "e"]
    assert shortened(Template(tokenizer), example, 2) is None


def test_instructions_outlast_longer_inputs(tokenizer: Any) -> None:
    example = Example(Prompt("x", "a b", "c d e f"), "g")
    found = shortened(Template(tokenizer), example, 6)
    assert found is not None and (found.prompt.instruction, found.prompt.input.strip()) == ("a b", "c d")
    assert found.response == "g"


def test_a_system_prompt_is_put_before_chats_that_have_none() -> None:
    assert with_system(chat("a"), "b").turns == (Turn("system", "b"), Turn("user", "a"))
    twice = with_system(with_system(chat("a"), "b"), "c")
    assert twice.turns[0] == Turn("system", "b")
    assert with_system(chat("a"), "") == chat("a")
