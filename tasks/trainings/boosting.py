"""Real training of XGBoost's and LightGBM's models on scikit-learn's data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from optathlon.tasks.trainings.collection import Trainings
from optathlon.tasks.trainings.families import lightgbm, xgboost
from optathlon.tasks.trainings.family import Family


class XGBoost(Trainings):
    """`xgboost/{trees,boosters}/DATASET`, with `-size` and `-mo` for two objectives."""

    name: ClassVar[str] = "xgboost"
    description: ClassVar[str] = "Real training of XGBoost's models on scikit-learn's data sets, multi-fidelity"
    packages: ClassVar[tuple[str, ...]] = ("xgboost", "sklearn")
    install: ClassVar[str] = "pip install 'optathlon[boosting]'"
    licence: ClassVar[str] = "Apache-2.0"
    citation: ClassVar[str] = "Chen & Guestrin 2016, XGBoost: A Scalable Tree Boosting System"
    families: ClassVar[Mapping[str, Family]] = {
        "trees": xgboost.GRADIENT_TREES,
        "boosters": xgboost.ANY_BOOSTER,
    }


class LightGBM(Trainings):
    """`lightgbm/{trees,boosters}/DATASET`, with `-size` and `-mo` for two objectives."""

    name: ClassVar[str] = "lightgbm"
    description: ClassVar[str] = "Real training of LightGBM's models on scikit-learn's data sets, multi-fidelity"
    packages: ClassVar[tuple[str, ...]] = ("lightgbm", "sklearn")
    install: ClassVar[str] = "pip install 'optathlon[boosting]'"
    licence: ClassVar[str] = "MIT"
    citation: ClassVar[str] = "Ke et al. 2017, LightGBM: A Highly Efficient Gradient Boosting Decision Tree"
    families: ClassVar[Mapping[str, Family]] = {
        "trees": lightgbm.GRADIENT_TREES,
        "boosters": lightgbm.ANY_BOOSTER,
    }
