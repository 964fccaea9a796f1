"""Making a table: `python -m optathlon.tasks.llm.table.generate sft-tiny sft-tiny.parquet`.

On one core `sft-tiny` takes about an hour, `sft-smol` about an hour and a half. The file is written again after each
configuration, and what it holds already is kept: the command goes on where it, or whoever made the file, was ended.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optathlon.errors import UsageError, unknown
from optathlon.task import short_hash
from optathlon.tasks.llm.cache import versions
from optathlon.tasks.llm.kinds.sft import SFT
from optathlon.tasks.llm.parts import PARTS
from optathlon.tasks.llm.setups import Setup
from optathlon.tasks.llm.table.grid import TABLES, VARIED, Table
from optathlon.trial import Result

KEPT = (
    *("1-win_rate", "1-lc_win_rate", "1-exact_match", "loss", "length", "train_loss", "seconds", "tokens"),
    *("lc_win_rate_standard_error", "judge/agreement", "judge/known", "judge/accuracy"),
    *("test/1-win_rate", "test/1-lc_win_rate", "test/1-exact_match", "test/loss", "test/length"),
)
"""The measures that the table keeps."""
_DECISIVE = (
    *("judge", "test_judge", "reference", "reference_epochs", "concise", "verbose", "template"),
    *("epochs", "max_tokens", "max_new_tokens", "dtype"),
)
"""The keys of a setup that decide what its trials give."""

Row = dict[str, Any]


def trials(table: Table, task: SFT, config: Mapping[str, Any]) -> list[Row]:
    """A row for each seed and epoch."""
    rows = []
    for seed in table.seeds:
        for epoch in range(1, table.epochs + 1):
            result = task.evaluate(config, fidelity=epoch, seed=seed)
            rows.append({**config, "seed": seed, "epochs": epoch, "status": str(result.status), **_measures(result)})
    return rows


def _key(config: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(config.get(name) for name in VARIED)


def _measures(result: Result) -> Row:
    if not result.ok:
        return dict.fromkeys(KEPT)
    known = {**result.metrics, "1-lc_win_rate": result.values[0]}
    return {name: known.get(name) for name in KEPT}


def _origin(setup: Setup, model: str) -> dict[str, str]:
    """What rows come from: those of other origins can't stand in one table."""
    examples = [example for part in PARTS for example in setup.examples(part)]
    asked = [(example.prompt.instruction, example.prompt.answer, example.response) for example in examples]
    how = [getattr(setup, name) for name in _DECISIVE]
    return {"model": model, "data": short_hash(repr(asked)), "setup": short_hash(repr(how)), "versions": versions()}


def _earlier(path: Path, origin: Mapping[str, str]) -> list[Row]:
    """The rows of a file. Raises `UsageError` where they are of another origin."""
    import pyarrow.parquet as pq

    if not path.exists():
        return []
    held = pq.read_table(path)
    theirs = {name.decode(): value.decode() for name, value in (held.schema.metadata or {}).items()}
    for name, ours in origin.items():
        if theirs.get(name) != ours:
            raise UsageError(f"{path} is of the {name} {theirs.get(name)}, not {ours}: move it away to start again")
    return list(held.to_pylist())


def _write(rows: Sequence[Row], path: Path, origin: Mapping[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(dict.fromkeys(name for row in rows for name in row))
    held = pa.table({name: [row.get(name) for row in rows] for name in columns})
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(held.replace_schema_metadata(origin), unfinished, compression="zstd")
    unfinished.replace(path)


def main(arguments: Sequence[str]) -> None:
    """Make, or go on with, the table that the first argument names in the file that the second does."""
    if len(arguments) != 2:
        raise UsageError("usage: python -m optathlon.tasks.llm.table.generate TABLE FILE")
    name, path = arguments[0], Path(arguments[1])
    if name not in TABLES:
        raise unknown("table", name, TABLES)
    table = TABLES[name]
    task = SFT(f"llm/sft/{table.setup.name}/lc-win-rate", table.setup, ("lc-win-rate",))
    origin = _origin(table.setup, task.loaded.base.checksum)
    rows = _earlier(path, origin)
    known = {_key(row) for row in rows}
    planned = list(table.planned())
    for done, config in enumerate(planned, start=1):
        if _key(config) not in known:
            rows += trials(table, task, config)
            _write(rows, path, origin)
        print(f"{done} of {len(planned)} configurations", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
