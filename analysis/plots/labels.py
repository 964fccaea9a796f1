"""Short labels of names, no two of which look the same."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from itertools import count, pairwise, takewhile

_LEAST = 4
"""Columns of a part that is cut: two of its beginning, the ellipsis, and one of its end."""

_ELLIPSIS = "…"
_BOX = "□"


def labels(names: Iterable[str], limit: int = 26, *, drawable: Container[int] | None = None) -> dict[str, str]:
    """A label for each of `names`: distinct, and the same whatever order they come in.

    A name that fits is its own label. Long names are cut to where they begin to differ from each other: of what several
    begin with, and of the rest, only both ends are kept. Where that doesn't fit, or would look like another label, a
    number follows the name's beginning. Blanks in a row are one, and characters that can't be seen are left out.

    Parameters
    ----------
    names:
        What the labels have to tell apart; equal ones are one.
    limit:
        The most columns of a label, at least 12: letters of Chinese, Japanese and Korean have two.
    drawable:
        The code points that a font has: runs of others become a box, and names that differ there alone have numbers.
    """
    visible = {name: _visible(name, drawable) for name in sorted(set(names))}
    long = sorted({text for text in visible.values() if columns(text) > limit})
    cut = dict(zip(long, _cut_all(long, limit), strict=True))
    alike: dict[str, list[str]] = defaultdict(list)
    for name, text in visible.items():
        alike[cut.get(text, text)].append(name)
    found = {group[0]: label for label, group in alike.items() if len(group) == 1 and label}
    taken = {*found.values()}
    for group in alike.values():
        for name in group:
            if name not in found:
                found[name] = _numbered(visible[name], limit, taken)
                taken.add(found[name])
    return {name: found[name] for name in visible}


def columns(text: str) -> int:
    """The width of a text, where a letter of a Latin script has 1."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _visible(name: str, drawable: Container[int] | None) -> str:
    """What can be seen of a name."""
    seen = (each for each in unicodedata.normalize("NFC", name) if each.isspace() or not _is_hidden(each))
    text = " ".join("".join(seen).split())
    if drawable is None:
        return text
    return re.sub(f"{_BOX}+", _BOX, "".join(each if ord(each) in drawable else _BOX for each in text))


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _cut_all(names: Sequence[str], limit: int) -> list[str]:
    """Sorted distinct names, cut; an empty text for those that have too many places where they differ from others."""
    shared = [_shared(*pair) for pair in pairwise(names)]
    before, after = _branches(shared), _branches(shared[::-1])[::-1]
    return [
        _cut(name, sorted({*left, *right} - {0}), limit)
        for name, left, right in zip(names, before, after, strict=False)
    ]


def _shared(first: str, second: str) -> int:
    """With how many equal characters two names begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _branches(shared: Sequence[int]) -> list[list[int]]:
    """For each sorted name, where those before it part from it, given how much neighbours share: increasing places."""
    found: list[list[int]] = [[]]
    for place in shared:
        found.append([*(earlier for earlier in found[-1] if earlier < place), place])
    return found


def _cut(name: str, places: list[int], limit: int) -> str:
    """The two ends of each part of a name between the places where it parts from others."""
    parts = [name[start:stop] for start, stop in pairwise([0, *places, len(name)]) if start < stop]
    *inner, last = widths = [columns(part) for part in parts]
    shares = _shares(inner, limit - min(last, limit * 2 // 5))
    shares.append(min(last, limit - sum(shares)))
    if any(share < min(width, _LEAST) for share, width in zip(shares, widths, strict=True)):
        return ""
    return "".join(map(_ends, parts, shares))


def _shares(widths: Sequence[int], limit: int) -> list[int]:
    """`limit` shared among parts, as equally as their widths allow."""
    shares = [0] * len(widths)
    for left, i in enumerate(sorted(range(len(widths)), key=lambda i: widths[i])):
        shares[i] = min(widths[i], (limit - sum(shares)) // (len(widths) - left))
    return shares


def _ends(part: str, limit: int) -> str:
    """A text, its middle left out if it has more than `limit` columns."""
    if columns(part) <= limit:
        return part
    head = (limit - 1) * 2 // 3
    return f"{_beginning(part, head)}{_ELLIPSIS}{_beginning(part[::-1], limit - 1 - head)[::-1]}"


def _beginning(text: str, limit: int) -> str:
    end = spent = 0
    while end < len(text) and spent + _width(text[end]) <= limit:
        spent += _width(text[end])
        end += 1
    return text[:end]


def _numbered(name: str, limit: int, taken: set[str]) -> str:
    """The beginning of a name with the first number that makes a new label."""
    for number in count(1):
        ending = f" ({number})" if name else f"({number})"
        room = limit - len(ending)
        label = (name if columns(name) <= room else _beginning(name, room - 1) + _ELLIPSIS) + ending
        if label not in taken:
            return label
    raise AssertionError("numbers don't end")
