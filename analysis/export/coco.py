"""COCO's data: `.info`, `.dat` and `.tdat`, as its `bbob` logger writes them and `cocopp` reads them.

Source: N. Hansen et al.: "COCO: a platform for comparing continuous optimizers in a black-box setting", Optimization
Methods and Software 36(1), 2021; the files are those of `coco-experiment` 2.8.2 (`data_format` bbob-new2), without the
columns of the search space; `.tdat` has the rows of `.dat`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from optathlon.analysis.export.curves import BBOB, Curve, Exported, export, grouped, several_objectives
from optathlon.analysis.metrics.objectives import optimal_loss

if TYPE_CHECKING:
    from optathlon.results.frames import Results

NO_VALUE = 1e30
"""The distance to the optimum before the first result: readers need a finite one, and it reaches no target."""

_PRECISION = 1e-8
_COLUMNS = (
    "% f evaluations | g evaluations | best noise-free fitness - Fopt ({:.12e}) + sum g_i+ | measured fitness | "
    "best measured fitness"
)


def export_coco(results: Results, folder: str | Path) -> Exported:
    """Write the runs for `cocopp`: a folder per suite and optimizer.

    What counts is the distance to the optimum, so tasks without a known one are left out, and those with several
    objectives. Maximised values are written negated. `bbob/f15/d5/i1` is instance 1 of BBOB's function 15 in dimension
    5, and seeds are repetitions of the instance. Other tasks are functions of their own: `cocopp` takes them for those
    of the suite `bbob` with the same number, `functions.csv` in the folder tells which they are.

    Failed trials, and those below the full fidelity, only spend evaluations; before its first result a run is
    `NO_VALUE` away from the optimum. Evaluations are full ones, rounded up.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    folder:
        To be made; `UsageError` where it has something in it.
    """
    return export(results, folder, _obstacle, _write)


def _obstacle(task: pd.Series) -> str:
    return several_objectives(task) or ("" if math.isfinite(optimal_loss(task)) else "no known optimum")


def _write(curves: list[Curve], folder: Path) -> None:
    for number, members in grouped(curves, lambda curve: curve.function.number):
        data = folder / f"data_f{number}"
        data.mkdir()
        entries = []
        for dimension, runs in grouped(members, lambda curve: curve.function.dimension):
            path = data / f"bbobexp_f{number}_DIM{dimension}.dat"
            text = "".join(_rows(run) for run in runs)
            for file in (path, path.with_suffix(".tdat")):
                file.write_text(text)
            results = ", ".join([path.relative_to(folder).as_posix(), *map(_result, runs)])
            entries.append(f"{_header(number, dimension, folder.name)}\n% \n{results}\n")
        (folder / f"bbobexp_f{number}.info").write_text("".join(entries))


def _header(number: int, dimension: int, algorithm: str) -> str:
    return (
        f"suite = '{BBOB}', funcId = {number}, DIM = {dimension}, Precision = {_PRECISION:.3e}, "
        f"algId = '{algorithm}', logger = 'bbob', data_format = 'bbob-new2'"
    )


def _result(curve: Curve) -> str:
    """A run's instance, evaluations and final distance."""
    final = curve.losses[-1] - curve.function.optimum if len(curve.losses) else NO_VALUE
    return f"{curve.function.instance}:{curve.total}|{final:.1e}"


def _rows(curve: Curve) -> str:
    """What a run has reached at its first evaluation, its improvements and its last evaluation, below a header."""
    optimum = curve.function.optimum
    reached = {1: _row(NO_VALUE, math.nan)}
    for spent, loss in zip(curve.evaluations.tolist(), curve.losses.tolist(), strict=True):
        reached[spent] = _row(loss - optimum, loss)
    reached.setdefault(curve.total, list(reached.values())[-1])
    return "\n".join([_COLUMNS.format(optimum), *(f"{spent} {row}" for spent, row in reached.items())]) + "\n"


def _row(distance: float, loss: float) -> str:
    fitness = f"{loss:+.9e}" if math.isfinite(loss) else "nan"
    return f"0 {distance:+.9e} {fitness} {fitness}"
