"""Gradient-Free-Optimizers by ask and tell, for `optathlon.remote.server`; runs in an environment without Optathlon."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

ENDLESS = 2**31
"""Iterations of the library's search, more than there can be trials."""

LIMIT = 1e100
"""Greater losses are learnt on a logarithmic scale: the library computes with their differences."""

MOST_VALUES = 10_000
"""The library has a list of the values of integers; those with more are searched as floats, and rounded."""


def make(problem: dict[str, Any], seed: int, options: dict[str, Any]) -> Method:
    """A method on `problem`; see `optathlon.remote.server`."""
    return Method(problem, seed, **options)


class Method:
    """The library's own loop, `search`, in a thread that waits for each score."""

    def __init__(self, problem: dict[str, Any], seed: int, optimizer: str, **options: Any) -> None:
        import gradient_free_optimizers

        warnings.simplefilter("ignore")
        self._decoders = {one["name"]: _decoder(one) for one in problem["space"]}
        space = {one["name"]: _dimension(one) for one in problem["space"]}
        found = getattr(gradient_free_optimizers, optimizer)(space, random_state=seed, **options)
        self._asked: SimpleQueue[Any] = SimpleQueue()
        self._told: SimpleQueue[float] = SimpleQueue()
        threading.Thread(target=self._search, args=(found,), daemon=True).start()

    def ask(self) -> dict[str, Any]:
        """What the search evaluates next."""
        params = self._asked.get()
        if isinstance(params, Exception):
            raise params
        return {"candidate": {name: decode(params[name]) for name, decode in self._decoders.items()}}

    def tell(self, asked: dict[str, Any], told: dict[str, Any]) -> None:
        """Go on with the negative loss, which the library maximises, or NaN for a failure."""
        self._told.put(-_tempered(told["losses"][0]) if told["valid"] else math.nan)

    def _search(self, optimizer: Any) -> None:
        try:
            optimizer.search(self._score, n_iter=ENDLESS, memory=False, verbosity=False)
        except Exception as error:
            self._asked.put(error)

    def _score(self, params: dict[str, Any]) -> float:
        self._asked.put(params)
        return self._told.get()


def _dimension(one: dict[str, Any]) -> Any:
    """What a user of the library writes for a hyperparameter: a list of choices, an array of numbers, or bounds."""
    import numpy as np

    if one["type"] == "categorical":
        places = range(len(one["choices"]))
        return np.array(places) if one.get("ordered") else [*places]
    low, high = one["low"], one["high"]
    if one["log"]:
        return (math.log10(low), math.log10(high))
    if one["type"] == "int" and high - low < MOST_VALUES:
        return np.arange(low, high + 1)
    return (float(low), float(high))


def _decoder(one: dict[str, Any]) -> Callable[[Any], Any]:
    """The value of a hyperparameter for what the library calls it; rounding may have exceeded a bound."""
    if one["type"] == "categorical":
        return lambda value: one["choices"][int(value)]

    def decoded(value: float) -> float:
        value = math.pow(10, value) if one["log"] else float(value)
        return float(min(max(value, one["low"]), one["high"]))

    return (lambda value: round(decoded(value))) if one["type"] == "int" else decoded


def _tempered(loss: float) -> float:
    beyond = abs(loss) / LIMIT
    return loss if beyond <= 1 else math.copysign(LIMIT * (1 + math.log(beyond)), loss)
