"""How optimizers did in the end, from results whose runs can be compared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from optathlon.errors import UsageError, unknown

if TYPE_CHECKING:
    from optathlon.analysis.analysis import Analysis
    from optathlon.results.frames import Results

ANY_TYPE = "any"
"""Stands for tasks of all types."""


@dataclass(frozen=True)
class Performance:
    """Final losses on tasks of one type.

    Attributes
    ----------
    type:
        Of the tasks, or `"any"`.
    losses:
        Index (`optimizer`, `task`, `seed`), of all runs that were not skipped; with several objectives, of the
        hypervolume. NaN for a run without a result.
    tasks:
        The `tasks` frame of these tasks.
    budgets:
        The different budgets of the runs, e.g. `("77 evaluations", "147 evaluations")`.
    """

    type: str
    losses: pd.Series
    tasks: pd.DataFrame
    budgets: tuple[str, ...]

    @property
    def optimizers(self) -> list[str]:
        """All optimizers, by name."""
        return [str(name) for name in self.losses.index.unique("optimizer").sort_values()]

    @property
    def regret(self) -> pd.Series:
        """The losses on a scale from 0 (best) to 1 (worst) per task, by these optimizers alone; NaN stays."""
        from optathlon.analysis.metrics.normalisation import normalised_regret

        return normalised_regret(self.losses, self.tasks).where(self.losses.notna())

    @property
    def collections(self) -> pd.Series:
        """By task id."""
        return self.tasks["collection"].astype(str).groupby(level=0).last()

    @property
    def fingerprints(self) -> dict[str, str]:
        """By task id; empty where a task has none."""
        return {str(id): str(text or "") for id, text in self.tasks["fingerprint"].items()}


def performance(
    results: Results,
    *,
    type: str | None = None,
    optimizers: Collection[str] | None = None,
    tasks: Collection[str] | None = None,
) -> Performance:
    """The final losses of these optimizers on the tasks of a type; no other run has an influence on them.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    type:
        Such as `"blackbox"`, or `"any"`; by default the one that all tasks have.
    optimizers, tasks:
        By default all.

    Raises `UsageError` where tasks are of several types and none is chosen, an optimizer or type is not in the
    results, or runs on a task differ in their budget or another condition.
    """
    from optathlon.analysis.analysis import Analysis

    chosen = results.runs[results.runs["status"].astype(str) != "skipped"]
    if chosen.empty:
        raise UsageError("there are no finished runs in these results: run some optimizers first")
    types = results.tasks["type"].groupby(level=0).last()
    type = type or _only_type(types)
    if type != ANY_TYPE and type not in set(types):
        raise unknown("task type", type, sorted(set(types)), where="these results")
    ids = types.index if type == ANY_TYPE else types.index[types == type]
    chosen = chosen[chosen["task"].astype(str).isin(ids if tasks is None else ids.intersection(list(tasks)))]
    if optimizers is not None:
        _refuse_absent(optimizers, results.runs, chosen, type)
        chosen = chosen[chosen["optimizer"].astype(str).isin(list(optimizers))]
    analysis = Analysis(replace(results, runs=chosen))
    _refuse_divided(analysis)
    budgets = chosen[["budget", "budget_unit"]].drop_duplicates().sort_values(["budget_unit", "budget"])
    return Performance(
        type,
        analysis.losses.iloc[:, -1],
        analysis.results.tasks,
        tuple(f"{amount:g} {unit}" for amount, unit in budgets.itertuples(index=False)),
    )


def _only_type(types: pd.Series) -> str:
    counts = types.value_counts().sort_index()
    if len(counts) > 1:
        listed = ", ".join(f"{count} {type}" for type, count in counts.items())
        raise UsageError(
            f"these results have tasks of several types ({listed}): choose one, e.g. --type {types.mode()[0]}"
        )
    return str(counts.index[0])


def _refuse_absent(names: Collection[str], runs: pd.DataFrame, chosen: pd.DataFrame, type: str) -> None:
    all_names, chosen_names = ({*frame["optimizer"].astype(str)} for frame in (runs, chosen))
    for name in names:
        if name not in all_names:
            raise unknown("optimizer", name, sorted(all_names), where="these results")
        if name not in chosen_names:
            count, kind = chosen["task"].nunique(), "" if type == ANY_TYPE else f"{type} "
            raise UsageError(f"{name} has no runs on any of the {count} {kind}tasks but skipped ones: leave it out")


def _refuse_divided(analysis: Analysis) -> None:
    if analysis.divided_tasks:
        first = analysis.divided_tasks[0]
        labels = [label for label in analysis.results.tasks.index if str(label).startswith(f"{first} (")]
        raise UsageError(
            f"runs on {len(analysis.divided_tasks)} tasks differ in their conditions, e.g. {' and '.join(labels)}: "
            "choose optimizers that share one, or keep each condition in a results folder of its own"
        )
