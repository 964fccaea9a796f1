"""Checksums of models' weights, which are remembered while their files stay as they are."""

from __future__ import annotations

from collections.abc import Callable

from optathlon.llm.models import files_of
from optathlon.tasks.llm.cache import key_of, remembered


def known_checksum(model: str, compute: Callable[[], str], *, downloads: bool) -> str:
    """The checksum of a model's weights; `compute` loads it, where its files are not those of an earlier time."""
    files = files_of(model, downloads=downloads)
    return str(remembered("checksums", key_of(files), lambda: {"checksum": compute()})["checksum"])
