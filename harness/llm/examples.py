"""Examples: a chat up to where an assistant is to answer, and how it is to be answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from optathlon.llm.judging import Prompt


class Turn(NamedTuple):
    """What somebody says in a chat.

    The role is `system`, `user`, `assistant` or `tool`. `more` is a JSON object, or empty: what else a chat template is
    told of the turn, such as `tool_calls`.
    """

    role: str
    content: str
    more: str = ""

    @property
    def message(self) -> dict[str, Any]:
        """As chat templates take it."""
        return {"role": self.role, "content": self.content, **(json.loads(self.more) if self.more else {})}

    @property
    def calls(self) -> str:
        """The calls of tools, as JSON; empty where there are none."""
        calls = self.message.get("tool_calls")
        return json.dumps(calls, ensure_ascii=False) if calls else ""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt with its response.

    Parameters
    ----------
    prompt:
        What is asked, which is also the last turn of the user.
    response:
        How it is to be answered; empty where that isn't known.
    before:
        Earlier turns.
    since:
        Turns between the last one of the user and the response: calls of tools, and what these gave.
    more:
        Of the response, as in `Turn`.
    tools:
        A JSON list of the tools that there are, as chat templates take it; empty where there are none.
    """

    prompt: Prompt
    response: str = ""
    before: tuple[Turn, ...] = ()
    since: tuple[Turn, ...] = ()
    more: str = ""
    tools: str = ""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns up to the response, without it."""
        asked = "\n\n".join(filter(None, (self.prompt.instruction, self.prompt.input)))
        return (*self.before, Turn("user", asked), *self.since)

    @property
    def reply(self) -> Turn:
        """The response as a turn."""
        return Turn("assistant", self.response, self.more)

    @property
    def is_answered(self) -> bool:
        """Whether a response is known: words, or a call of a tool."""
        return bool(self.response.strip() or self.reply.calls)

    @property
    def judged(self) -> Prompt:
        """The prompt as it is shown to a judge: all other turns stand in its instruction."""
        if not (self.before or self.since):
            return self.prompt
        said = ((turn.role.capitalize(), "\n".join(filter(None, (turn.content, turn.calls)))) for turn in self.turns)
        return replace(self.prompt, instruction="\n\n".join(f"{who}: {what}" for who, what in said), input="")


def with_system(example: Example, system: str) -> Example:
    """An example whose chat begins with a system prompt, if it doesn't already."""
    if not system or (example.before and example.before[0].role == "system"):
        return example
    return replace(example, before=(Turn("system", system), *example.before))
