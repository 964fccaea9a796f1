"""The instructions of `tiny`: disjoint prompts, right answers, and only words that the model knows."""

from __future__ import annotations

from optathlon.llm.matching import is_right
from optathlon.llm.tiny.corpus import vocabulary
from optathlon.tasks.llm.instructions import SIZES, instructions


def test_no_prompt_stands_in_two_parts_and_each_answer_is_right() -> None:
    seen: set[str] = set()
    styles = {" briefly": "", " in full": "gives", "": "the answer is"}
    for part, size in SIZES.items():
        examples = instructions(part)
        assert len(examples) == size
        for example in examples:
            asked = example.prompt.instruction
            style = next(style for style in styles if asked.endswith(style))
            asked = asked.removesuffix(style)
            assert asked not in seen
            seen.add(asked)
            assert (part == "train") or style == ""
            given = example.response.split(styles[style] or None, 1)[-1] if styles[style] else example.response
            assert is_right(given, example.prompt.answer or "")
            assert styles[style] in example.response


def test_the_vocabulary_holds_every_word() -> None:
    words = set(vocabulary())
    for part in SIZES:
        for example in instructions(part):
            assert set(f"{example.prompt.instruction} {example.response}".split()) <= words
