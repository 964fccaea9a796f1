"""The style and the scripts of the page, which stand in it whole."""

from __future__ import annotations

from importlib.resources import files

from markupsafe import Markup


def style() -> Markup:
    """All style sheets."""
    return _joined(".css")


def script() -> Markup:
    """All scripts, as one module."""
    return _joined(".js")


def _joined(ending: str) -> Markup:
    parts = sorted(
        (part for part in files(__name__).iterdir() if part.name.endswith(ending)), key=lambda part: part.name
    )
    return Markup("\n".join(part.read_text(encoding="utf-8").strip() for part in parts))
