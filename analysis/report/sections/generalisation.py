"""How configurations chosen by validation do on test metrics."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted, names
from optathlon.analysis.stats.generalisation import unscored_metrics

if TYPE_CHECKING:
    from optathlon.results.frames import Results


class Generalisation(Section):
    """Ranks by validation and by test, and what choosing by validation costs."""

    heading = "Validation and test"
    needs = "metrics of tests that are named after the objective, of two optimizers"
    template = "generalisation.html"
    is_filtered = False

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """All test metrics."""
        yield "generalisation", self.data.analysis.generalisation

    def content(self) -> dict[str, Any]:
        """Those by which optimizers are compared."""
        shown = generalisation_tables(self.data.analysis.generalisation) if self.data.ranked else ()
        return {"generalisation": list(shown), "unscored": list(_unscored(self.data.analysis.results))}


@dataclass(frozen=True)
class GeneralisationTable:
    """A row for each optimizer compared by a test metric, on how many `tasks`, and a sentence on what is left out."""

    metric: str
    tasks: str
    rows: list[dict[Hashable, object]]
    left_out: Markup | None


def generalisation_tables(table: pd.DataFrame) -> Iterator[GeneralisationTable]:
    """The optimizers by each test metric, best test rank first.

    Parameters
    ----------
    table:
        As `optathlon.analysis.stats.generalisation.generalisation` returns it.
    """
    for metric in table.index.unique("metric"):
        rows = table[table.index.get_level_values("metric") == metric].droplevel(["metric"])
        compared = rows[rows["tasks"] > 0].sort_values("test_rank", kind="stable")
        if len(compared):
            tasks = counted(int(compared["tasks"].iloc[0]), "task")
            cells = compared.reset_index().to_dict("records")
            yield GeneralisationTable(str(metric), tasks, cells, _not_compared(rows))


def _unscored(results: Results) -> Iterator[Markup]:
    """A sentence on each test metric whose name fits no objective."""
    for metric, tasks in unscored_metrics(results).items():
        objectives = results.tasks["objectives"].loc[list(tasks)]
        wanted = sorted({str(first["name"]) for first, *_ in objectives})
        yield Markup("{} is reported on {} ({}) but not scored, as it is not named after the objective {}.").format(
            metric, counted(len(tasks), "task"), names(tasks), names(wanted)
        )


def _not_compared(rows: pd.DataFrame) -> Markup | None:
    """Which optimizers are not compared by a test metric, and on which tasks those that are compared are not."""
    compared = rows["tasks"] > 0
    optimizers, tasks = rows.index[~compared].tolist(), rows.loc[compared, "left_out"].iloc[0]
    listed = (("optimizer", optimizers), ("task", tasks))
    parts = [Markup("{} ({})").format(counted(len(found), noun), names(found)) for noun, found in listed if found]
    return Markup("Left out, as test results are missing: {}.").format(Markup(" and ").join(parts)) if parts else None
