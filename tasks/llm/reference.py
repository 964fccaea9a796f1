"""What tunings are compared with: another tuning by a setup's hyperparameters, or answers in a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optathlon.errors import UsageError
from optathlon.tasks.llm.parts import SCORED
from optathlon.tasks.llm.prepared_data import PreparedData
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.spaces import tuning_space


def reference_hyperparameters(setup: Setup) -> Mapping[str, Any]:
    """Those of the reference tuning. Raises `UsageError` where the setup's reference is a file of answers."""
    if isinstance(setup.reference, str):
        raise UsageError(
            f"the reference of the setup {setup.name!r} is a file of answers: give the hyperparameters of a tuning, "
            "whose model is needed here"
        )
    return setup.reference or dict(tuning_space(setup).get_default_configuration())


def stored_reference(setup: Setup, data: PreparedData) -> dict[str, Any]:
    """The reference's answers from a file, joined by prompt id."""
    rows = {str(row.get("id")): row for row in setup.reference_rows}
    found: dict[str, Any] = {}
    for side in SCORED:
        ids = [example.prompt.id for example in data.examples(side)]
        if missing := [id for id in ids if id not in rows or not isinstance(rows[id].get("answer"), str)]:
            raise UsageError(
                f"{setup.reference} has no answer to {len(missing)} prompts of {side}, the first is {missing[0]!r}: "
                'write a row {"id": …, "answer": …} for each'
            )
        found[side] = {"plain": [rows[id]["answer"] for id in ids]}
        for kind in ("concise", "verbose"):
            texts = [rows[id].get(kind) for id in ids]
            found[side][kind] = texts if all(isinstance(text, str) for text in texts) else []
    return found
