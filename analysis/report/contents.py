"""The headings of the page, each with an anchor of its own, and the contents that they make."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from markupsafe import Markup

_LISTED_LEVEL = 3
"""Headings of this level are in the contents, below their chapter; deeper ones have anchors alone."""


@dataclass(frozen=True)
class Entry:
    """A line of the contents, and what stands below it."""

    anchor: str
    text: str
    below: list[Entry] = field(default_factory=list)


class Contents:
    """Makes the headings of a page in their order, no two with the same anchor."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._chapter = Entry("", "")

    def chapter(self, anchor: str, text: str) -> Entry:
        """Begin a chapter, whose heading has this anchor; its entry gets those of the headings that follow."""
        self._taken.add(anchor)
        self._chapter = Entry(anchor, text)
        return self._chapter

    def headline(self, level: int, text: str) -> Markup:
        """A heading of the page within the chapter, `level` 3 or 4, that a link can lead to."""
        anchor = self._anchor(text)
        if level == _LISTED_LEVEL:
            self._chapter.below.append(Entry(anchor, text))
        heading = Markup('<h{level} id="{anchor}">{text}{link}</h{level}>')
        return heading.format(level=level, anchor=anchor, text=text, link=link_to(anchor))

    def _anchor(self, text: str) -> str:
        """The words of a heading after those of its chapter, and a number where others have the same."""
        words = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
        wanted = "-".join(filter(None, (self._chapter.anchor, words)))
        anchor, number = wanted, 1
        while anchor in self._taken:
            number += 1
            anchor = f"{wanted}-{number}"
        self._taken.add(anchor)
        return anchor


def link_to(anchor: str) -> Markup:
    """The sign beside a heading whose address is that of the heading."""
    return Markup('<a class="anchor" href="#{}" aria-label="Link to this heading">#</a>').format(anchor)
