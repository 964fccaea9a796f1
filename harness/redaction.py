"""Striking secrets from what is stored or shown: errors, options, commands, pages.

Secret are the values of environment variables and of options that are named like keys, tokens, passwords or secrets.
In options a secret becomes `***` with four hexadecimal digits of its hash, so that two values remain two optimizers; in
any other text it becomes `***`. A value that doesn't differ from ordinary text, such as `test` or `256`, is struck only
where its name stands beside it, or nowhere: numbers of fewer than eight digits are no secrets.

Text is struck where it crosses a border: into a journal, a results folder, a page, or the terminal.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from optathlon.errors import UsageError

STRUCK = "***"

_WORDS = {"KEY", "KEYS", "TOKEN", "TOKENS", "AUTH", "AUTHORIZATION", "PASS", "PWD", "PAT"}
"""A name with one of these among its words is that of a secret, but for the exceptions below."""
_PARTS = re.compile("SECRET|PASSW|PASSPHRASE|CREDENTIAL|(API|ACCESS|PRIVATE|AUTH)(KEY|TOKEN)")
"""So is one that has this anywhere, however its words are separated."""
_ABOUT_SECRETS = {
    *("PATH", "FILE", "DIR", "FOLDER", "SOCK", "SOCKET", "HOST", "NAME", "URL", "TYPE", "TIMEOUT"),
    *("LENGTH", "LEN", "SIZE", "COUNT", "LIMIT", "BUDGET", "PARALLELISM", "IDS"),
}
"""Last words of names that say something else about a secret than what it is."""
_ORDINARY = {
    *("SORT", "PRIMARY", "FOREIGN", "CACHE", "GROUP", "MAX", "MIN", "NUM", "PER", "RNG", "PRNG", "RANDOM"),
    *("PAD", "EOS", "BOS", "UNK", "MASK", "SEP", "CLS", "STOP", "SPECIAL", "FIRST", "LAST", "START", "END"),
}
"""Words that tell keys of tables and tokens of text from secrets."""
_NOT_SECRETS = {"PWD", "OLDPWD"}

_TELLING = 8
_TELLING_IF_MIXED = 6
_LONGEST_LINE_FREE = 16

_OPTIONS = re.compile(r"\[(?P<options>[^\[\]=]+=[^\[\]]*)\]")
_ASSIGNED = re.compile(
    r"""(?<![\w-])(?P<name>-{0,2}[A-Za-z][\w-]*)
    (?P<equals>=|\\{0,3}["']\s*[:=]\s*|\s*[:=]\s*(?=\\{0,3}["']))
    (?P<quote>\\{0,3}["'])?
    (?P<value>(?(quote)(?:(?!(?P=quote))[^\n])+|[^\s"',;&\[\](){}<>\\]+))
    (?P<calls>\()?""",
    re.VERBOSE,
)
"""`name=value` and `"name": "value"`, the quotes escaped or not."""
_STATED = re.compile(r"""(?<![\w-])(?P<name>[A-Za-z][\w-]*)(?P<equals>\s?[:=]\s)(?P<value>[^\s"',;]*[0-9][^\s"',;]*)""")
"""As in `X-Api-Key: abc123`; only beside names that can't mean anything else."""
_AUTHORIZED = re.compile(r"(?P<before>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
_IN_URL = re.compile(r"(?P<before>://(?:[^/\s:@]*:|(?=[^/\s:@]{16})))[^/\s:@]+(?=@)")
"""A password, and a user so long that it is a token."""
_NUMBER = re.compile(r"[+-]?[0-9.]{1,7}(e[+-]?[0-9]{1,2})?", re.IGNORECASE)
_VARIABLE = re.compile("[A-Z]+(_[A-Z0-9]+)+")

_noted: set[str] = set()


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a variable or an option of that name holds a secret."""
    words = re.findall("[A-Z]+", name.upper())
    if not words or name in _NOT_SECRETS or words[-1] in _ABOUT_SECRETS:
        return False
    return _says_secret(name) or bool(_WORDS.intersection(words) and not _ORDINARY.intersection(words))


def _says_secret(name: str) -> bool:
    """Whether a name can't mean anything else, as `password` does, other than `key`."""
    return _PARTS.search(re.sub("[^A-Z]", "", name.upper())) is not None


def redacted(text: str) -> str:
    """`text` without secrets: known values, and whatever stands in it as the value of a secret's name."""
    if not text:
        return text
    text = _OPTIONS.sub(lambda found: f"[{_without_secrets(found['options'])}]", text)
    text = _ASSIGNED.sub(_without_value, without_known_secrets(text))
    text = _STATED.sub(_without_stated, text)
    return _IN_URL.sub(rf"\g<before>{STRUCK}", _AUTHORIZED.sub(rf"\g<before>{STRUCK}", text))


def without_known_secrets(text: str, instead: Callable[[str], str] = lambda secret: STRUCK) -> str:
    """`text` without the values of variables and options; for markup and code, in which `token="…"` may be anything.

    `instead` says what takes the place of such a value.
    """
    pattern = _pattern(frozenset(_known()))
    return pattern.sub(lambda found: instead(found[0]), text) if pattern else text


@lru_cache(maxsize=4096)
def redacted_id(id: str) -> str:
    """An optimizer's id without the secrets among its options, which are struck from any text from now on."""
    if found := _OPTIONS.search(id):
        pairs = (item.partition("=") for item in found["options"].split(","))
        note_secrets({name.strip(): value.strip() for name, _, value in pairs})
        id = f"{id[: found.start()]}[{_without_secrets(found['options'])}]{id[found.end() :]}"
    return redacted(without_known_secrets(id, _struck))


def redacted_command(arguments: Iterable[str]) -> str:
    """A command line for a shell, without secrets."""
    return shlex.join(redacted(_without_secrets(argument, separator=None)) for argument in arguments)


def redacted_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without the values of those that hold secrets."""
    return {name: _struck(value) if _is_secret(name, value) else value for name, value in options.items()}


def note_secrets(options: Mapping[str, Any]) -> None:
    """Strike the secrets among these options from any text from now on."""
    _noted.update(value for name, value in options.items() if isinstance(value, str) and _is_secret(name, value))


def refuse_struck(options: Mapping[str, str], what: str) -> None:
    """Raise `UsageError` where an option's value is what stands in results for a secret."""
    for name, value in options.items():
        if value.startswith(STRUCK):
            raise UsageError(
                f"the option {name}={value} of {what} stands for a secret that is not stored: give the secret itself "
                "to `optathlon run`, or let the optimizer read it from an environment variable"
            )


def _without_secrets(options: str, *, separator: str | None = ",") -> str:
    """`name=value` or, with a separator, several of them."""
    items = options.split(separator) if separator else [options]
    pairs = (item.partition("=") for item in items)
    return (separator or "").join(
        f"{name}{equals}{_struck(value) if _is_secret(name.strip().lstrip('-'), value) else value}"
        for name, equals, value in pairs
    )


def _without_value(found: re.Match[str]) -> str:
    before = f"{found['name']}{found['equals']}{found['quote'] or ''}"
    if _is_assigned_secret(found):
        return f"{before}{STRUCK}{found['calls'] or ''}"
    return before + _ASSIGNED.sub(_without_value, found["value"]) + (found["calls"] or "")


def _is_assigned_secret(found: re.Match[str]) -> bool:
    """Whether a secret stands there, and no code such as `sorted(…, key=len)` or a complaint about a key or token."""
    name, value = found["name"], found["value"]
    if not _is_secret(name, value):
        return False
    if _says_secret(name):
        return True
    is_complaint = ":" in found["equals"] and not found["equals"].startswith(("'", '"', "\\"))
    is_any_key = name.upper() in ("KEY", "KEYS")
    return not (found["calls"] or is_complaint or (is_any_key and not _is_telling(value)))


def _without_stated(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    if _says_secret(name) and _is_secret(name, value) and _is_telling(value):
        return f"{name}{found['equals']}{STRUCK}"
    return found[0]


def _is_secret(name: str, value: object) -> bool:
    """Whether an option's value is a secret: no number, no word such as `none`, no variable's name, nor struck yet."""
    if not isinstance(value, str) or value.startswith(STRUCK):
        return False
    is_ordinary = not value or value.lower() in ("none", "null", "true", "false") or _NUMBER.fullmatch(value)
    is_variable = _VARIABLE.fullmatch(value) and is_secret_name(value)
    return not is_ordinary and not is_variable and re.fullmatch(r"[\w-]+", name) is not None and is_secret_name(name)


def _struck(value: str) -> str:
    return STRUCK + hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:4]


def _known() -> Iterator[str]:
    yield from (value for name, value in os.environ.items() if is_secret_name(name))
    yield from _noted


@lru_cache(maxsize=16)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """What matches any of these that differs from ordinary text, in all the ways in which text has it."""
    ways = {way for secret in secrets for part in _parts(secret) if _is_telling(part) for way in _ways(part)}
    return re.compile("|".join(map(_bounded, sorted(ways, key=len, reverse=True)))) if ways else None


def _parts(secret: str) -> list[str]:
    """The secret, and the lines of one that has several, as an error may show some of them."""
    lines = [line for line in secret.splitlines() if len(line) >= _LONGEST_LINE_FREE]
    return [secret.strip(), *(lines if len(lines) > 1 else [])]


def _is_telling(value: str) -> bool:
    is_mixed = any(map(str.isalpha, value)) and not value.isalpha()
    return len(value) >= (_TELLING_IF_MIXED if is_mixed else _TELLING)


def _ways(value: str) -> set[str]:
    """As it is, in JSON, as Python writes it, in URLs and in HTML."""
    in_url = quote(value, safe="", errors="replace")
    return {value, json.dumps(value)[1:-1], repr(value)[1:-1], in_url, html.escape(value)}


def _bounded(way: str) -> str:
    """A pattern for `way`; what is short or of letters or digits alone is not part of a longer word."""
    pattern = re.escape(way)
    is_word = len(way) < _TELLING or way.isalpha() or way.isdigit()
    return rf"(?<![^\W_]){pattern}(?![^\W_])" if is_word else pattern
