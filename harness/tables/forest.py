"""Random forests as plain arrays: fitted by scikit-learn, and asked in a tenth of a millisecond.

L. Breiman: "Random Forests", Machine Learning 45, 2001.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

TREES = 32


@dataclass(frozen=True)
class Forest:
    """The trees' nodes one after the other; a leaf is its own child.

    Attributes
    ----------
    roots:
        Shape (trees,): where each tree begins.
    feature, threshold, left, right:
        Shape (nodes,): a point goes left where its coordinate number `feature` is at most the threshold.
    value:
        Shape (nodes, outputs).
    """

    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray

    @classmethod
    def fit(cls, points: np.ndarray, targets: np.ndarray) -> Self:
        """A forest of `TREES` trees for points of shape (n, coordinates) and targets of shape (n, outputs).

        All outputs count alike in it, whatever their units. It depends on nothing else, but for the version of
        scikit-learn.
        """
        from sklearn.ensemble import RandomForestRegressor

        center, spread = targets.mean(axis=0), targets.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        standard = (targets - center) / scale
        fitted = RandomForestRegressor(n_estimators=TREES, random_state=0, n_jobs=1).fit(
            points, standard if targets.shape[1] > 1 else standard[:, 0]
        )
        trees = [one.tree_ for one in fitted.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])])
        places = np.arange(sum(tree.node_count for tree in trees))
        left, right = (
            np.concatenate([getattr(tree, side) + root for tree, root in zip(trees, roots, strict=True)])
            for side in ("children_left", "children_right")
        )
        leaf = np.concatenate([tree.children_left for tree in trees]) < 0
        return cls(
            roots,
            np.where(leaf, 0, np.concatenate([tree.feature for tree in trees])).astype(np.int32),
            np.concatenate([tree.threshold for tree in trees]),
            np.where(leaf, places, left).astype(np.int32),
            np.where(leaf, places, right).astype(np.int32),
            np.concatenate([tree.value[:, :, 0] for tree in trees]) * scale + center,
        )

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Shape (n, outputs): the mean over the trees, at points of shape (n, coordinates)."""
        points = points.astype(np.float32).astype(float)  # as scikit-learn compares them
        rows = np.arange(len(points))[:, None]
        nodes = np.tile(self.roots, (len(points), 1))
        while True:
            goes_left = points[rows, self.feature[nodes]] <= self.threshold[nodes]
            below = np.where(goes_left, self.left[nodes], self.right[nodes])
            if np.array_equal(below, nodes):
                return np.asarray(self.value[nodes].mean(axis=1))
            nodes = below

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        return asdict(self)
