"""Tables as CSV files: nothing in them is a formula, and all else is as pandas writes it."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optathlon.analysis.csv_file import write_csv

TEXT = st.text(st.sampled_from("=+-@\t\r\nab,\"' 1"), max_size=5)


@given(names=st.lists(TEXT, min_size=1, max_size=5, unique=True), values=st.lists(TEXT, min_size=1, max_size=5))
def test_no_cell_of_text_is_a_formula(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], values: list[str]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    table = pd.DataFrame([values] * len(names), index=pd.MultiIndex.from_product([names, ["t"]], names=["=o", "t"]))

    write_csv(table.astype("category"), path)

    cells = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, lineterminator="\n").to_numpy().ravel()
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("index", [True, False])
def test_numbers_and_ordinary_text_are_as_pandas_writes_them(tmp_path: Path, index: bool) -> None:
    table = pd.DataFrame(
        {"x": [-1.5, np.nan], "n": pd.array([-1, None], dtype="Int64"), "name": pd.Categorical(["random", None])},
        index=pd.Index(["bbob/f1", "a=b"], name="task"),
    )

    write_csv(table, tmp_path / "table.csv", index=index)

    assert (tmp_path / "table.csv").read_text() == table.to_csv(index=index, lineterminator="\n")


def test_a_table_without_rows_keeps_its_header(tmp_path: Path) -> None:
    write_csv(pd.DataFrame({"=a": []}), tmp_path / "table.csv", index=False)

    assert pd.read_csv(io.StringIO((tmp_path / "table.csv").read_text())).columns.tolist() == ["'=a"]
