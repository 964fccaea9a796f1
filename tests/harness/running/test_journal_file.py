"""What of a journal is replayed: all that is whole and of this run, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journaled_runs import IDENTITY, RANDOM, Killed, Line, Mortal, do, journal_of, random_run, read_journal, timeless

from optathlon import Budget
from optathlon.errors import StorageError
from optathlon.running.accounting import TrialRecord
from optathlon.running.journal import Journal, discard_journal
from optathlon.running.journal import read_journal as read_journal_of
from optathlon.running.runs import RunSpec


@given(st.integers(0, 4000), st.sampled_from([b"", b"\0\0\0", b"{", b"[1, 2]\n", b"\xff\xfe\n", b"null\n"]))
def test_a_cut_or_garbled_journal_keeps_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    records = journal_of(path, 5)
    content = path.read_bytes()
    at = cut % (len(content) + 1)
    path.write_bytes(content[:at] + garbage)
    whole = max(0, content[:at].count(b"\n") - 1)
    journal = Journal(path, IDENTITY)
    assert [record.trial for record in journal.past.values()] == list(range(whole))
    for record in journal.past.values():
        original = records[record.trial]
        assert record._replace(tell_s=0.0) == original._replace(tell_s=0.0)
    journal.add(records[4])
    journal.close()
    reread = read_journal(path)
    assert [record.trial for record in reread] == [*range(whole), 4]


def old_journal(path: Path, trials: int) -> list[TrialRecord]:
    """As format 1 was written: without checksums."""
    records = journal_of(path, trials)
    lines = [{"format": 1} | IDENTITY, *({"elapsed": 1.5, "trial": record} for record in records)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return records


def same_trials(found: Sequence[TrialRecord], expected: Sequence[TrialRecord]) -> bool:
    """But for the time of `tell`, which a journal does not know."""
    return [one._replace(tell_s=0.0) for one in found] == [one._replace(tell_s=0.0) for one in expected]


def test_an_old_journal_without_checksums_is_replayed_and_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    records = old_journal(path, 5)
    cut = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(cut[:4]))
    journal = Journal(path, IDENTITY)
    assert (same_trials(journal.trials, records[:3]), journal.elapsed) == (True, 1.5)
    journal.add(records[3])
    journal.close()
    assert same_trials(read_journal(path), records[:4])


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_byte_that_changed_is_never_replayed(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    records = journal_of(path, 5)
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] ^= change
    path.write_bytes(content)
    whole = max(0, bytes(content[:place]).count(b"\n") - 1) if place >= content.index(b"\n") else 0
    journal = Journal(path, IDENTITY)
    assert same_trials(journal.trials, records[:whole])
    journal.close()


@pytest.mark.parametrize("order", [(0, 1, 3, 4, 5), (0, 1, 3, 2, 4, 5), (0, 1, 2, 2, 3, 4, 5)])
def test_lines_that_were_cut_out_moved_or_copied_are_never_replayed(tmp_path: Path, order: Sequence[int]) -> None:
    path = tmp_path / "j.jsonl"
    records = journal_of(path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[number] for number in order))
    found = read_journal(path)
    assert same_trials(found, records[: len(found)])
    assert len(found) <= 2


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_edited_value_is_evaluated_again(tmp_path: Path) -> None:
    spec = RunSpec("random", Line.id, "1", 0, 0, Budget(6))
    undisturbed = do(spec, RANDOM, Line(), tmp_path / "undisturbed.jsonl")
    path = tmp_path / "j.jsonl"
    with pytest.raises(Killed):
        do(spec, RANDOM, Line(), path, partial(Mortal, lives=4))
    edited(path, '"ok"', '"OK"')
    task = Line()
    assert timeless(do(spec, RANDOM, task, path)) == timeless(undisturbed)
    assert 2 < len(task.evaluated) <= 6


WRONG = [
    (0, "0"), (0, -1), (0, None), (1, None), (1, [1]), (2, "full"), (4, "1"), (4, None), (5, 0.5), (5, ["0.5"]),
    (5, None), (5, [[0.5]]), (6, {"a": 1}), (7, ["m"]), (7, {"m": "1"}), (8, "fine"), (8, 1), (9, 3), (10, "free"),
    (13, None), (14, "now"), (16, 0.5), (17, "no"), (18, 1.5),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), WRONG)
def test_wrong_types_in_an_old_journal_end_it_there(tmp_path: Path, place: int, value: object) -> None:
    path = tmp_path / "j.jsonl"
    records = [record for record in old_journal(path, 12) if record.status == "ok"][:3]
    trials = [{"elapsed": 1.5, "trial": list(record)} for record in records]
    lines: list[dict[str, Any]] = [{"format": 1} | IDENTITY, *trials]
    lines[2]["trial"][place] = value
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert same_trials(read_journal(path), records[:1])
    journal = Journal(path, IDENTITY)
    assert same_trials(journal.trials, records[:1])
    journal.close()


@pytest.mark.parametrize(
    "line",
    [
        *("3", "null", '"text"', "[]", "{}", '{"elapsed": 1.0}', '{"elapsed": "1", "trial": []}', "[" * 100_000),
        *('{"elapsed": -1, "trial": []}', '{"elapsed": 1.0, "trial": {}}', '{"elapsed": 1.0, "trial": [[]]}'),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_json_of_something_else_in_an_old_journal_ends_it_there(tmp_path: Path, line: str, number: int) -> None:
    path = tmp_path / "j.jsonl"
    old_journal(path, 3)
    lines = path.read_text().splitlines()
    lines[number] = line
    path.write_text("\n".join(lines) + "\n")
    assert read_journal(path) == []
    journal = Journal(path, IDENTITY)
    assert journal.trials == []
    journal.close()


@pytest.mark.parametrize("to", ["file", "nothing", "folder"])
def test_a_journal_that_is_a_link_is_refused_in_one_line_and_not_written_through(tmp_path: Path, to: str) -> None:
    target, path = tmp_path / "target", tmp_path / "j.jsonl"
    if to == "folder":
        target.mkdir()
    elif to == "file":
        journal_of(target, 3)
    before = target.read_bytes() if to == "file" else None
    path.symlink_to(target)
    with pytest.raises(StorageError, match=r"j\.jsonl' is a link or no file: delete it") as caught:
        Journal(path, IDENTITY, patience=0.0)
    assert "\n" not in str(caught.value)
    assert read_journal(path) == []
    discard_journal(path)
    assert path.is_symlink()
    assert target.exists() == (to != "nothing")
    assert before is None or target.read_bytes() == before


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "j.jsonl")
    with pytest.raises(StorageError, match="no file"):
        Journal(tmp_path / "j.jsonl", IDENTITY)


def test_a_journal_of_something_else_is_begun_anew(tmp_path: Path) -> None:
    journal_of(tmp_path / "j.jsonl", 3)
    journal = Journal(tmp_path / "j.jsonl", IDENTITY | {"fingerprint": "other"})
    assert journal.past == {}
    journal.close()
    assert read_journal(tmp_path / "j.jsonl") == []


@pytest.mark.parametrize(
    ("before", "after", "trials"),
    [
        ({"code": "a", "fingerprint": "f"}, {"code": "b", "fingerprint": "f"}, 0),
        ({"code": "a", "fingerprint": "f"}, {"code": "a", "fingerprint": "f"}, 1),
        ({"fingerprint": "f"}, {"code": "a", "fingerprint": "f.g"}, 1),
        ({"fingerprint": "f"}, {"code": "a", "fingerprint": "g.g"}, 0),
        ({"code": "a", "fingerprint": "f.g.h"}, {"code": "a", "fingerprint": "f.g"}, 1),
        ({"code": "a", "fingerprint": "f.g"}, {"code": "a", "fingerprint": "f.h"}, 0),
    ],
)
def test_a_journal_of_other_code_is_begun_anew(
    tmp_path: Path, before: dict[str, str], after: dict[str, str], trials: int
) -> None:
    """Those of earlier versions do not say which code, and less of the task."""
    path = tmp_path / "j.jsonl"
    journal = Journal(path, {"run": "r", "attempt": 1} | before, patience=0.0)
    random_run(Line(budget=Budget(1)), journal)
    journal.close()
    assert len(read_journal_of(path, {"run": "r", "attempt": 1} | after)) == trials
    journal = Journal(path, {"run": "r", "attempt": 1} | after)
    assert len(journal.past) == trials
    journal.close()


def test_a_journal_is_plain_text(tmp_path: Path) -> None:
    journal_of(tmp_path / "j.jsonl", 2)
    header, *lines = (tmp_path / "j.jsonl").read_text().splitlines()
    assert json.loads(header).items() >= ({"format": 2} | IDENTITY).items()
    assert [json.loads(line)["trial"][0] for line in lines] == [0, 1]
