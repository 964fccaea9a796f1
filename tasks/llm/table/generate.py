"""Making the table: `python -m optathlon.tasks.llm.table.generate sft-tiny.parquet`, about an hour on one core.

Every trial is one of `llm/sft/tiny`, and is remembered when it is done: the command goes on where it was ended. Where
the file is there already, the shorter of both times is kept: other work on the machine only makes them longer.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optathlon.errors import UsageError
from optathlon.task import Task
from optathlon.tasks.llm.cache import versions
from optathlon.tasks.llm.kinds.sft import SFT
from optathlon.tasks.llm.setups import TINY
from optathlon.tasks.llm.table.grid import EPOCHS, SEEDS, configurations, grid_space
from optathlon.trial import Result

KEPT = (
    *("1-win_rate", "1-lc_win_rate", "1-exact_match", "loss", "length", "train_loss", "seconds", "tokens"),
    *("lc_win_rate_standard_error", "judge/agreement"),
    *("test/1-win_rate", "test/1-lc_win_rate", "test/1-exact_match", "test/loss", "test/length"),
)
"""The measures that the table keeps."""

_TRIAL = (*grid_space(), "seed", "epochs")


def trials(task: Task, configs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each configuration, seed and epoch."""
    rows = []
    for config in configs:
        for seed in SEEDS:
            for epoch in range(1, EPOCHS + 1):
                result = task.evaluate(config, fidelity=epoch, seed=seed)
                rows.append(
                    {**config, "seed": seed, "epochs": epoch, "status": str(result.status), **_measures(result)}
                )
    return rows


def _measures(result: Result) -> dict[str, float | None]:
    if not result.ok:
        return dict.fromkeys(KEPT)
    known = {**result.metrics, "1-lc_win_rate": result.values[0]}
    return {name: known[name] for name in KEPT}


def _keep_shorter_times(rows: list[dict[str, Any]], path: Path) -> None:
    import pyarrow.parquet as pq

    if not path.exists():
        return
    earlier = {_trial(row): row["seconds"] for row in pq.read_table(path).to_pylist()}
    for row in rows:
        times = [time for time in (row["seconds"], earlier.get(_trial(row))) if time is not None]
        row["seconds"] = min(times, default=None)


def _trial(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in _TRIAL)


def main(arguments: Sequence[str]) -> None:
    """Make the file that the first argument names; a part of the grid where I/N follows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not 1 <= len(arguments) <= 2:
        raise UsageError("usage: python -m optathlon.tasks.llm.table.generate FILE [I/N]")
    number, parts = map(int, arguments[1].split("/")) if len(arguments) == 2 else (1, 1)
    task = SFT("llm/sft/tiny/lc-win-rate", TINY, ("lc-win-rate",))
    configs = list(configurations())[number - 1 :: parts]
    rows: list[dict[str, Any]] = []
    for done, config in enumerate(configs, start=1):
        rows += trials(task, [config])
        print(f"{done} of {len(configs)} configurations", flush=True)
    _keep_shorter_times(rows, Path(arguments[0]))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: [row.get(name) for row in rows] for name in columns})
    origin = {"model": task.loaded.base.checksum, "setup": TINY.identity, "versions": versions()}
    pq.write_table(table.replace_schema_metadata(origin), Path(arguments[0]), compression="zstd")


if __name__ == "__main__":
    main(sys.argv[1:])
