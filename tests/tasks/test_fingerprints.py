"""Fingerprints of the recommended tasks: a dependency that changes their values is noticed.

Tasks of language models are left out: what they tune is trained on each machine, and differs by rounding.
`python tests/tasks/test_fingerprints.py` records them again, in about five minutes.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path

import pytest

from optathlon.registry.plugins import collection_names
from optathlon.registry.tasks import make_task
from optathlon.task import agree

RECORDED = Path(__file__).with_name("fingerprints.json")


@cache
def recommended() -> dict[str, list[str]]:
    """The recommended tasks that need no data, by collection."""
    from optathlon.registry.facts import is_installed, task_groups

    found: dict[str, list[str]] = {}
    for name in filter(is_installed, sorted({*collection_names()} - {"llm"})):
        for group in task_groups(name):
            if group.facts.recommended and not group.facts.download:
                found.setdefault(name, []).extend(group.ids)
    return found


def recorded() -> dict[str, dict[str, str]]:
    return json.loads(RECORDED.read_text())


@pytest.mark.parametrize("collection", recorded())
def test_every_recommended_task_is_recorded(collection: str) -> None:
    here = recommended()
    if collection not in here:
        pytest.skip(f"{collection} needs packages that are not installed")
    assert sorted(here[collection]) == sorted(recorded()[collection])


@pytest.mark.slow
@pytest.mark.parametrize("collection", recorded())
def test_recommended_tasks_are_those_of_the_record(collection: str) -> None:
    if collection not in recommended():
        pytest.skip(f"{collection} needs packages that are not installed")
    now = {id: make_task(id).fingerprint() for id in recorded()[collection]}
    changed = [id for id, known in recorded()[collection].items() if not agree(known, now[id])]
    assert changed == [], f"{len(changed)} of {len(now)} tasks of {collection} have other values than were recorded"


def main() -> None:
    """Write the record."""
    os.environ.pop("OPTATHLON_DATA", None)
    found = {name: {id: make_task(id).fingerprint() for id in sorted(ids)} for name, ids in recommended().items()}
    RECORDED.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
