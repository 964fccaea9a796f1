"""`optathlon completion`: what a shell needs to complete commands, options, choices and ids.

The shell asks `optathlon` itself, with the line up to the cursor in the variable `COMPLETE`; the answer has a line for
each candidate: the word, and after a tab what it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from importlib.resources import files
from itertools import dropwhile
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from optathlon.cli.help import parameters
from optathlon.cli.output import show


class Shell(StrEnum):
    """Shells for which there is a script."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell to complete in.")]) -> None:
    """Print the script by which a shell completes commands, options, choices, and ids of optimizers and tasks.

    bash: optathlon completion bash > ~/.local/share/bash-completion/completions/optathlon

    zsh: optathlon completion zsh > a file _optathlon in a folder of $fpath

    fish: optathlon completion fish > ~/.config/fish/completions/optathlon.fish
    """
    show(files("optathlon.cli").joinpath(f"completion.{shell}").read_text(), end="")


def print_candidates(line: str) -> None:
    """Print how the line may go on; nothing where the next word is a file, or where nothing fits."""
    from optathlon.cli.commands import command

    words = _split(line)
    last = words.pop() if words and not line[-1:].isspace() else ""
    for word, meaning in _candidates(command(), words[1:], last):
        show(f"{word}\t{meaning}".rstrip())


def _split(line: str) -> list[str]:
    """The words of a line, of which the last may lack its closing quote."""
    for end in ("", "'", '"', "\\"):
        with suppress(ValueError):
            return shlex.split(line + end)
    return line.split()


def _candidates(command: Any, words: Sequence[str], last: str) -> Iterator[tuple[str, str]]:
    """What `last` may become after the command and these words, and what it is; values of a command are not read."""
    while isinstance(command, TyperGroup):
        name, *words = [*dropwhile(_is_flag, words)] or [""]
        if name not in command.commands:
            if not name:
                yield from _names(command, last)
            return
        command = command.commands[name]
    option, equals, value = last.partition("=")
    options = {flag: one for one in parameters(command) if one.param_type_name == "option" for flag in one.opts}
    asked = _awaiting(words, options)
    if isinstance(asked, int) and equals and option in options:
        asked, last = options[option], value
    if not isinstance(asked, int):
        yield from _values(asked, last)
    elif _is_flag(last):
        yield from ((flag, one.help or "") for flag, one in options.items() if flag.startswith(last))
    else:
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        for one in arguments[asked : asked + 1] or [one for one in arguments[-1:] if one.nargs < 0]:
            yield from _values(one, last)


def _is_flag(word: str) -> bool:
    return word.startswith("-")


def _names(group: TyperGroup, last: str) -> Iterator[tuple[str, str]]:
    if _is_flag(last):
        yield from ((flag, one.help or "") for one in parameters(group) for flag in one.opts if flag.startswith(last))
        return
    for name in group.commands:
        if name.startswith(last):
            yield name, (group.commands[name].help or "").partition("\n")[0]


def _awaiting(words: Sequence[str], options: Mapping[str, Any]) -> Any:
    """The option whose value comes next, else how many arguments there are."""
    arguments = 0
    rest = iter(words)
    for word in rest:
        if not _is_flag(word):
            arguments += 1
        elif (option := options.get(word)) is not None and not option.is_flag and next(rest, None) is None:
            return option
    return arguments


def _values(parameter: Any, last: str) -> Iterator[tuple[str, str]]:
    for item in parameter.shell_complete(typer.Context(TyperCommand(None)), last):
        if item.type == "plain":  # of files, the shell knows more
            yield item.value, item.help or ""
