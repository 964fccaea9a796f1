"""OpenBox by ask and tell, for `optathlon.remote.server`; runs in an environment without Optathlon."""

from __future__ import annotations

import math
import random
import warnings
from typing import Any

LIMIT = 1e100
"""Greater losses are learnt on a logarithmic scale: the library squares them."""


def make(problem: dict[str, Any], seed: int, options: dict[str, Any]) -> Method:
    """A method on `problem`; see `optathlon.remote.server`."""
    return Method(problem, seed, options)


class Method:
    """An advisor of OpenBox, which has ask and tell by itself."""

    def __init__(self, problem: dict[str, Any], seed: int, options: dict[str, Any]) -> None:
        import numpy as np
        from openbox import Advisor
        from openbox.core.async_batch_advisor import AsyncBatchAdvisor

        warnings.simplefilter("ignore")
        random.seed(seed)  # parts of it draw from the global generators
        np.random.seed(seed)

        self._constraints = len(problem["constraints"])
        self._objectives = len(problem["objectives"])
        self._losses: list[list[float]] = []
        several = problem["n_workers"] > 1
        self._advisor = (AsyncBatchAdvisor if several else Advisor)(
            space(problem["space"], problem["forbidden"]),
            num_objectives=self._objectives,
            num_constraints=self._constraints,
            output_dir=None,
            logger_kwargs={"level": "ERROR"},
            random_state=seed,
            **({"batch_size": problem["n_workers"]} if several else {}),
            **options,
        )

    def ask(self) -> dict[str, Any]:
        """The advisor's suggestion, or, where it would fail, what it draws at random."""
        config = self._drawn() if self._is_flat() else self._advisor.get_suggestion()
        return {"candidate": {name: _plain(value) for name, value in dict(config).items()}, "config": config}

    def tell(self, asked: dict[str, Any], told: dict[str, Any]) -> None:
        """An observation; a failure has no values that count."""
        from openbox import Observation
        from openbox.utils.constants import FAILED, SUCCESS

        succeeded = told["valid"]
        constraints = [_tempered(value) for value in told["constraints"] or ()]
        losses = [_tempered(loss) for loss in told["losses"]]
        if succeeded:
            self._losses.append(losses)
        self._advisor.update_observation(
            Observation(
                config=asked["config"],
                objectives=losses if succeeded else [math.inf] * self._objectives,
                constraints=(constraints if succeeded else [math.inf] * self._constraints) or None,
                trial_state=SUCCESS if succeeded else FAILED,
            )
        )

    def _is_flat(self) -> bool:
        """Whether an objective was always the same after the initial design: ParEGO divides by its range."""
        enough = self._objectives > 1 and len(self._losses) >= self._advisor.init_num
        return enough and any(min(column) == max(column) for column in zip(*self._losses, strict=True))

    def _drawn(self) -> Any:
        pending = getattr(self._advisor, "running_configs", [])
        known = [*self._advisor.get_history().configurations, *pending]
        (config,) = self._advisor.sample_random_configs(self._advisor.config_space, 1, excluded_configs=known)
        pending.append(config)
        return config


def space(entries: list[dict[str, Any]], forbidden: list[dict[str, Any]]) -> Any:
    """The search space, of ConfigSpace 0.6."""
    import ConfigSpace

    found = ConfigSpace.ConfigurationSpace()
    for one in entries:
        found.add_hyperparameter(_hyperparameter(one))
    for one in entries:
        if "condition" in one:
            found.add_condition(_condition(found, found[one["name"]], one["condition"]))
    for clause in forbidden:
        found.add_forbidden_clause(_forbidden(found, clause))
    return found


def _hyperparameter(one: dict[str, Any]) -> Any:
    from ConfigSpace import hyperparameters

    name, default = one["name"], one["default"]
    if one["type"] == "categorical":
        kind = "OrdinalHyperparameter" if one.get("ordered") else "CategoricalHyperparameter"
        return getattr(hyperparameters, kind)(name, one["choices"], default_value=default)
    kind = "UniformIntegerHyperparameter" if one["type"] == "int" else "UniformFloatHyperparameter"
    return getattr(hyperparameters, kind)(name, one["low"], one["high"], log=one["log"], default_value=default)


def _condition(found: Any, child: Any, condition: dict[str, Any]) -> Any:
    import ConfigSpace

    for word, kind in (("all", ConfigSpace.AndConjunction), ("any", ConfigSpace.OrConjunction)):
        if word in condition:
            return kind(*(_condition(found, child, part) for part in condition[word]))
    parent = found[condition["param"]]
    if "equals" in condition:
        return ConfigSpace.InCondition(child, parent, condition["equals"])
    for word, name in (
        ("less_than", "LessThanCondition"),
        ("greater_than", "GreaterThanCondition"),
    ):
        if word in condition:
            return getattr(ConfigSpace, name)(child, parent, condition[word])
    return ConfigSpace.NotEqualsCondition(child, parent, condition["not_equals"][0])


def _forbidden(found: Any, clause: dict[str, Any]) -> Any:
    import ConfigSpace

    if "all" in clause:
        return ConfigSpace.ForbiddenAndConjunction(*(_forbidden(found, part) for part in clause["all"]))
    if "equals" in clause:
        return ConfigSpace.ForbiddenInClause(found[clause["param"]], clause["equals"])
    relations = {
        "<": "ForbiddenLessThanRelation",
        "==": "ForbiddenEqualsRelation",
        ">": "ForbiddenGreaterThanRelation",
    }
    if clause.get("relation") in relations:
        kind = getattr(ConfigSpace, relations[clause["relation"]])
        return kind(found[clause["param"]], found[clause["to"]])
    raise ValueError(f"ConfigSpace 0.6 has no such forbidden clause: {clause}")


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _tempered(loss: float) -> float:
    beyond = abs(loss) / LIMIT
    return loss if beyond <= 1 else math.copysign(LIMIT * (1 + math.log(beyond)), loss)
