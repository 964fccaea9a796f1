"""Templates of strangers: whatever they do, they end within little time and memory, with one line that says why."""

from __future__ import annotations

from typing import Any

import pytest

from optathlon.llm.rendering import CannotRender, Renderer

transformers = pytest.importorskip("transformers", reason="the extra 'llm' is not installed")
pytestmark = pytest.mark.torch

CHAT = [{"role": "user", "content": "hi"}]


def render(template: str, **arguments: Any) -> str:
    return Renderer(template).render(CHAT, arguments, tools=None, begins_answer=True)


HOSTILE = {
    "endless": (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "for more than 5 sec",
    ),
    "ten gigabytes": ("{{ 'a' * 10**10 }}", "more than 512 MiB"),
    "doubling": (
        "{% set n = namespace(x='a') %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "more than 512 MiB",
    ),
    "long": ("{% for i in range(9999) %}{{ 'a' * 100 }}{% endfor %}", "it writes 999,900 characters, more than"),
    "macros without end": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself too often"),
    "deep": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deep"),
    "raising": ("{{ raise_exception('roles must alternate\nor not') }}", "roles must alternate"),
    "dividing": ("{{ 1 / 0 }}", "division by zero"),
    "malformed": ("{% for %}", "Expected an expression"),
    "undefined": ("{{ a.b.c }}", "'a' is undefined"),
    "prying": ("{{ ''.__class__.__mro__ }}", "is unsafe"),
    "including": ("{% include '/etc/passwd' %}", "no loader"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_ends_with_one_line(name: str) -> None:
    template, complaint = HOSTILE[name]
    with pytest.raises(CannotRender) as caught:
        render(template)
    assert complaint in str(caught.value) and "\n" not in str(caught.value)


def test_a_process_that_was_brought_down_is_replaced() -> None:
    made = Renderer(
        "{% for a in range(99999 if messages|length > 1 else 0) %}{% for b in range(99999) %}{% endfor %}{% endfor %}ok"
    )
    for _ in range(2):
        assert made.render(CHAT, {}, tools=None, begins_answer=True) == "ok"
        with pytest.raises(CannotRender, match="computes for more than"):
            made.render([*CHAT, *CHAT], {}, tools=None, begins_answer=True)


def test_texts_are_those_of_transformers() -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel({"<unk>": 0}, unk_token="<unk>")), unk_token="<unk>"
    )
    template = (
        "{%- for m in messages %}\n    [{{ m.role }}] {{ m['content'] | trim }}"
        "{{ m.tool_calls | tojson if m.tool_calls }}\n{%- endfor %}"
        "{{ tools | tojson if tools }}{{ unk_token }}{{ ' é\u2028' if add_generation_prompt }}{{ mood }}"
    )
    chat: list[dict[str, Any]] = [
        *CHAT,
        {"role": "assistant", "content": " ü ", "tool_calls": [{"name": "f", "arguments": {"a": "ß<"}}]},
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    for begins in (True, False):
        theirs = tokenizer.apply_chat_template(
            chat, tools=tools, chat_template=template, tokenize=False, add_generation_prompt=begins, mood="good"
        )
        arguments = {**tokenizer.special_tokens_map, "mood": "good"}
        assert Renderer(template).render(chat, arguments, tools=tools, begins_answer=begins) == theirs
