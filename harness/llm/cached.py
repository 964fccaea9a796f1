"""Small results on disk, in the folder of what can be made again: each is written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from optathlon.data import cache_root


def cached(kind: str, key: str) -> Any:
    """What is kept under a key; `None` where nothing is, or it can't be read.

    Parameters
    ----------
    kind:
        The folder, one for what is alike.
    key:
        A hash in hexadecimal.
    """
    try:
        return json.loads(_path(kind, key).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep(kind: str, key: str, value: Any) -> None:
    """Keep a JSON value, on the disk when this returns. Where that can't be done nothing is kept, and nothing raised.

    Parameters as in `cached`.
    """
    path = _path(kind, key)
    text = json.dumps(value)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(unfinished).replace(path)
    except OSError:
        return


def _path(kind: str, key: str) -> Path:
    return cache_root() / "llm" / kind / key[:2] / f"{key}.json"
