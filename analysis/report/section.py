"""What a section of the report gives to the page, and what it is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from markupsafe import Markup

from optathlon.analysis.analysis import Analysis, ComparisonResult
from optathlon.analysis.plots.style import Look, looks
from optathlon.analysis.report.changes import Changes
from optathlon.analysis.report.charts import Chart
from optathlon.analysis.report.figures import ReportFigure
from optathlon.analysis.report.groups import ALL_TASKS, Group
from optathlon.analysis.tables.columns import Marks

if TYPE_CHECKING:
    from optathlon.analysis.report.representativeness import Representativeness


class ReportData:
    """What all sections are made from.

    Parameters
    ----------
    analysis:
        The results and what is derived from them.
    subset:
        How well a subset represents all tasks, if that was asked for.
    ties:
        The relative difference up to which values are equal; the results have it already.
    explained:
        Tasks for which the importance of hyperparameters is estimated.
    focus:
        The optimizer that is compared with each other one, if that was asked for.
    changes:
        What changed from some of these results to the others, if the page is about that.
    remarks:
        Sentences on where the results come from.

    Attributes
    ----------
    looks:
        Colour, marker and line of each optimizer.
    numbers:
        The number of each optimizer in the page's data.
    """

    def __init__(
        self,
        analysis: Analysis,
        *,
        subset: Representativeness | None = None,
        ties: float = 0.0,
        explained: Sequence[str] = (),
        focus: str | None = None,
        changes: Changes | None = None,
        remarks: Sequence[str] = (),
    ) -> None:
        self.analysis = analysis
        self.ties = ties
        self.subset = subset
        self.explained = explained
        self.focus = focus
        self.changes = changes
        self.remarks = remarks
        self.looks: dict[str, Look] = looks(analysis.optimizers)
        self.numbers = {name: number for number, name in enumerate(self.looks)}

    @cached_property
    def groups(self) -> dict[str, Group]:
        """All groups of tasks on which optimizers are compared, by title."""
        return {title: Group(self.analysis, part) for title, part in self.analysis.groups.items()}

    @cached_property
    def groups_of_tasks(self) -> dict[str, list[int]]:
        """By task: the numbers of `groups` that it is of; of none where there is no choice."""
        several = [*self.groups] if len(self.groups) > 1 else []
        return {
            str(task): [number for number, title in enumerate(several) if title in (ALL_TASKS, *own)]
            for task, *own in self.analysis.titles_of_groups.itertuples()
        }

    def of_tasks(self, tasks: Iterable[str]) -> Markup:
        """The attribute of an element of the page that is about some tasks: it goes where none of them is chosen."""
        numbers = sorted({number for task in tasks for number in self.groups_of_tasks.get(task, ())})
        return Markup(' data-of="{}"').format(" ".join(map(str, numbers))) if numbers else Markup("")

    @cached_property
    def ranked(self) -> dict[str, ComparisonResult]:
        """The main comparisons of two optimizers or more, by title; each is one of `groups`."""
        return {
            result.comparison.name: result
            for result in self.analysis.comparisons
            if len(result.comparison.optimizers) > 1
        }


class Section:
    """One topic of the report. A section overrides what it has; the page collects it from all of them.

    Attributes
    ----------
    heading, note:
        What stands above its charts and figures, if it has any; empty for nothing.
    needs:
        What it takes to show something, which the page says where it shows nothing; empty if that goes without saying.
    template:
        The file of this folder's `sections/` that its part of the page is made from, given `content`, `heading`, `note`
        and `charts` (the names of those with something to show). The default shows charts, then `content`'s `figures`.
    needs_course:
        Whether it is about what runs had before their end; it is left out where all have a single trial.
    is_filtered:
        Whether it follows the choice of tasks on top of the page; else it says there that it doesn't.
    """

    heading: ClassVar[str] = ""
    note: ClassVar[str] = ""
    needs: ClassVar[str] = "two optimizers that ran the same tasks"
    template: ClassVar[str] = "section.html"
    needs_course: ClassVar[bool] = False
    is_filtered: ClassVar[bool] = True

    def __init__(self, data: ReportData) -> None:
        self.data = data

    def findings(self) -> Iterable[Markup]:
        """Sentences for the head of the page: what was found."""
        return ()

    def caveats(self) -> Iterable[Markup]:
        """Sentences for the head of the page: what a reader must know before relying on the findings."""
        return ()

    def tables(self) -> Iterable[tuple[str, pd.DataFrame]]:
        """Tables to write to files, by the name of the file."""
        return ()

    def marks(self) -> Mapping[str, Marks]:
        """What stands out in the tables for readers, by the name of the file."""
        return {}

    def figures(self) -> Iterable[ReportFigure]:
        """Figures to write to files."""
        return ()

    def charts(self) -> Mapping[str, Chart]:
        """Interactive charts of the page, by name."""
        return {}

    def content(self) -> Mapping[str, Any]:
        """Variables of the template."""
        return {}
