"""Text as LaTeX: nothing in it is a command, and whatever engine is used, it compiles."""

from __future__ import annotations

import re

from optathlon.text import one_line

_COMMANDS = {
    **{character: f"\\{character}" for character in "_%&#${}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "[": "{[}",  # the end of a row takes it, and a star
    "*": "{*}",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "†": r"$^{\dagger}$",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "µ": r"$\mu$",
    "∞": r"$\infty$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
}

_BREAKS = re.compile(r"(?<=[-/_,:;.=\[\]()@+])(?=.)")
_PLAIN = re.compile("[\x20-\x7eÀ-ÖØ-ÝßÀ-öø-ÿĀ-ĐĒ-ĥĨ-ıĴ-ķĹ-ňŐ-ŦŨ-ž]+")
"""What pdfLaTeX knows without a package."""

_SUPERSCRIPTS = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_RAISED = re.compile(f"[{_SUPERSCRIPTS}]+")
_LOWERED = str.maketrans(_SUPERSCRIPTS, "-0123456789")

_LIGATURES = re.compile(r"(?<=[-,])(?=[-,])")

_LONGEST_PIECE = 12
"""Letters that stay together where a line may break."""


def latex(text: str, *, breakable: bool = False) -> str:
    """Text for a cell.

    Characters that pdfLaTeX doesn't know appear as they are by XeLaTeX and LuaLaTeX, and else by their numbers.

    Parameters
    ----------
    text:
        Any; line breaks become spaces, and control characters visible.
    breakable:
        Whether a line may end within a word.
    """
    words = one_line(text).split(" ")
    return " ".join(_breakable(word) if breakable else _escaped(word) for word in words)


def _breakable(word: str) -> str:
    pieces = [
        piece[start : start + _LONGEST_PIECE]
        for piece in _BREAKS.split(word)
        for start in range(0, max(1, len(piece)), _LONGEST_PIECE)
    ]
    return r"\allowbreak{}".join(map(_escaped, pieces))


def _escaped(text: str) -> str:
    pieces = _RAISED.split(_LIGATURES.sub("\0", text))
    raised = [f"$^{{{found.translate(_LOWERED)}}}$" for found in _RAISED.findall(text)]
    return "".join("".join(map(_character, piece)) + power for piece, power in zip(pieces, [*raised, ""], strict=True))


def _character(character: str) -> str:
    if character == "\0":
        return "{}"
    if character in _COMMANDS:
        return _COMMANDS[character]
    if _PLAIN.fullmatch(character):
        return character
    return rf"\ifdefined\Umathcode {character}\else U+{ord(character):04X}\fi{{}}"
