from __future__ import annotations

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
        ("file", ("", "Not a directory", "Not a directory")),
        ("file/x/y", ("Not a directory", "Not a directory", "Not a directory")),
        ("empty", ("it is a folder", "", "")),
        ("full", ("it is a folder", "", "it is not empty")),
        ("broken", ("", "No such file or directory", "No such file or directory")),
        ("broken/x", ("No such file or directory",) * 3),
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
@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system that takes no folders")
def test_a_folder_that_takes_nothing_is_found_by_trying(require: object) -> None:
    assert callable(require)
    with pytest.raises(UsageError, match=r"can't write to '/proc/self/new/more': .+: give another --out"):
        require(Path("/proc/self/new/more"))
