"""Checks of what an answer is like, in the manner of IFEval (Zhou et al. 2023, arXiv 2311.07911).

A text lists them, separated by `;`: `words <= 20; contains Paris; lowercase`. All must hold.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from optathlon.errors import UsageError

Check = Callable[[str], bool]


def _is_json(text: str) -> bool:
    fenced = re.fullmatch(r"\s*```(?:json)?\n(.*?)```\s*", text, re.DOTALL)
    try:
        json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return False
    return True


_COUNTED: Mapping[str, Callable[[str], int]] = MappingProxyType(
    {
        "words": lambda text: len(text.split()),
        "sentences": lambda text: len(re.findall(r"[^.!?]*\w[^.!?]*(?:[.!?]+|$)", text)),
        "paragraphs": lambda text: len([one for one in re.split(r"\n\s*\n", text) if one.strip()]),
        "bullets": lambda text: len(re.findall(r"^\s*[-*•] ", text, re.MULTILINE)),
        "characters": len,
    }
)
_COMPARED: Mapping[str, Callable[[int, int], bool]] = MappingProxyType(
    {"<=": operator.le, ">=": operator.ge, "=": operator.eq}
)
_ALONE: Mapping[str, Check] = MappingProxyType(
    {
        "lowercase": lambda text: text == text.lower(),
        "uppercase": lambda text: text == text.upper(),
        "no commas": lambda text: "," not in text,
        "json": _is_json,
    }
)
_QUOTING: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {
        "contains": lambda text, quoted: quoted.lower() in text.lower(),
        "lacks": lambda text, quoted: quoted.lower() not in text.lower(),
        "begins with": lambda text, quoted: text.lstrip().lower().startswith(quoted.lower()),
        "ends with": lambda text, quoted: text.rstrip().lower().endswith(quoted.lower()),
    }
)
_COUNT = re.compile(rf"({'|'.join(_COUNTED)})\s*(<=|>=|=)\s*(\d+)")
_FORMS = (
    f"write checks such as 'words <= 20; contains Paris': {', '.join(_COUNTED)} with <=, >= or = and a number, "
    f"{', '.join(_QUOTING)} with a text, {', '.join(_ALONE)}"
)


def follows(answer: str, checks: str) -> bool:
    """Whether an answer passes all checks. Raises `UsageError` for a text that lists none."""
    return all(check(answer) for check in parse_checks(checks))


@cache
def parse_checks(text: str) -> tuple[Check, ...]:
    """The checks that a text lists. Raises `UsageError` for others."""
    listed = [one.strip() for one in text.split(";")]
    if not any(listed):
        raise _unknown(text)
    return tuple(_parsed(one) for one in listed if one)


def _parsed(text: str) -> Check:
    if text in _ALONE:
        return _ALONE[text]
    if counted := _COUNT.fullmatch(text):
        count, compare, bound = _COUNTED[counted[1]], _COMPARED[counted[2]], int(counted[3])
        return lambda answer: compare(count(answer), bound)
    for name, holds in _QUOTING.items():
        if text.startswith(f"{name} "):
            quoted = text.removeprefix(name).strip().strip("\"'")
            return lambda answer: holds(answer, quoted)
    raise _unknown(text)


def _unknown(text: str) -> UsageError:
    return UsageError(f"{text[:60]!r} is not a check of an answer: {_FORMS}")
