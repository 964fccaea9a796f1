"""Pairs of answers that people have labelled, in the format of PandaLM's test set, and judges' answers to them.

An item has `idx`, `instruction`, `response1`, `response2` and a label of each annotator, `annotator1`, `annotator2` and
so on: 1 or 2 for the better response, 0 for a tie. It may have `input`, and `answer`, which is the right one. Texts
that are true, false or numbers in JSON, as a few of PandaLM's are, count as text, and NaN as an empty one. Files are a
JSON list, or JSON lines, with or without gzip. `optathlon.llm.pandalm_items` tells where the test set comes from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from optathlon.errors import FailedCheck, UsageError
from optathlon.foreign_file import parse_json, read_text
from optathlon.llm.judging import Prompt
from optathlon.text import shortened

NOT_UNDERSTOOD = -1
"""The label of a judgement that can't be read."""

_LABELS = {0: 0, 1: 1, 2: 2, "0": 0, "1": 1, "2": 2, "tie": 0}
_ENDINGS = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_SHOWN = 120
"""Characters of what a judge said, in messages."""
_LARGEST_BYTES = 256 * 2**20
"""Of a file, once unpacked: a hundred times PandaLM's test set."""


@dataclass(frozen=True, eq=False)
class LabelledPairs:
    """n prompts with two answers each, and people's labels.

    Attributes
    ----------
    prompts:
        Their ids are the `idx` as text.
    first, second:
        The two answers to each.
    labels:
        By annotator, in the order of their numbers; each of shape (n,): 1 or 2 for the better answer, 0 for a tie.
    """

    prompts: Sequence[Prompt]
    first: Sequence[str]
    second: Sequence[str]
    labels: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Record:
    """One object of a file, and complaints about it."""

    place: str
    fields: Mapping[str, Any]

    def error(self, complaint: str) -> UsageError:
        return UsageError(f"{self.place}: {complaint}")

    def __getitem__(self, name: str) -> Any:
        if name in self.fields:
            return self.fields[name]
        near = get_close_matches(name, self.fields, n=1)
        raise self.error(f"no field {name!r}: {f'is {near[0]!r} meant?' if near else 'add it'}")

    @property
    def id(self) -> str:
        return str(self["idx"])

    def text(self, name: str) -> str:
        value = self[name]
        if not isinstance(value, str | int | float):
            raise self.error(f"{name!r} must be text, not {value!r}")
        return "" if isinstance(value, float) and math.isnan(value) else str(value)

    @property
    def prompt(self) -> Prompt:
        optional = {name: self.text(name) for name in ("input", "answer") if name in self.fields}
        return Prompt(self.id, self.text("instruction"), **optional)

    def label(self, name: str) -> int:
        value = self[name]
        if type(value) is not int or value not in _LABELS:
            raise self.error(f"{name!r} must be 1 or 2 for the better response, or 0 for a tie, not {value!r}")
        return value


def read_labelled_pairs(path: str | Path) -> LabelledPairs:
    """The labelled pairs of a file (see the module for its format).

    Raises `UsageError` where the file can't be read, has no items, or an item lacks something: it names the first such
    item, counted from 1.
    """
    records = _records(Path(path))
    annotators = sorted((name for name in records[0].fields if re.fullmatch(r"annotator\d+", name)), key=_number)
    if not annotators:
        raise records[0].error("no label of an annotator: add 'annotator1', 'annotator2' and so on")
    _refuse_repeated(records)
    prompts = [record.prompt for record in records]
    first, second = ([record.text(name) for record in records] for name in ("response1", "response2"))
    labels = {name: np.array([record.label(name) for record in records]) for name in annotators}
    return LabelledPairs(prompts, first, second, labels)


def read_answers(path: str | Path, items: LabelledPairs) -> np.ndarray:
    """A judge's stored labels of the items.

    Each answer has the `idx` of its item, and one field whose name ends in `_result`: 0, 1, 2 or "tie" (also as text,
    in any case); anything else counts as not understood.

    Returns
    -------
    Shape (n,), in the order of the items: 1 or 2 for the better answer, 0 for a tie, -1 for what is not understood.

    Raises `UsageError` where the file can't be read or doesn't answer each item once, and `FailedCheck` where none of
    its answers is understood.
    """
    records = _records(Path(path))
    _refuse_repeated(records)
    answers = {record.id: _understood(record[_result_field(record)]) for record in records}
    ids = [prompt.id for prompt in items.prompts]
    known = set(ids)
    for record in records:
        if record.id not in known:
            raise record.error(f"there is no item with idx {record.id}: give the answers to these items")
    for id in ids:
        if id not in answers:
            raise UsageError(f"{str(path)!r} has no answer to the item with idx {id}: give one, if only an empty one")
    labels = np.array([answers[id] for id in ids])
    if (labels == NOT_UNDERSTOOD).all():
        said = shortened(repr(records[0][_result_field(records[0])]), _SHOWN)
        raise FailedCheck(f"none of the answers in {str(path)!r} is 0, 1, 2 or tie; the first is {said}")
    return labels


def labels_of(preferences: np.ndarray) -> np.ndarray:
    """The label that each preference for the first answer amounts to: 1 above 0.5, 2 below, 0 at it, -1 for NaN."""
    return np.select([preferences > 0.5, preferences < 0.5, preferences == 0.5], [1, 2, 0], NOT_UNDERSTOOD)


def preferences_of(labels: np.ndarray) -> np.ndarray:
    """The preference for the first answer that each label stands for: 1 for 1, 0 for 2, 0.5 for a tie, NaN for -1."""
    return np.select([labels == 1, labels == 2, labels == 0], [1.0, 0.0, 0.5], np.nan)


def _records(file: Path) -> Sequence[_Record]:
    values = _values(file)
    if not isinstance(values, list) or not values:
        raise UsageError(f"{str(file)!r} has no items: give a list of JSON objects, or one object per line")
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise UsageError(f"item {number} of {str(file)!r} is not a JSON object but {str(value)[:40]!r}")
    return [_Record(f"item {number} of {str(file)!r}", value) for number, value in enumerate(values, 1)]


def _values(file: Path) -> Any:
    text = _text(file)
    if not file.name.removesuffix(".gz").endswith(".jsonl"):
        return parse_json(text, repr(str(file)))
    lines = enumerate(text.split("\n"), 1)
    return [parse_json(line, f"line {number} of {str(file)!r}") for number, line in lines if line.strip()]


def _text(file: Path) -> str:
    if not file.name.endswith(_ENDINGS):
        raise UsageError(f"can't tell what {str(file)!r} is: name it {', '.join(_ENDINGS)}")
    if not file.is_file():
        raise UsageError(f"no file {str(file)!r}")
    return read_text(file, "file", most_bytes=_LARGEST_BYTES)


def _refuse_repeated(records: Sequence[_Record]) -> None:
    seen: set[str] = set()
    for record in records:
        if record.id in seen:
            raise record.error(f"idx {record.id} is that of an earlier one: give each its own")
        seen.add(record.id)


def _result_field(record: _Record) -> str:
    match [name for name in record.fields if name.endswith("_result")]:
        case [name]:
            return name
        case names:
            raise record.error(f"{len(names)} fields end in '_result': give one, with the judge's label 0, 1 or 2")


def _understood(value: Any) -> int:
    if isinstance(value, str):
        return _LABELS.get(value.strip().lower(), NOT_UNDERSTOOD)
    return _LABELS.get(value, NOT_UNDERSTOOD) if type(value) is int else NOT_UNDERSTOOD


def _number(annotator: str) -> int:
    return int(annotator.removeprefix("annotator"))
