"""Real training: scikit-learn's models on the data sets that come with it, or that it generates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from optathlon.tasks.trainings.collection import Trainings
from optathlon.tasks.trainings.families.generative import DISCRIMINANT, NAIVE_BAYES
from optathlon.tasks.trainings.families.kernels import GAUSSIAN_PROCESS, KERNEL_RIDGE, NYSTROEM, SVM
from optathlon.tasks.trainings.families.linear import ELASTIC_NET, LOGISTIC, SPLINES, STOCHASTIC
from optathlon.tasks.trainings.families.neighbors import NEIGHBORS
from optathlon.tasks.trainings.families.perceptrons import PERCEPTRONS
from optathlon.tasks.trainings.families.pipelines import CASH, KNN_PIPELINE, LINEAR_PIPELINE, SVM_PIPELINE
from optathlon.tasks.trainings.families.trees import (
    ADA,
    EXTRA_TREES,
    FOREST,
    GRADIENT_BOOSTING,
    HISTOGRAM_BOOSTING,
    TREE,
)
from optathlon.tasks.trainings.family import Family

_SHELLS = ("circles", "hastie", "quantiles")
"""Classes inside of others, which no plane separates."""


class Sklearn(Trainings):
    """`sklearn/FAMILY/DATASET`, with `-size` and `-mo` for two objectives."""

    name: ClassVar[str] = "sklearn"
    description: ClassVar[str] = "Real training of scikit-learn's models and pipelines, multi-fidelity"
    packages: ClassVar[tuple[str, ...]] = ("sklearn",)
    install: ClassVar[str] = "pip install 'optathlon[sklearn]'"
    licence: ClassVar[str] = "BSD-3-Clause"
    citation: ClassVar[str] = "Pedregosa et al. 2011, Scikit-learn: Machine Learning in Python"
    families: ClassVar[Mapping[str, Family]] = {
        "boosting": HISTOGRAM_BOOSTING,
        "forest": FOREST,
        "knn": NEIGHBORS,
        "linear": STOCHASTIC,
        "mlp": PERCEPTRONS,
        "svm": SVM,
        "ada": ADA,
        "cash": CASH,
        "discriminant": DISCRIMINANT,
        "elastic_net": ELASTIC_NET,
        "extra_trees": EXTRA_TREES,
        "gaussian_process": GAUSSIAN_PROCESS,
        "gradient_boosting": GRADIENT_BOOSTING,
        "kernel_ridge": KERNEL_RIDGE,
        "knn_pipeline": KNN_PIPELINE,
        "linear_pipeline": LINEAR_PIPELINE,
        "logistic": LOGISTIC,
        "naive_bayes": NAIVE_BAYES,
        "nystroem": NYSTROEM,
        "splines": SPLINES,
        "svm_pipeline": SVM_PIPELINE,
        "tree": TREE,
    }
    timed: ClassVar[tuple[str, ...]] = ("boosting", "forest", "knn", "linear", "mlp", "svm")
    always: ClassVar[tuple[str, ...]] = ("cash",)
    pointless: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "discriminant": _SHELLS,
        "linear": (*_SHELLS, "swiss_roll"),
        "linear_pipeline": (*_SHELLS, "swiss_roll"),
        "logistic": (*_SHELLS, "clusters", "moons"),
    }
