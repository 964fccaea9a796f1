"""What an optimizer declares that needs a virtual environment of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment for libraries that can't be installed beside the others.

    `optathlon env create NAME` makes it; the optimizer then runs there, in a process of its own.

    Parameters
    ----------
    name:
        What users call it.
    requirements:
        Distributions for pip, with exact versions: one set, which was tested together. Name torch where it is needed:
        then a build for the CPU is looked for.
    pythons:
        The versions of Python that all of them have wheels for, the preferred one first.
    """

    name: str
    requirements: tuple[str, ...]
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13")


__all__ = ["Environment"]
