"""Optimizers that run in a child process: the adapter's side of the protocol."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Gt, Le

from optathlon.budget import LONGEST_S
from optathlon.environment import Environment
from optathlon.errors import SearchSpaceExhausted
from optathlon.lazy import lazy_module
from optathlon.optimizer import Optimizer
from optathlon.problem import Problem
from optathlon.remote.child import Child, RemoteError
from optathlon.remote.environments import made
from optathlon.trial import Result, Trial

if TYPE_CHECKING:
    from optathlon.remote import messages
else:
    messages = lazy_module("optathlon.remote.messages")

Timeout = Annotated[float, Gt(0), Le(LONGEST_S)]
"""Seconds that the process may take for an answer."""

HOUR = 3600.0

_SERVER = Path(__file__).with_name("server.py")


class RemoteOptimizer(Optimizer):
    """A method in a child process that speaks the protocol (see `docs/protocol.md`).

    The process starts with the run. It is ended when the optimizer is dropped, and where this process dies.

    Parameters
    ----------
    problem, seed:
        As of every optimizer.
    command:
        A program and its arguments.
    folder:
        Where it works.
    variables:
        Of its environment, beside those of this process.
    options:
        What the method is told beside the problem, as JSON values.
    timeout:
        Seconds that it may take for each answer. Then the run ends as crashed.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        *,
        command: Sequence[str],
        folder: Path,
        variables: Mapping[str, str],
        options: Mapping[str, Any],
        timeout: float,
    ) -> None:
        self._timeout = timeout
        self._names = messages.names_sent(problem.space)
        self._child = Child(command, folder, variables)
        self._end = weakref.finalize(self, self._child.close, {"type": "finish", "reason": "ended"})
        try:
            self._child.send(messages.init(problem, seed, options), timeout)
            answer = self._answer("init", "ready")
            if (version := answer.get("protocol_version", messages.VERSION)) != messages.VERSION:
                self._child.complain(f"the optimizer's process speaks version {version!r} of the protocol, not 1")
        except BaseException:  # whatever ends the start, an interrupt too, must not leave the process
            self._end()
            raise

    def ask(self) -> Trial | None:
        """What the child proposes."""
        if (unasked := self._child.said_unasked()) is not None:
            self._refuse("without being asked", unasked)
        self._child.send({"type": "ask"}, self._timeout)
        answer = self._answer("ask", "propose", "wait", "exhausted")
        if answer["type"] == "wait":
            return None
        if answer["type"] == "exhausted":
            raise SearchSpaceExhausted("the optimizer's process has nothing left to try")
        try:
            return messages.proposal(answer)
        except ValueError as error:
            self._child.complain(f"the optimizer's process proposed what is not a trial: {error}")

    def tell(self, trial: Trial, result: Result) -> None:
        """Send the result; the child gives no answer."""
        self._child.send(messages.tell(trial, result, self._names), self._timeout)

    def _answer(self, to: str, *expected: str) -> dict[str, Any]:
        answer = self._child.receive(to, self._timeout)
        if answer["type"] not in expected:
            self._refuse(f"to {to!r}", answer)
        return answer

    def _refuse(self, when: str, answer: Mapping[str, Any]) -> None:
        """Raise what is wrong with an answer that is not the expected one."""
        if answer["type"] == "error":
            self._child.complain(f"the optimizer's process reports: {answer.get('message')}")
        self._child.complain(f"the optimizer's process answered {answer['type']!r} {when}")


class CommandOptimizer(RemoteOptimizer):
    """A method in any language: a program that speaks the protocol on its stdin and stdout.

    A subclass in a plugin file names the command and declares the capabilities:

        class HillClimber(CommandOptimizer):
            command = ("node", "hill_climber.js")
            capabilities = frozenset({Capability.CATEGORICALS})

    The program works in the folder of that file. Arguments that are names of files there count as its source: when they
    change, its results are those of other code. A subclass with options of its own takes them in `__init__`, and puts
    them into `self.options` before it calls this one.

    Class attributes
    ----------------
    command:
        The program and its arguments.
    options:
        What the program is told beside the problem, as JSON values.
    """

    command: ClassVar[tuple[str, ...]] = ()
    options: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, problem: Problem, seed: int, *, timeout: Timeout = HOUR) -> None:
        folder = command_folder(type(self))
        program = self.command[0]
        if shutil.which(str(folder / program) if "/" in program else program) is None:
            raise RemoteError(f"there is no program {program!r}: install it, or give its path")
        super().__init__(
            problem,
            seed,
            command=self.command,
            folder=folder,
            variables={},
            options=self.options,
            timeout=timeout,
        )


class EnvironmentOptimizer(RemoteOptimizer):
    """A method whose library lives in a virtual environment of its own.

    A subclass names the environment, and in `_script` a Python file beside its own module that has a function
    `make(problem, seed, options)`; `optathlon.remote.server` says what it returns.

    Class attributes
    ----------------
    environment:
        What the library needs.
    """

    _script: ClassVar[str]

    def __init__(self, problem: Problem, seed: int, *, options: Mapping[str, Any], timeout: float) -> None:
        assert self.environment is not None
        python = made(self.environment).python
        folder = Path(tempfile.mkdtemp(prefix="optathlon-"))
        weakref.finalize(self, _remove, folder, os.getpid())
        super().__init__(
            problem,
            seed,
            command=(str(python), str(_SERVER), str(_defining_folder(type(self), "_script") / self._script)),
            folder=folder,
            variables={"PYTHONNOUSERSITE": "1", "PYTHONPATH": ""},
            options=options,
            timeout=timeout,
        )


def _remove(folder: Path, owner: int) -> None:
    """Remove a folder, but not in a copy of the process that owns it."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def source_files(cls: type[Optimizer]) -> dict[str, bytes]:
    """The files beside a class's module that its child process runs, by name, with their content."""
    if issubclass(cls, EnvironmentOptimizer):
        names, folder = [cls._script], _defining_folder(cls, "_script")
    elif issubclass(cls, CommandOptimizer):
        names, folder = [*cls.command], command_folder(cls)
    else:
        return {}
    return {name: (folder / name).read_bytes() for name in names if name and _is_file(folder / name)}


def _is_file(path: Path) -> bool:
    """Whether a file is there; an argument may be a whole program, which is too long for a file's name."""
    try:
        return path.is_file()
    except OSError:
        return False


def command_folder(cls: type[CommandOptimizer]) -> Path:
    """Where the command of a class runs: the folder of the file that says what the command is."""
    return _defining_folder(cls, "command")


def _defining_folder(cls: type, attribute: str) -> Path:
    definer = next(base for base in cls.__mro__ if attribute in vars(base))
    return Path(sys.modules[definer.__module__].__file__ or "").resolve().parent


__all__ = ["CommandOptimizer", "Environment", "EnvironmentOptimizer", "RemoteOptimizer", "Timeout", "source_files"]
