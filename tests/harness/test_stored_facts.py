"""Stored facts are those that search spaces show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from optathlon.data import ENVIRONMENT_VARIABLE
from optathlon.facts import Evaluation, Facts
from optathlon.problem import TaskType
from optathlon.registry.plugins import collection_names
from optathlon.registry.tasks import collection
from optathlon.stored_facts import StoredFacts, file_name, stored_text
from optathlon.task import Task
from optathlon.tasks.llm import LLM

STORED = [name for name in collection_names() if isinstance(collection(name), StoredFacts)]


def each(groups: Iterator[tuple[Facts, Sequence[str]]]) -> list[tuple[str, Facts]]:
    return [(id, facts) for facts, ids in groups for id in ids]


def test_the_collections_of_many_search_spaces_are_stored() -> None:
    assert {"bayesmark", "hpobench", "lightgbm", "llm", "llm-table", "mfh", "networks", "sklearn"} <= {*STORED}


@pytest.mark.parametrize("name", STORED)
def test_what_is_stored_is_what_the_search_spaces_show(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renewed by `python docs/facts.py --write`."""
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    source = collection(name)
    assert isinstance(source, StoredFacts)
    told, derived = each(source.facts()), each(source.derived_facts())
    if name != "llm":
        assert told == derived
    else:  # smol is listed once its model is there
        assert told == [(id, facts) for id, facts in derived if id.split("/")[2] == "tiny"] != []
    assert [id for id, _ in told] == list(source.ids())


class Two(StoredFacts):
    name = "two"
    description = "two tasks"

    def ids(self) -> Iterator[str]:
        yield from ("two/a", "two/b")

    def make(self, id: str) -> Task:
        raise KeyError(id)

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        common = {"kind": Evaluation.TABLE, "domain": "words", "licence": "MIT"}
        yield Facts(type=TaskType.BLACKBOX, description="Ä", floats=2, seconds=0.1, **common), ("two/a",)  # type: ignore[arg-type]
        yield Facts(type=TaskType.BLACKBOX, description="B", ordinals=1, **common), ("two/b",)  # type: ignore[arg-type]


def test_facts_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "housing").mkdir()
    (tmp_path / "housing" / "__init__.py").touch()
    (tmp_path / "housing" / file_name("two")).write_text(stored_text(Two()), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("optathlon.stored_facts._package", lambda _: "housing")
    assert each(Two().facts()) == each(Two().derived_facts())


def test_setups_of_the_user_are_listed_with_those_that_are_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tmp_path))
    stored = dict(each(LLM().facts()))
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "mine.yaml").write_text("not: a setup")
    ids = list(LLM().ids())
    assert stored.keys() < {*ids} and any("/mine/" in id for id in ids)
    assert [id for id in ids if "/mine/" not in id] == list(stored)
