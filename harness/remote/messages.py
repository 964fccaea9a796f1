"""The messages of the protocol, as JSON objects; `docs/protocol.md` describes them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import ConfigSpace
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    Constant,
    FloatHyperparameter,
    IntegerHyperparameter,
    OrdinalHyperparameter,
)

from optathlon.budget import BudgetUnit
from optathlon.problem import Problem
from optathlon.space import plain
from optathlon.trial import Result, Trial

VERSION = 1
"""Of the protocol. A new type of message, or another meaning of one, raises it; a new key does not."""

_RELATIONS: dict[type, str] = {
    ConfigSpace.ForbiddenLessThanRelation: "<",
    ConfigSpace.ForbiddenLessThanEqualsRelation: "<=",
    ConfigSpace.ForbiddenEqualsRelation: "==",
    ConfigSpace.ForbiddenGreaterThanEqualsRelation: ">=",
    ConfigSpace.ForbiddenGreaterThanRelation: ">",
}
_COMPARISONS: dict[type, str] = {
    ConfigSpace.ForbiddenLessThanClause: "less_than",
    ConfigSpace.ForbiddenLessThanEqualsClause: "at_most",
    ConfigSpace.ForbiddenGreaterThanClause: "greater_than",
    ConfigSpace.ForbiddenGreaterThanEqualsClause: "at_least",
}


def init(problem: Problem, seed: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """The first message: what the method may know."""
    return {
        "type": "init",
        "protocol_version": VERSION,
        "optimizer_seed": seed,
        "options": dict(options),
        "problem": {
            "space": [*_space(problem.space)],
            "forbidden": [_forbidden(clause) for clause in problem.space.forbidden_clauses],
            "objective": "maximize",
            "objectives": [
                {
                    "name": objective.name,
                    "direction": objective.direction,
                    "reference": None if objective.reference is None else objective.loss(objective.reference),
                }
                for objective in problem.objectives
            ],
            "constraints": [constraint.name for constraint in problem.constraints],
            "fidelity": _fidelity(problem),
            "fidelities": None,
            "budget": {
                name: problem.budget.amount if problem.budget.unit is unit else None
                for name, unit in (
                    ("evaluations", BudgetUnit.EVALUATIONS),
                    ("cost_limit", BudgetUnit.COST),
                    ("time_limit_sec", BudgetUnit.SECONDS),
                )
            },
            "n_workers": problem.n_workers,
        },
    }


def tell(trial: Trial, result: Result, names: Collection[str]) -> dict[str, Any]:
    """What came of a trial; `names` are the hyperparameters of the space that was sent."""
    succeeded = result.ok
    return {
        "type": "tell",
        "candidate_id": trial.id,
        "candidate": {name: plain(value) for name, value in trial.config.items() if name in names},
        "fidelity": trial.fidelity,
        "parent": trial.parent,
        "valid": succeeded,
        "status": str(result.status),
        "losses": list(result.losses),
        "score": -result.losses[0] if succeeded and len(result.losses) == 1 else None,
        "constraints": list(result.constraints) if succeeded else None,
        "cost": result.cost,
        "error": None if succeeded else result.error,
    }


def proposal(answer: Mapping[str, Any]) -> Trial:
    """The trial of a `propose`; raises `ValueError` for what is none."""
    candidate = answer.get("candidate")
    if not isinstance(candidate, dict):
        raise ValueError("it has no object 'candidate'")
    for name, value in candidate.items():
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"the value of {name!r} is not a text, finite number or boolean")
    fidelity, parent = answer.get("fidelity"), answer.get("parent")
    if fidelity is not None and (isinstance(fidelity, bool) or not isinstance(fidelity, int | float)):
        raise ValueError("its 'fidelity' is not a number")
    if parent is not None and (isinstance(parent, bool) or not isinstance(parent, int)):
        raise ValueError("its 'parent' is not a candidate_id")
    return Trial(candidate, fidelity, parent)


def names_sent(space: ConfigurationSpace) -> frozenset[str]:
    """The hyperparameters that the method hears of: all but constants that nothing depends on."""
    return frozenset(entry["name"] for entry in _space(space))


def _space(space: ConfigurationSpace) -> Iterator[dict[str, Any]]:
    """The hyperparameters, parents before their children."""
    forbidden = {name for clause in space.forbidden_clauses for name in _named(_forbidden(clause))}
    for name, hyperparameter in space.items():
        kind: dict[str, Any]
        match hyperparameter:
            case Constant(value=value):
                if not space.children_of[name] and name not in forbidden:
                    continue
                kind = {"type": "categorical", "choices": [plain(value)]}
            case FloatHyperparameter(lower=lower, upper=upper, log=log):
                kind = {"type": "float", "low": float(lower), "high": float(upper), "log": bool(log)}
            case IntegerHyperparameter(lower=lower, upper=upper, log=log):
                kind = {"type": "int", "low": int(lower), "high": int(upper), "log": bool(log)}
            case OrdinalHyperparameter(sequence=values):
                kind = {"type": "categorical", "choices": [*map(plain, values)], "ordered": True}
            case CategoricalHyperparameter(choices=values):
                kind = {"type": "categorical", "choices": [*map(plain, values)]}
            case _:
                raise TypeError(f"hyperparameter {name!r}: its kind {type(hyperparameter).__name__} can't be sent")
        default = {"default": plain(hyperparameter.default_value)}
        conditions = [_condition(condition) for condition in space.parent_conditions_of[name]]
        yield {"name": name} | kind | default | ({"condition": _all("all", conditions)} if conditions else {})


def _condition(condition: Any) -> dict[str, Any]:
    match condition:
        case ConfigSpace.AndConjunction(components=components):
            return _all("all", [_condition(one) for one in components])
        case ConfigSpace.OrConjunction(components=components):
            return _all("any", [_condition(one) for one in components])
        case ConfigSpace.EqualsCondition(value=value):
            test: dict[str, Any] = {"equals": [plain(value)]}
        case ConfigSpace.InCondition(value=values):
            test = {"equals": [*map(plain, values)]}
        case ConfigSpace.NotEqualsCondition(value=value):
            test = {"not_equals": [plain(value)]}
        case ConfigSpace.LessThanCondition(value=value):
            test = {"less_than": plain(value)}
        case ConfigSpace.GreaterThanCondition(value=value):
            test = {"greater_than": plain(value)}
        case _:
            raise TypeError(f"the condition {condition} can't be sent")
    return {"param": condition.parent.name} | test


def _forbidden(clause: Any) -> dict[str, Any]:
    match clause:
        case ConfigSpace.ForbiddenAndConjunction(components=components):
            return _all("all", [_forbidden(one) for one in components])
        case ConfigSpace.ForbiddenOrConjunction(components=components):
            return _all("any", [_forbidden(one) for one in components])
        case ConfigSpace.ForbiddenEqualsClause(value=value):
            return {"param": clause.hyperparameter.name, "equals": [plain(value)]}
        case ConfigSpace.ForbiddenInClause(values=values):
            return {"param": clause.hyperparameter.name, "equals": [*map(plain, values)]}
        case _ if type(clause) in _RELATIONS:
            return {"param": clause.left.name, "relation": _RELATIONS[type(clause)], "to": clause.right.name}
        case _ if type(clause) in _COMPARISONS:
            return {"param": clause.hyperparameter.name, _COMPARISONS[type(clause)]: plain(clause.value)}
        case _:
            raise TypeError(f"the forbidden clause {clause} can't be sent")


def _named(clause: Mapping[str, Any]) -> Iterator[str]:
    for part in [*clause.get("all", ()), *clause.get("any", ())]:
        yield from _named(part)
    yield from (clause[key] for key in ("param", "to") if key in clause)


def _all(word: str, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return parts[0] if len(parts) == 1 else {word: list(parts)}


def _fidelity(problem: Problem) -> dict[str, Any] | None:
    fidelity = problem.fidelity
    if fidelity is None:
        return None
    return {
        "name": fidelity.name,
        "type": fidelity.kind,
        "low": fidelity.lower,
        "high": fidelity.upper,
        "log": fidelity.log,
        "levels": list(fidelity.levels) or None,
        "resumable": fidelity.resumable,
    }


__all__ = ["VERSION", "init", "names_sent", "proposal", "tell"]
