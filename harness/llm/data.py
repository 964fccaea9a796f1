"""Instruction data: reading files and data sets, and checking that they can be used together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optathlon.errors import MissingData, MissingDependency, UsageError
from optathlon.foreign_file import is_pointer, parse_json, read_text
from optathlon.llm.examples import Example
from optathlon.llm.rows import FORMS, example_of
from optathlon.paths import expanded

DATA_SUFFIXES = (".jsonl", ".json", ".parquet")
"""Of files with data."""

_LARGEST_BYTES = 4 * 2**30
"""Of a file, once unpacked; all of it is kept in memory."""


def read_examples(source: str, folder: Path, *, downloads: bool = False) -> list[Example]:
    """The examples of a file, or of a data set on the Hugging Face hub.

    Parameters
    ----------
    source:
        A `.jsonl`, `.json` or `.parquet` file, or `OWNER/NAME:SPLIT` on the hub.
    folder:
        What the path is relative to.
    downloads:
        Whether a data set of the hub may be fetched.

    Rows are in a form that `optathlon.llm.rows.example_of` knows. Raises `UsageError` for a malformed one, with its
    line.
    """
    path = folder / expanded(source)
    examples = [example_of(row, where, number) for number, (row, where) in enumerate(rows_of(source, path, downloads))]
    if not examples:
        raise UsageError(f"{source} has no examples: {FORMS}")
    refuse_repeated_ids(examples, source)
    return examples


def read_rows(source: str, folder: Path, downloads: bool) -> list[Mapping[str, Any]]:
    """The rows of a file as they stand there. Raises `UsageError` for one that is not an object."""
    rows: list[Mapping[str, Any]] = []
    for row, where in rows_of(source, folder / expanded(source), downloads):
        if not isinstance(row, Mapping):
            raise UsageError(f"{where} is {type(row).__name__}, not an object")
        rows.append(row)
    return rows


def refuse_shared_prompts(parts: Mapping[str, Sequence[Example]]) -> None:
    """Raise `UsageError` where two parts ask for the same: what is tuned on would be scored."""
    seen: dict[str, str] = {}
    for part, examples in parts.items():
        shared = [example for example in examples if seen.get(_asked(example), part) != part]
        if shared:
            other = seen[_asked(shared[0])]
            raise UsageError(
                f"{len(shared)} prompts stand both in {other} and in {part}, the first is {shared[0].prompt.id!r} of "
                f"{part}: remove them from one of the two"
            )
        seen |= dict.fromkeys(map(_asked, examples), part)


def _asked(example: Example) -> str:
    """What is asked, so that spaces and capitals don't tell two prompts apart."""
    return " ".join(" ".join(turn.content for turn in example.turns).lower().split())


def rows_of(source: str, path: Path, downloads: bool) -> Iterator[tuple[object, str]]:
    """Each row with where it stands. Raises `UsageError` for what can't be read."""
    match path.suffix:
        case ".jsonl":
            lines = _text(path, source).split("\n")  # JSON may hold the other characters that `splitlines` splits at
            for number, line in enumerate(lines if lines[-1] else lines[:-1], start=1):
                yield _parsed(line, f"{source}, line {number}"), f"{source}, line {number}"
        case ".json":
            rows = _parsed(_text(path, source), source)
            if not isinstance(rows, list):
                raise UsageError(
                    f"{source} holds no list of examples: write [{{…}}, …], or one object a line in .jsonl"
                )
            yield from ((row, f"{source}, item {number}") for number, row in enumerate(rows, start=1))
        case ".parquet":
            yield from ((row, f"{source}, row {number}") for number, row in enumerate(_from_parquet(path, source), 1))
        case _:
            yield from ((row, f"{source}, row {number}") for number, row in enumerate(_from_hub(source, downloads), 1))


def _text(path: Path, source: str) -> str:
    if not path.is_file():
        raise _missing(source, path)
    if is_pointer(path):
        raise UsageError(f"{source} is a Git-LFS pointer, not the file: run `git lfs pull`")
    return read_text(path, "data file", most_bytes=_LARGEST_BYTES)


def _from_parquet(path: Path, source: str) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise _missing(source, path)
    rows: list[dict[str, Any]] = []
    held = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                held += batch.nbytes
                if held > _LARGEST_BYTES:
                    raise _too_large(source)
                rows += batch.to_pylist()
        return rows
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{source} is not a Parquet file that can be read ({str(error).splitlines()[0]})") from None


def _too_large(source: str) -> UsageError:
    return UsageError(f"{source} holds more than {_LARGEST_BYTES / 2**20:,.0f} MiB: give a smaller one")


def _missing(source: str, path: Path) -> UsageError:
    return UsageError(f"no data file {source!r}: it is looked for at {str(path)!r}")


def _parsed(text: str, where: str) -> object:
    if not text.strip():
        raise UsageError(f"{where} is empty: remove it, or {FORMS}")
    return parse_json(text, where, hint=FORMS)


def _from_hub(source: str, downloads: bool) -> Iterable[object]:
    name, colon, split = source.partition(":")
    if "/" not in name or not colon:
        raise UsageError(f"can't read the data {source!r}: give a .jsonl, .json or .parquet file, or OWNER/NAME:SPLIT")
    try:
        import datasets
    except ImportError:
        raise MissingDependency(f"the data set {name!r} of the hub", "datasets", "pip install datasets") from None
    options = datasets.DownloadConfig(local_files_only=not downloads)
    try:
        return list(datasets.load_dataset(name, split=split, download_config=options))
    except ValueError as error:
        raise UsageError(f"the data set {name!r}: {str(error).splitlines()[0]}") from None
    except Exception as error:  # the library has many ways to say that there is no network
        raise MissingData(
            f"the data set {name!r} is not on this machine and could not be fetched ({type(error).__name__}): "
            "set `downloads: true` where there is a network, or give a file"
        ) from None


def refuse_repeated_ids(examples: Sequence[Example], source: str) -> None:
    """Raise `UsageError` where two examples have the same id."""
    ids: set[str] = set()
    for example in examples:
        if example.prompt.id in ids:
            raise UsageError(f"{source}: the id {example.prompt.id!r} stands twice")
        ids.add(example.prompt.id)
