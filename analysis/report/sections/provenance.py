"""Where the results come from, and how the page was made."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.analysis import Analysis
from optathlon.analysis.metrics.codes import codes, mixed_code
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import names
from optathlon.redaction import redacted

_ANALYSED_WITH = ("optathlon", "numpy", "scipy", "pandas", "pyarrow", "moocore", "matplotlib")


class Provenance(Section):
    """The sessions of the harness, and the packages of the analysis."""

    template = "provenance.html"

    def caveats(self) -> Iterator[Markup]:
        """Runs under different conditions, or by different code."""
        yield from _conditions(self.data.analysis)
        yield from _codes(self.data.analysis.results.runs)

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Which code did the runs, where that is known."""
        table = codes(self.data.analysis.results.runs)
        if len(table):
            yield "code", table.assign(versions=table["versions"].map(_named_versions))

    def content(self) -> dict[str, Any]:
        """What made the page and the results."""
        packages = ", ".join(f"{name} {version(name)}" for name in _ANALYSED_WITH)
        seed = self.data.analysis.seed
        return {
            "made": [f"This page was made with {packages}; every draw of the analysis is seeded with {seed}."],
            "sessions": provenance_sessions(self.data.analysis.results.provenance),
        }


def provenance_sessions(provenance: pd.DataFrame) -> list[dict[str, Any]]:
    """Per session: `id`, `command`, `facts` (name to text), and `mappings` (name to a dictionary, e.g. packages)."""
    sessions = []
    for id, row in provenance.sort_index().iterrows():
        entries = {str(name): value for name, value in row.items() if name != "command" and not _is_empty(value)}
        mappings = {name: dict(sorted(value.items())) for name, value in entries.items() if isinstance(value, dict)}
        facts = {name: _text(value) for name, value in entries.items() if name not in mappings}
        command = redacted(str(row.get("command") or ""))
        sessions.append({"id": id, "command": command, "facts": facts, "mappings": mappings})
    return sessions


def _is_empty(value: object) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    return isinstance(value, list | dict | str) and not value


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _conditions(analysis: Analysis) -> Iterator[Markup]:
    if analysis.divided_tasks:
        text = Markup(
            "Runs of {} differ in budget, workers, clock or the task's version: such runs are never compared, and "
            "count as separate tasks."
        )
        yield text.format(names(analysis.divided_tasks))
    units = analysis.results.runs["budget_unit"].astype(str).unique()
    if len(units) > 1:
        yield Markup("Budgets are counted in different units ({}); ranks compare equal shares of them.").format(
            ", ".join(sorted(units))
        )


def _named_versions(text: str) -> str:
    return ", ".join(f"{name} {version}" for name, version in json.loads(text or "{}").items())


def _codes(runs: pd.DataFrame) -> Iterator[Markup]:
    mixed = mixed_code(runs)
    if mixed:
        listed = [f"{optimizer} ({difference})" for optimizer, difference in mixed.items()]
        text = Markup(
            "The results of {} are not all by the same code: they were kept when it was edited or its libraries were "
            "changed, so what is said here of an optimizer is not of one version of it."
        )
        yield text.format(names(listed))
