"""The files beside the page, as links below what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FORMATS = {"svg": "SVG", "pdf": "PDF", "png": "PNG", "csv": "CSV", "tex": "LaTeX", "md": "Markdown"}


@dataclass(frozen=True)
class Download:
    """A figure or a table: its title, and by the name of the format the file's address as seen from the page."""

    title: str
    files: dict[str, str]


def download(title: str, name: str, folder: Path) -> Download:
    """The files of something called `name` that are in `folder`, which lies beside the page."""
    written = {
        label: f"{name}.{ending}" for ending, label in _FORMATS.items() if (folder / f"{name}.{ending}").exists()
    }
    return Download(title, {label: f"{folder.name}/{file}" for label, file in written.items()})
