"""The columns of trials that the analysis needs."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from optathlon.errors import UsageError

TRIAL_COLUMNS = (
    *("fidelity", "evaluations", "value", "status", "error", "cost", "ask_s", "tell_s", "evaluate_s", "end"),
    "over_budget",
)
"""The columns that every frame of trials must have, beside the labels of their run and their number."""

READ_COLUMNS = (*TRIAL_COLUMNS, "constraint_1", "metrics")
"""What to read from a results folder (`columns` of `optathlon.load`): also all constraints and metrics, if any."""


def require_columns(trials: pd.DataFrame, names: Iterable[str] = TRIAL_COLUMNS) -> None:
    """Raise `UsageError` where `trials` lack one of the columns `names`."""
    missing = [name for name in names if name not in trials]
    if missing:
        raise UsageError(
            f"the trials lack {'the columns' if len(missing) > 1 else 'the column'} "
            f"{', '.join(f'`{name}`' for name in missing)}, which the analysis needs: load the results with all "
            "columns (`optathlon.load` without `columns`)"
        )
