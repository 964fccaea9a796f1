"""An archive of whole trials is fetched as other data are: from a mirror, checked, and read as a results folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from pandas.testing import assert_frame_equal
from web import Site, served

from optathlon.archive.packing import pack_incumbents
from optathlon.archive.release import WholeArchive
from optathlon.archive.whole import pack_whole
from optathlon.results.frames import load

NAME = "blackbox-dev-8"

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def described(entry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WholeArchive:
    """The archive of the entry in `out`, described where the shipped ones are."""
    tables = tmp_path / "tables"
    pack_incumbents([entry], tables)
    (archive,) = pack_whole([entry], tmp_path / "out", tables)
    monkeypatch.setattr("optathlon.archive.release.SHIPPED", tables)
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "data"))
    return archive


def test_it_comes_from_a_mirror(described: WholeArchive, entry: Path, tmp_path: Path, in_process: Run) -> None:
    content = (tmp_path / "out" / described.file).read_bytes()
    with served(Site({f"/archive/{described.file}": content})) as site:
        told = in_process("data", "fetch", f"archive/{NAME}", "--yes", "--mirror", site.url)
    assert told.returncode == 0, told.stderr
    found = load(tmp_path / "data" / "archive" / NAME)
    assert_frame_equal(found.runs, load(entry).runs)
    assert_frame_equal(found.trials, load(entry).trials)
    assert "good" in in_process("data", "verify", f"archive/{NAME}").stdout


def test_an_altered_one_is_refused(described: WholeArchive, tmp_path: Path, in_process: Run) -> None:
    content = bytearray((tmp_path / "out" / described.file).read_bytes())
    content[2000] ^= 1
    with served(Site({f"/archive/{described.file}": bytes(content)})) as site:
        told = in_process("data", "fetch", f"archive/{NAME}", "--yes", "--mirror", site.url)
    assert told.returncode == 1
    assert "SHA-256" in told.stderr
    assert not (tmp_path / "data" / "archive" / NAME).exists()


def test_without_a_mirror_it_says_what_to_give(described: WholeArchive, in_process: Run) -> None:
    told = in_process("data", "fetch", f"archive/{NAME}", "--yes")
    assert (told.returncode, "give --mirror URL or --from FOLDER" in told.stderr) == (1, True)


def test_the_command_packs_and_lists(entry: Path, tmp_path: Path, in_process: Run) -> None:
    packed = in_process("archive", "pack", entry, "--out", tmp_path / "pack")
    assert packed.returncode == 0, packed.stderr
    assert f"{NAME}: 18 runs, 18 new" in packed.stdout
    assert f"{NAME}.tar: " in packed.stdout
    listed = in_process("archive", "list", "--tables", tmp_path / "pack" / "tables")
    assert listed.stdout == f"{NAME}  2 optimizers, 3 of 20 tasks, 3 seeds: 18 runs, 102 runs missing\n"
