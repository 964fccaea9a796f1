"""Which tables there are, and where their trials come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optathlon.fidelity import Fidelity
from optathlon.problem import Objective
from optathlon.tasks.trainings.table.grids import PERCEPTRONS, PIPELINES, Grid

SEEDS = (0, 1)
"""Every configuration was trained with each."""

SECONDS = Objective("seconds", "minimize", 0.0, reference=10.0)
"""Of the processor, for training and scoring; no trial takes longer than the reference."""
WEIGHTS = Objective("log10_weights", "minimize", 0.0, reference=6.0)
"""The decimal logarithm of the number of weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was trained.

    Parameters
    ----------
    task:
        The id of the training up to the data set, e.g. `"sklearn/cash"`.
    grid:
        The configurations.
    fidelity:
        The levels.
    measures:
        What a table holds of a trial beside its seconds.
    optima:
        The best mean error over the seeds by data set: `best_mean` recomputes them.
    domain, description:
        Of what was trained, for people.
    """

    task: str
    grid: Grid
    fidelity: Fidelity
    measures: Sequence[str]
    optima: Mapping[str, float]
    domain: str
    description: str


SOURCES: Mapping[str, Source] = {
    "pipeline": Source(
        task="sklearn/cash",
        grid=PIPELINES,
        fidelity=Fidelity("train_size", levels=(1 / 9, 1 / 3, 1.0), log=True),
        measures=("error", "seconds", "test/error"),
        optima={
            "breast_cancer": 0.01754385964912286,
            "clusters_overlapping": 0.26,
            "diabetes": 0.6152922786788668,
            "friedman1": 0.08441171346983922,
        },
        domain="tabular data",
        description="pipelines of scaling, PCA or selection of features, and one of five models with its "
        "hyperparameters",
    ),
    "network": Source(
        task="networks/mlp",
        grid=PERCEPTRONS,
        fidelity=Fidelity("epochs", levels=tuple(range(1, 28)), log=True, resumable=True),
        measures=("error", "seconds", "test/error", "log10_weights"),
        optima={"digits": 0.013927576601671309},
        domain="neural networks",
        description="multi-layer perceptrons (learning rate, batch size, optimizer and momentum, layers, units, batch "
        "norm)",
    ),
}
"""Tables by the first part of their names."""


def file_name(source: str, dataset: str) -> str:
    """Of the stored trials."""
    return f"{source}-{dataset}.parquet"
