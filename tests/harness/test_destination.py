from __future__ import annotations

import os
from pathlib import Path

import pytest

from optathlon.destination import require_file_place, require_folder_place, require_new_folder
from optathlon.errors import UsageError

REQUIRE = (require_file_place, require_folder_place, require_new_folder)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "broken").symlink_to("gone")
    return tmp_path


@pytest.mark.parametrize("require", REQUIRE)
@pytest.mark.parametrize("name", ["new", "a/b/c", "empty/new", "../new", "full/new/more", "~"])
def test_a_place_that_can_be_made_is_taken_and_not_made(require: object, name: str, here: Path) -> None:
    assert callable(require)
    before = sorted(here.rglob("*"))
    require(Path(name))
    require(here / name)
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "complaints"),
    [
        ("file", ("", "'file' is not a folder", "'file' is not a folder")),
        ("file/x/y", ("'file' is not a folder", "'file' is not a folder", "'file' is not a folder")),
        ("empty", ("it is a folder", "", "")),
        ("full", ("it is a folder", "", "it is not empty")),
        ("broken", ("", "'broken' is not a folder", "'broken' is not a folder")),
        ("broken/x", ("'broken' is not a folder",) * 3),
        (".", ("it is a folder", "", "it is not empty")),
    ],
)
def test_what_is_there_decides(name: str, complaints: tuple[str, ...]) -> None:
    for require, complaint in zip(REQUIRE, complaints, strict=True):
        if complaint:
            with pytest.raises(UsageError, match=f"can't write to '{name}': {complaint}"):
                require(Path(name))
        else:
            require(Path(name))


@pytest.mark.parametrize("require", REQUIRE)
def test_a_folder_of_somebody_else_takes_nothing(require: object, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the superuser may write everywhere, so the answer that others get is put in
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "empty")
    assert callable(require)
    require(here / "new" / "more")
    with pytest.raises(UsageError, match=r"no permission in '.*empty': give another --out"):
        require(here / "empty" / "new" / "more")
