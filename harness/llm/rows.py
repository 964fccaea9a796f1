"""Rows of instruction data: the forms that data sets are published in, as examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from optathlon.errors import UsageError, unknown
from optathlon.foreign_file import parse_json
from optathlon.llm.examples import Example, Turn, with_system
from optathlon.llm.judging import Prompt
from optathlon.llm.matching import MATCHINGS, objection

FORMS = (
    'write {"instruction": …, "input": …, "output": …}, {"prompt": …, "completion": …} or '
    '{"messages": [{"role": …, "content": …}, …]}'
)
_LONGEST_ID, _LONGEST_TEXT = 200, 1_000_000
"""Characters of a row's id, and of each of its texts."""
_ROLES = ("system", "user", "assistant", "tool")
_TOLD = ("tool_calls", "tool_call_id", "name", "reasoning_content", "thinking")
"""What chat templates are told of a turn, beside who speaks and what."""
_CALL = "function_call"
_SPEAKERS: Mapping[str, str] = MappingProxyType(
    {
        **{role: role for role in _ROLES},
        **{"human": "user", "gpt": "assistant", "observation": "tool", "function_response": "tool", _CALL: "assistant"},
    }
)
"""Roles by what ShareGPT's form calls them."""


def example_of(row: object, where: str, number: int) -> Example:
    """What a row holds.

    Its form is told by its keys: `messages`, `conversations` (ShareGPT), `instances` (Self-Instruct), `instruction`
    (Alpaca) or `prompt`. Any may also have `id` (default: `number`), `system`, `tools`, `answer` and `matching`. Raises
    `UsageError` for a malformed one, which stands at `where`.
    """
    if not isinstance(row, Mapping):
        raise UsageError(f"{where} is {type(row).__name__}, not an object: {FORMS}")
    try:
        return with_system(_read(row, where, _id(row, where, number)), _string(row, "system", where, optional=True))
    except RecursionError:
        raise UsageError(f"{where} is nested too deep to be read: {FORMS}") from None


def _id(row: Mapping[Any, Any], where: str, number: int) -> str:
    given = row.get("id", number)
    if not isinstance(given, str | int | float):
        raise UsageError(f"{where}: the id is {type(given).__name__}, not a text or a number")
    id = str(given)
    if len(id) > _LONGEST_ID:
        raise UsageError(f"{where}: the id has {len(id):,} characters, more than {_LONGEST_ID}: give a shorter one")
    _refuse_surrogates(id, f"{where}: the id")
    return id


def _read(row: Mapping[Any, Any], where: str, id: str) -> Example:
    match row:
        case {"messages": messages}:
            return _from_turns(
                row, where, id, [_turn(message, where) for message in _listed(messages, "messages", where)]
            )
        case {"conversations": turns}:
            listed = _listed(turns, "conversations", where)
            return _from_turns(row, where, id, [_shared_turn(turn, where) for turn in listed])
        case {"instances": [Mapping() as instance]}:
            return _from_instruction({**row, **instance}, where, id)
        case {"instances": _}:
            raise UsageError(f"{where}: instances is not a list of one object: give every instance a row of its own")
        case {"prompt": prompt} if "instruction" not in row:
            turns = [*_said("user", prompt, "prompt", where), *_completion(row, where)]
            return _from_turns(row, where, id, turns)
        case _:
            return _from_instruction(row, where, id)


def _from_instruction(row: Mapping[Any, Any], where: str, id: str) -> Example:
    instruction = _string(row, "instruction", where)
    given = _string(row, "input", where, optional=True)
    prompt = Prompt(id, instruction, given, _answer(row, where), _matching(row, where))
    return Example(prompt, _string(row, "output", where, optional=True), tools=_tools(row, where))


def _from_turns(row: Mapping[Any, Any], where: str, id: str, turns: list[Turn]) -> Example:
    reply = turns.pop() if turns[-1].role == "assistant" else Turn("assistant", "")
    if not turns or turns[-1].role not in ("user", "tool"):
        raise UsageError(f"{where}: the last turn before the response is neither the user's nor a tool's")
    asked = max((place for place, turn in enumerate(turns) if turn.role == "user"), default=None)
    if asked is None:
        raise UsageError(f"{where}: no turn is the user's")
    prompt = Prompt(id, turns[asked].content, answer=_answer(row, where), matching=_matching(row, where))
    return Example(
        prompt, reply.content, tuple(turns[:asked]), tuple(turns[asked + 1 :]), reply.more, tools=_tools(row, where)
    )


def _completion(row: Mapping[Any, Any], where: str) -> list[Turn]:
    completion = row.get("completion")
    return [] if completion in (None, "") else _said("assistant", completion, "completion", where)


def _said(role: str, said: object, key: str, where: str) -> list[Turn]:
    """A prompt or a completion, which is a text or a list of turns."""
    if isinstance(said, list):
        return [_turn(message, where) for message in _listed(said, key, where)]
    return [Turn(role, _string({key: said}, key, where))]


def _listed(turns: object, key: str, where: str) -> list[object]:
    if not isinstance(turns, list) or not turns:
        raise UsageError(f"{where}: {key} is not a list of turns: {FORMS}")
    return turns


def _turn(message: object, where: str) -> Turn:
    if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
        raise UsageError(f"{where}: a turn has no role of {', '.join(_ROLES)}: {FORMS}")
    told = {key: message[key] for key in _TOLD if message.get(key) not in (None, [], "")}
    _refuse_other_calls(told.get("tool_calls", ()), where)
    may_be_silent = message["role"] == "tool" or "tool_calls" in told
    content = _string({**message, "content": _text(message.get("content"))}, "content", where, optional=may_be_silent)
    return Turn(message["role"], content, _json(told, where, "a turn") if told else "")


def _text(content: object) -> object:
    """The text of a list of blocks of text; anything else as it is."""
    texts = [_block(one) for one in content] if isinstance(content, list) else []
    return "".join(texts) if texts and all(texts) else content


def _block(block: object) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case _:
            return ""


def _shared_turn(turn: object, where: str) -> Turn:
    """A turn in ShareGPT's form; some have `role` and `content` nevertheless."""
    if isinstance(turn, Mapping) and "from" not in turn:
        return _turn(turn, where)
    if not isinstance(turn, Mapping) or turn["from"] not in _SPEAKERS:
        raise UsageError(f"{where}: a turn is not from any of {', '.join(_SPEAKERS)}")
    message = {"role": _SPEAKERS[turn["from"]], "content": turn.get("value")}
    if turn["from"] == _CALL:
        call = parse_json(_string(turn, "value", where), f"{where}: the value of {_CALL}")
        message = {"role": "assistant", "tool_calls": [{"type": "function", "function": call}]}
    return _turn(message, where)


def _refuse_other_calls(calls: object, where: str) -> None:
    """Raise `UsageError` where these are not calls of tools."""
    if not isinstance(calls, list | tuple) or not all(tool_name(call) for call in calls):
        raise UsageError(f'{where}: tool_calls is not a list of {{"function": {{"name": …, "arguments": …}}}}')


def tool_name(tool: object) -> str:
    """What a tool, or the tool of a call, is called; empty where there is no name."""
    match tool:
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return name
        case _:
            return ""


def _tools(row: Mapping[Any, Any], where: str) -> str:
    """The tools of a row, which some data sets have as a text of JSON."""
    tools = row.get("tools")
    if isinstance(tools, str) and tools.strip():
        tools = parse_json(tools, f"{where}: tools")
    if not tools:
        return ""
    if not isinstance(tools, list) or not all(tool_name(tool) for tool in tools):
        raise UsageError(f'{where}: tools is not a list of {{"type": "function", "function": {{"name": …}}}}')
    return _json(tools, where, "tools")


def _json(value: object, where: str, what: str) -> str:
    """A value as text, without what is empty: files of columns have all keys everywhere."""
    try:
        text = json.dumps(_without_none(value), ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: {what} is not JSON ({error})") from None
    _refuse_what_is_long(text, f"{where}: {what}")
    _refuse_surrogates(text, f"{where}: {what}")
    return text


def _without_none(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _without_none(one) for key, one in value.items() if one is not None}
        case list() | tuple():
            return [_without_none(one) for one in value]
        case _:
            return value


def _string(row: Mapping[Any, Any], key: str, where: str, *, optional: bool = False) -> str:
    value = row.get(key)
    if value is None and optional:
        return ""
    if not isinstance(value, str) or (not value.strip() and not optional):
        state = "missing" if value is None else "empty" if isinstance(value, str) else repr(value)[:60]
        raise UsageError(f"{where}: {key} is {state}, not text: {FORMS}")
    _refuse_what_is_long(value, f"{where}: {key}")
    _refuse_surrogates(value, f"{where}: {key}")
    return value


def _refuse_what_is_long(text: str, where: str) -> None:
    if len(text) > _LONGEST_TEXT:
        raise UsageError(f"{where} has {len(text):,} characters, more than {_LONGEST_TEXT:,}: shorten it")


def _refuse_surrogates(text: str, where: str) -> None:
    """Raise `UsageError` for halves of characters, which JSON can write and no tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{where} has half a character at {error.start}: write it as UTF-8") from None


def _answer(row: Mapping[Any, Any], where: str) -> str | None:
    value = row.get("answer")
    if value is None:
        return None
    if not isinstance(value, str | int | float):
        raise UsageError(f"{where}: the answer is {type(value).__name__}, not a text or a number")
    return _string({"answer": str(value)}, "answer", where, optional=True)


def _matching(row: Mapping[Any, Any], where: str) -> str:
    """How the right answer is compared. Raises `UsageError` for an unknown way, and for checks that are none."""
    matching = row.get("matching", "exact")
    if not isinstance(matching, str) or matching not in MATCHINGS:
        raise unknown("matching", str(matching)[:60], MATCHINGS, where=where)
    if row.get("answer") is not None and (complaint := objection(str(row["answer"]), matching)):
        raise UsageError(f"{where}: the answer {complaint}, which `matching: {matching}` needs")
    return matching
