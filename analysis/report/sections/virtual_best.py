"""What choosing the best optimizer for each task would gain."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.report.figures import suffix
from optathlon.analysis.report.groups import Group
from optathlon.analysis.report.section import Section
from optathlon.analysis.report.sentences import counted, names, on_tasks
from optathlon.analysis.stats.virtual_best import VirtualBest, virtual_best


class VirtualBestOptimizer(Section):
    """The virtual best of each main comparison, and what each optimizer gives to it."""

    heading = "The virtual best optimizer"
    needs = "two optimizers that ran the same two tasks"
    template = "virtual_best.html"
    is_filtered = False

    def tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """What each optimizer gives to it."""
        for name, (found, _) in self._found.items():
            yield f"virtual_best{suffix(name)}", found.parts

    def content(self) -> dict[str, Any]:
        """A sentence, and the optimizers without which it would be worse."""
        shown = [
            {
                "name": name,
                "sentence": sentence(found, tasks, on_tasks(name)),
                "rows": found.parts.sort_values(["contribution", "tasks"], ascending=False, kind="stable")
                .query("tasks > 0")
                .reset_index()
                .to_dict("records"),
            }
            for name, (found, tasks) in self._found.items()
        ]
        return {"comparisons": shown}

    @cached_property
    def _found(self) -> dict[str, tuple[VirtualBest, int]]:
        found = {name: _paired_regret(self.data.groups[name]) for name in self.data.ranked}
        return {
            name: (virtual_best(regret), regret.index.unique("task").size)
            for name, regret in found.items()
            if regret.index.unique("task").size > 1
        }


def sentence(found: VirtualBest, tasks: int, scope: str) -> Markup:
    """What the choice gains, in hindsight and for new seeds, against the best single optimizer."""
    if found.single - found.score < 5e-4:
        text = Markup(
            "A choice of the best optimizer for each of {}{} gains nothing over {}: the mean regret is {:.3f}."
        )
        return text.format(counted(tasks, "task"), scope, names([found.single_name]), found.single)
    unseen = "" if math.isnan(found.held_out) else f"; chosen by the other seeds of the task, {found.held_out:.3f}"
    text = Markup(
        "The best optimizer of each of {}{}, chosen in hindsight, ends with a mean regret of {:.3f}{}. The best single "
        "one, {}, has {:.3f}."
    )
    return text.format(counted(tasks, "task"), scope, found.score, unseen, names([found.single_name]), found.single)


def _paired_regret(group: Group) -> pd.Series:
    """The regret on tasks whose seeds are paired."""
    regret = group.regret
    return regret[~regret.index.isin(group.comparison.unpaired_tasks, level="task")]
