"""What the pages show: commands, snippets, and the columns of tables."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_DYNAMIC = re.compile(r"(p against|lead over) .*|[\w-]+/.*|")
"""Columns that are called like an optimizer or a task, and the number of a row."""
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


def undocumented(figures: Path) -> list[str]:
    """The columns of the CSV files of a report that the page doesn't have, with their file."""
    page = (ROOT / "docs" / "columns.md").read_text("utf-8")
    shared, _, tables = page.partition("## Tables of the report")[2].partition("| file |")
    rows = {name: row for row in tables.splitlines() for name in re.findall(r"`(\w+)`", row.split(" | ")[0])}
    missing = []
    for file in sorted(figures.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            names = next(csv.reader(stream))
        row = rows.get(file.stem.partition("_of_")[0], rows.get(file.stem, ""))
        known = {*re.findall(r"`([^`]+)`", shared + row)}
        missing += [f"{file.name}: {name}" for name in names if name not in known and not _DYNAMIC.fullmatch(name)]
    return missing
