"""Text in tables of other programs: what it may hold, and what it must not hide."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from optathlon.errors import UsageError
from optathlon.results.tables import load_table


def table(folder: Path, **columns: object) -> Path:
    frame = pd.DataFrame({"optimizer": ["a", "b"], "task": "t", "seed": 0, "step": 1, "value": [0.1, 0.2]})
    frame.assign(**columns).to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def test_names_are_cleaned_of_what_a_terminal_or_a_page_obeys(tmp_path: Path) -> None:
    runs = load_table(table(tmp_path, optimizer=["b\x1b[31m", "a\u202eb"], task="t\x07u")).runs
    assert dict(zip(runs["optimizer"], runs["task"], strict=True)) == {r"a\u202eb": r"t\x07u", r"b\x1b[31m": r"t\x07u"}
    assert runs["optimizer"].cat.categories.tolist() == [r"a\u202eb", r"b\x1b[31m"]


def test_names_that_are_one_when_cleaned_are_one_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"in row 2 are those of an earlier row"):
        load_table(table(tmp_path, optimizer=["a\x1b", r"a\x1b"]))


@pytest.mark.parametrize("column", ["higher_better", "is_higher_better", "Lower Better", "greater_is_better"])
def test_a_flag_that_tells_which_values_are_better_is_not_ignored(column: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seems to tell which values are better"):
        load_table(table(tmp_path, **{column: True}))


@pytest.mark.parametrize("word", ["higher better", "Larger-Better", "maximised"])
def test_a_word_that_tells_which_values_are_better_is_not_ignored(word: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seems to tell which values are better"):
        load_table(table(tmp_path, about=word))
