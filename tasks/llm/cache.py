"""What has been measured, kept on disk: the same trial is not evaluated twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from optathlon.llm.cached import cached, keep

_PACKAGES = ("optathlon", "torch", "transformers", "peft", "tokenizers")


def key_of(*parts: object) -> str:
    """A hash of what decides a result, beside the versions of the libraries that compute it."""
    return hashlib.sha256(json.dumps([versions(), *parts], sort_keys=True, default=str).encode()).hexdigest()[:32]


@cache
def versions() -> str:
    """The versions of the libraries that results depend on."""
    return " ".join(f"{package} {_version(package)}" for package in _PACKAGES)


def remembered(kind: str, key: str, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """What is kept under a key, or else made and then kept; JSON values. What raises is not kept."""
    known: dict[str, Any] | None = cached(kind, key)
    if known is None:
        known = dict(make())
        keep(kind, key, known)
    return known


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
