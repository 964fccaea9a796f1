"""What users read is plain English, which a reader from anywhere understands at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FOLDERS = ("harness", "optimizers", "tasks", "subsets", "analysis", "archive", "configs", "docs")
SHOWN = {".py", ".yaml", ".html", ".js", ".md"}

DIALECT = {
    r"anew": "again, from the beginning",
    r"dear(er|est|ly)?": "expensive",
    r"mend(s|ed|ing)?": "fix, improve",
    r"(hang|hangs|hung|hanging) on": "depend on",
    r"overstep(s|ped|ping)?": "exceed",
    r"(take|takes|took|taking) note": "note, remember",
    r"(carry|carries|carried|carrying) out": "run, execute",
    r"(wants?|wanting) an?": "need a",
    r"(?<!there )is no (?!longer|more|less|worse|better|other|limit|ranking|reason|warning)": "is not a",
    r"be told from": "differ from",
}
"""Regular expressions, and what to write instead."""

WORDS = 35
"""The longest sentence of a page; a colon, a semicolon or a new item of a list ends one as well."""


@pytest.mark.parametrize("folder", FOLDERS)
def test_folders_have_no_dialect(folder: str) -> None:
    files = sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in SHOWN)
    found = [line for path in files for line in dialect_in(path)]
    assert not found, "\n".join(found)


def test_pages_at_the_top_have_no_dialect() -> None:
    found = [line for path in sorted(ROOT.glob("*.md")) for line in dialect_in(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short(page: Path) -> None:
    counted = ((len(re.findall(r"\w\S*", sentence)), sentence) for sentence in sentences(page.read_text("utf-8")))
    long = [f"{count} words: {sentence}" for count, sentence in counted if count > WORDS]
    assert not long, "\n".join(long)


def dialect_in(path: Path) -> Iterator[str]:
    """A line per dialect word of the file: where it is, and what to write instead."""
    text = path.read_text("utf-8")
    for dialect, plainly in DIALECT.items():
        for match in re.finditer(rf"\b{dialect}\b", text, flags=re.IGNORECASE):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path.relative_to(ROOT)}:{line}: {match.group()!r}: write {plainly!r}"


def sentences(markdown: str) -> Iterator[str]:
    """The sentences of a page's paragraphs and lists; code, tables and the targets of links are left out."""
    text = re.sub(r"^```.*?^```", "\n", markdown, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`]*`", "code", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^>]+>", "", text)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*#|]|\d+\.)\s?)", text):
        if not block.lstrip().startswith("|"):
            yield from re.split(r"(?<=[.!?:;])[*_)\"']*\s+", " ".join(block.split()))


def test_sentences_are_split() -> None:
    assert [*sentences("# A title\n\nOne, two.\nThree; `a. b`:\n- four\n- five\n\n| a. b | c |\n")] == [
        "# A title", "One, two.", "Three;", "code:", "- four", "- five",
    ]  # fmt: skip
