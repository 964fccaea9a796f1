"""Experiments in their results folder: written when they begin, and read to go on with them.

The file is an experiment file like any other, but for secrets, which are struck from it. Its paths start at the root,
as what goes on with it may be called from elsewhere.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from optathlon.errors import UsageError
from optathlon.experiments.experiment import Execution, Experiment
from optathlon.experiments.plan import Plan
from optathlon.paths import resolved
from optathlon.redaction import STRUCK, redacted, redacted_command, redacted_id, redacted_options
from optathlon.registry.optimizers import anchored, choose_optimizer
from optathlon.registry.plugins import DESCRIPTOR_SUFFIXES, load_file
from optathlon.results.folder import ResultsFolder
from optathlon.results.planned import StoredExperiment, store_experiment, stored_experiments
from optathlon.subsets.subset import PREFIX as SUBSET
from optathlon.text import clean, one_line

_WIDE = 2**20
"""No value is broken into lines."""
_TASK_FILE = re.compile(rf"(?P<prefix>({SUBSET})?)(?P<file>.+\.ya?ml)(?P<part>(/[^/]*)?)", re.IGNORECASE)
_OPTIMIZER_FILE = re.compile(r"(?P<label>([^=/\[]*=)?)(?P<file>[^\[]+\.py)(?P<rest>:.*)")


def store(experiment: Experiment, plan: Plan, folder: ResultsFolder) -> None:
    """Write the experiment, and the runs that it comes to, into its results folder; `OSError` where that fails."""
    store_experiment(folder, experiment_text(experiment), plan.runs, _comment())


def experiment_text(experiment: Experiment) -> str:
    """An experiment as YAML without secrets, wherever its results are."""
    keys = [key for key in type(experiment).model_fields if key not in Execution.model_fields]
    values = experiment.model_dump(mode="json", exclude={"out"}, exclude_none=True)
    content = {key: values[key] for key in (*keys, *Execution.model_fields) if values.get(key) not in (None, "", [])}
    content["optimizers"] = [redacted_id(anchored(id)) for id in experiment.optimizers]
    content["tasks"] = list(map(_anchored_task, experiment.tasks))
    content["seeds"] = _seeds_text(experiment.seeds)
    if isinstance(experiment.executor, Mapping):
        content["executor"] = redacted_options(experiment.executor)
    return yaml.safe_dump(_storable(content), sort_keys=False, allow_unicode=True, width=_WIDE)


def read_experiment(
    stored: StoredExperiment, folder: ResultsFolder, flags: Mapping[str, Any], plugins: Sequence[Path] = ()
) -> Experiment:
    """A stored experiment, to go on with it in `folder`; flags win over what is stored.

    Parameters
    ----------
    stored, folder:
        Which, and where.
    flags:
        As for `Experiment.read`, other than `out` and `plugins`.
    plugins:
        Further plugin files; one that is called like one of the experiment takes its place.

    Raises `UsageError` where the file can't be read, or a plugin is gone, or a secret is needed that is not stored.
    """
    experiment = Experiment.read(stored.file, {**flags, "out": folder.path})
    if STRUCK in str(experiment.executor):
        raise UsageError(
            f"the executor in {str(stored.file)!r} needs a secret that is not stored: give --executor, and its options "
            "by --executor-option"
        )
    found = _relocated(experiment, plugins)
    for path in found.plugins:
        if not path.is_file():
            raise UsageError(_gone(path, stored))
    return found


def load_plugins(folder: ResultsFolder, plugins: Sequence[Path]) -> list[str]:
    """Load the plugin files that are given, and those of the stored experiments; complaints about what is not there.

    Raises `UsageError` where a given one can't be loaded.
    """
    for path in plugins:
        load_file(path)
    complaints = []
    for stored in stored_experiments(folder):
        experiment = _relocated(Experiment.read(stored.file, {"out": folder.path, "executor": "local"}), plugins)
        for path in _files(experiment):
            try:
                load_file(path)
            except UsageError as error:
                complaints.append(str(error) if path.is_file() else _gone(path, stored))
        for id in filter(_has_a_given_name, experiment.optimizers):
            with suppress(UsageError):  # which is told where a run needs it
                choose_optimizer(id)
    return list(dict.fromkeys(complaints))


def _has_a_given_name(optimizer: str) -> bool:
    """Whether it is `NAME=REFERENCE`: a process knows the name once it has chosen it."""
    return "=" in optimizer.partition("[")[0]


def _files(experiment: Experiment) -> Iterator[Path]:
    """The plugin files and descriptors that an experiment loads."""
    yield from experiment.plugins
    for id in experiment.optimizers:
        if (found := _OPTIMIZER_FILE.fullmatch(id)) and not found["label"]:
            yield Path(found["file"])
    yield from (Path(task) for task in experiment.tasks if task.lower().endswith(DESCRIPTOR_SUFFIXES))


def _relocated(experiment: Experiment, plugins: Sequence[Path]) -> Experiment:
    """The experiment with the given plugins in the place of those of the same name, or beside them."""
    given = {path.name: path for path in map(resolved, plugins)}

    def moved(found: re.Match[str]) -> str:
        path = Path(found["file"])
        return f"{found['label']}{given.get(path.name, path)}{found['rest']}"

    present = [given.get(path.name, path) for path in experiment.plugins]
    optimizers = [_OPTIMIZER_FILE.sub(moved, id) for id in experiment.optimizers]
    return experiment.model_copy(
        update={"plugins": list(dict.fromkeys([*present, *given.values()])), "optimizers": optimizers}
    )


def _gone(path: Path, stored: StoredExperiment) -> str:
    return f"the plugin {str(path)!r} of {str(stored.file)!r} is not there any more: give --plugin with its new place"


def _anchored_task(pattern: str) -> str:
    found = _TASK_FILE.fullmatch(pattern)
    if not found or (found["part"] and not found["prefix"]):
        return pattern
    return f"{found['prefix']}{resolved(found['file'])}{found['part']}"


def _seeds_text(seeds: Sequence[int]) -> str:
    """Seeds as `parse_seeds` reads them."""
    first, last = min(seeds), max(seeds)
    if list(seeds) == list(range(first, last + 1)) if last - first < len(seeds) else False:
        return f"{first}:{last + 1}"
    return ",".join(map(str, seeds)) + ","


def _storable(value: Any) -> Any:
    """A value of which every text is clean and without secrets."""
    match value:
        case str():
            return clean(redacted(value))
        case Mapping():
            return {key: _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value


def _comment() -> str:
    """Where the experiment comes from, as comments."""
    command = redacted_command([Path(sys.argv[0]).name, *sys.argv[1:]])
    with suppress(OSError):  # the folder may be gone
        command = f"{command} (in {redacted(str(Path.cwd()))})"
    began = f"on {platform.node()} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"# Last changed by {one_line(command)} {one_line(began)}\n"
