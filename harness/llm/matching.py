"""Whether an answer is the right one: several ways to tell, of which a prompt names one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType

from optathlon.errors import unknown
from optathlon.llm.instruction_checks import follows, parse_checks

_MARKER = re.compile(r".*(?:\banswer is\b|####)[:\s]*", re.DOTALL | re.IGNORECASE)
"""All up to where the answer proper begins: after the last `answer is`, or the last `####` as in GSM8K (Cobbe et al.
2021, arXiv 2110.14168)."""
_BEFORE = " \t\n,;:!?\"'`*"
_AFTER = f"{_BEFORE}."
_DIGITS = r"(?P<sign>[-+]?)\$?(?P<digits>(\d{1,3}(,\d{3})+|\d+)(\.\d+)?|\.\d+)"
_NUMBER = re.compile(_DIGITS.replace(r"(\.\d+)?", r"(\.\d*)?"))
_NUMBERS = re.compile(rf"(?<![\w.]){_DIGITS}(?![\w])")
_CHOICE = re.compile(r"(?<![A-Za-z'])\(?(?!I [a-z])([A-Z])\)?(?=[\s).:,;*]|$)")
_BOXED = "\\boxed{"


def is_right(answer: str, truth: str, matching: str = "exact") -> bool:
    """Whether an answer is the right one.

    Parameters
    ----------
    answer:
        What was said, without thoughts.
    truth:
        The right answer; for `checks`, what the answer must be like (see `optathlon.llm.instruction_checks`).
    matching:
        A key of `MATCHINGS`.

    Raises `UsageError` for an unknown one.
    """
    if matching not in MATCHINGS:
        raise unknown("matching", matching, MATCHINGS)
    return MATCHINGS[matching](answer, truth)


def objection(truth: str, matching: str) -> str:
    """Why nothing, or everything, would match a right answer; empty where all is well. Raises as `is_right`."""
    match matching:
        case "contains" | "boxed" if not truth.strip():
            return "is empty"
        case "number" if _number(_normalised(truth)) is None:
            return f"is {truth[:40]!r}, not a number"
        case "choice" if not re.fullmatch(r"\(?[A-Za-z]\)?\.?", truth.strip()):
            return f"is {truth[:40]!r}, not a letter"
        case "checks":
            parse_checks(truth)
    return ""


def exact(answer: str, truth: str) -> bool:
    """What counts follows the last `answer is` or `####`, to the end or to the end of the line; or is all of it.

    Capitals, spaces, and punctuation around it don't matter, and numbers are compared as numbers ("1,000.0" is "1000").
    """
    marked = _MARKER.match(answer)
    if marked is None:
        return _same(answer, truth)
    given = answer[marked.end() :]
    return _same(given, truth) or _same(given.partition("\n")[0], truth)


def contains(answer: str, truth: str) -> bool:
    """The right answer stands somewhere in it, as whole words; capitals and spaces don't matter."""
    words = re.escape(_normalised(truth))
    return bool(re.search(rf"(?<!\w){words}(?!\w)", " ".join(answer.lower().split())))


def boxed(answer: str, truth: str) -> bool:
    r"""The last `\boxed{…}` holds it, as in MATH (Hendrycks et al. 2021, arXiv 2103.03874)."""
    _, found, rest = answer.rpartition(_BOXED)
    depth = 1
    for place, character in enumerate(rest if found else ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return _same(rest[:place].strip("$ "), truth)
    return False


def choice(answer: str, truth: str) -> bool:
    """The letter of a choice: the first capital that stands alone after the last `answer is`, or else the last one."""
    marked = _MARKER.match(answer)
    letters = _CHOICE.findall(answer[marked.end() :] if marked else answer)
    return bool(letters) and letters[0 if marked else -1] == truth.strip(" ().").upper()


def number(answer: str, truth: str) -> bool:
    """The first number after the last `answer is` or `####`, or else the last number, is the right one."""
    marked = _MARKER.match(answer)
    found = list(_NUMBERS.finditer(answer[marked.end() :] if marked else answer))
    return bool(found) and _value(found[0 if marked else -1]) == _number(_normalised(truth))


MATCHINGS: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {
        "exact": exact,
        "contains": contains,
        "boxed": boxed,
        "choice": choice,
        "number": number,
        "checks": follows,
    }
)


def _same(given: str, wanted: str) -> bool:
    given, wanted = _normalised(given), _normalised(wanted)
    if given == wanted:
        return True
    numbers = _number(given), _number(wanted)
    return None not in numbers and numbers[0] == numbers[1]


def _normalised(text: str) -> str:
    """In lower case, with single spaces, without punctuation around it unless it is nothing else."""
    spaced = " ".join(text.lower().split())
    return spaced.lstrip(_BEFORE).rstrip(_AFTER) or spaced


def _number(text: str) -> Decimal | None:
    match = _NUMBER.fullmatch(text)
    return _value(match) if match else None


def _value(match: re.Match[str]) -> Decimal:
    return Decimal(match["sign"] + match["digits"].replace(",", ""))
