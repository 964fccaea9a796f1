"""What the pages show: commands and snippets."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_END = {"|", "||", "&&", ";", "&", ">", "2>"}


def blocks(page: Path, language: str) -> list[str]:
    """The blocks of code of a page in that language (`sh`, `python`; empty for those without one)."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every `optathlon …` of a page, without those that leave something out (`…`)."""
    for block in [*blocks(page, "sh"), *blocks(page, "")]:
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True) if line.startswith("optathlon ") else []
            end = next((place for place, word in enumerate(words) if word in _END), len(words))
            if words and "…" not in words:
                yield words[1:end]
