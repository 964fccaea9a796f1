"""A first descriptor of a table: what its columns may mean, by their names and values."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from optathlon.errors import UsageError
from optathlon.tables.columns import Columns, column_names, read_columns
from optathlon.tables.findings import Findings
from optathlon.tables.values import number_of

_MOST_LEVELS = 20
"""A column of more different numbers is a range."""

_NAMES = {
    "status": r"status|state",
    "seed": r"seed|fold|rep(etition|eat|licate)?|trial_seed|run",
    "fidelity": r"(n_)?(epochs?|steps?|iter(ation)?s?|tokens|checkpoint|budget|fidelity|train_?size)",
    "cost": r"(.*_)?(run_?time|time|seconds|duration|cost|elapsed)(_s)?",
    "test": r"test_.*|.*_test",
    "maximize": r"(.*_)?(acc(uracy)?|auc|f1|r2|score|throughput|reward|precision|recall|bleu)(_.*)?",
    "minimize": r"(.*_)?(loss|err(or)?|rmse|mse|mae|ppl|latency|size|params|weights|flops|regret|memory)(_.*)?",
    "group": r"(data(_?set)?|task|instance|benchmark|problem)(_(id|name))?",
}
"""What columns of such names are taken for, the first one that fits."""


@dataclass(frozen=True)
class _Guess:
    column: str
    role: str
    distinct: int
    numeric: bool
    positive: bool
    low: float
    high: float


def guess(table: Path, folder: Path) -> str:
    """The text of a descriptor that stands in `folder`, with comments.

    Raises `UsageError` where the table can't be read, has no rows, or two columns of one name.
    """
    if not table.is_file():
        raise UsageError(f"no file {str(table)!r}: give a table of past trials")
    findings = Findings()
    columns = read_columns(table, column_names(table), findings)
    if findings.problems or columns is None:
        raise UsageError(f"{str(table)!r}: {findings.problems[0]}")
    found = [_guessed(columns, name) for name in columns.content.column_names]
    return _text(found, table, os.path.relpath(table, folder))


def _guessed(columns: Columns, name: str) -> _Guess:
    plain = re.sub(r"\W+", "_", name).lower()
    role = next((role for role, pattern in _NAMES.items() if re.fullmatch(pattern, plain)), "hyperparameter")
    values = [value for value in columns.values(name)[1] if value is not None]
    numbers = np.array([number for value in values if (number := number_of(value)) is not None], dtype=float)
    numeric = 0 < len(numbers) == len(values)
    low, high = (float(numbers.min()), float(numbers.max())) if numeric else (0.0, 0.0)
    return _Guess(name, role, len(values), numeric, numeric and low > 0, low, high)


def _text(found: Sequence[_Guess], table: Path, path: str) -> str:
    by_role = {role: [one for one in found if one.role == role] for role in (*_NAMES, "hyperparameter")}
    hyperparameters = [one for one in by_role["hyperparameter"] if one.distinct > 1]
    ranges = any(one.numeric and one.distinct > _MOST_LEVELS for one in hyperparameters)
    name = re.sub(r"[^\w.+=@-]+", "-", table.name.partition(".")[0]) or "table"
    lines = [
        f"# A guess from the columns of {table.name}: correct it, and see `optathlon table check`.",
        f"id: mine/{name}",
        f"table: {_quoted(path)}",
        "hyperparameters:  # float, integer (a range), ordinal (ordered levels) or categorical",
        *(f"  {_quoted(one.column)}: {_kind(one)}" for one in hyperparameters),
    ]
    if not hyperparameters:
        lines.append("  # none was recognised: NAME: {kind: float, log: true}")
    lines.append("objectives:  # minimize or maximize; keep what an optimizer should see")
    goals = [(one, role) for role in ("minimize", "maximize") for one in by_role[role] if one.numeric]
    lines += [f"  {_quoted(one.column)}: {_goal(one, role, by_role['test'])}" for one, role in goals]
    if not goals:
        lines.append("  # none was recognised: NAME: minimize")
    lines += [
        f"{role}: {_quoted(one.column)}{comment}"
        for role, comment in (
            ("fidelity", "  # or {column: …, log: true, resumable: true}"),
            ("cost", "  # seconds from scratch"),
            ("seed", "  # tells repetitions apart"),
            ("status", "  # or {column: …, ok: [done]}"),
            ("group", "  # a task for each value"),
        )
        for one in by_role[role][:1]
    ]
    answer = "nearest  # or surrogate" if ranges else "exact  # or nearest, surrogate"
    lines += [
        f"answer: {answer}",
        "missing: refuse  # or failure: what has no row or no value is a failed trial",
        "duplicates: refuse  # or repetitions",
        "description: ''  # what is tuned on what, and what the objectives mean",
    ]
    return "\n".join(lines) + "\n"


def _kind(one: _Guess) -> str:
    if not one.numeric:
        return "categorical"
    if one.distinct <= _MOST_LEVELS:
        return "ordinal"
    return "{kind: float, log: true}" if one.positive and one.high / one.low >= 100 else "float"


def _goal(one: _Guess, direction: str, tests: Sequence[_Guess]) -> str:
    measure = one.column.removeprefix("val_").removeprefix("valid_")
    test = next((test.column for test in tests if test.column in (f"test_{measure}", f"{measure}_test")), None)
    return f"{{direction: {direction}, test: {_quoted(test)}}}" if test else direction


def _quoted(text: str) -> str:
    """As YAML reads it back."""
    return text if re.fullmatch(r"[A-Za-z_][\w./-]*", text) and text.lower() not in ("null", "~") else json.dumps(text)
