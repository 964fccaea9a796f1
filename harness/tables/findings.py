"""What is wrong with a table, or worth knowing: everything at once, with the numbers of the rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_SHOWN = 5


@dataclass
class Findings:
    """What was found, a line each.

    Attributes
    ----------
    problems:
        What must be fixed before there are tasks.
    notes:
        What is as the descriptor wants it, and should be known.
    wrong:
        The places of the rows that are part of a problem.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)

    def refuse(self, rows: np.ndarray, complaint: str) -> None:
        """A problem, where a row is wrong (boolean, by row); `{}` in the complaint are the rows."""
        if rows.any():
            self.problems.append(complaint.replace("{}", rows_text(rows)))
            self.wrong.update(np.flatnonzero(rows).tolist())

    def note(self, rows: np.ndarray, remark: str) -> None:
        """A note, as `refuse`."""
        if rows.any():
            self.notes.append(remark.replace("{}", rows_text(rows)))


def rows_text(rows: np.ndarray) -> str:
    """Numbers of rows (boolean, by row), counted from 1 without the header: `"rows 3, 8 and 9"`."""
    found = (np.flatnonzero(rows) + 1).tolist()
    if len(found) == 1:
        return f"row {found[0]}"
    if len(found) <= _SHOWN:
        return f"rows {', '.join(map(str, found[:-1]))} and {found[-1]}"
    return f"rows {', '.join(map(str, found[:_SHOWN]))} and {len(found) - _SHOWN:,} more"
