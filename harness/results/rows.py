"""Runs as rows of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from optathlon.redaction import redacted, redacted_id, redacted_options
from optathlon.registry.code import UNKNOWN, Code
from optathlon.running.accounting import RunOutcome, stored_text
from optathlon.running.runs import RunSpec
from optathlon.text import ERROR_CHARACTERS, REASON_CHARACTERS, clean, one_line


@dataclass(frozen=True)
class Session:
    """What the runs of one call of the harness share."""

    host: str
    provenance: str
    codes: Mapping[str, Code] = field(default_factory=dict)
    """Which code each optimizer is, by id."""

    def code_of(self, optimizer: str) -> Code:
        """Which code an optimizer is."""
        return self.codes.get(optimizer, UNKNOWN)


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
    code = session.code_of(spec.optimizer)
    return {
        "run": spec.id,
        "experiment": clean(redacted(spec.experiment)),
        "optimizer": redacted_id(spec.optimizer),
        "options": json.dumps(redacted_options(options), sort_keys=True),
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
        "reason": stored_text(one_line(outcome.reason), REASON_CHARACTERS),
        "error": stored_text(outcome.error, ERROR_CHARACTERS),
        "trials": len(outcome.trials),
        "spent": outcome.spent,
        "started": started,
        "seconds": seconds,
        "host": clean(session.host),
        "provenance": session.provenance,
        "code": code.source or None,
        "versions": code.versions or None,
    }
