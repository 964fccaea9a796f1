"""Runs as rows of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optathlon.running.accounting import RunOutcome
from optathlon.running.runs import RunSpec
from optathlon.text import ERROR_CHARACTERS, REASON_CHARACTERS, clean, one_line, shortened


@dataclass(frozen=True)
class Session:
    """What the runs of one call of the harness share."""

    host: str
    provenance: str


def run_row(
    spec: RunSpec,
    outcome: RunOutcome,
    session: Session,
    options: Mapping[str, Any],
    fingerprint: str | None,
    started: datetime,
    seconds: float,
) -> dict[str, Any]:
    """A finished run as a row of `optathlon.results.schema.RUNS`."""
    return {
        "run": spec.id,
        "experiment": clean(spec.experiment),
        "optimizer": spec.optimizer,
        "options": json.dumps(options, sort_keys=True),
        "task": spec.task,
        "task_version": spec.task_version,
        "fingerprint": fingerprint,
        "collection": spec.task.partition("/")[0],
        "seed": spec.seed,
        "root_seed": spec.root_seed,
        "budget": spec.budget.amount,
        "budget_unit": spec.budget.unit,
        "n_workers": spec.n_workers,
        "clock": spec.clock,
        "attempt": spec.attempt,
        "status": outcome.status,
        "reason": shortened(one_line(outcome.reason), REASON_CHARACTERS) or None,
        "error": shortened(outcome.error, ERROR_CHARACTERS) or None,
        "trials": len(outcome.trials),
        "spent": outcome.spent,
        "started": started,
        "seconds": seconds,
        "host": clean(session.host),
        "provenance": session.provenance,
    }
