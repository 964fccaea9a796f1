"""PD1: learning curves of large networks, from ImageNet to translation, under four settings of their optimizer.

Source: Wang, Dahl, Swersky, Lee, Nado, Gilmer, Snoek, Ghahramani: "Pre-trained Gaussian processes for Bayesian
optimization", JMLR 25, 2024 (arXiv:2109.08215). Data: the archive `pd1.tar.gz` of the public bucket `gresearch/pint`,
with a line of JSON per training. Used are its matched trainings, whose configurations are the same for all studies:
`pd1_matched_phase0_results.jsonl.gz` and `pd1_matched_phase1_results.jsonl.gz`. Where both phases have a configuration,
the second, larger one counts. Of each line this module reads

- `study_group`: the study, `imagenet_resnet50,imagenet,resnet,resnet50,512`;
- `hps.lr_hparams.initial_value`, `hps.lr_hparams.power`, `hps.lr_hparams.decay_steps_factor` and
  `hps.opt_hparams.momentum`, the hyperparameters; the momentum was drawn as 1 - momentum on a logarithmic scale, so
  that here too 1 - momentum is the hyperparameter;
- `global_step`, `valid/error_rate`, `test/error_rate`: steps and errors at the checkpoints;
- `status`: whether the training diverged.

The nearest configuration answers (`optathlon.scattered`). The objective is the least validation error up to a
checkpoint: at the end it is the `best_valid/error_rate` that the paper minimises. A training that diverged fails from
its last checkpoint on. How long trainings took is not used, as the source does not say what its durations include.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.budget import Budget
from optathlon.data import data_file, data_root, used_files
from optathlon.data_source import Archive, DataSource
from optathlon.errors import MissingData
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Fidelity, Objective, Problem
from optathlon.scattered import Range, Scattered, space_of
from optathlon.task import Collection, Task
from optathlon.trial import Result, Status

if TYPE_CHECKING:
    import numpy as np

FOLDER = "pd1"
FILES = ("pd1_matched_phase1_results.jsonl.gz", "pd1_matched_phase0_results.jsonl.gz")
"""The trainings, those first that count where both have a configuration."""
REMEDY = "fetch it by `optathlon data fetch pd1 --unpinned`"
LICENCE = "CC-BY-4.0"
CITATION = "Wang et al. (2024): Pre-trained Gaussian processes for Bayesian optimization, JMLR 25"

RANGES = (
    Range("initial_learning_rate", 1e-5, 1e1, log=True),
    Range("decay_power", 0.1, 2.0),
    Range("decay_steps_factor", 0.01, 0.99),
    Range("one_minus_momentum", 1e-3, 1.0, log=True),
)
"""The ranges and scales that were drawn from: a polynomial decay of the learning rate, and momentum."""

STUDIES: Mapping[str, str] = {
    f"{dataset}/{network}/{batch}": f"{short},{dataset},{model},{network},{batch}"
    for short, dataset, model, network, batches in (
        ("cifar100_wrn", "cifar100", "wide_resnet", "wrn", (256, 2048)),
        ("cifar10_wrn", "cifar10", "wide_resnet", "wrn", (256, 2048)),
        ("fashion_maxp_cnn", "fashion_mnist", "max_pooling_cnn", "max_pool_relu", (256, 2048)),
        ("fashion_maxp_cnn", "fashion_mnist", "max_pooling_cnn", "max_pool_tanh", (256, 2048)),
        ("fashion_smpl_cnn", "fashion_mnist", "simple_cnn", "simple_cnn", (256, 2048)),
        ("imagenet_resnet50", "imagenet", "resnet", "resnet50", (256, 512)),
        ("lm1b_trfmr", "lm1b", "transformer", "transformer", (2048,)),
        ("mnist_maxp_cnn", "mnist", "max_pooling_cnn", "max_pool_relu", (256, 2048)),
        ("mnist_maxp_cnn", "mnist", "max_pooling_cnn", "max_pool_tanh", (256, 2048)),
        ("mnist_simple_cnn", "mnist", "simple_cnn", "simple_cnn", (256, 2048)),
        ("svhn_noextra_wrn", "svhn_no_extra", "wide_resnet", "wrn", (256, 1024)),
        ("uniref50_trfmr", "uniref50", "transformer", "transformer", (128,)),
        ("wmt15_de_en_xfmr", "translate_wmt", "xformer_translate", "xformer", (64,)),
    )
    for batch in batches
}
"""The 23 studies that the paper evaluates, by data set, network and batch size: their names in the data."""

_COLUMNS = ("hps.lr_hparams.initial_value", "hps.lr_hparams.power", "hps.lr_hparams.decay_steps_factor")
_MOMENTUM = "hps.opt_hparams.momentum"
_ROUNDING = 1e-9
"""A checkpoint so little after a share of the steps, relative to it, is not after it."""
_KEPT = 8
"""How many studies (a few MB each) a process keeps in memory."""


@dataclass(frozen=True)
class Training:
    """A line of the data.

    Attributes
    ----------
    steps:
        Of the checkpoints, rising.
    errors:
        The least validation error up to each checkpoint.
    test_errors:
        The test error at the checkpoint with that validation error; nan where it was not measured.
    diverged:
        Whether there would have been more checkpoints.
    """

    steps: np.ndarray
    errors: np.ndarray
    test_errors: np.ndarray
    diverged: bool


@dataclass(frozen=True)
class Study:
    """The trainings of a study, what finds the nearest, and the steps of a full training's checkpoints."""

    configs: Scattered
    trainings: Sequence[Training]
    checkpoints: np.ndarray


class PD1Task(Task):
    """One network on one data set with one batch size."""

    def __init__(self, study: str) -> None:
        self.id = f"{FOLDER}/{study}"
        self._study = study
        self.metadata = {"study": STUDIES[study], "dimension": len(RANGES)}

    @cached_property
    def problem(self) -> Problem:
        """The ranges that were drawn from, over the share of a full training's steps; the data is not loaded."""
        return Problem(
            space=space_of(RANGES),
            objectives=(Objective("valid_error", "minimize", 0.0, 1.0),),
            fidelity=Fidelity("share", 0.05, 1.0, log=True, resumable=True),
            budget=Budget.for_dimension(len(RANGES)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The nearest training at the last checkpoint not after that share of the steps; there is no noise.

        A share before the first checkpoint is answered by that one.
        """
        import numpy as np

        study = load_study(self._study, data_root())
        training = study.trainings[study.configs.nearest(config)]
        paid = study.checkpoints[-1] * (1.0 if fidelity is None else fidelity) * (1 + _ROUNDING)
        checkpoint = study.checkpoints[max(0, int(np.searchsorted(study.checkpoints, paid, side="right")) - 1)]
        if training.diverged and not (training.steps >= checkpoint).any():
            return Result(status=Status.DIVERGED, error="the training diverged")
        place = max(0, int(np.searchsorted(training.steps, checkpoint, side="right")) - 1)
        test = float(training.test_errors[place])
        return Result((float(training.errors[place]),), metrics={} if np.isnan(test) else {"test/valid_error": test})

    def data_files(self) -> Mapping[str, str]:
        """The files, once they are loaded."""
        used = used_files()
        return {name: used[name] for name in (f"{FOLDER}/{file}" for file in FILES) if name in used}


class PD1(Collection):
    """Ids read `pd1/DATASET/NETWORK/BATCH_SIZE`."""

    name: ClassVar[str] = FOLDER
    description: ClassVar[str] = "PD1: learning curves of large networks under their optimizer's settings (needs data)"
    data: ClassVar[str] = REMEDY
    sources: ClassVar[tuple[DataSource, ...]] = (
        DataSource(
            name="matched",
            title="The matched trainings of the PD1 Neural Net Tuning Dataset",
            licence=LICENCE,
            homepage="https://github.com/google-research/hyperbo#pd1-benchmark",
            citation=CITATION,
            parts=(
                Archive(
                    name="pd1.tar.gz",
                    url="https://storage.googleapis.com/gresearch/pint/pd1.tar.gz",
                    size=2_000_000_000,
                    members={f"pd1/{file}": file for file in FILES},
                    unpacked=4_000_000_000,
                ),
            ),
        ),
    )

    def ids(self) -> Iterator[str]:
        """All studies, where both files are in the data folder."""
        if all((data_root() / FOLDER / file).is_file() for file in FILES):
            yield from (f"{FOLDER}/{study}" for study in STUDIES)

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """All tasks have the same."""
        if ids := list(self.ids()):
            yield (
                Facts.of(
                    PD1Task(next(iter(STUDIES))).problem,
                    kind=Evaluation.TABLE,
                    domain="neural networks",
                    description="The initial learning rate, the power and length of its decay, and the momentum of SGD "
                    "for one large network on one data set. The objective is the least validation error so far.",
                    download=True,
                    recommended=True,
                    licence=LICENCE,
                    citation=CITATION,
                ),
                ids,
            )

    def make(self, id: str) -> PD1Task:
        """The task of that id; `MissingData` where the data is absent."""
        study = id.removeprefix(f"{self.name}/")
        if study == id or study not in STUDIES:
            raise KeyError(id)
        for file in FILES:
            if not (path := data_root() / FOLDER / file).is_file():
                raise MissingData(f"{FOLDER} needs the file {path}: {REMEDY}")
        return PD1Task(study)


@lru_cache(maxsize=_KEPT)
def load_study(study: str, root: Path) -> Study:
    """A study's trainings in the data folder `root`; `MissingData` where they are not in the published layout."""
    import numpy as np

    found: dict[tuple[float, ...], Training] = {}
    for file in FILES:
        path = data_file(FOLDER, file, remedy=REMEDY)
        try:
            for config, training in _trainings(path, STUDIES[study]):
                found.setdefault(config, training)
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
            raise MissingData(f"{path} can't be used ({type(error).__name__}: {error}): {REMEDY}") from None
    longest = max((training.steps for training in found.values() if len(training.steps)), key=_end, default=None)
    if longest is None:
        raise MissingData(f"{root / FOLDER} has no training of {STUDIES[study]!r}: {REMEDY}")
    return Study(Scattered(RANGES, np.array(list(found))), list(found.values()), longest)


def _end(steps: np.ndarray) -> tuple[float, int]:
    """How long a training is, and of equally long ones which has the most checkpoints."""
    return float(steps[-1]), len(steps)


def _trainings(path: Path, group: str) -> Iterator[tuple[tuple[float, ...], Training]]:
    """The configurations and curves of a study's lines. Other studies' lines are not parsed, and none is kept."""
    sign = group.encode()
    with gzip.open(path) as lines:
        for line in lines:
            if sign in line and (row := json.loads(line))["study_group"] == group:
                training = _training(row)
                if len(training.steps) or training.diverged:
                    yield (*(float(row[name]) for name in _COLUMNS), 1.0 - float(row[_MOMENTUM])), training


def _training(row: Mapping[str, Any]) -> Training:
    """The checkpoints of which the validation error is known."""
    import numpy as np

    steps, valid = (np.array(row.get(name) or [], dtype=float) for name in ("global_step", "valid/error_rate"))
    if len(steps) != len(valid):
        raise ValueError(f"{len(steps)} steps, but {len(valid)} validation errors")
    test = np.array(row.get("test/error_rate") or [None] * len(steps), dtype=float)
    known = np.isfinite(valid)
    steps, valid, test = steps[known], valid[known], test[known]
    if (np.diff(steps) <= 0).any():
        raise ValueError("the steps of the checkpoints don't rise")
    errors = np.minimum.accumulate(valid)
    first = np.searchsorted(-errors, -errors)
    return Training(steps, errors, test[first], diverged=row["status"] == "diverged")
