"""Runs that ship as baselines, and so needn't be done again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from optathlon.archive.frames import names_with
from optathlon.archive.names import SHIPPED
from optathlon.archive.tables import read_table, run_ids
from optathlon.registry.code import Code
from optathlon.trial import Status


def known_runs(tasks: Collection[str], codes: Mapping[str, Code], *, folder: Path | None = None) -> set[str]:
    """The ids of runs in the archive on these tasks, of these optimizers by the same source.

    Parameters
    ----------
    tasks:
        Their ids.
    codes:
        Which code each optimizer is now, by id. Runs of another source are not known; of an unknown one they are.
    folder:
        A folder of tables; by default those that ship with Optathlon.

    Skipped runs are left out: to record them again costs nothing.
    """
    place = SHIPPED if folder is None else folder
    found: set[str] = set()
    for name in names_with(tasks, place):
        runs = read_table(place, name).runs
        facts = (runs[label].to_pylist() for label in ("optimizer", "code", "status"))
        for id, optimizer, source, status in zip(run_ids(runs), *facts, strict=True):
            now = codes.get(optimizer)
            if now is not None and status != Status.SKIPPED and source in (None, "", now.source):
                found.add(id)
    return found
