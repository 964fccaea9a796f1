"""Text of strangers, such as error messages: made storable, printable and short where it comes in."""

from __future__ import annotations

import re

from optathlon.redaction import redacted

ERROR_CHARACTERS = 4000
"""The most that is stored of an error."""
REASON_CHARACTERS = 400
"""The most that is stored of why a run ended."""
NAME_CHARACTERS = 200
"""The most that is stored of the name of a metric, or of a value that no search space has."""

_UNSAFE = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tabs and new lines
    "\u2028\u2029"  # further separators of lines
    "\u202a-\u202e\u2066-\u2069"  # change the direction of what follows
    "\ud800-\udfff"  # halves of characters: no UTF-8 has them
    "]"
)
_DESCRIPTION = 500
_NOTE = 50
"""Room for the note of what is left out."""


def clean(text: str) -> str:
    r"""`text` without what a file or a terminal can't take.

    Control characters, but tabs and new lines, become their escapes (`"\x1b"` is `"\\x1b"`), and so do lone surrogates
    and characters that turn the direction of writing. All else stays, and cleaning twice changes nothing.
    """
    return text if text.isprintable() else _UNSAFE.sub(_escaped, text.replace("\r\n", "\n"))


def shortened(text: str, limit: int) -> str:
    """`text` cleaned, in at most `limit` (> 100) characters: its begin and its end where it is longer."""
    text = clean(text)
    if len(text) <= limit:
        return text
    half = (limit - _NOTE) // 2
    return f"{text[:half]} … ({len(text) - 2 * half} characters left out) … {text[-half:]}"


def ends(text: str, limit: int) -> str:
    """The first and the last `limit` characters of `text`, without cleaning: a quick cut of what may be huge."""
    return text if len(text) <= 2 * limit else text[:limit] + text[-limit:]


def one_line(text: str) -> str:
    """`text` cleaned, with each run of white space as one space."""
    return " ".join(clean(text).split())


def first_paragraph(text: str | None) -> str:
    """The first paragraph of a docstring, in one line; empty where there is none."""
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def encodable(text: str) -> str:
    r"""`text` with its lone surrogates, which UTF-8 doesn't have, as escapes (`"\\udce9"`)."""
    return text.encode(errors="backslashreplace").decode()


def message_of(error: BaseException) -> str:
    """What an exception says, also where saying it raises."""
    try:
        return str(error)
    except BaseException:  # a user's `__str__` may raise anything
        return "(its message can't be shown)"


def described(error: BaseException) -> str:
    """What an exception is and says, in one line and without secrets."""
    text = one_line(shortened(redacted(ends(message_of(error), 10 * _DESCRIPTION)), _DESCRIPTION))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
