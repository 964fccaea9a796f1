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
    path = _path(kind, key)
    try:
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        made = dict(make())
        _write(path, json.dumps(made))
        return made
    return known


def keep(kind: str, key: str, value: Mapping[str, Any]) -> None:
    """Keep JSON values under a key, in the place of what was there."""
    _write(_path(kind, key), json.dumps(dict(value)))


def kept(kind: str, key: str) -> dict[str, Any]:
    """What is kept under a key; nothing where it isn't, or can't be read."""
    try:
        known: dict[str, Any] = json.loads(_path(kind, key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known


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
