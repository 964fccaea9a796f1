"""Text of strangers can be stored and shown, whatever it has."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from optathlon.text import clean, encodable, message_of, one_line, shortened

anything = st.text(st.characters(exclude_categories=()))


@given(anything)
def test_clean_text_can_be_stored_and_shown_and_stays_clean(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert pa.array([cleaned]).to_pylist() == [cleaned]
    assert all(character.isprintable() or ord(character) > 0x9F or character in "\n\t" for character in cleaned)
    assert clean(cleaned) == cleaned
    assert "\n" not in one_line(text)


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_what_can_be_shown_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_what_harms_becomes_its_escape() -> None:
    assert clean("caf\udce9 \x00 \x1b[31m \x9b2J \u202e\r\n\tend\r") == (
        "caf\\udce9 \\x00 \\x1b[31m \\x9b2J \\u202e\n\tend\\r"
    )
    assert clean("Zürich, 東京, 🙂, ‍") == "Zürich, 東京, 🙂, ‍"
    assert encodable("\udce9\x00🙂") == "\\udce9\x00🙂"


@given(anything, st.integers(101, 300))
def test_shortened_text_has_its_begin_its_end_and_no_more_than_its_limit(text: str, limit: int) -> None:
    long = f"first {text * 50} last"
    short = shortened(long, limit)
    assert len(short) <= limit
    assert short.startswith("first") and short.endswith("last")
    assert shortened(short, limit) == short
    assert short == clean(long) or "characters left out" in short


def test_an_error_that_cannot_say_what_it_is_has_a_message_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert message_of(Mute()) == "(its message can't be shown)"
    assert message_of(ValueError("no")) == "no"
