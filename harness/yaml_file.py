"""Reading YAML files, in which a value is text until its key says what it is: exactly as on the command line.

YAML's own types depend on its version and surprise: for 1.1, `3:8` is 188, `010` is 8, `no` is false and `2024-01-01`
is a date. Here only an empty value, `~` and `null` are anything else than text: nothing. What a number or a truth
value is, the model that the content is checked by decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    Event,
    MappingEndEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from optathlon.errors import UsageError
from optathlon.foreign_file import read_text

Content = str | list["Content"] | dict[str, "Content"] | None
"""What a value can be; keys are text, too."""

_NOTHING = ("", "~", "null", "Null", "NULL")
_DEEPEST = 50
_LARGEST_BYTES = 4 * 2**20
_MOST_CHARACTERS = 2 * _LARGEST_BYTES
"""Of all values together, each counted where it is repeated by an alias."""


def read_yaml(path: Path | Traversable, what: str) -> Content:
    """The content of a YAML file; `what` it is, such as "experiment file", stands in messages.

    Raises `UsageError` in one line with the line's number: for what is not YAML or not UTF-8, repeated keys, tags,
    several documents, and content that is nested or repeated beyond all reason.
    """
    text = read_text(path, what, most_bytes=_LARGEST_BYTES)
    try:
        return _Document(text, str(path)).content()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        reason = ", ".join(filter(None, (error.context, error.problem)))
        raise UsageError(f"{str(path)!r} is not YAML: {line}{reason}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as an escape beyond Unicode
        raise UsageError(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from None


class _Document:
    """Builds the content of one file from its events, and bounds it on the way."""

    def __init__(self, text: str, where: str) -> None:
        self._events: Iterator[Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._where = where
        self._anchored: dict[str, tuple[Content, int]] = {}
        self._characters = 0

    def content(self) -> Content:
        start = [next(self._events), next(self._events)]
        if isinstance(start[-1], yaml.StreamEndEvent):
            return None
        content = self._value(next(self._events), 0)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse(after, "a second document starts here: keep one in a file")
        return content

    def _value(self, event: Event, depth: int) -> Content:
        if depth > _DEEPEST:
            self._refuse(event, f"values are nested more than {_DEEPEST} deep")
        if isinstance(event, AliasEvent):
            return self._repeated(event)
        assert isinstance(event, ScalarEvent | CollectionStartEvent)
        if event.tag not in (None, "!"):
            self._refuse(event, f"tags such as {event.tag!r} are not read: leave it out")
        before = self._characters
        content: Content
        if isinstance(event, ScalarEvent):
            content = self._text(event)
        elif isinstance(event, SequenceStartEvent):
            content = [self._value(item, depth + 1) for item in self._until(SequenceEndEvent)]
        else:
            content = self._mapping(depth + 1)
        if event.anchor:
            self._anchored[event.anchor] = (content, self._characters - before)
        return content

    def _mapping(self, depth: int) -> dict[str, Content]:
        content: dict[str, Content] = {}
        lines: dict[str, int] = {}
        for event in self._until(MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                self._refuse(event, "a key is a list, a mapping or an alias: give text")
            key = event.value
            if key in content:
                self._refuse(event, f"the key {key!r} is repeated from line {lines[key]}: keep one of them")
            lines[key] = _line(event)
            self._count(event, len(key))
            content[key] = self._value(next(self._events), depth)
        return content

    def _until(self, end: type[Event]) -> Iterator[Event]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _text(self, event: ScalarEvent) -> str | None:
        text: str = event.value
        if "\0" in text:
            self._refuse(event, "a value holds the character NUL, which no text has: remove it")
        text.encode()  # a ValueError for half of a surrogate pair, which no file and no terminal can hold
        self._count(event, len(text))
        return None if event.style is None and text in _NOTHING else text

    def _repeated(self, event: AliasEvent) -> Content:
        if event.anchor not in self._anchored:
            self._refuse(event, f"*{event.anchor} stands for nothing that is complete before it")
        content, characters = self._anchored[event.anchor]
        self._count(event, characters)
        return content

    def _count(self, event: Event, characters: int) -> None:
        self._characters += characters + 1
        if self._characters > _MOST_CHARACTERS:
            self._refuse(event, f"with its aliases the file has more than {_MOST_CHARACTERS:,} characters")

    def _refuse(self, event: Event, complaint: str) -> NoReturn:
        raise UsageError(f"{self._where!r}, line {_line(event)}: {complaint}")


def _line(event: Event) -> int:
    """Where the event begins, counted from 1."""
    assert event.start_mark is not None
    return event.start_mark.line + 1
