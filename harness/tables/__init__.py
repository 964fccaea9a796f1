"""Tables of trials as tasks: a CSV or Parquet file, and a descriptor that says what its columns mean."""

from __future__ import annotations

from optathlon.tables.examination import Examination, examine, examine_file, tasks_of
from optathlon.tables.task import TableTask

__all__ = ["Examination", "TableTask", "examine", "examine_file", "tasks_of"]
