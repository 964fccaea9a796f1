"""Instruction data: reading and checking files in Alpaca or chat form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from optathlon.errors import MissingData, MissingDependency, UsageError, unknown
from optathlon.foreign_file import parse_json, read_text
from optathlon.llm.judging import Prompt
from optathlon.llm.matching import MATCHINGS, objection
from optathlon.paths import expanded

DATA_SUFFIXES = (".jsonl", ".json", ".parquet")
"""Of files with data."""

_FORMS = 'write {"instruction": …, "input": …, "output": …} or {"messages": [{"role": …, "content": …}, …]}'
_LARGEST_BYTES = 4 * 2**30
"""Of a file, once unpacked; all of it is kept in memory."""
_LONGEST_ID, _LONGEST_TEXT = 200, 1_000_000
"""Characters of a row's id, and of each of its texts."""
_ROLES = ("system", "user", "assistant")


class Turn(NamedTuple):
    """What somebody says in a chat; the role is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt with its response.

    Parameters
    ----------
    prompt:
        What is asked, which is also the last turn of the user.
    response:
        How it is to be answered; empty where that isn't known.
    before:
        Earlier turns.
    """

    prompt: Prompt
    response: str = ""
    before: tuple[Turn, ...] = ()

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns up to the response, without it."""
        asked = "\n\n".join(filter(None, (self.prompt.instruction, self.prompt.input)))
        return (*self.before, Turn("user", asked))

    @property
    def judged(self) -> Prompt:
        """The prompt as it is shown to a judge: earlier turns stand in its instruction."""
        if not self.before:
            return self.prompt
        chat = "\n\n".join(f"{turn.role.capitalize()}: {turn.content}" for turn in self.turns)
        return replace(self.prompt, instruction=chat, input="")


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

    Rows are in Alpaca form (`instruction`, optional `input`, `output`) or in chat form (`messages`); `id` (default: the
    row's number), `answer`, the right answer, and `matching`, how it is compared, are optional. Raises `UsageError` for
    a malformed row, with its line.
    """
    path = folder / expanded(source)
    examples = [example_of(row, where, number) for number, (row, where) in enumerate(rows_of(source, path, downloads))]
    if not examples:
        raise UsageError(f"{source} has no examples: {_FORMS}")
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
        raise UsageError(f"{where} is empty: remove it, or {_FORMS}")
    return parse_json(text, where, hint=_FORMS)


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


def example_of(row: object, where: str, number: int) -> Example:
    """What a row in Alpaca or chat form holds. Raises `UsageError` for a malformed one."""
    if not isinstance(row, Mapping):
        raise UsageError(f"{where} is {type(row).__name__}, not an object: {_FORMS}")
    id = str(row.get("id", number))
    if len(id) > _LONGEST_ID:
        raise UsageError(f"{where}: the id has {len(id):,} characters, more than {_LONGEST_ID}: give a shorter one")
    _refuse_surrogates(id, f"{where}: the id")
    if "messages" in row:
        return _from_chat(row, where, id)
    instruction = _string(row, "instruction", where)
    given = _string(row, "input", where, optional=True)
    prompt = Prompt(id, instruction, given, _answer(row, where), _matching(row, where))
    return Example(prompt, _string(row, "output", where, optional=True))


def _from_chat(row: Mapping[Any, Any], where: str, id: str) -> Example:
    messages = row["messages"]
    if not isinstance(messages, list) or not messages:
        raise UsageError(f"{where}: messages is not a list of turns: {_FORMS}")
    turns = [_turn(message, where) for message in messages]
    response = turns.pop().content if turns[-1].role == "assistant" else ""
    if not turns or turns[-1].role != "user":
        raise UsageError(f"{where}: the last turn before the response is not the user's")
    prompt = Prompt(id, turns[-1].content, answer=_answer(row, where), matching=_matching(row, where))
    return Example(prompt, response, tuple(turns[:-1]))


def _turn(message: object, where: str) -> Turn:
    if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
        raise UsageError(f"{where}: a turn has no role of {', '.join(_ROLES)}: {_FORMS}")
    return Turn(message["role"], _string(message, "content", where))


def _string(row: Mapping[Any, Any], key: str, where: str, *, optional: bool = False) -> str:
    value = row.get(key)
    if value is None and optional:
        return ""
    if not isinstance(value, str) or (not value.strip() and not optional):
        state = "missing" if value is None else "empty" if isinstance(value, str) else repr(value)
        raise UsageError(f"{where}: {key} is {state}, not text: {_FORMS}")
    if len(value) > _LONGEST_TEXT:
        raise UsageError(f"{where}: {key} has {len(value):,} characters, more than {_LONGEST_TEXT:,}: shorten it")
    _refuse_surrogates(value, f"{where}: {key}")
    return value


def _refuse_surrogates(text: str, where: str) -> None:
    """Raise `UsageError` for halves of characters, which JSON can write and no tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{where} has half a character at {error.start}: write it as UTF-8") from None


def _answer(row: Mapping[Any, Any], where: str) -> str | None:
    value = row.get("answer")
    return None if value is None else str(value)


def _matching(row: Mapping[Any, Any], where: str) -> str:
    """How the right answer is compared. Raises `UsageError` for an unknown way, and for checks that are none."""
    matching = row.get("matching", "exact")
    if matching not in MATCHINGS:
        raise unknown("matching", str(matching), MATCHINGS, where=where)
    if row.get("answer") is not None and (complaint := objection(str(row["answer"]), str(matching))):
        raise UsageError(f"{where}: the answer {complaint}, which `matching: {matching}` needs")
    return str(matching)


def refuse_repeated_ids(examples: Sequence[Example], source: str) -> None:
    """Raise `UsageError` where two examples have the same id."""
    ids: set[str] = set()
    for example in examples:
        if example.prompt.id in ids:
            raise UsageError(f"{source}: the id {example.prompt.id!r} stands twice")
        ids.add(example.prompt.id)
