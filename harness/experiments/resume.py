"""Going on with the experiments that are stored in a results folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optathlon.errors import UsageError
from optathlon.experiments.summary import Summary, stored_outcomes
from optathlon.results.damage import set_aside_damage
from optathlon.results.folder import ResultsFolder
from optathlon.results.planned import StoredExperiment, planned_runs, stored_experiments, unfinished

if TYPE_CHECKING:
    from optathlon.experiments.experiment import Experiment
    from optathlon.experiments.plan import Plan


def resume(
    path: Path,
    flags: Mapping[str, Any],
    plugins: Sequence[Path] = (),
    prepare: Callable[[Experiment], None] = lambda experiment: None,
    announce: Callable[[Plan], None] = lambda plan: None,
) -> Summary:
    """Do what is left of all experiments of a results folder, the largest first, as others may be parts of it.

    Parameters
    ----------
    path:
        The results folder.
    flags:
        Of `optathlon run`; they win over what is stored, and are stored in its place.
    plugins:
        Plugin files in the place of stored ones that have moved.
    prepare, announce:
        Are told each experiment, and its plan, before anything of it runs.

    Raises `UsageError` where no experiment is stored, or one can't be done, and else as `run_experiment`.
    """
    damaged = set_aside_damage(path)
    folder = ResultsFolder.open(path)
    experiments = stored_experiments(folder)
    if not experiments:
        raise UsageError(
            f"{str(path)!r} has no stored experiment, as an earlier version of Optathlon began it: repeat its "
            "`optathlon run` command, with all its flags"
        )
    wanted = [stored for stored in _largest_first(experiments) if flags.get("fresh") or _is_unfinished(stored, folder)]
    new = unplaced = 0
    for summary in _done(wanted, folder, flags, plugins, prepare, announce):
        new, unplaced = new + summary.new, unplaced + summary.unplaced
        damaged = [*damaged, *summary.damaged]
    statuses, failures, planned = _outcomes(folder)
    missing = max(0, planned - statuses.total() - unplaced)
    return Summary(folder, statuses, new, missing, unplaced, failures, damaged)


def _done(
    wanted: Sequence[StoredExperiment],
    folder: ResultsFolder,
    flags: Mapping[str, Any],
    plugins: Sequence[Path],
    prepare: Callable[[Experiment], None],
    announce: Callable[[Plan], None],
) -> Iterator[Summary]:
    """What came of each of these experiments, of which none begins before all could be read."""
    if not wanted:
        return
    from optathlon.experiments.driver import run_experiment  # which loads all that runs
    from optathlon.experiments.stored import read_experiment

    chosen = [(stored, read_experiment(stored, folder, flags, plugins)) for stored in wanted]
    for stored, experiment in chosen:
        if flags.get("fresh") or _is_unfinished(stored, folder):  # an earlier one may have done its runs
            prepare(experiment)
            yield run_experiment(experiment, announce)


def _largest_first(experiments: Sequence[StoredExperiment]) -> list[StoredExperiment]:
    return sorted(experiments, key=lambda stored: -len(stored.runs()))


def _is_unfinished(stored: StoredExperiment, folder: ResultsFolder) -> bool:
    return len(unfinished(stored.runs(), folder.finished(["run", "attempt"]))) > 0


def _outcomes(folder: ResultsFolder) -> tuple[Counter[str], Sequence[tuple[str, str, int]], int]:
    """Of all experiments together: stored runs by status, failures by cause, and how many runs there are."""
    planned = planned_runs(folder)
    assert planned is not None
    ids = set(planned["run"].to_pylist())
    return *stored_outcomes(folder.finished(["run", "status", "reason"]), ids), len(ids)
