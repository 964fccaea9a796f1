"""bayesian-optimization by ask and tell, for `optathlon.remote.server`; runs in an environment without Optathlon."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

LIMIT = 1e100
"""Greater losses are learnt on a logarithmic scale: the library squares them."""


def make(problem: dict[str, Any], seed: int, options: dict[str, Any]) -> Method:
    """A method on `problem`; see `optathlon.remote.server`."""
    return Method(problem, seed, **options)


class Method:
    """The library's own loop, `BayesianOptimization.maximize`, cut in two."""

    def __init__(self, problem: dict[str, Any], seed: int, acquisition: str, init_points: int) -> None:
        from bayes_opt import BayesianOptimization

        warnings.simplefilter("ignore")
        self._decoders = {one["name"]: _decoder(one) for one in problem["space"]}
        bounds = {one["name"]: _bounds(one) for one in problem["space"] if _is_free(one)}
        self._constraints = len(problem["constraints"])
        self._worst = [1.0] * self._constraints
        self._optimizer: Any = None
        self._queue: deque[dict[str, Any]] = deque()
        if bounds:
            self._optimizer = BayesianOptimization(
                f=None,
                pbounds=bounds,
                acquisition_function=_acquisition(acquisition),
                constraint=_constraint(self._constraints),
                random_state=seed,
                verbose=0,
                allow_duplicate_points=True,
            )
            self._queue += self._optimizer.random_sample(init_points)
        self._pending = 0

    def ask(self) -> dict[str, Any] | None:
        """A proposal, or `None` while results are to come."""
        if not self._optimizer:
            params: dict[str, Any] = {}
        elif self._queue:
            params = self._queue.popleft()
        elif self._pending:
            return None
        else:
            params = self._suggestion()
        self._pending += 1
        return {
            "candidate": {name: decode(params.get(name)) for name, decode in self._decoders.items()},
            "params": params,
        }

    def tell(self, asked: dict[str, Any], told: dict[str, Any]) -> None:
        """Register the negative loss, which the library maximises."""
        self._pending -= 1
        if not self._optimizer:
            return
        values = self._constraint_values(told)
        self._optimizer.register(
            asked["params"], -_tempered(told["losses"][0]), values[0] if len(values) == 1 else values or None
        )

    def _suggestion(self) -> dict[str, Any]:
        from bayes_opt.exception import NoValidPointRegisteredError

        try:
            found: dict[str, Any] = self._optimizer.suggest()
        except NoValidPointRegisteredError:  # which says to draw at random until one trial is feasible
            (found,) = self._optimizer.random_sample(1)
        return found

    def _constraint_values(self, told: dict[str, Any]) -> list[float]:
        """The values told, or for a failed trial the greatest so far, or 1 where that is feasible."""
        if not told["valid"]:
            return list(self._worst)
        values = [_tempered(value) for value in told["constraints"]]
        self._worst = [max(pair) for pair in zip(self._worst, values, strict=True)]
        return values


def _acquisition(name: str) -> Any:
    from bayes_opt import acquisition

    match name:
        case "ucb":
            return acquisition.UpperConfidenceBound(kappa=2.576)
        case "ei":
            return acquisition.ExpectedImprovement(xi=0.01)
        case "poi":
            return acquisition.ProbabilityOfImprovement(xi=0.01)
        case _:
            return None


def _constraint(count: int) -> Any:
    if not count:
        return None
    from scipy.optimize import NonlinearConstraint

    bounds = (-math.inf, 0.0) if count == 1 else ([-math.inf] * count, [0.0] * count)
    return NonlinearConstraint(None, *bounds)


def _is_free(one: dict[str, Any]) -> bool:
    return one["type"] != "categorical" or len(one["choices"]) > 1


def _bounds(one: dict[str, Any]) -> Any:
    """What a user of the library writes for a hyperparameter."""
    from bayes_opt.parameter import CategoricalParameter

    if one["type"] == "categorical":
        size = len(one["choices"])
        return (0, size - 1, int) if one.get("ordered") else CategoricalParameter(one["name"], range(size))
    low, high = one["low"], one["high"]
    if one["log"]:
        return (math.log10(low), math.log10(high))
    return (low, high, int) if one["type"] == "int" else (low, high)


def _decoder(one: dict[str, Any]) -> Callable[[Any], Any]:
    """The value of a hyperparameter for what the library calls it; rounding may have exceeded a bound."""
    if one["type"] == "categorical":
        return lambda value: one["choices"][int(value or 0)]

    def decoded(value: float) -> float:
        value = math.pow(10, value) if one["log"] else float(value)
        return float(min(max(value, one["low"]), one["high"]))

    return (lambda value: round(decoded(value))) if one["type"] == "int" else decoded


def _tempered(loss: float) -> float:
    beyond = abs(loss) / LIMIT
    return loss if beyond <= 1 else math.copysign(LIMIT * (1 + math.log(beyond)), loss)
