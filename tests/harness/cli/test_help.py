"""Help: plain words for what to write, exit codes, the version, and no colours where none are wanted."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from typer.core import TyperGroup

from optathlon.cli import exit_codes
from optathlon.cli.commands import COMMANDS, command
from optathlon.cli.help import parameters

InProcess = Callable[..., SimpleNamespace]

PYTHON = re.compile(r"<\w|\b(bool|str|int|float|list\[|None)\b")


def commands() -> Iterator[tuple[str, Any]]:
    """All commands by what one types, groups included."""

    def below(name: str, one: Any) -> Iterator[tuple[str, Any]]:
        yield name, one
        if isinstance(one, TyperGroup):
            for part, inner in one.commands.items():
                yield from below(f"{name} {part}".strip(), inner)

    return below("", command())


@pytest.mark.parametrize(("name", "one"), [*commands()], ids=lambda value: value if isinstance(value, str) else "")
def test_values_are_named_in_plain_words(name: str, one: Any) -> None:
    for parameter in parameters(one):
        shown = parameter.display_type_rich(None)
        assert not PYTHON.search(shown), (name, parameter.name, shown)
        assert bool(shown) is not getattr(parameter, "is_flag", False), (name, parameter.name)
        assert "TEXT" not in shown or parameter.param_type_name == "argument", (name, parameter.name)
        assert parameter.help and "\n" not in parameter.help, (name, parameter.name)


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("words", [(), ("run",), ("subset",), ("subset", "select"), ("data", "list")], ids=" ".join)
def test_both_flags_show_help(in_process: InProcess, words: tuple[str, ...], flag: str) -> None:
    done = in_process(*words, flag)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: " in done.stdout
    assert not PYTHON.search(done.stdout.partition("Options")[2].replace("None of", ""))


def test_every_command_is_listed(in_process: InProcess) -> None:
    shown = in_process().stdout
    assert [name for name in COMMANDS if f"│ {name} " not in shown] == []
    said = " ".join(shown.split())
    assert " ".join(exit_codes.EXPLAINED.split()) in said


def test_exit_codes_are_explained() -> None:
    codes = {value for name, value in vars(exit_codes).items() if isinstance(value, int)}
    assert codes == {int(code) for code in re.findall(r"\b\d+\b", exit_codes.EXPLAINED)} - {0}


def test_the_version(in_process: InProcess) -> None:
    done = in_process("--version")
    assert (done.returncode, done.stdout) == (0, f"optathlon {version('optathlon')}\n")


@pytest.mark.parametrize("shows_colours", [True, False])
def test_colours(shows_colours: bool) -> None:
    ours, theirs = pty.openpty()
    wanted = {} if shows_colours else {"NO_COLOR": "1"}
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    arguments = [sys.executable, "-m", "optathlon", "--help"]
    process = subprocess.Popen(arguments, stdout=theirs, env=environment | {"TERM": "xterm-256color"} | wanted)
    os.close(theirs)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    assert process.wait(60) == 0
    colours = re.findall(rb"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[;m]", shown)
    assert bool(colours) is shows_colours


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""
