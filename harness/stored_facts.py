"""Facts that follow from search spaces, stored beside the collections, so that they are told without making these."""

from __future__ import annotations

import json
import sys
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from importlib.resources import files
from typing import Any

from optathlon.facts import Evaluation, Facts
from optathlon.problem import TaskType
from optathlon.task import Collection

_ORDER = [field.name for field in fields(Facts)]


class StoredFacts(Collection):
    """A collection whose facts take search spaces to find out: `NAME.facts.json` beside its module has them.

    `python docs/facts.py --write` stores them again. Facts are stored, and told, for each task by itself.
    """

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """What is stored: a group for each task."""
        for id, facts in stored(_package(self), self.name).items():
            yield facts, (id,)

    @abstractmethod
    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """What `facts` tells, found out by making the search spaces."""


def file_name(collection: str) -> str:
    """The file that holds a collection's facts."""
    return f"{collection}.facts.json"


@cache
def stored(package: str, collection: str) -> Mapping[str, Facts]:
    """The facts that a package has of a collection's tasks, by id."""
    content = json.loads((files(package) / file_name(collection)).read_text("utf-8"))
    return {id: _read(content["all"] | own) for id, own in content["tasks"].items()}


def stored_text(collection: StoredFacts) -> str:
    """What the file is to hold: what all tasks agree in, and a line with the rest of each."""
    found = {id: asdict(facts) for facts, ids in collection.derived_facts() for id in ids}
    first, *others = found.values()
    shared = {name: value for name, value in first.items() if all(other[name] == value for other in others)}
    lines = [
        f"{json.dumps(id)}: {json.dumps({name: facts[name] for name in _ORDER if name not in shared})}"
        for id, facts in found.items()
    ]
    return f'{{"all": {json.dumps(shared)},\n"tasks": {{\n' + ",\n".join(lines) + "\n}}\n"


def _read(content: Mapping[str, Any]) -> Facts:
    return Facts(**{**content, "type": TaskType(content["type"]), "kind": Evaluation(content["kind"])})


def _package(collection: Collection) -> str:
    """The package in which its class stands."""
    return sys.modules[type(collection).__module__].__package__ or ""
