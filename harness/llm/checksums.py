"""Checksums of models' weights, which are remembered while their files stay as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from optathlon.llm.cached import cached, keep
from optathlon.llm.models import files_of

_KIND = "weights"


def known_checksum(model: str, compute: Callable[[], str], *, dtype: str = "float32", downloads: bool = False) -> str:
    """The checksum of a model's weights of a type.

    `compute` loads it, which is done where its files are not those of an earlier time. Raises as `load_model`.
    """
    key = _key(model, dtype, downloads)
    match cached(_KIND, key):
        case str(known):
            return known
    found = compute()
    keep(_KIND, key, found)
    return found


def is_known(model: str, *, dtype: str = "float32", downloads: bool = False) -> bool:
    """Whether the checksum of a model's weights is known without loading it. Raises as `load_model`."""
    return isinstance(cached(_KIND, _key(model, dtype, downloads)), str)


def _key(model: str, dtype: str, downloads: bool) -> str:
    return hashlib.sha256(repr((files_of(model, downloads=downloads), dtype)).encode()).hexdigest()[:32]
