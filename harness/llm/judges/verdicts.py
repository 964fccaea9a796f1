"""What the answer of a chat model says of a pair: every value is checked, as a server may say anything.

A verdict that can't be understood is NaN, and so is a number of tokens that is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_AROUND = " \t.,:;!\"'`*"
_PREFERENCES = {"1": 1.0, "2": 0.0, "tie": 0.5}
_ROUNDING = 1e-3
"""So far above 0 may rounding take a log-probability."""
_MOST_TOKENS = 2**53
"""Up to here, floating-point numbers count."""


class Reply(NamedTuple):
    """The probability that the first answer is better, and the tokens read and written; NaN for what is unknown.

    `unclear` is what was not understood, in the server's words: any text.
    """

    preference: float
    input_tokens: float = math.nan
    output_tokens: float = math.nan
    unclear: str = ""


def understood(answer: Mapping[str, Any] | None) -> Reply:
    """What a server's answer says; `None` is one that the model couldn't give."""
    if answer is None:
        return Reply(math.nan, unclear="the pair is too long for it")
    usage = answer.get("usage")
    told = usage if isinstance(usage, Mapping) else {}
    read, written = (_count(told.get(name)) for name in ("prompt_tokens", "completion_tokens"))
    choice = _choice(answer)
    if choice is None:
        return Reply(math.nan, read, written, "its answer has no text")
    preference = _preference(choice)
    unclear = f'it said "{choice.message.content or ""}"' if math.isnan(preference) else ""
    return Reply(preference, read, written, unclear)


def parsed(reply: str) -> float:
    """The preference for the first answer that a reply's first line tells; NaN where it can't be understood."""
    first = reply.strip().partition("\n")[0]
    return _PREFERENCES.get(first.strip(_AROUND).lower(), math.nan)


def weighed(alternatives: Sequence[tuple[str, float]]) -> float:
    """The preference for the first answer by the log-probabilities of tokens that begin a reply; NaN without a verdict.

    A token that begins the word `Tie` counts for it.
    """
    shares = dict.fromkeys(_PREFERENCES.values(), 0.0)
    for token, log_probability in alternatives:
        text = token.strip().lower()
        verdict = "tie" if text and "tie".startswith(text) else text
        if verdict in _PREFERENCES:
            shares[_PREFERENCES[verdict]] += math.exp(log_probability)
    total = sum(shares.values())
    return sum(preference * share for preference, share in shares.items()) / total if total else math.nan


class _Checked(BaseModel):
    model_config = ConfigDict(strict=True)


class _Alternative(_Checked):
    token: str
    logprob: Annotated[float, Field(le=_ROUNDING)]


class _Position(_Checked):
    token: str
    top_logprobs: list[_Alternative]


class _Logprobs(_Checked):
    content: list[_Position] | None = None


class _Message(_Checked):
    content: str | None


class _Choice(_Checked):
    message: _Message
    logprobs: _Logprobs | None = None


class _Answer(_Checked):
    choices: Annotated[list[_Choice], Field(min_length=1)]


def _choice(answer: Mapping[str, Any]) -> _Choice | None:
    try:
        return _Answer.model_validate(answer).choices[0]
    except ValidationError:
        return None


def _preference(choice: _Choice) -> float:
    """By log-probabilities where the server tells them, but only if its text is a verdict."""
    said = parsed(choice.message.content or "")
    positions = (choice.logprobs and choice.logprobs.content) or []
    first = next((position for position in positions if position.token.strip()), None)
    weight = weighed([(one.token, one.logprob) for one in first.top_logprobs]) if first else math.nan
    return said if math.isnan(said) or math.isnan(weight) else weight


def _count(value: object) -> float:
    if not isinstance(value, int) or isinstance(value, bool):
        return math.nan
    return float(value) if 0 <= value <= _MOST_TOKENS else math.nan
