"""Archives of strangers: what is asked for comes out of them, and nothing else happens."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from optathlon.fetching.failure import FetchError
from optathlon.fetching.unpacking import unpack

FILES = {"top/a.json": b"[1]", "top/deep/b.json": b"[2]", "top/deep/down/c.json": b"[3]", "unwanted.txt": b"no"}
Pack = Callable[[Path, Mapping[str, bytes]], Path]


def zipped(folder: Path, files: Mapping[str, bytes]) -> Path:
    path = folder / "data.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(folder: Path, files: Mapping[str, bytes]) -> Path:
    path = folder / "data.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def with_entry(folder: Path, info: tarfile.TarInfo) -> Path:
    path = folder / "data.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(info)
    return path


both = pytest.mark.parametrize("pack", [zipped, tarred])


@both
def test_members_and_folders_go_to_their_places(tmp_path: Path, pack: Pack) -> None:
    out = tmp_path / "out"
    paths = unpack(pack(tmp_path, FILES), {"top/a.json": "first.json", "top/deep/": "rest/"}, out, limit=1000)
    assert paths == ["first.json", "rest/b.json", "rest/down/c.json"]
    assert {path: (out / path).read_bytes() for path in paths} == dict(
        zip(paths, (b"[1]", b"[2]", b"[3]"), strict=True)
    )
    assert sorted(file.name for file in out.rglob("*") if file.is_file()) == ["b.json", "c.json", "first.json"]


@both
@pytest.mark.parametrize("missing", ["top/none.json", "none/"])
def test_a_missing_member_is_named(tmp_path: Path, pack: Pack, missing: str) -> None:
    with pytest.raises(FetchError, match=f"has no '{missing}'"):
        unpack(pack(tmp_path, FILES), {missing: "x" + missing[-1]}, tmp_path / "out", limit=1000)


@both
@pytest.mark.parametrize("name", ["top/../../../evil", "top/deep/../../../evil", "top//etc/evil", "top/..\\evil"])
def test_a_member_that_leads_out_is_refused(tmp_path: Path, pack: Pack, name: str) -> None:
    with pytest.raises(FetchError, match="leads out of the archive"):
        unpack(pack(tmp_path, {name: b"evil"}), {"top/": "in/"}, tmp_path / "a" / "b" / "out", limit=1000)
    assert not list(tmp_path.rglob("*evil*"))


@both
def test_members_that_nobody_asked_for_do_nothing(tmp_path: Path, pack: Pack) -> None:
    evil = {"../evil": b"x", "/etc/evil": b"x"}
    assert unpack(pack(tmp_path, FILES | evil), {"top/a.json": "a"}, tmp_path / "out", limit=1000) == ["a"]
    assert not list(tmp_path.rglob("*evil*"))


@both
def test_a_bomb_is_refused_by_what_comes_out_of_it(tmp_path: Path, pack: Pack) -> None:
    bomb = pack(tmp_path, {"top/a.json": bytes(50_000_000)})
    assert bomb.stat().st_size < 60_000
    with pytest.raises(FetchError, match="unpacks to more than is expected"):
        unpack(bomb, {"top/a.json": "a"}, tmp_path / "out", limit=1_000_000)


@both
def test_the_limit_holds_for_all_members_together(tmp_path: Path, pack: Pack) -> None:
    archive = pack(tmp_path, {f"top/{name}": bytes(600) for name in "ab"})
    with pytest.raises(FetchError, match="unpacks to more"):
        unpack(archive, {"top/": "in/"}, tmp_path / "out", limit=1000)
    assert unpack(archive, {"top/": "in/"}, tmp_path / "more", limit=1200) == ["in/a", "in/b"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../x"])
def test_links_and_devices_in_tar_archives_are_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    info = tarfile.TarInfo("top/a.json")
    info.type, info.linkname = kind, target
    with pytest.raises(FetchError, match="is a link or a device"):
        unpack(with_entry(tmp_path, info), {"top/a.json": "a"}, tmp_path / "out", limit=1000)
    assert not (tmp_path / "out").exists()


def test_links_in_zip_archives_are_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("top/a.json")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(FetchError, match="is a link or a device"):
        unpack(tmp_path / "data.zip", {"top/a.json": "a"}, tmp_path / "out", limit=1000)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@both
def test_a_member_that_is_there_twice_is_refused(tmp_path: Path, pack: Pack) -> None:
    archive = pack(tmp_path, {"top/a.json": b"1", "./top/a.json": b"2"})
    with pytest.raises(FetchError, match="twice"):
        unpack(archive, {"top/a.json": "a"}, tmp_path / "out", limit=1000)


@both
def test_a_truncated_archive_is_broken(tmp_path: Path, pack: Pack) -> None:
    archive = pack(tmp_path, {"top/a.json": bytes(range(256)) * 400})
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(FetchError, match=r"data\.(zip|tar\.gz) is (broken|neither)"):
        unpack(archive, {"top/a.json": "a"}, tmp_path / "out", limit=10**6)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_what_is_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(FetchError, match="neither a zip nor a tar archive"):
        unpack(path, {"top/a.json": "a"}, tmp_path / "out", limit=1000)


def test_a_damaged_member_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:  # stored, so that only the checksum tells
        archive.writestr("top/a.json", b"abcdefgh")
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"abcdefgx"))
    with pytest.raises(FetchError, match="is broken: Bad CRC-32"):
        unpack(path, {"top/a.json": "a"}, tmp_path / "out", limit=1000)
