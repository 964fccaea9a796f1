"""Results of several folders as one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from optathlon.errors import UsageError
from optathlon.results.frames import Results
from optathlon.task import agree


def together(parts: Sequence[Results]) -> Results:
    """All runs of several results; a run that is in more than one of them counts once.

    Raises `UsageError` where the same version of a task has different fingerprints: then it is not the same task.
    """
    _require_same_tasks(parts)
    runs = pd.concat([_plain(part.runs) for part in parts], ignore_index=True).drop_duplicates("run")
    seen: set[str] = set()
    trials = []
    for part in parts:
        own = part.trials
        is_new = ~own["run"].astype(str).isin(seen)
        trials.append(_plain(own[is_new.to_numpy()]))
        seen |= set(part.runs["run"].astype(str))
    tasks = pd.concat([part.tasks.reset_index() for part in parts], ignore_index=True)
    tasks = tasks.drop_duplicates(["task", "version"]).set_index("task").sort_index(kind="stable")
    provenance = pd.concat([part.provenance for part in parts])
    return Results(
        runs=runs.reset_index(drop=True),
        trials=pd.concat(trials, ignore_index=True),
        tasks=tasks,
        provenance=provenance[~provenance.index.duplicated()],
    )


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with text for categories, which differ between parts."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("category").columns, "str"))


def _require_same_tasks(parts: Sequence[Results]) -> None:
    known: dict[tuple[str, str], str] = {}
    for part in parts:
        for name, row in part.tasks.iterrows():
            key, fingerprint = (str(name), str(row["version"])), str(row["fingerprint"] or "")
            first = known.setdefault(key, fingerprint)
            if not agree(first, fingerprint):
                raise UsageError(
                    f"the results are of two tasks that are both called {key[0]!r} (fingerprints differ): run one again"
                )
