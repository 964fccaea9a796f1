"""From examples to token numbers, by a chat template: padding is on the right for training, on the left for answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from optathlon.errors import UsageError
from optathlon.foreign_file import read_text
from optathlon.llm.examples import Example
from optathlon.llm.judging import Prompt
from optathlon.llm.rendering import CannotRender, rendered
from optathlon.llm.rows import tool_name
from optathlon.paths import expanded

if TYPE_CHECKING:
    import torch

TODAY = datetime(2024, 7, 26)
"""What chat templates are told when they ask for the time: the date that Llama 3.1's falls back to."""
_WORD = "tangerine"
"""A response that no template contains."""
IGNORED = -100
"""The label of tokens that no loss is computed on."""
Learnt = Literal["last", "all"]
"""Which turns of the assistant are trained on: the response alone, or earlier ones too."""
_LONGEST_TEMPLATE = 1_000_000
"""Characters."""

ALPACA = (
    "Below is an instruction that describes a task"
    "{% if messages | selectattr('input', 'defined') | selectattr('input') | list %}"
    ", paired with an input that provides further context{% endif %}"
    ". Write a response that appropriately completes the request."
    "{% for message in messages %}{% if message.role == 'system' %}{{ '\\n\\n' + message.content }}"
    "{% elif message.role == 'user' %}"
    "{{ '\\n\\n### Instruction:\\n' + (message.instruction or message.content) }}"
    "{% if message.input %}{{ '\\n\\n### Input:\\n' + message.input }}{% endif %}{{ '\\n\\n### Response:' }}"
    "{% elif message.role == 'assistant' %}{{ message.content + eos_token }}"
    "{% else %}{{ raise_exception('it has no tools') }}{% endif %}{% endfor %}"
)
"""Stanford Alpaca's prompts (`PROMPT_DICT` in `train.py` of github.com/tatsu-lab/stanford_alpaca, Apache-2.0), for
models without a template. What the tokenizer puts before any text, it puts before them."""

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{{ '<|im_start|>assistant\n' if add_generation_prompt }}"
)
"""The marks of Qwen, SmolLM and many others, without the system prompt that their own templates put first."""
_BUILT_IN: Mapping[str, str] = {"alpaca": ALPACA, "chatml": CHATML}


@dataclass(frozen=True, slots=True)
class Encoded:
    """Token numbers of a prompt and its response.

    Parameters
    ----------
    tokens:
        Those of the prompt, and then those of the response.
    asked:
        How many are the prompt's.
    earlier:
        The places of tokens in the prompt that are trained on too: each from the first to before the second.
    """

    tokens: tuple[int, ...]
    asked: int
    earlier: tuple[tuple[int, int], ...] = ()

    @property
    def response(self) -> tuple[int, ...]:
        """The response's tokens, its end included."""
        return self.tokens[self.asked :]

    @property
    def learnt(self) -> int:
        """How many tokens are trained on."""
        return len(self.response) + sum(stop - start for start, stop in self.earlier)

    def within(self, most: int) -> Encoded:
        """The first `most` tokens, more than the prompt has."""
        return replace(self, tokens=self.tokens[:most])


class TooLong(UsageError):
    """A prompt leaves no room for a response."""


class Template:
    """Writes chats as a model reads them.

    It knows of a user's turn `content`, and of the last one `instruction` and `input` too, of which that is made.

    Parameters
    ----------
    tokenizer:
        Of transformers.
    template:
        `"model"` for the model's own template, `"alpaca"`, `"chatml"`, or the path of a Jinja file.
    arguments:
        What the template asks for beside the chat, e.g. `{"enable_thinking": False}`. To templates that ask for the
        time it is always the beginning of `TODAY`: prompts don't change from day to day.

    Raises `UsageError` where the model has none, the file is missing, or the template can't be used.
    """

    def __init__(
        self, tokenizer: Any, template: str = "model", arguments: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        self._tokenizer = tokenizer
        self._arguments = arguments
        self.text = _pinned(_template_text(tokenizer, template))
        self._before = _put_before_text(tokenizer) if template == "alpaca" and tokenizer is not None else ()

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """The tokens that end an answer: the tokenizer's end, and what the template writes after a response.

        Such a mark (`<|im_end|>`, `<|eot_id|>`) counts if it is a special token, which texts don't show.
        """
        _, found, after = self._rendered(Example(Prompt("", "?"), _WORD), answered=True).rpartition(_WORD)
        marks = (token for token in self._tokens(after if found else "") if not self._shown(token))
        return tuple(dict.fromkeys((self._tokenizer.eos_token_id, *itertools.islice(marks, 1))))

    def prompt(self, example: Example) -> tuple[int, ...]:
        """The tokens up to where the response begins."""
        return (*self._before, *self._tokens(self._rendered(example, answered=False)))

    def unreadable(self, tokens: Sequence[int]) -> bool:
        """Whether there are words among them that the tokenizer doesn't know."""
        tokenizer = self._tokenizer
        unknown, others = tokenizer.unk_token_id, (tokenizer.bos_token_id, tokenizer.pad_token_id, *self.ends)
        return unknown is not None and unknown not in others and unknown in tokens

    def encode(self, example: Example, max_tokens: int, learnt: Learnt = "last") -> Encoded:
        """The tokens of a prompt with its response, cut after `max_tokens`, of which `learnt` are trained on.

        Raises `UsageError` for an empty response, `TooLong` for a prompt that leaves no room for it, and `UsageError`
        for a template that writes the prompt otherwise once there is a response (its loss would be computed on the
        wrong tokens).
        """
        if not example.is_answered:
            raise UsageError(f"the example {example.prompt.id!r} has no response to train on")
        asked, whole = self._rendered(example, answered=False), self._rendered(example, answered=True)
        if not whole.startswith(asked):
            raise UsageError(
                f"the chat template writes the prompt of {example.prompt.id!r} otherwise when a response follows: use "
                "`template: alpaca`, or a Jinja file that doesn't"
            )
        prompt, response = (*self._before, *self._tokens(asked)), self._response(asked, whole)
        if not response:
            raise UsageError(f"the chat template writes nothing of the response to {example.prompt.id!r}: use another")
        tokens = (*prompt, *response)[:max_tokens]
        if len(prompt) >= len(tokens):
            raise TooLong(
                f"the prompt of {example.prompt.id!r} has {len(prompt)} tokens, which leaves no room for a response "
                f"within {max_tokens}: raise max_tokens or shorten it"
            )
        return Encoded(tokens, len(prompt), self._earlier(example, asked) if learnt == "all" else ())

    def _earlier(self, example: Example, asked: str) -> tuple[tuple[int, int], ...]:
        """Where earlier responses stand among the tokens of a prompt, each up to the first that ends an answer."""
        messages, tokens, found = _messages(example), self._tokens(asked), []
        for place, turn in enumerate(example.turns):
            if turn.role != "assistant":
                continue
            begun = self._written(example, messages[:place], begins_answer=True)
            done = self._written(example, messages[: place + 1], begins_answer=False)
            if not (done.startswith(begun) and asked.startswith(done)):
                raise UsageError(
                    f"the chat template writes earlier turns of {example.prompt.id!r} otherwise when the chat goes on: "
                    "use `train_on: last`, or a Jinja file that doesn't"
                )
            start, stop = (_after(self._tokens(text), tokens) for text in (begun, done))
            end = next((place + 1 for place in range(start, stop) if tokens[place] in self.ends), stop)
            found.append((len(self._before) + start, len(self._before) + end))
        return tuple(found)

    def _response(self, asked: str, whole: str) -> tuple[int, ...]:
        """The tokens that follow the prompt's, up to the first that ends an answer.

        Both are split together, as a tokenizer may write the beginning of a text otherwise; apart, where a token would
        reach from one into the other, as an unknown word may.
        """
        prompt, both = self._tokens(asked), self._tokens(whole)
        together = both[: len(prompt)] == prompt and prompt[-1:] != (self._tokenizer.unk_token_id,)
        response = both[len(prompt) :] if together else self._tokens(whole[len(asked) :])
        end = next((place for place, token in enumerate(response) if token in self.ends), len(response))
        return response[: end + 1]

    def _rendered(self, example: Example, *, answered: bool) -> str:
        messages = [*_messages(example), example.reply.message] if answered else _messages(example)
        return self._written(example, messages, begins_answer=not answered)

    def _written(self, example: Example, messages: Sequence[Mapping[str, Any]], *, begins_answer: bool) -> str:
        """The text of some turns of a chat. Raises `UsageError` where the template fails, or leaves tools out."""
        tools = json.loads(example.tools) if example.tools else None
        arguments = {**self._tokenizer.special_tokens_map, **self._arguments}
        try:
            text = rendered(self.text, messages, arguments, tools=tools, begins_answer=begins_answer)
        except CannotRender as fault:
            raise UsageError(f"the chat template can't write {example.prompt.id!r}: {fault}") from None
        calls = [call for message in messages for call in message.get("tool_calls", ())]
        if missing := [name for name in map(tool_name, [*(tools or ()), *calls]) if name not in text]:
            raise UsageError(
                f"the chat template doesn't write the tool {missing[0]!r} of {example.prompt.id!r}: use one that knows "
                "of tools, or examples without them"
            )
        return text

    def _tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _shown(self, token: int) -> bool:
        return bool(self._tokenizer.decode([token], skip_special_tokens=True))


def right_padded(batch: Sequence[Encoded], pad: int, device: str) -> dict[str, torch.Tensor]:
    """`input_ids`, `attention_mask` and `labels`, each of shape (examples, tokens); prompts bear no loss."""
    import torch

    width = max(len(example.tokens) for example in batch)
    tokens = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), width), IGNORED)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for row, example in enumerate(batch):
        length = len(example.tokens)
        tokens[row, :length] = torch.tensor(example.tokens)
        for start, stop in (*example.earlier, (example.asked, length)):
            labels[row, start:stop] = torch.tensor(example.tokens[start:stop])
        mask[row, :length] = 1
    return {
        name: tensor.to(device)
        for name, tensor in (("input_ids", tokens), ("attention_mask", mask), ("labels", labels))
    }


def left_padded(prompts: Sequence[Sequence[int]], pad: int, device: str) -> dict[str, torch.Tensor]:
    """`input_ids` and `attention_mask`, each of shape (prompts, tokens); all end where the answer begins."""
    import torch

    width = max(map(len, prompts))
    tokens = torch.full((len(prompts), width), pad)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        tokens[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    return {"input_ids": tokens.to(device), "attention_mask": mask.to(device)}


def _messages(example: Example) -> list[dict[str, Any]]:
    """The turns up to the response, as chat templates take them."""
    messages = [turn.message for turn in example.turns]
    messages[len(example.before)] |= {"instruction": example.prompt.instruction, "input": example.prompt.input}
    return messages


def _after(beginning: Sequence[int], tokens: Sequence[int]) -> int:
    """The place of the first token behind a beginning of the text, which one may reach across."""
    alike = next((n for n, pair in enumerate(zip(beginning, tokens, strict=False)) if pair[0] != pair[1]), None)
    return len(beginning) if alike is None else alike + 1


def _put_before_text(tokenizer: Any) -> tuple[int, ...]:
    """The token that a tokenizer by itself begins a text with; empty where it doesn't."""
    first, begin = tokenizer("a")["input_ids"][0], tokenizer.bos_token_id
    return (begin,) if first == begin is not None else ()


def _pinned(text: str) -> str:
    """A template to which it is always the beginning of `TODAY`: a macro stands in the place of that function."""
    if "strftime_now" not in text:
        return text
    written = "".join(f" | replace('%{code}', '{TODAY.strftime(f'%{code}')}')" for code in "aAbBdHIjmMpSyY")
    return f"{{% macro strftime_now(format) %}}{{{{ format{written} }}}}{{% endmacro %}}{text}"


def _template_text(tokenizer: Any, template: str) -> str:
    if template in _BUILT_IN:
        return _BUILT_IN[template]
    text = _own(tokenizer) if template == "model" else _read(template)
    if len(text) > _LONGEST_TEMPLATE:
        raise UsageError(f"the chat template has {len(text):,} characters, more than {_LONGEST_TEMPLATE:,}")
    return text


def _own(tokenizer: Any) -> str:
    """The model's own template; of several, the one for chats without anything special."""
    if not tokenizer.chat_template:
        raise UsageError("the model has no chat template: use `template: alpaca`, or the path of a Jinja file")
    try:
        return str(tokenizer.get_chat_template())
    except ValueError:
        raise UsageError(
            "the model has several chat templates, and none is called 'default': use the path of a Jinja file"
        ) from None


def _read(template: str) -> str:
    path = expanded(template)
    if not path.is_file():
        raise UsageError(f"no chat template {template!r}: write model, alpaca, chatml, or the path of a Jinja file")
    return read_text(path, "chat template", most_bytes=_LONGEST_TEMPLATE)
