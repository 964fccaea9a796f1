"""Which code did the runs of each optimizer: its source, and the versions of the libraries behind it."""

from __future__ import annotations

import json

import pandas as pd

_COLUMNS = ["optimizer", "code", "versions"]


def codes(runs: pd.DataFrame) -> pd.DataFrame:
    """How many runs that were not skipped each code of each optimizer did, where that is known.

    Parameters
    ----------
    runs:
        As `optathlon.load` returns them. Results of other programs lack `code` and `versions`.

    Returns
    -------
    One row per optimizer and code, in order: `optimizer`, `code` (a hash of its source), `versions` (JSON) and `runs`
    (their number).
    """
    if not {*_COLUMNS} <= {*runs.columns}:
        return pd.DataFrame(columns=[*_COLUMNS, "runs"])
    done = runs.loc[runs["status"] != "skipped", _COLUMNS].astype(object)
    known = done[done[["code", "versions"]].notna().any(axis=1)]
    return known.fillna("").groupby(_COLUMNS).size().rename("runs").reset_index()


def mixed_code(runs: pd.DataFrame) -> dict[str, str]:
    """What differs between the codes of each optimizer that has several, e.g. `"2 sources; smac 2.3.0 and 2.4.1"`."""
    table = codes(runs)
    found = {str(optimizer): group for optimizer, group in table.groupby("optimizer") if len(group) > 1}
    return {optimizer: _differences(group) for optimizer, group in found.items()}


def _differences(group: pd.DataFrame) -> str:
    sources = group["code"].nunique()
    parts = [f"{sources} sources"] if sources > 1 else []
    versions = pd.DataFrame([json.loads(text or "{}") for text in group["versions"]]).astype(object).fillna("none")
    for name in sorted(versions.columns):
        different = sorted(versions[name].unique())
        if len(different) > 1:
            parts.append(f"{name} {' and '.join(different)}")
    return "; ".join(parts)
