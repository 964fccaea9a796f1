"""What has been measured, kept on disk: the same trial is not evaluated twice."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from optathlon.data import cache_root

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
    known = recalled(kind, key)
    if known is None:
        known = dict(make())
        keep(kind, key, known)
    return known


def recalled(kind: str, key: str) -> dict[str, Any] | None:
    """What is kept under a key, if anything."""
    try:
        known: dict[str, Any] = json.loads(_path(kind, key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return known


def keep(kind: str, key: str, value: Mapping[str, Any]) -> None:
    """Keep JSON values under a key."""
    _write(_path(kind, key), json.dumps(value))


def _path(kind: str, key: str) -> Path:
    return cache_root() / "llm" / kind / key[:2] / f"{key}.json"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; a full disk must not lose what has been made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(unfinished).replace(path)
    except OSError:
        return


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
