"""IOHprofiler's data: `IOHprofiler_f*.json` and `.dat`, as IOHexperimenter's `Analyzer` logger writes them.

Source: J. de Nobel et al.: "IOHexperimenter: Benchmarking Platform for Iterative Optimization Heuristics",
Evolutionary Computation 32(3), 2024; the files are those of `ioh.logger.Analyzer` 0.3.22.
"""

from __future__ import annotations

import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optathlon.analysis.export.curves import Curve, Exported, Function, export, file_names, grouped, several_objectives

if TYPE_CHECKING:
    from optathlon.results.frames import Results

_HEADER = "evaluations raw_y"
_NO_VALUE = "None"
"""What the logger writes for an evaluation without a finite value."""


def export_ioh(results: Results, folder: str | Path) -> Exported:
    """Write the runs for IOHanalyzer and `iohinspector`: a folder per suite and optimizer.

    Values are those of the task, also where it is maximised. Rows are a run's improvements and its last evaluation.
    Failed trials, and those below the full fidelity, only spend evaluations; a run without any result has the best
    value `null`. Evaluations are full ones, rounded up. Tasks with several objectives are left out.

    Parameters
    ----------
    results:
        As `optathlon.load` returns them.
    folder:
        To be made; `UsageError` where it has something in it. `functions.csv` in it tells which function is which task.
    """
    return export(results, folder, several_objectives, _write)


def _write(curves: list[Curve], folder: Path) -> None:
    for (number, name), members in grouped(curves, lambda curve: (curve.function.number, curve.function.name)):
        label = f"f{number}_{file_names([name])[name]}"
        data = folder / f"data_{label}"
        data.mkdir()
        scenarios = []
        for dimension, runs in grouped(members, lambda curve: curve.function.dimension):
            path = data / f"IOHprofiler_f{number}_DIM{dimension}.dat"
            path.write_text("".join(_rows(run) for run in runs))
            relative = path.relative_to(folder).as_posix()
            scenarios.append({"dimension": dimension, "path": relative, "runs": [_run(run) for run in runs]})
        described = _experiment(members[0].optimizer, members[0].function) | {"scenarios": scenarios}
        text = json.dumps(described, indent="\t", allow_nan=False)
        (folder / f"IOHprofiler_{label}.json").write_text(text + "\n")


def _experiment(optimizer: str, function: Function) -> dict[str, Any]:
    return {
        "version": version("ioh"),
        "suite": function.suite.upper(),
        "function_id": function.number,
        "function_name": function.name,
        "maximization": function.sign < 0,
        "algorithm": {"name": optimizer, "info": "exported by Optathlon"},
        "attributes": _HEADER.split(),
    }


def _run(curve: Curve) -> dict[str, Any]:
    found = len(curve.losses) > 0
    best: dict[str, Any] = {
        "evals": int(curve.evaluations[-1]) if found else 0,
        "y": float(curve.function.sign * curve.losses[-1]) if found else None,
        "x": [],
    }
    return {"instance": curve.function.instance, "evals": curve.total, "best": best}


def _rows(curve: Curve) -> str:
    """The run's rows below a header, beginning at the first evaluation, by which readers tell runs apart."""
    rows = dict.fromkeys((1, curve.total), _NO_VALUE)
    if math.isfinite(curve.last):
        rows[curve.total] = repr(curve.function.sign * curve.last)
    rows |= zip(curve.evaluations.tolist(), map(repr, (curve.function.sign * curve.losses).tolist()), strict=True)
    return "\n".join([_HEADER, *(f"{spent} {value}" for spent, value in sorted(rows.items()))]) + "\n"
