"""For mkdocstrings: docstrings whose numpydoc sections say in sentences what numpydoc would have as a list.

Sections `Returns` hold sentences here, without a type, which the signature has. Sentences may also follow the entries
of a section. Both go before the lists, where numpydoc has its sentences.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import griffe

HEADING = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
LISTS = {"Parameters", "Attributes", "Raises"}


class Sentences(griffe.Extension):
    """Move the sentences of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """As the loader has made `obj`."""
        if obj.docstring:
            obj.docstring.value = lists_last(obj.docstring.value)


def lists_last(docstring: str) -> str:
    """The docstring with its sentences first, then the lists of parameters, attributes and errors."""
    before, *parts = HEADING.split(docstring)
    sentences, lists = [before.strip()], []
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        entries, after = split(text) if title in LISTS else ("", text)
        sentences += [f"**{title}:**"] * (title not in LISTS) + [after.strip()]
        lists += [f"{title}\n{'-' * len(title)}\n{entries.strip()}"] * bool(entries)
    return "\n\n".join(filter(None, sentences + lists))


def split(section: str) -> tuple[str, str]:
    """The entries of a section, which are names with indented text below them; and the sentences after these."""
    lines = section.splitlines()
    for number, (line, following) in enumerate(pairwise([*lines, ""])):
        if line and not line.startswith(" ") and not following.startswith(" "):
            return "\n".join(lines[:number]), "\n".join(lines[number:])
    return section, ""
