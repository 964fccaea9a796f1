"""Chats as a template writes them: it is a program of a stranger, and runs in a process with little time and memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

SECONDS = 5
"""How long a template may compute for one chat."""
_LIMITS = {"seconds": SECONDS, "bytes": 512 * 2**20, "times": 4, "spare_characters": 100_000}
"""The memory that it may take; and its text may be so many times as long as the chat, and so much longer."""
_PROGRAM = Path(__file__).with_name("rendering_process.py")


class CannotRender(Exception):
    """A template fails, or takes too much; the text says what, in one line, and follows "the template …: "."""


class Renderer:
    """Renders chats by one template, as transformers does.

    Parameters
    ----------
    template:
        In Jinja.

    The process begins with the first chat, ends with this one, and is replaced where a template has brought it down.
    """

    def __init__(self, template: str) -> None:
        self._template = template
        self._process: subprocess.Popen[str] | None = None

    def render(
        self, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], *, tools: Any, begins_answer: bool
    ) -> str:
        """The text of a chat.

        Parameters
        ----------
        messages, tools:
            As transformers takes them: JSON values.
        arguments:
            What the template is told besides.
        begins_answer:
            Whether the text ends with what an answer begins with.

        Raises `CannotRender`.
        """
        chat = {"messages": messages, "tools": tools, "arguments": arguments, "add_generation_prompt": begins_answer}
        answer = self._answer(json.dumps(chat))
        if "fault" in answer:
            raise CannotRender(answer["fault"])
        return answer["text"]

    def _answer(self, chat: str) -> dict[str, str]:
        lines = [chat]
        if self._process is None:
            self._process = _started()
            lines.insert(0, json.dumps({"template": self._template, **_LIMITS}))
        answer = _asked(self._process, lines)
        if answer:
            found: dict[str, str] = json.loads(answer)
            return found
        code, self._process = self._process.wait(), None
        raise CannotRender(_cause(code))


def rendered(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    arguments: Mapping[str, Any],
    *,
    tools: Any = None,
    begins_answer: bool,
) -> str:
    """As `Renderer.render`; every template has one process for each process that uses it."""
    return _renderer(template, os.getpid()).render(messages, arguments, tools=tools, begins_answer=begins_answer)


@cache
def _renderer(template: str, pid: int) -> Renderer:
    return Renderer(template)


def _started() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", str(_PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )


def _asked(process: subprocess.Popen[str], lines: Sequence[str]) -> str:
    """The line that a process answers; empty where it has ended."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write("".join(f"{line}\n" for line in lines))
        process.stdin.flush()
        return process.stdout.readline()
    except BrokenPipeError:
        return ""


def _cause(code: int) -> str:
    if code == -signal.SIGXCPU:
        return f"it computes for more than {SECONDS} seconds"
    return f"its process ended with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"
