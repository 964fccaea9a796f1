"""Whole trials are fetched as other data are: from a mirror, checked, and read as one results folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from archived import Grid
from pandas.testing import assert_frame_equal
from web import Site, served

from optathlon.archive.packing import pack
from optathlon.archive.release import Volume
from optathlon.registry.plugins import declared
from optathlon.results.frames import load

NAME = "blackbox-dev-8"

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def described(entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Volume:
    """The volume of the entry in `out`, described where the shipped ones are."""
    (volume,) = pack([entry], tmp_path / "tables", tmp_path / "out").volumes
    monkeypatch.setattr("optathlon.archive.release.SHIPPED", tmp_path / "tables")
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "data"))
    return volume


def test_it_comes_from_a_mirror(described: Volume, entry: Path, tmp_path: Path, in_process: Run) -> None:
    content = (tmp_path / "out" / described.file).read_bytes()
    with served(Site({f"/archive/{described.file}": content})) as site:
        told = in_process("data", "fetch", f"archive/{NAME}", "--yes", "--mirror", site.url)
    assert told.returncode == 0, told.stderr
    found = load(tmp_path / "data" / "archive" / NAME)
    assert_frame_equal(found.runs, load(entry).runs)
    assert_frame_equal(found.trials, load(entry).trials)
    assert "good" in in_process("data", "verify", f"archive/{NAME}").stdout


def test_an_altered_one_is_refused(described: Volume, tmp_path: Path, in_process: Run) -> None:
    content = bytearray((tmp_path / "out" / described.file).read_bytes())
    content[2000] ^= 1
    with served(Site({f"/archive/{described.file}": bytes(content)})) as site:
        told = in_process("data", "fetch", f"archive/{NAME}", "--yes", "--mirror", site.url)
    assert told.returncode == 1
    assert "SHA-256" in told.stderr
    assert not (tmp_path / "data" / "archive" / NAME).exists()


def test_without_a_mirror_it_says_what_to_give(described: Volume, in_process: Run) -> None:
    told = in_process("data", "fetch", f"archive/{NAME}", "--yes")
    assert (told.returncode, "give --mirror URL or --from FOLDER" in told.stderr) == (1, True)


def test_volumes_become_one_results_folder_and_only_new_ones_come(
    described: Volume, grid: Grid, tmp_path: Path, in_process: Run
) -> None:
    out = tmp_path / "out"
    fetch = ("data", "fetch", f"archive/{NAME}", "--yes", "--from", out)
    assert in_process(*fetch).returncode == 0
    (out / described.file).unlink()
    pack([grid("halton")], tmp_path / "tables", out)
    assert "incomplete" in in_process("data", "list", f"archive/{NAME}").stdout
    told = in_process(*fetch)
    assert told.returncode == 0, told.stderr
    folder = tmp_path / "data" / "archive" / NAME
    assert [*load(folder).runs["optimizer"].value_counts().sort_index().items()] == [
        ("halton", 9),
        ("random", 9),
        ("sobol", 9),
    ]
    assert "good" in in_process("data", "verify", f"archive/{NAME}").stdout
    next((folder / "trials").iterdir()).unlink()
    assert in_process("data", "verify", f"archive/{NAME}").returncode == 1
    in_process("data", "remove", f"archive/{NAME}", "--yes")
    assert not folder.exists()


def test_the_command_packs_and_lists(entry: Path, grid: Grid, tmp_path: Path, in_process: Run) -> None:
    tables = tmp_path / "pack" / "tables"
    packed = in_process("archive", "pack", entry, "--out", tmp_path / "pack")
    assert packed.returncode == 0, packed.stderr
    (first,) = tmp_path.glob("pack/*.tar")
    assert f"{NAME}: 18 runs, 18 new" in packed.stdout
    assert f"{first.name}: {first.stat().st_size:,} bytes, SHA-256 " in packed.stdout
    first.unlink()
    packed = in_process("archive", "pack", entry, grid("halton"), "--out", tmp_path / "pack")
    assert f"{NAME}: 27 runs, 9 new" in packed.stdout
    packed = in_process("archive", "pack", entry, "--out", tmp_path / "pack")
    assert packed.stdout == f"{NAME}: 27 runs, 0 new\nnothing new to pack: the tables have these runs already\n"
    listed = in_process("archive", "list", "--tables", tables)
    roster = declared("optathlon.optimizers")
    line = "3 of 20 tasks, 3 seeds: 27 runs, whole trials of 27, 153 runs missing"
    assert listed.stdout == f"{NAME}  3 of {len(roster)} optimizers, {line}\n"
    named = in_process("archive", "list", "--tables", tables, "--absent").stdout.splitlines()[1]
    runs = load(entry).runs
    absent = named.removeprefix("    without runs: ").split(", ")
    assert {*absent} == {*roster} - {"halton", *runs["optimizer"]}


def test_the_folder_above_the_tables_leads_to_them(entry: Path, tmp_path: Path, in_process: Run) -> None:
    pack([entry], tmp_path / "tables", tmp_path)
    told = in_process("archive", "list", "--tables", tmp_path)
    assert told.stderr == f"no table is in {tmp_path}: give --tables {tmp_path / 'tables'}\n"
