"""Google Vizier by ask and tell, for `optathlon.remote.server`; runs in an environment without Optathlon."""

from __future__ import annotations

import math
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

LIMIT = 1e30
"""Greater losses are learnt on a logarithmic scale: the library computes in single precision."""


def make(problem: dict[str, Any], seed: int, options: dict[str, Any]) -> Method:
    """A method on `problem`; see `optathlon.remote.server`."""
    return Method(problem, seed, **options)


class Method:
    """A designer, which suggests, and is told of completed and of active trials."""

    def __init__(self, problem: dict[str, Any], seed: int, designer: str, **options: Any) -> None:
        warnings.simplefilter("ignore")
        self._free = [one for one in problem["space"] if one["type"] != "categorical" or len(one["choices"]) > 1]
        self._fixed = {one["name"]: one["choices"][0] for one in problem["space"] if one not in self._free}
        self._metrics = [f"objective{number}" for number in range(len(problem["objectives"]))]
        self._designer = _designer(designer, self._statement(), seed, options)
        self._active: dict[int, Any] = {}
        self._asked = self._events = 0

    def ask(self) -> dict[str, Any]:
        """The designer's suggestion."""
        (suggestion,) = self._designer.suggest(1)
        self._asked += 1
        trial = suggestion.to_trial(self._asked)
        trial.creation_time = self._now()
        self._active[trial.id] = trial
        self._update([])
        values = {name: parameter.value for name, parameter in trial.parameters.items()}
        candidate = {one["name"]: _value(one, values[one["name"]]) for one in self._free}
        return {"candidate": candidate | self._fixed, "trial": trial}

    def tell(self, asked: dict[str, Any], told: dict[str, Any]) -> None:
        """Complete the trial; a failed one is infeasible."""
        from vizier import pyvizier as vz

        trial = self._active.pop(asked["trial"].id)
        if told["valid"]:
            losses = map(_tempered, told["losses"])
            trial.complete(vz.Measurement(dict(zip(self._metrics, losses, strict=True))))
        else:
            trial.complete(vz.Measurement(), infeasibility_reason=told["status"])
        trial.completion_time = self._now()
        self._update([trial])

    def _update(self, completed: list[Any]) -> None:
        from vizier import algorithms as vza

        self._designer.update(vza.CompletedTrials(completed), vza.ActiveTrials(list(self._active.values())))

    def _now(self) -> datetime:
        """A time that counts events: designers compare when trials were created and completed."""
        self._events += 1
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=self._events)

    def _statement(self) -> Any:
        """The problem as a user of the library writes it; choices are called by their places."""
        from vizier import pyvizier as vz

        statement = vz.ProblemStatement()
        root = statement.search_space.root
        for one in self._free:
            name = one["name"]
            if one["type"] == "categorical":
                size = len(one["choices"])
                if one.get("ordered"):
                    root.add_int_param(name, 0, size - 1)
                else:
                    root.add_categorical_param(name, [_place(index) for index in range(size)])
                continue
            add = root.add_int_param if one["type"] == "int" else root.add_float_param
            scale = vz.ScaleType.LOG if one["log"] else vz.ScaleType.LINEAR
            add(name, one["low"], one["high"], scale_type=scale)
        for metric in self._metrics:
            information = vz.MetricInformation(metric, goal=vz.ObjectiveMetricGoal.MINIMIZE)
            statement.metric_information.append(information)
        return statement


def _designer(kind: str, statement: Any, seed: int, options: dict[str, Any]) -> Any:
    if kind == "eagle":
        from vizier._src.algorithms.designers.eagle_strategy.eagle_strategy import EagleStrategyDesigner

        return EagleStrategyDesigner(statement, seed=seed)

    import jax
    from vizier._src.algorithms.designers.gp_bandit import VizierGPBandit
    from vizier.pyvizier.converters import padding

    schedule = padding.PaddingSchedule(num_trials=padding.PaddingType[options["padding"].upper()])
    return VizierGPBandit(
        statement,
        rng=jax.random.PRNGKey(seed),
        num_seed_trials=options["initial_trials"],
        padding_schedule=schedule,
    )


def _place(index: int) -> str:
    """A name of a choice that sorts as its place does."""
    return f"{index:06}"


def _value(one: dict[str, Any], value: Any) -> Any:
    """What a hyperparameter is called here; the library's rounding of logarithms may exceed a bound."""
    if one["type"] == "categorical":
        return one["choices"][int(value)]
    if one["type"] == "int":
        return int(value)
    return min(max(float(value), one["low"]), one["high"])


def _tempered(loss: float) -> float:
    beyond = abs(loss) / LIMIT
    return loss if beyond <= 1 else math.copysign(LIMIT * (1 + math.log(beyond)), loss)
