from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from optathlon.data import data_file, data_root, used_files
from optathlon.errors import MissingData

REMEDY = "copy it from the public repository"
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of "abc", from FIPS 180-2, appendix B.1."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path))
    (tmp_path / "toy" / "sub").mkdir(parents=True)
    (tmp_path / "toy" / "sub" / "file.txt").write_text("abc")
    return tmp_path


def test_the_environment_variable_wins(root: Path) -> None:
    assert data_root() == root


def test_without_it_the_data_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPTATHLON_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert data_root() == tmp_path / "xdg" / "optathlon"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data_root() == tmp_path / "home" / ".local" / "share" / "optathlon"


def test_a_good_file_is_found_and_noted(root: Path) -> None:
    path = data_file("toy", "sub/file.txt", sha256=ABC, remedy=REMEDY)
    assert path == root / "toy" / "sub" / "file.txt"
    assert used_files()["toy/sub/file.txt"] == ABC


def test_a_file_without_a_known_checksum_is_noted_with_its_own(root: Path) -> None:
    (root / "toy" / "free.txt").write_text("free")
    data_file("toy", "free.txt", remedy=REMEDY)
    assert used_files()["toy/free.txt"] == hashlib.sha256(b"free").hexdigest()


@pytest.mark.parametrize("relative", ["sub/none.txt", "sub", "none/none.txt"])
def test_a_missing_file_is_named_with_the_remedy(root: Path, relative: str) -> None:
    with pytest.raises(MissingData) as caught:
        data_file("toy", relative, remedy=REMEDY)
    message = str(caught.value)
    assert str(root / "toy" / relative) in message
    assert REMEDY in message
    assert "\n" not in message
    assert f"toy/{relative}" not in used_files()


def test_a_corrupt_file_is_named_with_the_remedy(root: Path) -> None:
    (root / "toy" / "corrupt.txt").write_text("abd")
    with pytest.raises(MissingData) as caught:
        data_file("toy", "corrupt.txt", sha256=ABC, remedy=REMEDY)
    message = str(caught.value)
    assert str(root / "toy" / "corrupt.txt") in message
    assert REMEDY in message
    assert "\n" not in message
    assert "toy/corrupt.txt" not in used_files()
