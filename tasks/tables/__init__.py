"""Public tables of real trainings and of real servings of language models, by descriptors; the tables are data.

Beside this module there is a descriptor of each table, with its source, licence and citation, and what a trial does.
`listed.py` has the groups that each of them makes tasks of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from optathlon.data import data_file, data_root
from optathlon.task import Collection, Task
from optathlon.tasks.tables.listed import LISTED

if TYPE_CHECKING:
    from optathlon.facts import Facts
    from optathlon.tables.descriptor import Descriptor

_RECOMMENDED = frozenset({"steplaw", "steplaw-tokens", "nas-bench-macro"})


class Tables(Collection):
    """`tables/TABLE` and `tables/TABLE/GROUP…`; listed are those whose table is there."""

    name: ClassVar[str] = "tables"
    description: ClassVar[str] = "Public tables of real trainings: Step Law, NAS-Bench-Macro, TaskSet, … (needs data)"
    data: ClassVar[str] = "copy the tables that docs/tasks.md names"

    def ids(self) -> Iterator[str]:
        """Of the tables that are there."""
        for table in self._present():
            yield from self._ids(table)

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none, and `MissingData` without its table."""
        table = next((name for name in LISTED if f"{id}/".startswith(f"{self.name}/{name}/")), None)
        if table is None:
            raise KeyError(id)
        return _tasks(table, data_root() / self.name)[id]

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """The tables that are there, each with what its descriptor says."""
        for table in self._present():
            yield _descriptor(table).facts(download=True, recommended=table in _RECOMMENDED), list(self._ids(table))

    def _present(self) -> Iterator[str]:
        folder = data_root() / self.name
        return (name for name, (table, _) in LISTED.items() if (folder / table).is_file())

    def _ids(self, table: str) -> Iterator[str]:
        _, groups = LISTED[table]
        return (f"{self.name}/{table}/{group}".removesuffix("/") for group in groups)


def _descriptor(table: str) -> Descriptor:
    from optathlon.tables.descriptor import Descriptor

    return Descriptor.model_validate(_content(table))


def _content(table: str) -> Mapping[str, Any]:
    """The keys of a table's descriptor."""
    from optathlon.yaml_file import read_yaml

    return cast("Mapping[str, Any]", read_yaml(files("optathlon.tasks.tables") / f"{table}.yaml", "table descriptor"))


@lru_cache(maxsize=1)
def _tasks(table: str, folder: Path) -> Mapping[str, Task]:
    """All tasks of a table in the data folder."""
    from optathlon.tables import examine, tasks_of

    name, _ = LISTED[table]
    data_file(Tables.name, name, remedy="docs/tasks.md says where to get it")
    return tasks_of(examine(_content(table), folder, f"{table}.yaml"), f"the table {name}")
