"""`optathlon subset validate`: does a subset rank other optimizers as all tasks do?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from optathlon.cli.flags import LAST_SEED, Baselines, path_option
from optathlon.cli.names import split_names
from optathlon.cli.output import show
from optathlon.cli.source import FailureValues, Maximize, SeveralResults, beside_first, read_all
from optathlon.destination import require_folder_place
from optathlon.errors import UsageError, storage_errors, unknown

if TYPE_CHECKING:
    import pandas as pd

    from optathlon.analysis.report.representativeness import Representativeness
    from optathlon.subsets.subset import Subset

_COLUMNS = ("Kendall's τ", "same best", "rank error", "subset beats")
_WIDTHS = (24, 12, 22)


def validate(
    results: SeveralResults,
    subset: Annotated[str, typer.Argument(help="YAML file, or the name of a shipped subset.")],
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            help="Optimizers to rank, separated by commas. Repeatable. Default: all that the subset wasn't chosen by.",
            metavar="ID",
        ),
    ] = None,
    part: Annotated[Literal["dev", "test", "all"] | None, typer.Option(help="Default: every part.")] = None,
    sizes: Annotated[
        str | None, typer.Option(help="Sizes to try: 5,10,20. Default: from 5 up to half of the tasks.")
    ] = None,
    draws: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many random and stratified subsets of each size.")
    ] = 200,
    threshold: Annotated[float, typer.Option(help="Of Kendall's τ, for the smallest sufficient size.")] = 0.8,
    seed: Annotated[int, typer.Option(min=0, max=LAST_SEED, help="Of draws, intervals and searches.")] = 0,
    out: Annotated[
        Path | None,
        path_option(help="Folder for the figure and tables. Default: subset-NAME/ inside the folder, or by the table."),
    ] = None,
    baselines: Baselines = None,
    maximize: Maximize = False,
    failure_values: FailureValues = None,
) -> None:
    """Compare the ranking of held-out optimizers on the subset with that on all tasks, beside other subsets.

    Others of as many tasks are random ones, stratified ones (by collection and dimension), and k-medoids. Intervals of
    one subset are over seeds; those of random and stratified ones are 5 and 95 % of the draws.
    """
    from optathlon.analysis.report.representativeness import conclusions, subset_study
    from optathlon.subsets.subset import Subset

    if not -1 <= threshold <= 1:
        raise UsageError(f"--threshold must lie between -1 and 1, not be {threshold:g}")
    whole = Subset.read(subset)
    chosen = _only(whole, part, subset)
    folder = out or beside_first(results, f"subset-{chosen.name}")
    if out is not None:
        require_folder_place(out)
    loaded, remarks = read_all(
        results, baselines, more_tasks=whole.tasks, maximize=maximize, failure_values=failure_values
    )
    for remark in remarks:
        show(remark)
    found = subset_study(
        loaded,
        chosen,
        optimizers=split_names(held_out or ()) or None,
        sizes=None if sizes is None else _sizes(sizes),
        draws=draws,
        threshold=threshold,
        seed=seed,
    )
    show("\n".join([*conclusions(found), *found.notes, *_tables(found)]))
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write(found, folder)
    show(f"\nfigure and tables are in {folder}")


def _only(subset: Subset, part: Literal["dev", "test", "all"] | None, where: str) -> Subset:
    if part is None:
        return subset
    if part not in subset.parts:
        raise unknown("part", part, subset.parts, where=f"the subset {where!r}")
    return subset.model_copy(update={"parts": {part: subset.parts[part]}})


def _sizes(text: str) -> list[int]:
    try:
        sizes = sorted({int(size) for size in text.split(",") if size.strip()})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 1:
        raise UsageError(f"can't read the sizes {text!r}: give numbers of tasks, e.g. --sizes 5,10,20")
    return sizes


def _tables(found: Representativeness) -> Iterator[str]:
    from optathlon.subsets.validation import CHOSEN, RANDOM

    for part, methods in found.methods.items():
        measures = methods.measures.droplevel(["k"])
        yield ""
        yield _line(f"{part}: {found.agreements[part].k} tasks", _COLUMNS)
        for method, row in measures.iterrows():
            yield _line("this subset" if method == CHOSEN else str(method), _cells(row, row))
    if found.by_size is None:
        return
    measures = found.by_size.measures
    yield ""
    yield _line("chosen again, by size", (*_COLUMNS[:-1], "beats random ones"))
    rivals = dict(measures.xs(RANDOM, level="method").iterrows())
    for k, row in measures.xs(CHOSEN, level="method").iterrows():
        yield _line(f"{k} tasks", _cells(row, rivals[k]))


def _line(label: str, cells: tuple[str, ...]) -> str:
    padded = (f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=False))
    return f"{label:<22}{''.join(padded)}{cells[-1]}".rstrip()


def _cells(row: pd.Series, rivals: pd.Series) -> tuple[str, ...]:
    """What a method reaches, and how the subset stands among the draws of `rivals`."""
    by_tau, by_error = float(rivals["tau_percentile"]), float(rivals["rank_error_percentile"])
    return (
        _interval(row["tau"], row["tau_low"], row["tau_high"]),
        f"{row['top1']:.0%}" if row["draws"] > 1 else "yes" if row["top1"] else "no",
        _interval(row["rank_error"], row["rank_error_low"], row["rank_error_high"]),
        "" if math.isnan(by_tau) else f"{by_tau:.0%} by τ, {by_error:.0%} by rank error",
    )


def _interval(value: float, low: float, high: float) -> str:
    return f"{value:.2f}" if math.isnan(low) else f"{value:.2f} ({low:.2f} to {high:.2f})"


def _write(found: Representativeness, folder: Path) -> None:
    import pandas as pd

    from optathlon.analysis.report.figures import FORMATS, ReportFigure, save, save_table
    from optathlon.subsets.plots import plot_agreement

    save_table("methods", found.table, folder)
    ranks = {part: agreement.mean_ranks for part, agreement in found.agreements.items()}
    save_table("mean_ranks", pd.concat(ranks, names=["part"]), folder)
    for earlier in folder.glob("by_size.*"):
        earlier.unlink()
    if found.by_size is not None:
        data = found.by_size.measures
        figure = plot_agreement(data, threshold=found.threshold, smallest=found.smallest, parts=found.agreements)
        save(ReportFigure("by_size", "Agreement of subsets with all tasks, by size", figure, data), folder, FORMATS)
