"""What is stored of tasks' facts, so that they are listed and counted without making search spaces.

`python docs/facts.py --write` renews the files `NAME.facts.json` beside the collections; without `--write` it names
those that are not current.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from optathlon.registry.plugins import collection_names
from optathlon.registry.tasks import collection
from optathlon.stored_facts import StoredFacts, file_name, stored_text


def stored_collections() -> Mapping[Path, StoredFacts]:
    """The collections of this project whose facts are stored, by the file."""
    found = {}
    for name in collection_names():
        source = collection(name)
        if isinstance(source, StoredFacts):
            module = sys.modules[type(source).__module__]
            found[Path(module.__file__ or "").with_name(file_name(name))] = source
    return found


def main() -> None:
    """Write, or exit with 1 where something is not as it would be written."""
    texts = {path: stored_text(source) for path, source in stored_collections().items()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--write" in sys.argv[1:]:
        for path in stale:
            path.write_text(texts[path], "utf-8")
    elif stale:
        sys.exit(f"not up to date: {', '.join(map(str, stale))}: python docs/facts.py --write")


if __name__ == "__main__":
    main()
