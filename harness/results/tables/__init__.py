"""Results that other programs measured: a CSV or Parquet table as the frames of `optathlon.load`."""

from __future__ import annotations

from pathlib import Path

from optathlon.results.frames import Results
from optathlon.results.tables.files import read_rows
from optathlon.results.tables.frames import results_of
from optathlon.results.tables.observations import observations
from optathlon.results.tables.table import Direction, Table


def load_table(path: str | Path, *, direction: Direction | None = None) -> Results:
    """The results in a table with one row per observation, as `optathlon.load` would return them.

    Rows with equal `optimizer`, `task` and `seed` are a run, in any order; other columns than these are ignored:

    - `optimizer`, `task`: any text; blanks around it don't count, and control characters become escapes.
    - `seed`: whole numbers below 2⁶³ or, e.g. for named folds, text, which becomes a number that depends on the text
      alone, so that it is the same in every table.
    - `step`: evaluations that the run has spent when it sees the value, the present one included. Steps may be left
      out. In a table whose smallest step is 0 they count from 0, and all are raised by one.
    - `value`: of the present trial or of the incumbent: both give the same incumbents. A missing value is a failed
      trial, and an infinite one an invalid one.
    - `direction`: `minimize` or `maximize`, the same in all rows of a task.
    - `collection`: by default what is before the first `/` of the tasks' names, or `all` where a name has none.
    - `time`: when the run sees the value, since its start: seconds, or durations of any unit in Parquet.
    - `test_value`: becomes the metric `test/value`.
    - `status`: `ok` (also where missing), `crashed`, `timeout`, `memory`, `diverged` or `invalid`; the value of a
      failed trial does not count.

    The budget of a run is the largest step of any run on its task. A run none of whose trials succeeded has the status
    of its last one (`crashed`, where that diverged). Times that the table doesn't tell are NaN or NaT.

    Parameters
    ----------
    path:
        A file `.csv` or `.tsv`, also compressed as `.gz`, `.bz2`, `.xz` or `.zst`, or `.parquet`. Columns of text files
        may be separated by commas, semicolons, tabs or `|`, and numbers may have decimal commas: the header and the
        numbers tell. UTF-8, or UTF-16 with a byte order mark.
    direction:
        Of `value`, on all tasks of a table without a column `direction`; by default `"minimize"`.

    Raises `UsageError` where the file can't be read, has no rows, lacks a column or has one under a similar name, where
    a row can't be meant or may mean two things (it names the first one, counted from 1 without the header), and where
    a column would be ignored that changes the meaning of others.
    """
    file = Path(path).expanduser()
    table = Table(file, read_rows(file))
    return results_of(observations(table, direction), file)


def have_tables(results: Results) -> bool:
    """Whether some of the results come from a table."""
    return "file" in results.provenance and bool(results.provenance["file"].notna().any())
