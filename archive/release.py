"""The whole trials of tables as data that can be fetched: `optathlon data fetch archive/NAME`.

The volumes that have them, how large these are, and their checksums stand beside the table in `NAME.whole.yaml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from optathlon.archive.names import SHIPPED
from optathlon.data_source import Archive, DataSource
from optathlon.errors import UsageError
from optathlon.yaml_file import Content, read_yaml

COLLECTION = "archive"
"""What `optathlon data` calls the sources of."""

_SUFFIX = ".whole.yaml"
_COUNTS = ("size", "unpacked", "runs", "trials")
_LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Volume:
    """A tar file with the whole trials of some runs of a table, as a results folder.

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


def volumes_of(name: str, tables: Path) -> list[Volume]:
    """The volumes of a table that are described beside it, the earliest first; none where there is no description."""
    path = tables / f"{name}{_SUFFIX}"
    if not path.exists():
        return []
    match read_yaml(path, "description of whole trials"):
        case {"volumes": [*volumes]} if volumes:
            return [_volume(one, path) for one in volumes]
    raise _undescribed(path)


def describe(volumes: Sequence[Volume], name: str, tables: Path) -> None:
    """Write down, beside a table, which volumes it has."""
    content = {"volumes": [asdict(one) for one in volumes]}
    (tables / f"{name}{_SUFFIX}").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def whole_sources() -> list[DataSource]:
    """What `optathlon data` shows and fetches: for each table that ships its volumes, which become one folder."""
    names = sorted(path.name.removesuffix(_SUFFIX) for path in SHIPPED.glob(f"*{_SUFFIX}"))
    return [_source(name, volumes_of(name, SHIPPED)) for name in names]


def _source(name: str, volumes: Sequence[Volume]) -> DataSource:
    trials, runs = (sum(counts) for counts in zip(*((one.trials, one.runs) for one in volumes), strict=True))
    return DataSource(
        name=name,
        title=f"all {trials:,} trials of {runs:,} runs of the baselines {name}",
        licence=_LICENCE,
        homepage="docs/baselines.md",
        citation="Optathlon's baselines",
        parts=tuple(_part(name, volume) for volume in volumes),
    )


def _part(name: str, volume: Volume) -> Archive:
    return Archive(
        name=volume.file,
        url="",
        size=volume.size,
        members={f"{name}/": f"{name}/"},
        unpacked=volume.unpacked,
        sha256=volume.sha256,
    )


def _volume(said: Content, path: Path) -> Volume:
    try:
        match said:
            case {"file": str(file), "sha256": str(checksum), **rest}:
                return Volume(file=file, sha256=checksum, **{name: int(str(rest[name])) for name in _COUNTS})
    except (KeyError, ValueError):
        pass
    raise _undescribed(path)


def _undescribed(path: Path) -> UsageError:
    return UsageError(f"{str(path)!r} describes no whole trials: restore it, or remove it and its table and pack again")
