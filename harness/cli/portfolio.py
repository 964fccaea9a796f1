"""`optathlon portfolio`: from results on tasks of one search space to a few configurations to begin with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated

import typer

from optathlon.cli.flags import LAST_SEED, Plugins, path_argument, path_option, whole_number
from optathlon.cli.output import show
from optathlon.cli.source import Optimizers, Tasks
from optathlon.destination import require_file_place
from optathlon.errors import UsageError
from optathlon.paths import quoted

if TYPE_CHECKING:
    from optathlon.analysis.stats.portfolios import LeftOut
    from optathlon.experiments.portfolio import Candidates

_MOST = 1000
"""Configurations of a portfolio, and candidates of each task."""


def portfolio(
    results: Annotated[Path, path_argument(help="Results folder of runs on tasks that share one search space.")],
    out: Annotated[Path, path_option("--out", help="Where to write the portfolio (JSON).")],
    size: Annotated[int, whole_number(help="At most so many configurations.")] = 16,
    per_task: Annotated[int, whole_number(help="Candidates: so many of the best configurations of each task.")] = 50,
    optimizers: Optimizers = None,
    tasks: Tasks = None,
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Seeds the noise of what has to be evaluated.")] = 0,
    plugins: Plugins = None,
) -> None:
    """Choose configurations that together are good on many tasks, to begin with on a new one.

    Where a candidate has no stored result on a task, it is evaluated there. Use the file as `portfolio[file=FILE]`.
    """
    from optathlon.analysis.stats.portfolios import greedy_portfolio, leave_one_out, scaled
    from optathlon.cli.listing import load_plugins
    from optathlon.cli.steps import StepsDisplay
    from optathlon.experiments.portfolio import candidates, means_of, write_portfolio
    from optathlon.results.best import NEEDED
    from optathlon.results.frames import load, require_runs

    for name, number in (("--size", size), ("--per-task", per_task)):
        if not 1 <= number <= _MOST:
            raise UsageError(f"{name} is {number}: give a number from 1 to {_MOST:,}")
    require_file_place(out)
    load_plugins(plugins)
    stored = load(results, optimizers=optimizers, tasks=tasks, columns=NEEDED)
    require_runs(stored, results)
    with StepsDisplay("evaluating candidates") as tell:
        found = candidates(
            stored, per_task, seed=seed, tell=lambda done, total: tell("evaluating candidates", done, total)
        )
    losses = scaled(found.losses)
    chosen = greedy_portfolio(losses, size)
    means = [*means_of(losses, chosen)]
    write_portfolio(out, found, chosen, means)
    for line in (*_summary(found, means), *_validation(found, leave_one_out(found.losses, found.found_on, size))):
        show(line)
    show(f"next: optathlon run -t TASK -o 'portfolio[file={out}]' -o random; the portfolio is {quoted(out)}")


def _summary(found: Candidates, means: Sequence[float]) -> Iterator[str]:
    yield (
        f"{len(found.configurations):,} candidates on {len(found.tasks):,} tasks; {found.evaluated:,} of "
        f"{found.losses.size:,} losses were not stored and have been evaluated"
    )
    yield "mean loss over tasks, from 0 (the best candidate of each) to 1 (the worst), with the first"
    yield "  ".join(f"{count}: {mean:.3f}" for count, mean in enumerate(means, start=1))


def _validation(found: Candidates, left_out: Sequence[LeftOut | None]) -> Iterator[str]:
    """What portfolios made without a task do on it, and what as many random candidates would."""
    judged = {task: one for task, one in zip(found.tasks, left_out, strict=True) if one is not None}
    if not judged or len(found.tasks) < 2:
        yield "there is only one task: whether it is good on a new one can't be said"
        return
    width = max(map(len, judged))
    yield "made without a task, and judged on it:"
    yield f"{'task left out':<{width}}  configurations  portfolio  its first  as many at random"
    for task, one in judged.items():
        yield f"{task:<{width}}  {one.size:>14}  {one.portfolio:>9.3f}  {one.first:>9.3f}  {one.drawn:>17.3f}"
    means = [fmean(getattr(one, name) for one in judged.values()) for name in ("portfolio", "first", "drawn")]
    yield f"{'mean':<{width}}  {'':>14}  {means[0]:>9.3f}  {means[1]:>9.3f}  {means[2]:>17.3f}"
    better = sum(one.portfolio < one.drawn for one in judged.values())
    yield f"better than as many random candidates on {better} of {len(judged)} tasks"
