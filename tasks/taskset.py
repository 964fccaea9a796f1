"""TaskSet: learning curves of neural networks that were trained with a thousand settings of Adam each.

Source: Metz et al., "Using a thousand optimization tasks to learn hyperparameter search strategies", 2020
(arXiv:2002.11887); code and definitions: `google-research/task_set`. Data: `task_set_data/TASK/FILE` of the public
bucket `gresearch`, an npz file per task with

- `optimizers`: names of the settings, `adam8p_wide_grid_seed17`;
- `xs`: the training steps of the checkpoints, 0, 200, … 10,000;
- `ys`: losses, shape (settings, replicas, checkpoints, 4): training, inner and outer validation, and test.

A setting's eight hyperparameters follow from its number: `setting` draws them as the source does. The source draws
1 - β on a logarithmic scale, so that here too 1 - β is the hyperparameter. A trial's `seed` picks one of the replicas
(number `seed % replicas`), and its configuration the nearest setting (`optathlon.scattered`). The objective is the
outer validation loss; a loss that isn't finite is a diverged trial. The table has no durations.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zipfile import BadZipFile

from optathlon.budget import Budget
from optathlon.data import data_file, data_root, used_files
from optathlon.data_source import DataFile, DataSource
from optathlon.errors import MissingData
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.scattered import Range, Scattered, space_of
from optathlon.task import Collection, Task
from optathlon.trial import Result, Status

if TYPE_CHECKING:
    import numpy as np

FOLDER = "taskset"
FILE = "adam8p_wide_grid_1k_10000_replica5.npz"
REMEDY = "fetch it by `optathlon data fetch taskset`, or copy it from the bucket gresearch/task_set_data"
LICENCE = "Apache-2.0"
CITATION = "Metz et al. (2020): Using a thousand optimization tasks to learn hyperparameter search strategies"

STEPS = tuple(range(200, 10_001, 200))
"""The checkpoints after which training has begun."""
LOSSES = ("train_loss", "inner_valid_loss", "valid_loss", "test/valid_loss")
"""What is measured at each checkpoint, in the order of the table."""

RANGES = (
    Range("learning_rate", 1e-8, 1e1, log=True),
    Range("one_minus_beta1", 1e-4, 1.0, log=True),
    Range("one_minus_beta2", 1e-6, 1.0, log=True),
    Range("epsilon", 1e-10, 1e3, log=True),
    Range("l1", 1e-8, 1e1, log=True),
    Range("l2", 1e-8, 1e1, log=True),
    Range("linear_decay", 1e-7, 1e-4, log=True),
    Range("exponential_decay", 1e-6, 1e-3, log=True),
)
"""What the source draws from, in its order; it names the last range's bounds the other way round."""

NETWORKS = (
    *("patch128_LSTM128_avg_bs64", "patch128_LSTM128_bs64", "patch128_LSTM128_embed128_bs64"),
    *("patch32_GRU128_bs128", "patch32_GRU64_avg_bs128", "patch32_IRNN64_relu_avg_bs128"),
    *("patch32_IRNN64_relu_last_bs128", "patch32_LSTM128_E128_bs128", "patch32_LSTM128_bs128"),
    *("patch32_VRNN128_tanh_bs128", "patch32_VRNN64_relu_avg_bs128", "patch32_VRNN64_tanh_avg_bs128"),
)
"""The recurrent networks for the sentiment of film reviews: the tasks that studies of learning curves use most."""

_TASK = re.compile(r"[A-Za-z]\w*")
_SETTING = re.compile(r"adam8p_wide_grid_seed(\d+)")
_KEPT = 8
"""How many tables (4 MB each) a process keeps in memory."""


def _source(network: str) -> DataSource:
    task = f"FixedTextRNNClassification_imdb_{network}"
    path = f"{task}/{FILE}"
    url = f"https://storage.googleapis.com/gresearch/task_set_data/{path}"
    return DataSource(
        name=network,
        title=f"TaskSet's learning curves of {task} with 1,000 settings of Adam",
        licence=LICENCE,
        homepage="https://github.com/google-research/google-research/tree/master/task_set",
        citation=CITATION,
        parts=(DataFile(path=path, url=url, size=20_000_000),),
    )


def setting(number: int) -> list[float]:
    """The hyperparameters of a setting, in the order of `RANGES`, drawn as TaskSet's `sample_adam8p_wide_grid` does."""
    import numpy as np

    generator = np.random.RandomState(number)
    bounds = [(one.lower, one.upper) for one in RANGES[:-1]] + [(RANGES[-1].upper, RANGES[-1].lower)]
    return [float(np.exp(generator.uniform(math.log(first), math.log(last)))) for first, last in bounds]


@dataclass(frozen=True)
class Table:
    """One task's curves.

    Attributes
    ----------
    settings:
        Finds the nearest setting.
    losses:
        Shape (settings, replicas, checkpoints from step 200 on, 4).
    """

    settings: Scattered
    losses: np.ndarray


class TaskSetTask(Task):
    """One network, trained with Adam: eight hyperparameters over up to 10,000 steps."""

    def __init__(self, id: str, name: str) -> None:
        self.id = id
        self._name = name
        self.metadata = {"network": name, "dimension": len(RANGES)}

    @cached_property
    def problem(self) -> Problem:
        """The ranges that the settings were drawn from; the table is not loaded."""
        return Problem(
            space=space_of(RANGES),
            objectives=(Objective("valid_loss"),),
            fidelity=Fidelity("step", levels=STEPS, resumable=True),
            budget=Budget.for_dimension(len(RANGES)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The losses of the nearest setting's replica `seed % replicas` at a checkpoint."""
        table = load_table(self._name, data_root())
        replicas = table.losses[table.settings.nearest(config)]
        place = -1 if fidelity is None else STEPS.index(int(fidelity))
        losses = dict(zip(LOSSES, replicas[seed % len(replicas), place].tolist(), strict=True))
        value = losses.pop("valid_loss")
        if not math.isfinite(value):
            return Result(status=Status.DIVERGED, error="the loss is not finite")
        return Result((value,), metrics={name: loss for name, loss in losses.items() if math.isfinite(loss)})

    def data_files(self) -> Mapping[str, str]:
        """The task's file, once it is loaded."""
        name = f"{FOLDER}/{self._name}/{FILE}"
        return {name: used_files()[name]} if name in used_files() else {}


class TaskSet(Collection):
    """Ids read `taskset/adam8p/TASK` with TaskSet's own name of the task."""

    name: ClassVar[str] = FOLDER
    description: ClassVar[str] = "TaskSet: learning curves of networks with 1,000 settings of Adam each (needs data)"
    data: ClassVar[str] = REMEDY
    sources: ClassVar[tuple[DataSource, ...]] = tuple(map(_source, NETWORKS))

    def ids(self) -> Iterator[str]:
        """The tasks whose table is in the data folder."""
        for path in sorted((data_root() / FOLDER).glob(f"*/{FILE}")):
            if _TASK.fullmatch(path.parent.name):
                yield f"{FOLDER}/adam8p/{path.parent.name}"

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """All tasks have the same."""
        if ids := list(self.ids()):
            yield (
                Facts.of(
                    TaskSetTask(ids[0], "").problem,
                    kind=Evaluation.TABLE,
                    domain="neural networks",
                    description="Adam's learning rate, momenta, ε, regularisation and decay for training one network "
                    "for up to 10,000 steps. The objective is the validation loss.",
                    noisy=True,
                    download=True,
                    recommended=True,
                    licence=LICENCE,
                    citation=CITATION,
                ),
                ids,
            )

    def make(self, id: str) -> TaskSetTask:
        """The task of that id; `MissingData` where its table is absent."""
        match id.split("/"):
            case [self.name, "adam8p", task] if _TASK.fullmatch(task):
                path = data_root() / FOLDER / task / FILE
                if not path.is_file():
                    raise MissingData(f"{id} needs the file {path}: {REMEDY}")
                return TaskSetTask(id, task)
        raise KeyError(id)


@lru_cache(maxsize=_KEPT)
def load_table(task: str, root: Path) -> Table:
    """A task's table in the data folder `root`; `MissingData` where it is not in the published layout."""
    import numpy as np

    path = data_file(FOLDER, f"{task}/{FILE}", remedy=REMEDY)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names, steps, losses = arrays["optimizers"], arrays["xs"], arrays["ys"]
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise MissingData(f"{path} can't be used ({error}): {REMEDY}") from None
    numbers = [_SETTING.fullmatch(name.decode() if isinstance(name, bytes) else str(name)) for name in names]
    expected = (len(names), len(steps), len(LOSSES))
    if not all(numbers) or (*losses.shape[:1], *losses.shape[2:]) != expected or tuple(steps) != (0, *STEPS):
        raise MissingData(f"{path} can't be used (it has other names, steps or losses than were published): {REMEDY}")
    points = np.array([setting(int(number[1])) for number in numbers if number])
    return Table(Scattered(RANGES, points), losses[:, :, 1:])
