"""The method's side of the protocol, for libraries in an environment of their own: `python server.py METHOD.py`.

Needs nothing but Python 3.10. METHOD.py defines `make(problem, seed, options)`, where `problem` is that of the message
`init`. It returns an object with

- `ask()`: the message to answer as a dictionary with a `candidate` and, if need be, `fidelity` and `parent`; `None` to
  wait for results; `StopIteration` is raised where nothing is left to try.
- `tell(asked, told)`: the dictionary that `ask` returned, which may hold more, and the message `tell`.

What a library prints goes to stderr. What it raises is reported, and ends the process.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

VERSION = 1
_SENT = ("candidate", "fidelity", "parent")


def main() -> None:
    """Serve the method of the file that the command line names."""
    lines, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(type: str, **content: object) -> None:
        text = json.dumps({"type": type, **content}, allow_nan=False, default=lambda value: value.item())
        answers.write(text.encode() + b"\n")
        answers.flush()

    try:
        _serve(_module(sys.argv[1]), lines, answer)
    except BaseException as error:  # a library may raise anything
        traceback.print_exc()
        with contextlib.suppress(OSError):  # nobody listens any more
            answer("error", message=f"{type(error).__name__}: {error}")
        sys.exit(1)


def _serve(module: Any, lines: Iterable[bytes], answer: Callable[..., None]) -> None:
    method: Any = None
    asked: list[Any] = []
    for line in lines:
        message = json.loads(line)
        kind = message["type"]
        if kind == "init":
            if message["protocol_version"] != VERSION:
                raise RuntimeError(f"this server speaks version {VERSION} of the protocol")
            method = module.make(message["problem"], message["optimizer_seed"], message["options"])
            answer("ready", protocol_version=VERSION)
        elif kind == "ask":
            try:
                proposed = method.ask()
            except StopIteration:
                answer("exhausted")
                continue
            if proposed is None:
                answer("wait")
                continue
            asked.append(proposed)
            answer("propose", **{key: proposed[key] for key in _SENT if proposed.get(key) is not None})
        elif kind == "tell":
            number = message["candidate_id"]
            method.tell(asked[number], message)
            asked[number] = None
        elif kind == "finish":
            return


def _module(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("method", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
