"""Downloads over HTTP, from a real server that behaves as servers of the world do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web import Site, served

from optathlon.fetching import transfer
from optathlon.fetching.failure import FetchError
from optathlon.fetching.transfer import download

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(transfer, "BACKOFF", 0.001)
    with served(Site({"/file": CONTENT, "/other": CONTENT[::-1]})) as site:
        yield site


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    return tmp_path / "file.part"


def ranges(site: Site) -> list[str]:
    return [wanted for _, wanted in site.requests]


def test_a_file_comes_whole_and_its_progress_is_told(site: Site, partial: Path) -> None:
    told: list[int] = []
    download(f"{site.url}/file", partial, limit=len(CONTENT), tell=told.append)
    assert partial.read_bytes() == CONTENT
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)


def test_a_connection_that_breaks_twice_is_resumed_where_it_broke(site: Site, partial: Path) -> None:
    site.cut = [100_000, 50_000]
    download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert partial.read_bytes() == CONTENT
    assert ranges(site) == ["", "bytes=100000-", "bytes=150000-"]


def test_what_an_earlier_command_left_is_not_asked_for_again(site: Site, partial: Path) -> None:
    site.cut = [10_000] * transfer.TRIES
    with pytest.raises(FetchError, match=r"50,000 bytes are kept to go on from: repeat"):
        download(f"{site.url}/file", partial, limit=len(CONTENT))
    site.requests.clear()
    download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert partial.read_bytes() == CONTENT
    assert ranges(site) == ["bytes=50000-"]


def test_a_server_without_ranges_sends_everything_again(site: Site, partial: Path) -> None:
    site.ranges = False
    site.cut = [100_000]
    download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert partial.read_bytes() == CONTENT
    assert ranges(site) == ["", "bytes=100000-"]


def test_a_file_that_changed_meanwhile_comes_from_its_beginning(site: Site, partial: Path) -> None:
    site.cut = [10_000] * transfer.TRIES
    with pytest.raises(FetchError):
        download(f"{site.url}/file", partial, limit=len(CONTENT))
    site.files["/file"] = CONTENT[::-1]
    site.cut = []
    download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert partial.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more"])
def test_more_than_the_file_has_is_thrown_away(site: Site, partial: Path, left: bytes) -> None:
    download(f"{site.url}/file", partial, limit=len(CONTENT))
    partial.write_bytes(left)
    download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert partial.read_bytes() == CONTENT


def test_without_a_version_nothing_is_resumed(site: Site, partial: Path) -> None:
    partial.write_bytes(b"of nobody knows what")
    download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert partial.read_bytes() == CONTENT
    assert ranges(site) == [""]


def test_a_busy_server_is_asked_again(site: Site, partial: Path) -> None:
    site.status = [503, 429, 500]
    download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert partial.read_bytes() == CONTENT


@pytest.mark.parametrize(("code", "requests"), [(404, 1), (403, 1), (410, 1), (503, transfer.TRIES)])
def test_an_answer_without_the_file_is_named(site: Site, partial: Path, code: int, requests: int) -> None:
    site.status = [code] * transfer.TRIES
    with pytest.raises(FetchError, match=f"the server answers {code}"):
        download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert len(site.requests) == requests
    assert not partial.exists()


def test_a_silent_server_is_given_up(site: Site, partial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    monkeypatch.setattr(transfer, "TIMEOUT", 0.05)
    monkeypatch.setattr(transfer, "TRIES", 2)
    site.pace, site.gate = 100_000, threading.Semaphore(1)
    with pytest.raises(FetchError, match=r"ReadTimeout.* 100,000 bytes are kept"):
        download(f"{site.url}/file", partial, limit=len(CONTENT))
    assert len(site.requests) == 2
    for _ in range(10):
        site.gate.release()


def test_a_server_that_is_not_there_is_named(partial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "BACKOFF", 0.001)
    with served(Site()) as site:
        pass
    with pytest.raises(FetchError, match="ConnectError"):
        download(f"{site.url}/file", partial, limit=10)


def test_a_file_that_is_larger_than_said_is_not_taken(site: Site, partial: Path) -> None:
    with pytest.raises(FetchError, match="more than the 1,000 bytes"):
        download(f"{site.url}/file", partial, limit=1000)
    assert not partial.exists()


def test_redirections_in_the_web_are_followed(site: Site, partial: Path) -> None:
    site.redirects = {"/start": "/middle", "/middle": f"{site.url}/file"}
    download(f"{site.url}/start", partial, limit=len(CONTENT))
    assert partial.read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/file", "data:,abc", "gopher://x/"])
def test_redirections_out_of_the_web_are_refused(site: Site, partial: Path, target: str) -> None:
    site.redirects = {"/start": target}
    with pytest.raises(FetchError, match=r"is redirected to .* which is not followed"):
        download(f"{site.url}/start", partial, limit=len(CONTENT))
    assert len(site.requests) == 1
    assert not partial.exists()


def test_redirections_in_a_circle_end(site: Site, partial: Path) -> None:
    site.redirects = {"/a": "/b", "/b": "/a"}
    with pytest.raises(FetchError, match="redirected more than 10 times"):
        download(f"{site.url}/a", partial, limit=len(CONTENT))


def test_a_redirection_from_an_encrypted_address_to_an_open_one_is_refused() -> None:
    assert transfer._redirected("https://a/b", "c") == "https://a/c"
    assert transfer._redirected("http://a/b", "https://c/d") == "https://c/d"
    with pytest.raises(FetchError):
        transfer._redirected("https://a/b", "http://a/b")
