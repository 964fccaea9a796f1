"""Parts of pages that are made from the code: each stands between `<!-- NAME -->` and `<!-- end -->`.

`python docs/generated.py --write` renews them all; without `--write` it names the pages that are not current. What they
say comes from `roster.py` (optimizers), `cli.py` (commands), `keys.py` (YAML files) and `installing.py`
(extras and targets).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import cli
import installing
import keys
import roster

DOCS = Path(__file__).resolve().parent
PAGES: Mapping[str, Callable[[], Mapping[str, str]]] = {
    "optimizers.md": roster.parts,
    "command-line.md": cli.parts,
    "keys.md": keys.parts,
    "install.md": installing.parts,
}
"""By page, what makes its parts: their text by name."""


def main() -> int:
    """Compare or write; 1 where a comparison differs."""
    stale = []
    for name, parts in PAGES.items():
        page = DOCS / name
        before = page.read_text("utf-8")
        current = filled(before, parts())
        if "--write" in sys.argv:
            page.write_text(current, "utf-8")
        elif before != current:
            stale.append(name)
    if stale:
        print(f"{', '.join(stale)} not current: run python docs/generated.py --write")
    return bool(stale)


def filled(page: str, parts: Mapping[str, str]) -> str:
    """The page with these parts. Raises `ValueError` where it has not exactly one place for each."""
    for name, text in parts.items():  # a table begins after a blank line
        block = rf"(?s)(<!-- {name} -->\n).*?(<!-- end -->)"
        page, found = re.subn(block, lambda match, text=text: f"{match[1]}\n{text}\n\n{match[2]}", page)
        if found != 1:
            raise ValueError(f"the page has {found} parts {name!r}")
    return page


if __name__ == "__main__":
    sys.exit(main())
