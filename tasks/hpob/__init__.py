"""HPO-B: real tunings of ten learners on OpenML tasks, as pools of trials and as XGBoost surrogates.

Source: Pineda-Arango, Jomaa, Wistuba, Grabocka: "HPO-B: A Large-Scale Reproducible Benchmark for Black-Box HPO based on
OpenML", NeurIPS Datasets and Benchmarks 2021 (arXiv:2106.06257); its 16 search spaces of version 3. As there, a
configuration is a point of the unit cube of encoded hyperparameters (`optathlon.tasks.hpob.spaces`), and the objective
is the validation accuracy.

| id | data | what answers |
|---|---|---|
| `hpob/pool/SPACE/TASK` | `bocode/hpob_data.npz`: an array per task, a row per trial, accuracy last | nearest trial |
| `hpob/surrogate/SPACE/TASK` | `saved-surrogates/surrogate-SPACE-TASK.json`, as HPO-B published them | XGBoost |

The pools are those of the package BOCoDe 1.0.1 (MIT): HPO-B's, with the correction of S. Gabriel's "Fixed HPO-B", by
which hyperparameters that HPO-B forgot to take the logarithm of have it. They are in single precision there: accuracies
are rounded to the six decimals that were published.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zipfile import BadZipFile

from optathlon.budget import Budget
from optathlon.data import data_file, data_root, used_files
from optathlon.data_source import Archive, DataSource, Wheel
from optathlon.errors import MissingData, MissingDependency
from optathlon.facts import Evaluation, Facts
from optathlon.problem import Objective, Problem
from optathlon.scattered import Range, Scattered, space_of
from optathlon.task import Collection, Task
from optathlon.tasks.hpob.spaces import OPTIMA, SPACES
from optathlon.trial import Result

if TYPE_CHECKING:
    import numpy as np
    from xgboost import Booster

FOLDER = "hpob"
POOLS = "bocode/hpob_data.npz"
POOLS_SHA256 = "0e25453ecbc8a634a17a6f276e31cf00eb5ad4dbb2a28fd3a373525ae3e22519"
CITATION = (
    "Pineda-Arango, Jomaa, Wistuba, Grabocka (2021): HPO-B: A Large-Scale Reproducible Benchmark for Black-Box HPO "
    "based on OpenML, NeurIPS Datasets and Benchmarks"
)
LICENCE = "MIT"

_REMEDY = {
    "pool": "fetch it by `optathlon data fetch hpob/pools`",
    "surrogate": "fetch it by `optathlon data fetch hpob/surrogates`, or unpack HPO-B's saved-surrogates.zip there",
}
_ENTRY = "saved-surrogates/surrogate-{space}-{task}.json"
_DECIMALS = 6
_KEPT = 8
"""How many pools or surrogates (up to 20 MB each) a process keeps in memory."""

SOURCES = (
    DataSource(
        name="pools",
        title="HPO-B's pools of trials as the package BOCoDe has them: 92 tasks, two million trials",
        licence=LICENCE,
        homepage="https://github.com/rosenyu304/BOCoDe",
        citation=CITATION,
        parts=(
            Wheel(
                requirement="bocode==1.0.1",
                name="bocode-1.0.1-py3-none-any.whl",
                size=45_436_717,
                sha256="4d911ebc0f5bc11a64523e83780e3d658b39310d53f3cb0f63dc7da303d14eb7",
                members={"bocode/opt_problems/hpo/data/hpob_data.npz": POOLS},
                unpacked=24_845_962,
            ),
        ),
    ),
    DataSource(
        name="surrogates",
        title="HPO-B's XGBoost surrogates",
        licence=LICENCE,
        homepage="https://github.com/machinelearningnuremberg/HPO-B",
        citation=CITATION,
        parts=(
            Archive(
                name="saved-surrogates.zip",
                url="https://rewind.tf.uni-freiburg.de/index.php/s/rTwPgaxS2Z7NH39/download/saved-surrogates.zip",
                size=2_000_000_000,
                members={"saved-surrogates/": "saved-surrogates/"},
                unpacked=10_000_000_000,
            ),
        ),
    ),
)


class HPOBTask(Task):
    """One search space on one OpenML task; maximises the validation accuracy over the unit cube."""

    def __init__(self, kind: str, space: str, task: str) -> None:
        self.id = f"{FOLDER}/{kind}/{space}/{task}"
        self._kind, self._space, self._task = kind, space, task
        learner, names = SPACES[space]
        self._names = names.split()
        self.metadata = {"space": space, "learner": learner, "openml_task": task, "dimension": len(self._names)}

    @cached_property
    def problem(self) -> Problem:
        """The unit cube; of pools the best accuracy is known. Nothing is loaded."""
        optimum = OPTIMA[self._space][self._task] if self._kind == "pool" else None
        return Problem(
            space=space_of(_ranges(self._space)),
            objectives=(Objective("val_accuracy", "maximize", 0.0, 1.0, optimum=optimum),),
            budget=Budget.for_dimension(len(self._names)),
        )

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """The accuracy of the nearest trial, or what the surrogate predicts; there is no noise."""
        return self.evaluate_many([config], fidelity=fidelity, seeds=[seed])[0]

    def evaluate_many(
        self, configs: Sequence[Mapping[str, Any]], *, fidelity: float | None, seeds: Sequence[int]
    ) -> list[Result]:
        """The surrogate predicts all of them together."""
        if self._kind == "pool":
            trials, accuracies = load_pool(self._space, self._task, data_root())
            return [Result((accuracies[trials.nearest(config)],)) for config in configs]
        return [Result((value,)) for value in self._predicted(configs)]

    def data_files(self) -> Mapping[str, str]:
        """The file that the task has loaded."""
        name = f"{FOLDER}/{POOLS if self._kind == 'pool' else _ENTRY.format(space=self._space, task=self._task)}"
        return {name: used_files()[name]} if name in used_files() else {}

    def _predicted(self, configs: Sequence[Mapping[str, Any]]) -> list[float]:
        import numpy as np

        rows = np.array([[config[name] for name in self._names] for config in configs], dtype=np.float32)
        booster = load_surrogate(self._space, self._task, data_root())
        predicted: list[float] = booster.inplace_predict(rows.reshape(len(configs), len(self._names))).tolist()
        return predicted


class HPOB(Collection):
    """`hpob/pool/SPACE/TASK` and `hpob/surrogate/SPACE/TASK`, with HPO-B's numbers."""

    name: ClassVar[str] = FOLDER
    description: ClassVar[str] = (
        "HPO-B: real tunings of ten learners on OpenML tasks, pools and surrogates (needs data)"
    )
    data: ClassVar[str] = "fetch them by `optathlon data fetch hpob`"
    sources: ClassVar[tuple[DataSource, ...]] = SOURCES

    def ids(self) -> Iterator[str]:
        """The pools, where their file is in the data folder, and the surrogates that are there."""
        for _, group in self._groups():
            yield from group

    def facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group per kind and search space."""
        made: dict[str, Facts] = {}
        for (kind, space), ids in self._groups():
            common = made.setdefault(space, self._facts(space))
            evaluation, is_pool = (Evaluation.TABLE, True) if kind == "pool" else (Evaluation.SURROGATE, False)
            yield replace(common, kind=evaluation, optimum=is_pool, recommended=is_pool), ids

    def make(self, id: str) -> HPOBTask:
        """The task of that id; `MissingData` where its data is absent."""
        match id.split("/"):
            case [self.name, "pool", space, task] if task in OPTIMA.get(space, {}):
                return self._made("pool", space, task, POOLS)
            case [self.name, "surrogate", space, task] if space in SPACES and task.isdecimal() and task.isascii():
                return self._made("surrogate", space, task, _ENTRY.format(space=space, task=task))
        raise KeyError(id)

    def _made(self, kind: str, space: str, task: str, file: str) -> HPOBTask:
        if not (data_root() / FOLDER / file).is_file():
            raise MissingData(f"{FOLDER}/{kind} needs the file {data_root() / FOLDER / file}: {_REMEDY[kind]}")
        return HPOBTask(kind, space, task)

    def _groups(self) -> Iterator[tuple[tuple[str, str], list[str]]]:
        """The listed ids by kind and search space."""
        folder = data_root() / FOLDER
        if (folder / POOLS).is_file():
            for space, tasks in OPTIMA.items():
                yield ("pool", space), [f"{self.name}/pool/{space}/{task}" for task in tasks]
        for space in SPACES:
            found = (path.stem.rpartition("-")[2] for path in folder.glob(_ENTRY.format(space=space, task="*")))
            if numbers := sorted(filter(str.isdecimal, found), key=int):
                yield ("surrogate", space), [f"{self.name}/surrogate/{space}/{number}" for number in numbers]

    def _facts(self, space: str) -> Facts:
        learner, _ = SPACES[space]
        return Facts.of(
            HPOBTask("surrogate", space, "").problem,
            kind=Evaluation.TABLE,
            domain="tabular data",
            description=f"The hyperparameters of {learner}, encoded as numbers from 0 to 1, on one OpenML task. The "
            "objective is the validation accuracy.",
            download=True,
            licence=LICENCE,
            citation=CITATION,
        )


@lru_cache(maxsize=_KEPT)
def load_pool(space: str, task: str, root: Path) -> tuple[Scattered, list[float]]:
    """A pool in the data folder `root`: its trials, and their accuracies."""
    import numpy as np

    path = data_file(FOLDER, POOLS, sha256=POOLS_SHA256, remedy=_REMEDY["pool"])
    try:
        with np.load(path, allow_pickle=False) as arrays:
            pool: np.ndarray = arrays[f"{space}_{task}"].astype(float)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise MissingData(f"{path} can't be used ({error}): {_REMEDY['pool']}") from None
    return Scattered(_ranges(space), pool[:, :-1]), pool[:, -1].round(_DECIMALS).tolist()


@lru_cache(maxsize=_KEPT)
def load_surrogate(space: str, task: str, root: Path) -> Booster:
    """A surrogate in the data folder `root`; `MissingData` where it is not one of that search space."""
    try:
        from xgboost import Booster
        from xgboost.core import XGBoostError
    except ModuleNotFoundError:
        raise MissingDependency("hpob/surrogate", "xgboost", "pip install 'optathlon[hpob]'") from None

    path = data_file(FOLDER, _ENTRY.format(space=space, task=task), remedy=_REMEDY["surrogate"])
    try:
        booster = Booster({"nthread": 1}, model_file=str(path))
    except XGBoostError as error:
        raise MissingData(f"{path} can't be used ({str(error).splitlines()[0]}): {_REMEDY['surrogate']}") from None
    if booster.num_features() != len(SPACES[space][1].split()):
        raise MissingData(f"{path} can't be used (it is of another search space): {_REMEDY['surrogate']}")
    return booster


def _ranges(space: str) -> list[Range]:
    return [Range(name, 0.0, 1.0) for name in SPACES[space][1].split()]
