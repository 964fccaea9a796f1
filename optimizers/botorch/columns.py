"""Search spaces as BoTorch's models and acquisition optimizers take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optathlon.encoding import Choice, Number, UnitCube, dimensions
from optathlon.trial import Value

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from torch import Tensor


class Columns:
    """One column per hyperparameter, but for those with one value.

    A number is in [0, 1], on its logarithmic scale where it has one. Integers and ordered choices take the middles of
    equal bins: the acquisition function is maximised between them too, and the points found are rounded. An unordered
    choice is the index of its value.

    Attributes
    ----------
    width:
        The number of columns.
    categories:
        Column to indices, of unordered choices.
    """

    def __init__(self, space: ConfigurationSpace) -> None:
        self._cube = UnitCube(space)
        found = dimensions(space)
        free = [one for one in found if isinstance(one, Number) or len(one.values) > 1]
        self._places = [self._cube.names.index(one.name) for one in free]
        self._rest = np.full(len(found), 0.5)
        self.width = len(free)
        self.categories: dict[int, list[float]] = {}
        self._middles: dict[int, np.ndarray] = {}
        self._rounded: list[int] = []
        for column, one in enumerate(free):
            match one:
                case Choice(ordered=False):
                    self._middles[column] = self._coordinates(column, one.name, one.values)
                    self.categories[column] = [float(index) for index in range(len(one.values))]
                case Choice() | Number(integer=True):
                    self._rounded.append(column)

    @property
    def bounds(self) -> Tensor:
        """Shape (2, width)."""
        import torch

        bounds = torch.tensor([[0.0], [1.0]], dtype=torch.double).repeat(1, self.width)
        for column, values in self.categories.items():
            bounds[1, column] = values[-1]
        return bounds

    def config(self, point: Tensor) -> dict[str, Value]:
        """The configuration at a point, shape (width,)."""
        (config,) = self._cube.decode(self._whole(point.detach().numpy()[None]))
        return config

    def rounded(self, points: Tensor) -> Tensor:
        """Points, shape (..., width), with integers and ordered choices in the middles of their bins."""
        if not self._rounded:
            return points
        flat = points.detach().reshape(-1, self.width).numpy()
        legal = self._cube.encode(self._cube.decode(self._whole(flat)))[:, self._places]
        result = points.clone().reshape(-1, self.width)
        result[:, self._rounded] = points.new_tensor(legal[:, self._rounded])
        return result.reshape(points.shape)

    def from_cube(self, points: Tensor) -> Tensor:
        """Points of the unit cube, shape (n, width), at the nearest legal values of the columns."""
        legal = self._cube.encode(self._cube.decode(self._scattered(points.numpy())))[:, self._places]
        result = points.clone()
        for column in self._rounded:
            result[:, column] = points.new_tensor(legal[:, column])
        for column, middles in self._middles.items():
            result[:, column] = points.new_tensor(np.abs(legal[:, [column]] - middles).argmin(axis=1))
        return result

    def _coordinates(self, column: int, name: str, values: Any) -> np.ndarray:
        """Of a hyperparameter's values in the unit cube."""
        points = self._cube.encode([{name: value} for value in values])
        return points[:, self._places[column]]

    def _whole(self, points: np.ndarray) -> np.ndarray:
        """Points of the columns as points of the unit cube of all hyperparameters."""
        points = points.copy()
        for column, middles in self._middles.items():
            points[:, column] = middles[points[:, column].astype(int)]
        return self._scattered(points)

    def _scattered(self, points: np.ndarray) -> np.ndarray:
        whole = np.tile(self._rest, (len(points), 1))
        whole[:, self._places] = points
        return whole
