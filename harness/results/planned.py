"""What a results folder is to hold: the experiments that were begun in it, each with the runs that it comes to.

    experiments/ID.parquet    its runs, and in which attempt each is wanted
    experiments/ID.yaml       an experiment file that does them; written last, without it the other does not count

`ID` is a hash of the runs' ids. So an experiment that is begun again, on whatever machine, with other limits or another
executor, replaces its own two files, and never those of another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from optathlon.errors import UsageError
from optathlon.redaction import redacted_id
from optathlon.results import arrow
from optathlon.results.folder import UNREADABLE, ResultsFolder, Rows, attempts_of, conformed, write_atomically
from optathlon.results.schema import RUNS
from optathlon.results.seal import is_as_sealed

if TYPE_CHECKING:
    from optathlon.running.runs import RunSpec

FOLDER = "experiments"
"""Where in a results folder they are."""

PLANNED = pa.schema([RUNS.field(name) for name in ("run", "attempt", "optimizer", "task", "seed")])
"""One row per run of an experiment; `attempt` is the one that is wanted, mostly the first."""


@dataclass(frozen=True)
class StoredExperiment:
    """An experiment of a results folder: its experiment file, and its runs."""

    file: Path

    @property
    def table(self) -> Path:
        """The file of its runs."""
        return self.file.with_suffix(".parquet")

    def runs(self) -> pa.Table:
        """Its runs, with the columns of `PLANNED`; `UsageError` where they can't be read."""
        try:
            if not is_as_sealed(self.table):
                raise pa.ArrowInvalid("it has changed")
            with pq.ParquetFile(self.table, pre_buffer=False, page_checksum_verification=True) as file:
                return conformed(file.read(use_threads=False), PLANNED)
        except UNREADABLE:
            raise UsageError(
                f"{str(self.table)!r} is missing or damaged: repeat the `optathlon run` command, which writes it again"
            ) from None


def store_experiment(
    folder: ResultsFolder, content: str, runs: Iterable[RunSpec], comment: str = ""
) -> StoredExperiment:
    """Store an experiment: what its file says, and its runs.

    What says the same stays as it is, a file also with its comment: lines that begin with `#`. Raises `OSError` where
    it can't be written.
    """
    from optathlon.results.writer import write_parquet

    planned = _table(list(runs))
    place = folder.path / FOLDER
    place.mkdir(exist_ok=True)
    stored = StoredExperiment(place / f"{_id(planned['run'])}.yaml")
    if not _has(stored, planned):
        write_parquet(stored.table, PLANNED, [planned])
    if _without_comments(stored.file) != content:
        write_atomically(stored.file, lambda file: file.write_text(comment + content, encoding="utf-8"))
    return stored


def stored_experiments(folder: ResultsFolder) -> list[StoredExperiment]:
    """The experiments of a folder, by name; none where an earlier version of Optathlon began them."""
    return [StoredExperiment(path) for path in sorted((folder.path / FOLDER).glob("*.yaml"))]


def planned_runs(folder: ResultsFolder) -> pa.Table | None:
    """The runs of all experiments, each once, with the columns of `PLANNED`; `None` where no experiment is stored.

    Raises `UsageError` where a file is damaged.
    """
    tables = [stored.runs() for stored in stored_experiments(folder)]
    if len(tables) <= 1:
        return tables[0] if tables else None
    every = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    order = pc.sort_indices(every, [("run", "ascending"), ("attempt", "descending")])
    runs = every.take(order)
    return arrow.picked(runs, np.flatnonzero(_differs_from_the_one_before(runs["run"])))


def unfinished(planned: pa.Table, finished: pa.Table) -> pa.Table:
    """Which of the planned runs are not among the finished ones (`run`, `attempt`) in the attempt that is wanted."""
    places = pc.index_in(planned["run"], value_set=finished["run"].combine_chunks())
    attempts = attempts_of(finished).take(places).fill_null(arrow.integer(0, finished["attempt"].type))
    return planned.filter(pc.less(attempts, planned["attempt"]))


def _has(stored: StoredExperiment, planned: pa.Table) -> bool:
    """Whether the file of its runs wants these in the same attempts."""
    try:
        runs = stored.runs()
    except UsageError:
        return False
    return not len(unfinished(planned, runs)) and not len(unfinished(runs, planned))


def _without_comments(file: Path) -> str | None:
    """What an experiment file says; `None` where it can't be read, as there is none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, ValueError):
        return None
    return "".join(line for line in lines if not line.startswith("#"))


def _table(runs: list[RunSpec]) -> pa.Table:
    columns = {
        "run": [spec.id for spec in runs],
        "attempt": [spec.attempt for spec in runs],
        "optimizer": [redacted_id(spec.optimizer) for spec in runs],
        "task": [spec.task for spec in runs],
        "seed": [spec.seed for spec in runs],
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in PLANNED], schema=PLANNED)


def _id(runs: pa.ChunkedArray) -> str:
    ids = np.sort(runs.to_numpy().astype("S16"))
    return sha256(ids.tobytes()).hexdigest()[:16]


def _differs_from_the_one_before(runs: pa.ChunkedArray) -> Rows:
    names, _ = arrow.codes(runs)
    differs: Rows = np.diff(names, prepend=-1) != 0
    return differs
