"""The archives of whole trials as data that can be fetched: `optathlon data fetch archive/NAME`.

What an archive is, how large, and its checksum stand beside its table in `NAME.whole.yaml`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from optathlon.archive.names import SHIPPED
from optathlon.data_source import Archive, DataSource
from optathlon.errors import UsageError
from optathlon.yaml_file import read_yaml

COLLECTION = "archive"
"""What `optathlon data` calls the sources of."""

SUFFIX = ".whole.yaml"
_COUNTS = ("size", "unpacked", "runs", "trials")
_LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class WholeArchive:
    """A tar file with a results folder.

    Attributes
    ----------
    file:
        Its name.
    size, unpacked:
        In bytes, of the file and of what it holds.
    sha256:
        Its checksum in hexadecimal.
    runs, trials:
        How many it has.
    """

    file: str
    size: int
    unpacked: int
    sha256: str
    runs: int
    trials: int

    @property
    def source(self) -> DataSource:
        """What `optathlon data` shows and fetches."""
        name = self.file.removesuffix(".tar")
        part = Archive(
            name=self.file,
            url="",
            size=self.size,
            members={f"{name}/": f"{name}/"},
            unpacked=self.unpacked,
            sha256=self.sha256,
        )
        return DataSource(
            name=name,
            title=f"all {self.trials:,} trials of {self.runs:,} runs of the baselines {name}",
            licence=_LICENCE,
            homepage="docs/baselines.md",
            citation="Optathlon's baselines",
            parts=(part,),
        )


def archives(tables: Path | None = None) -> list[WholeArchive]:
    """Those that are described beside the tables of a folder, by name; by default beside those that ship."""
    return [_described(path) for path in sorted((tables or SHIPPED).glob(f"*{SUFFIX}"))]


def describe(archive: WholeArchive, path: Path) -> None:
    """Write down what an archive is."""
    path.write_text(yaml.safe_dump(asdict(archive), sort_keys=False), encoding="utf-8")


def _described(path: Path) -> WholeArchive:
    said = read_yaml(path, "description of an archive")
    try:
        match said:
            case {"file": str(file), "sha256": str(checksum), **rest}:
                return WholeArchive(file=file, sha256=checksum, **{name: int(str(rest[name])) for name in _COUNTS})
    except (KeyError, ValueError):
        pass
    raise UsageError(f"{str(path)!r} describes no archive: pack the results again")
