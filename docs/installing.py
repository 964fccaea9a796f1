"""What `docs/install.md` lists: extras, from `pyproject.toml`, and targets of the `Makefile`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = re.compile(r"^(?P<name>[a-z-]+):.*## (?P<text>.*)$", re.MULTILINE)


def parts() -> Mapping[str, str]:
    """The tables of extras and of targets."""
    targets = TARGET.findall((ROOT / "Makefile").read_text("utf-8"))
    rows = [f"| `make {name}` | {text} |" for name, text in targets]
    return {"extras": "\n".join(extras()), "targets": "\n".join(["| target | what it does |", "|---|---|", *rows])}


def extras() -> Iterator[str]:
    """The lines of the table of extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    yield from ("| extra | brings |", "|---|---|")
    for extra, requirements in project["optional-dependencies"].items():
        yield f"| `{extra}` | {', '.join(map(brought, requirements))} |"


def brought(requirement: str) -> str:
    """What a requirement brings: other extras as code, a package by its name."""
    match = re.fullmatch(r"optathlon\[(.*)\]", requirement)
    if match:
        return ", ".join(f"`{extra}`" for extra in match[1].split(","))
    return re.split(r"[<>=\[; ]", requirement)[0]
