"""Loading what an installed package brings by an entry point."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

from optathlon.errors import UsageError
from optathlon.text import described


def load_entry(entry: EntryPoint) -> Any:
    """What an entry point names; `UsageError` in one line where importing it raises anything or exits."""
    try:
        return entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a package may raise anything while it is imported
        raise broken(entry, described(error)) from error


def broken(entry: EntryPoint, complaint: str) -> UsageError:
    """The error for an entry point of which nothing can be made."""
    package = f"the package {entry.dist.name!r}" if entry.dist else "a package"
    return UsageError(f"{entry.name!r} ({entry.value}) of {package} is broken: {complaint}: repair or uninstall it")
