from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from optathlon.errors import UsageError
from optathlon.foreign_file import parse_json, read_text


def refused(path: Path, most_bytes: int = 100) -> str:
    with pytest.raises(UsageError) as caught:
        read_text(path, "table", most_bytes=most_bytes)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_text_is_read_up_to_its_size(tmp_path: Path) -> None:
    for name, content in (("a.txt", "ä" * 50), ("b.txt.gz", "ä" * 50), ("c.txt", "\ufeff" + "x" * 97)):
        data = content.encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        assert read_text(tmp_path / name, "table", most_bytes=100) == content.lstrip("\ufeff")


def test_what_is_larger_is_refused_whether_packed_or_endless(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 101)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(10**7)))
    for path in (tmp_path / "large", tmp_path / "bomb.gz", Path("/dev/zero")):
        assert "holds more than" in refused(path)


def test_what_can_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    (tmp_path / "plain.gz").write_bytes(b"plain")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"some text")[:-6])
    for path, hint in (
        (tmp_path / "latin", "not UTF-8 text (byte 0)"),
        (tmp_path / "plain.gz", "Not a gzipped file"),
        (tmp_path / "cut.gz", "ended before"),
        (tmp_path, "Is a directory"),
        (tmp_path / "none", "No such file"),
        (tmp_path / ("a" * 300), "File name too long"),
        (Path("a\0b"), "null byte"),
    ):
        assert hint in refused(path)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{", "line 1, column 2"),
        ("", "line 1, column 1"),
        ("[" * 200_000, "nested too deep"),
        ('{"a":' * 200_000, "nested too deep"),
        ("9" * 5000, "can't be read|can be read"),
    ],
    ids=range(5),
)
def test_json_that_can_not_be_read_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint) as caught:
        parse_json(text, "line 3", hint="write objects")
    assert str(caught.value).startswith("line 3 is ")
    assert str(caught.value).endswith(": write objects")
