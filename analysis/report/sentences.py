"""Parts of the report's sentences. Names are escaped by `Markup.format`."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

_MANY = 8
"""Longer enumerations are cut."""


def counted(number: int, noun: str) -> str:
    """`"1 task"`, `"2 tasks"`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def names(items: Iterable[str]) -> Markup:
    """`"a, b and c"`, each in bold; cut after some."""
    bold = [Markup("<b>{}</b>").format(item) for item in items]
    if len(bold) > _MANY:
        bold = [*bold[: _MANY - 1], Markup(f"{len(bold) - _MANY + 1} others")]
    return bold[0] if len(bold) == 1 else Markup("{} and {}").format(Markup(", ").join(bold[:-1]), bold[-1])


def on_tasks(comparison: str) -> str:
    """Where a finding holds, e.g. `" on blackbox tasks"`; nothing for all tasks."""
    return "" if comparison == "all tasks" else f" on {comparison} tasks"
