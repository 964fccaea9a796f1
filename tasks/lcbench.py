"""LCBench: 2,000 multi-layer perceptrons on each of 35 OpenML datasets, and how accurate they were after training.

Source: Zimmer, Lindauer, Hutter: "Auto-PyTorch: Multi-Fidelity MetaLearning for Efficient and Robust AutoDL", IEEE
TPAMI 43(9), 2021 (arXiv:2006.13799). Funnel-shaped networks were trained by SGD with cosine annealing for 50 epochs,
with seven hyperparameters drawn at random. The data is what the package BOCoDe 1.0.1 has of it,
`bocode/lcbench_data.npz`: an array per dataset of 2,000 rows, the seven hyperparameters and the final validation
accuracy in percent. It has no learning curves and no durations. A surrogate of the curves is YAHPO Gym's scenario
`lcbench`.

The nearest of the 2,000 configurations answers (`optathlon.scattered`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zipfile import BadZipFile

from optathlon.budget import Budget
from optathlon.data import data_file, data_root, used_files
from optathlon.data_source import DataSource, Wheel
from optathlon.errors import MissingData
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem
from optathlon.scattered import Range, Scattered, space_of
from optathlon.task import Collection, Task
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np

FOLDER = "lcbench"
FILE = "bocode/lcbench_data.npz"
SHA256 = "0bf8338e5a506f0e8f6b450433e31b77251f6a4dfdf7fb41c0912e2f1a4b0d5c"
REMEDY = "fetch it by `optathlon data fetch lcbench`"
LICENCE = "Apache-2.0"
CITATION = (
    "Zimmer, Lindauer, Hutter (2021): Auto-PyTorch: Multi-Fidelity MetaLearning for Efficient and Robust AutoDL, "
    "IEEE TPAMI 43(9)"
)

RANGES = (
    Range("batch_size", 16, 512, log=True, integer=True),
    Range("learning_rate", 1e-4, 1e-1, log=True),
    Range("max_dropout", 0.0, 1.0),
    Range("max_units", 64, 1024, log=True, integer=True),
    Range("momentum", 0.1, 0.99),
    Range("num_layers", 1, 5, integer=True),
    Range("weight_decay", 1e-5, 1e-1),
)
"""The ranges and scales that LCBench drew from, in the order of the table's columns."""

OPTIMA: Mapping[str, float] = {
    "APSFailure": 98.9228744506836,
    "Amazon_employee_access": 94.09329223632812,
    "Australian": 91.50326538085938,
    "Fashion_MNIST": 89.39785766601562,
    "KDDCup09_appetency": 98.32669830322266,
    "MiniBooNE": 90.3953857421875,
    "adult": 83.25,
    "airlines": 63.470794677734375,
    "albert": 66.2277603149414,
    "bank_marketing": 88.71661376953125,
    "blood_transfusion_service_center": 79.51807403564453,
    "car": 96.8668441772461,
    "christine": 74.45742797851562,
    "cnae_9": 97.07112884521484,
    "connect_4": 74.20671844482422,
    "covertype": 77.26642608642578,
    "credit_g": 74.77477264404297,
    "dionis": 87.67985534667969,
    "fabert": 66.94123840332031,
    "helena": 29.025320053100586,
    "higgs": 71.82656860351562,
    "jannis": 66.53883361816406,
    "jasmine": 82.14826202392578,
    "jungle_chess_2pcs_raw_endgame_complete": 83.80423736572266,
    "kc1": 86.50963592529297,
    "kr_vs_kp": 98.5855712890625,
    "mfeat_factors": 97.51692962646484,
    "nomao": 96.15535736083984,
    "numerai28_6": 52.218624114990234,
    "phoneme": 79.91632080078125,
    "segment": 90.41095733642578,
    "shuttle": 99.69588470458984,
    "sylvine": 94.88536071777344,
    "vehicle": 81.38298034667969,
    "volkert": 63.763282775878906,
}
"""The best accuracy of each dataset's table, by the table's name of the dataset."""

_KEPT = 8
"""How many tables a process keeps in memory."""


class LCBenchTask(Task):
    """One dataset; maximises the final validation accuracy, in percent."""

    def __init__(self, dataset: str) -> None:
        self.id = f"{FOLDER}/final/{dataset}"
        self._dataset = dataset
        self.metadata = {"dataset": dataset, "dimension": len(RANGES)}

    @cached_property
    def problem(self) -> Problem:
        """The ranges that were drawn from, and the best accuracy of the table, which is not loaded."""
        return Problem(
            space=space_of(RANGES),
            objectives=(Objective("val_accuracy", "maximize", 0.0, 100.0, optimum=OPTIMA[self._dataset]),),
            budget=Budget.for_dimension(len(RANGES)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The accuracy of the nearest trial; there is no noise."""
        trials, accuracies = load_table(self._dataset, data_root())
        return Result((accuracies[trials.nearest(config)],))

    def data_files(self) -> Mapping[str, str]:
        """The file of all tables, once it is loaded."""
        name = f"{FOLDER}/{FILE}"
        return {name: used_files()[name]} if name in used_files() else {}


class LCBench(Collection):
    """Ids read `lcbench/final/DATASET`."""

    name: ClassVar[str] = FOLDER
    description: ClassVar[str] = "LCBench: 2,000 neural networks on each of 35 OpenML datasets, a table (needs data)"
    data: ClassVar[str] = REMEDY
    sources: ClassVar[tuple[DataSource, ...]] = (
        DataSource(
            name="final",
            title="LCBench's hyperparameters and final accuracies as the package BOCoDe has them",
            licence=f"{LICENCE} (LCBench), MIT (BOCoDe)",
            homepage="https://github.com/automl/LCBench",
            citation=CITATION,
            parts=(
                Wheel(
                    requirement="bocode==1.0.1",
                    name="bocode-1.0.1-py3-none-any.whl",
                    size=45_436_717,
                    sha256="4d911ebc0f5bc11a64523e83780e3d658b39310d53f3cb0f63dc7da303d14eb7",
                    members={"bocode/opt_problems/hpo/data/lcbench_data.npz": FILE},
                    unpacked=1_656_424,
                ),
            ),
        ),
    )

    def ids(self) -> Iterator[str]:
        """All datasets, where the file is in the data folder."""
        if (data_root() / FOLDER / FILE).is_file():
            yield from (f"{FOLDER}/final/{dataset}" for dataset in OPTIMA)

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """All tasks have the same."""
        if ids := list(self.ids()):
            yield (
                Facts.of(
                    LCBenchTask(next(iter(OPTIMA))).problem,
                    kind=Evaluation.TABLE,
                    domain="neural networks",
                    description="Batch size, SGD, regularisation and size of a multi-layer perceptron, trained on one "
                    "OpenML dataset for 50 epochs. The objective is the final validation accuracy in percent.",
                    download=True,
                    recommended=True,
                    licence=LICENCE,
                    citation=CITATION,
                ),
                ids,
            )

    def make(self, id: str) -> LCBenchTask:
        """The task of that id; `MissingData` where the table is absent."""
        match id.split("/"):
            case [self.name, "final", dataset] if dataset in OPTIMA:
                path = data_root() / FOLDER / FILE
                if not path.is_file():
                    raise MissingData(f"{FOLDER}/final needs the file {path}: {REMEDY}")
                return LCBenchTask(dataset)
        raise KeyError(id)


@lru_cache(maxsize=_KEPT)
def load_table(dataset: str, root: Path) -> tuple[Scattered, list[float]]:
    """A dataset's table in the data folder `root`: its trials, and their accuracies."""
    import numpy as np

    path = data_file(FOLDER, FILE, sha256=SHA256, remedy=REMEDY)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            table: np.ndarray = arrays[dataset].astype(float)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise MissingData(f"{path} can't be used ({error}): {REMEDY}") from None
    return Scattered(RANGES, table[:, :-1]), table[:, -1].tolist()
