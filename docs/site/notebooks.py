"""Notebooks as pages: their text and code, with a link to the file itself."""

from __future__ import annotations

import json
from pathlib import Path


def add_pages(folder: Path) -> None:
    """Put a page beside every notebook of the folder."""
    for notebook in folder.glob("*.ipynb"):
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        title, *rest = (shown(cell["cell_type"], "".join(cell["source"])) for cell in cells)
        download = f"[The notebook]({notebook.name}) shows what the cells print."
        notebook.with_suffix(".md").write_text("\n\n".join([title, download, *rest]) + "\n", "utf-8")


def shown(kind: str, source: str) -> str:
    """A cell as Markdown."""
    return source if kind == "markdown" else f"```python\n{source}\n```"
