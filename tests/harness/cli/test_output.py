"""Nothing that a file or a plugin says is obeyed by the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from storage import Run, filled

InProcess = Callable[..., SimpleNamespace]

CODES = "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202ered"


def assert_harmless(done: SimpleNamespace) -> None:
    for text in (done.stdout, done.stderr):
        assert not set(text) & set("\x1b\x07\x9b\u202e")


def test_status_and_retry_of_an_old_folder_show_escape_codes_as_text(in_process: InProcess, tmp_path: Path) -> None:
    """Which earlier versions stored as they came."""
    folder = filled(tmp_path / "out", [[Run(0)]])
    (path,) = (folder.path / "runs").iterdir()
    table = pq.read_table(path)
    for name, value in (("reason", f"no {CODES}"), ("status", "crashed")):
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(name), pa.array([value]).cast(table.schema.field(name).type))
    pq.write_table(table, path)
    done = in_process("status", folder.path)
    assert_harmless(done)
    assert "no \\x1b[2J" in done.stdout


@pytest.mark.parametrize("command", [("info",), ("run", "-o", "random", "-t"), ("check",), ("list",), ("status",)])
def test_errors_about_names_show_escape_codes_as_text(in_process: InProcess, command: tuple[str, ...]) -> None:
    done = in_process(*command, f"mfh/{CODES}")
    assert done.returncode == 2
    assert_harmless(done)
    assert len(done.stderr.strip().splitlines()) == 1


def test_names_in_tables_are_shown_as_text(in_process: InProcess, tmp_path: Path) -> None:
    rows = [f"{name}{CODES},t{task},{seed},{seed + task}" for name in "ab" for task in range(3) for seed in range(2)]
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("\n".join(["optimizer,task,seed,value", *rows]) + "\n")
    done = in_process("compare", tmp_path / "one.csv", tmp_path / "two.csv")
    assert done.returncode in (0, 1, 2)
    assert_harmless(done)
