"""Data sets that need no download: those that come with scikit-learn, and those that its generators draw.

A generated data set is drawn once, with a fixed seed, and its features are rounded to six decimals, so that it is the
same on every machine. scikit-learn's `linnerud` is left out: twenty rows are too few for a split in three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Learning = Literal["classification", "regression"]
"""What is learnt: a class or a number."""

SEED = 0
"""It draws all generated data sets."""
_DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A data set.

    Parameters
    ----------
    rows, features:
        Its shape.
    classes:
        How many there are; 0 for regression.
    description:
        What it is, in a few words.
    load:
        Makes the features, shape (rows, features), and the targets, shape (rows,).
    """

    rows: int
    features: int
    classes: int = 0
    description: str
    load: Callable[[], tuple[np.ndarray, np.ndarray]]

    @property
    def learning(self) -> Learning:
        """What is learnt from it."""
        return "classification" if self.classes else "regression"


def _bundled(name: str) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """The loader of what comes with scikit-learn."""

    def load() -> tuple[np.ndarray, np.ndarray]:
        import numpy as np
        from sklearn import datasets

        x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return np.asarray(x, dtype=float), np.asarray(y)

    return load


def _drawn(generator: str, **options: Any) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """The loader of what one of scikit-learn's generators draws."""

    def load() -> tuple[np.ndarray, np.ndarray]:
        import numpy as np
        from sklearn import datasets

        x, y = getattr(datasets, f"make_{generator}")(**options, random_state=SEED)
        return np.round(x, _DECIMALS), np.unique(y, return_inverse=True)[1] if _is_label(y) else np.round(y, _DECIMALS)

    return load


def _is_label(y: np.ndarray) -> bool:
    """Whether targets are classes: whole numbers."""
    return bool((y == y.round()).all())


def _outliers() -> tuple[np.ndarray, np.ndarray]:
    """A linear function whose every tenth target is off by a multiple of their standard deviation."""
    import numpy as np
    from sklearn.datasets import make_regression

    x, y = make_regression(1000, 20, n_informative=8, noise=10.0, random_state=SEED)
    off = np.random.default_rng(SEED).standard_normal(100)
    y[::10] += 2 * y.std() * off
    return np.round(x, _DECIMALS), np.round(y, _DECIMALS)


DATASETS: Mapping[str, Dataset] = {
    "iris": Dataset(
        rows=150, features=4, classes=3, description="Fisher's iris flowers by their sizes", load=_bundled("iris")
    ),
    "wine": Dataset(
        rows=178, features=13, classes=3, description="wines by their chemical analysis", load=_bundled("wine")
    ),
    "breast_cancer": Dataset(
        rows=569,
        features=30,
        classes=2,
        description="benign and malignant breast tumours by features of their cells (Wisconsin)",
        load=_bundled("breast_cancer"),
    ),
    "digits": Dataset(
        rows=1797, features=64, classes=10, description="handwritten digits of 8 x 8 pixels", load=_bundled("digits")
    ),
    "diabetes": Dataset(
        rows=442,
        features=10,
        description="the progress of diabetes by a patient's measurements",
        load=_bundled("diabetes"),
    ),
    "moons": Dataset(
        rows=1000,
        features=2,
        classes=2,
        description="two interleaved half circles with noise",
        load=_drawn("moons", n_samples=1000, noise=0.3),
    ),
    "circles": Dataset(
        rows=1000,
        features=2,
        classes=2,
        description="a circle within a circle, with noise",
        load=_drawn("circles", n_samples=1000, noise=0.2, factor=0.5),
    ),
    "hastie": Dataset(
        rows=2000,
        features=10,
        classes=2,
        description="whether the sum of ten squared normal numbers is above its median (Hastie et al. 2009, 10.2)",
        load=_drawn("hastie_10_2", n_samples=2000),
    ),
    "quantiles": Dataset(
        rows=1500,
        features=10,
        classes=3,
        description="three shells of a normal distribution in ten dimensions",
        load=_drawn("gaussian_quantiles", n_samples=1500, n_features=10, n_classes=3),
    ),
    "clusters": Dataset(
        rows=1500,
        features=20,
        classes=4,
        description="four classes of two clusters each in 20 features, 8 of them informative, 2 % wrong labels",
        load=_drawn(
            "classification",
            **{"n_samples": 1500, "n_features": 20, "n_informative": 8, "n_redundant": 4, "n_classes": 4},
            **{"n_clusters_per_class": 2, "class_sep": 1.5, "flip_y": 0.02},
        ),
    ),
    "clusters_overlapping": Dataset(
        rows=1500,
        features=20,
        classes=3,
        description="three overlapping classes of three clusters each in 20 features, 6 of them informative, 10 % "
        "wrong labels",
        load=_drawn(
            "classification",
            **{"n_samples": 1500, "n_features": 20, "n_informative": 6, "n_redundant": 4, "n_classes": 3},
            **{"n_clusters_per_class": 3, "class_sep": 0.7, "flip_y": 0.1},
        ),
    ),
    "clusters_unequal": Dataset(
        rows=2000,
        features=15,
        classes=2,
        description="two classes, one of them with every fifth row only, in 15 features, 5 of them informative",
        load=_drawn(
            "classification",
            **{"n_samples": 2000, "n_features": 15, "n_informative": 5, "n_redundant": 5, "weights": [0.8, 0.2]},
            **{"n_clusters_per_class": 3, "class_sep": 0.8, "flip_y": 0.02},
        ),
    ),
    "clusters_wide": Dataset(
        rows=600,
        features=200,
        classes=2,
        description="two classes in 200 features, 10 of them informative",
        load=_drawn(
            "classification",
            **{"n_samples": 600, "n_features": 200, "n_informative": 10, "n_redundant": 10, "n_classes": 2},
            **{"n_clusters_per_class": 2, "class_sep": 1.0, "flip_y": 0.02},
        ),
    ),
    "friedman1": Dataset(
        rows=1000,
        features=10,
        description="Friedman's first function of ten variables, five of them without effect, with noise (1991)",
        load=_drawn("friedman1", n_samples=1000, noise=1.0),
    ),
    "friedman2": Dataset(
        rows=1000,
        features=4,
        description="the impedance of a circuit, Friedman's second function, with noise (1991)",
        load=_drawn("friedman2", n_samples=1000, noise=125.0),
    ),
    "friedman3": Dataset(
        rows=1000,
        features=4,
        description="the phase shift of a circuit, Friedman's third function, with noise (1991)",
        load=_drawn("friedman3", n_samples=1000, noise=0.1),
    ),
    "sparse": Dataset(
        rows=1000,
        features=10,
        description="a linear function of four out of ten uncorrelated variables (Celeux et al. 2012)",
        load=_drawn("sparse_uncorrelated", n_samples=1000),
    ),
    "correlated": Dataset(
        rows=600,
        features=100,
        description="a linear function of ten out of 100 correlated variables, with noise",
        load=_drawn(
            "regression",
            n_samples=600,
            n_features=100,
            n_informative=10,
            effective_rank=20,
            tail_strength=0.5,
            noise=2.0,
        ),
    ),
    "outliers": Dataset(
        rows=1000,
        features=20,
        description="a linear function of eight out of 20 variables, with outliers in every tenth target",
        load=_outliers,
    ),
    "swiss_roll": Dataset(
        rows=1500,
        features=3,
        description="the position on a rolled-up sheet by its place in space, with noise",
        load=_drawn("swiss_roll", n_samples=1500, noise=1.0),
    ),
    "s_curve": Dataset(
        rows=1500,
        features=3,
        description="the position on an S-shaped sheet by its place in space, with noise",
        load=_drawn("s_curve", n_samples=1500, noise=0.2),
    ),
}
"""Data sets by name: first those that come with scikit-learn, then those that are drawn."""

BUNDLED = ("iris", "wine", "breast_cancer", "digits", "diabetes")
"""Those that come with scikit-learn: real data."""
