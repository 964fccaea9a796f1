"""Where published data comes from: what `optathlon data` can fetch into the data folder.

A collection declares its sources (`Collection.sources`), so that people see a licence before data comes, and get the
published files or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """One file that is used as it is published.

    Parameters
    ----------
    path:
        Where it goes in the collection's folder, with `/`; mirrors have it at the same path.
    url:
        Where it is published.
    size:
        In bytes; at most, where the checksum is not known.
    sha256:
        Its checksum in hexadecimal; `None` where nobody who wrote this has seen the file.
    """

    path: str
    url: str
    size: int
    sha256: str | None = None

    @property
    def name(self) -> str:
        """What mirrors and folders of downloads call it."""
        return self.path

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that are there afterwards."""
        return (self.path,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A zip or tar file of which some members are used.

    Parameters
    ----------
    name:
        What mirrors and folders of downloads call it, with its ending: `"pd1.tar.gz"`.
    url:
        Where it is published; empty where only mirrors and folders have it.
    size:
        In bytes; at most, where the checksum is not known.
    members:
        Where members go in the collection's folder, by their path in the archive. A path that ends in `/` is a folder,
        of which all files are taken.
    unpacked:
        How many bytes the members may have together at most.
    sha256:
        The archive's checksum in hexadecimal; `None` where nobody who wrote this has seen it.
    """

    name: str
    url: str
    size: int
    members: Mapping[str, str]
    unpacked: int
    sha256: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that are there afterwards, as far as they are known by name."""
        return tuple(path for path in self.members.values() if not path.endswith("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A package on the package index, of which some files are used without installing it.

    pip gets it, so that the user's indexes, mirrors and proxies hold.

    Parameters
    ----------
    requirement:
        The package and its version: `"bocode==1.0.1"`.
    name:
        The wheel's file name.
    size, members, unpacked, sha256:
        As for `Archive`.
    """

    requirement: str
    name: str
    size: int
    members: Mapping[str, str]
    unpacked: int
    sha256: str

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that are there afterwards."""
        return tuple(path for path in self.members.values() if not path.endswith("/"))


Part = DataFile | Archive | Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """Published data that one fetches, checks and removes as a whole.

    Parameters
    ----------
    name:
        What it is called after the collection's name: `"lcbench"` of `yahpo` is `yahpo/lcbench`.
    title:
        What it is, in one line.
    licence:
        Of the data: an SPDX identifier, or several with what they are of; `"unstated"` where there is none.
    homepage:
        Where to read about it.
    citation:
        Where it was published: authors, year, title.
    parts:
        What it consists of.
    """

    name: str
    title: str
    licence: str
    homepage: str
    citation: str
    parts: tuple[Part, ...] = field(repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that are there once it is complete, as far as they are known by name."""
        return tuple(path for part in self.parts for path in part.paths)

    @property
    def size(self) -> int:
        """How many bytes come over the network; at most, where a checksum is not known."""
        return sum(part.size for part in self.parts)

    @property
    def pinned(self) -> bool:
        """Whether the checksum of everything is known."""
        return all(part.sha256 is not None for part in self.parts)


__all__ = ["Archive", "DataFile", "DataSource", "Part", "Wheel"]
