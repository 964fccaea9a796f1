"""Errors that a user can fix: one clear line that says what, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class OptathlonError(Exception):
    """Base of every error that Optathlon raises on purpose; its text is one line for the user."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(OptathlonError):
    """The user asked for something that does not exist or can't be done; nothing has run."""


class FailedCheck(UsageError):
    """What the user named was tried and is of no use: the exit code is that of failed checks."""


class Unknown(UsageError):
    """The user named something that is not known here; `kind` says what, as "optimizer"."""

    kind = ""


class MissingDependency(UsageError):
    """An optimizer or a collection needs a package that is not installed."""

    def __init__(self, what: str, package: str, install: str) -> None:
        from optathlon.installation import as_installed  # rarely needed, and it loads importlib.metadata

        super().__init__(f"{what} needs the package {package!r}: {as_installed(install or f'pip install {package}')}")


class MissingEnvironment(UsageError):
    """An optimizer needs a virtual environment of its own that is not there."""


class MissingOption(UsageError):
    """An optimizer has an option without a default, and is asked for without it."""


class MissingData(UsageError):
    """A collection needs data files that are absent or differ from what was published."""


class Interruption(OptathlonError):
    """Ends a run without an outcome; neither its optimizer nor its task is to blame."""


class StorageError(Interruption):
    """Results can't be written: no space, no permission, no disk. What was written before is intact."""


class Unavailable(Interruption):
    """Evaluations can't go on, whatever is proposed: what they need is away. What was measured before is intact."""


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Within this block, an error of the operating system is a `StorageError` about `path`."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"can't write to {str(path)!r}: {error.strerror or error}: fix that and repeat the command; "
            "what was stored is intact"
        ) from error


class SearchSpaceExhausted(OptathlonError):
    """For `Optimizer.ask` to raise: there is nothing left to try, whatever pending results may tell."""


class InvalidConfiguration(OptathlonError):
    """An optimizer proposed a configuration outside the search space, or a forbidden one."""


def first_complaint(error: ValidationError) -> tuple[str, str]:
    """Where the first wrong value is (`"ranks.0"`; empty for the whole), and what pydantic says of it, for one line."""
    first = error.errors()[0]
    text = first["msg"].removeprefix("Value error, ")
    return ".".join(map(str, first["loc"])), f"{text[0].lower()}{text[1:]}"


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "") -> Unknown:
    """The error for a name that is not known, with the nearest match.

    Example: `unknown("optimizer", "optuna-tpee", ["optuna-tpe"])` reads
    "unknown optimizer 'optuna-tpee': did you mean 'optuna-tpe'?".
    """
    known = list(known)
    place = f" in {where}" if where else ""
    hint = nearest(name, known)
    if not hint and 0 < len(known) <= 12:
        hint = f"known: {', '.join(sorted(known))}"
    elif not hint:
        hint = f"see `optathlon list {kind}s`" if kind in ("optimizer", "task") else "no similar name is known"
    error = Unknown(f"unknown {kind} {name!r}{place}: {hint}")
    error.kind = kind
    return error


def nearest(name: str, known: Iterable[str]) -> str:
    """A question for the known name that is most like `name`, as "did you mean 'random'?"; empty where none is."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {matches[0]!r}?" if matches else ""
