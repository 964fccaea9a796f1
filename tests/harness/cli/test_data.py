"""`optathlon data`: the sources of a plugin, from a real server, and what users may do wrong."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from web import Site, served

InProcess = Callable[..., SimpleNamespace]

MODEL = bytes(range(256)) * 2000

PLUGIN = """
from optathlon.data_source import DataFile, DataSource
from optathlon.task import Collection

def source(name, sha256):
    part = DataFile(path=f"{{name}}/model.onnx", url="{url}/model", size={size}, sha256=sha256)
    return DataSource(name=name, title="a model", licence="CC-BY-4.0", homepage="https://example.org", citation="A. B.",
                      parts=(part,))

class Toys(Collection):
    name = "toys"
    description = "toys"
    sources = (source("pinned", "{sha256}"), source("free", None))
    def ids(self):
        return iter(())
    def make(self, id):
        raise KeyError(id)
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("OPTATHLON_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def site(root: Path) -> Iterator[Site]:
    with served(Site({"/model": MODEL})) as site:
        yield site


@pytest.fixture
def plugin(site: Site, tmp_path: Path) -> Path:
    path = tmp_path / "toys_plugin.py"
    path.write_text(PLUGIN.format(url=site.url, size=len(MODEL), sha256=hashlib.sha256(MODEL).hexdigest()))
    return path


@pytest.fixture
def data(in_process: InProcess, plugin: Path) -> InProcess:
    return lambda *args: in_process("data", *args, "--plugin", plugin)


def line_of(done: SimpleNamespace, id: str) -> str:
    return next(line for line in done.stdout.splitlines() if line.startswith(id))


def test_fetch_list_verify_remove(data: InProcess, root: Path) -> None:
    assert "absent" in line_of(data("list"), "toys/pinned")
    done = data("fetch", "toys/pinned", "--yes")
    assert done.returncode == 0, done.stderr
    assert "licence: CC-BY-4.0; see https://example.org" in done.stdout
    assert "please cite: A. B." in done.stdout
    assert (root / "toys" / "pinned" / "model.onnx").read_bytes() == MODEL
    assert "complete" in line_of(data("list", "toys"), "toys/pinned")
    done = data("verify")
    assert (done.returncode, done.stdout) == (0, "toys/pinned: good, 1 of 1 files\n")
    done = data("remove", "toys/pinned", "--yes")
    assert "removed toys/pinned: 512 kB" in done.stdout
    assert not (root / "toys" / "pinned").exists()
    assert "absent" in line_of(data("list"), "toys/pinned")


def test_what_is_there_already_is_not_asked_about(data: InProcess, site: Site) -> None:
    data("fetch", "toys", "--yes", "--unpinned")
    done = data("fetch", "toys")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "toys/pinned is there already\ntoys/free is there already\n"
    assert len(site.requests) == 2


def test_an_altered_file_is_named(data: InProcess, root: Path) -> None:
    data("fetch", "toys/pinned", "--yes")
    path = root / "toys" / "pinned" / "model.onnx"
    path.write_bytes(b"other")
    done = data("verify", "toys/pinned")
    assert done.returncode == 1
    assert f"toys/pinned: altered: {path}" in done.stdout
    path.unlink()
    assert f"toys/pinned: missing: {path}" in data("verify", "toys/pinned").stdout


def test_without_a_terminal_the_licence_must_be_accepted_by_a_flag(data: InProcess, root: Path, site: Site) -> None:
    done = data("fetch", "toys/pinned")
    assert done.returncode == 2
    assert "licence: CC-BY-4.0" in done.stdout
    assert done.stderr == "optathlon: there is no terminal to ask on: say --yes to accept the licences\n"
    assert site.requests == []
    data("fetch", "toys/pinned", "--yes")
    assert "say --yes to remove files" in data("remove", "toys").stderr
    assert (root / "toys" / "pinned" / "model.onnx").exists()


def test_what_has_no_known_checksum_needs_a_choice(data: InProcess, root: Path, site: Site) -> None:
    assert "no checksum is known: --unpinned" in line_of(data("list"), "toys/free")
    done = data("fetch", "toys", "--yes")
    assert done.returncode == 2
    assert "no checksum is known of toys/free: with --unpinned" in done.stderr
    assert site.requests == []
    done = data("fetch", "toys", "--yes", "--unpinned")
    assert done.returncode == 0
    assert f"came with SHA-256 {hashlib.sha256(MODEL).hexdigest()}" in done.stderr
    record = json.loads((root / "toys" / ".fetched" / "free.json").read_text())
    assert record["parts"] == {"free/model.onnx": {"free/model.onnx": hashlib.sha256(MODEL).hexdigest()}}


def test_what_fails_is_one_line_and_the_rest_is_fetched(data: InProcess, root: Path, site: Site) -> None:
    site.files["/model"] = MODEL[:-1]
    done = data("fetch", "toys/*", "--yes", "--unpinned")
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("optathlon:")]
    assert len(told) == 1
    assert "toys/pinned is not complete: pinned/model.onnx is not the published file" in told[0]
    assert (root / "toys" / "free" / "model.onnx").exists()
    assert not (root / "toys" / "pinned").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("fetch", "toys/pined"), "unknown data source 'toys/pined': did you mean 'toys/pinned'?"),
        (("fetch", "toy"), "did you mean 'toys'?"),
        (("verify", "toys/fre"), "did you mean 'toys/free'?"),
        (("remove", "zzzz"), "unknown data source 'zzzz'"),
        (("path", "toys/pinnd"), "did you mean 'toys/pinned'?"),
        (("fetch", "toys", "--mirror", "ftp://h"), "a mirror's address begins with https:// or http://"),
        (("fetch", "toys", "--from", "/no/such"), "there is no folder '/no/such'"),
        (("fetch", "toys", "--from", "/", "--mirror", "http://h"), "give --mirror or --from, not both"),
    ],
)
def test_bad_input_is_one_line(data: InProcess, args: tuple[str, ...], told: str) -> None:
    done = data(*args)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_data_folder_that_is_not_there_is_named_with_the_nearest(
    data: InProcess, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTATHLON_DATA", str(root.parent / "dataa"))
    for args in (("verify",), ("remove", "toys")):
        done = data(*args)
        assert done.returncode == 2
        assert f"(from $OPTATHLON_DATA) is not there: did you mean '{root}'?" in done.stderr
        assert done.stderr.count("\n") == 1


def test_path(data: InProcess, root: Path) -> None:
    assert data("path").stdout == f"{root}\n"
    assert data("path", "toys/pinned").stdout == f"{root / 'toys'}\n"


def test_a_mirror_and_a_folder(data: InProcess, root: Path, site: Site, tmp_path: Path) -> None:
    site.files = {"/m/toys/pinned/model.onnx": MODEL}
    assert data("fetch", "toys/pinned", "--yes", "--mirror", f"{site.url}/m").returncode == 0
    (root / "toys" / "pinned" / "model.onnx").rename(tmp_path / "model.onnx")
    (tmp_path / "stick" / "toys" / "pinned").mkdir(parents=True)
    (tmp_path / "model.onnx").rename(tmp_path / "stick" / "toys" / "pinned" / "model.onnx")
    assert data("fetch", "toys/pinned", "--yes", "--from", tmp_path / "stick").returncode == 0
    assert (root / "toys" / "pinned" / "model.onnx").read_bytes() == MODEL
    assert len(site.requests) == 1


@pytest.mark.processes
def test_a_fetch_that_is_killed_half_way_counts_for_nothing_and_goes_on(
    data: InProcess, start_command: Callable[..., subprocess.Popen[str]], root: Path, site: Site, plugin: Path
) -> None:
    site.pace, site.gate = 1000, threading.Semaphore(100)
    command = ("data", "fetch", "toys/pinned", "--yes", "--plugin", plugin)
    process = start_command(*command, OPTATHLON_DATA=str(root))
    partial = root / "toys" / ".fetched" / "pinned--pinned--model.onnx.part"
    for _ in range(1500):
        if partial.exists() and partial.stat().st_size >= 50_000:
            break
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert not (root / "toys" / "pinned").exists()
    assert "incomplete" in line_of(data("list"), "toys/pinned")
    came = partial.stat().st_size
    site.gate = None
    done = data("fetch", "toys/pinned", "--yes")
    assert done.returncode == 0, done.stderr
    assert site.requests[-1] == ("/model", f"bytes={came}-")
    assert (root / "toys" / "pinned" / "model.onnx").read_bytes() == MODEL
    assert "complete" in line_of(data("list"), "toys/pinned")
