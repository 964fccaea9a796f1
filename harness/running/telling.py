"""Values as people tell them: numbers, sequences and dictionaries, as results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real

from optathlon.errors import UsageError
from optathlon.problem import Problem
from optathlon.trial import Result

Numbers = float | Sequence[float] | Mapping[str, float]
"""One number, one per name in their order, or numbers by name."""


def told_result(value: Numbers, constraints: Numbers | None, problem: Problem) -> Result:
    """The result of a trial that has these values.

    Parameters
    ----------
    value:
        Of the objectives; a dictionary may also have the constraints, and all else in it becomes metrics.
    constraints:
        Of the constraints, where they don't stand in `value`.

    Raises `UsageError` where a name is missing, there are too many or too few values, or one is not a number.
    """
    objectives = [objective.name for objective in problem.objectives]
    limits = [constraint.name for constraint in problem.constraints]
    metrics: dict[str, float] = {}
    if isinstance(value, Mapping):
        if constraints is None:
            constraints = {name: value[name] for name in limits if name in value} or None
        others = value.keys() - {*objectives, *limits}
        metrics = {str(name): number(f"the metric {name!r}", value[name]) for name in value if name in others}
    if constraints is None and limits:
        raise UsageError(f"the values of the constraints are missing: give constraints={_example(limits)}")
    told = () if constraints is None else _numbers("constraint", constraints, limits)
    return Result(_numbers("objective", value, objectives), metrics=metrics, constraints=told)


def number(what: str, value: object) -> float:
    """A real number, NumPy's and scalar tensors included, as a plain float; `UsageError` for anything else."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bool) or not isinstance(value, Real):
        hint = ": tell a failure by fail(trial, 'why')" if value is None else ""
        raise UsageError(f"{what} is {value!r}, not a number{hint}")
    return float(value)


def _numbers(kind: str, given: Numbers, names: Sequence[str]) -> tuple[float, ...]:
    """One number per name, in their order."""
    values: list[object]
    if isinstance(given, Mapping):
        for name in names:
            if name not in given:
                there = ", ".join(map(repr, given)) or "nothing"
                raise UsageError(f"no value for the {kind} {name!r} in {there}: give {_example(names)}")
        values = [given[name] for name in names]
    else:
        listed: object = given.tolist() if hasattr(given, "tolist") else given  # NumPy arrays and numbers, tensors
        values = list(listed) if isinstance(listed, list | tuple) else [listed]
    if len(values) != len(names):
        raise UsageError(f"{len(values)} values for {len(names)} {kind}s: give {_example(names)}")
    return tuple(number(f"the {kind} {name!r}", value) for name, value in zip(names, values, strict=True))


def _example(names: Sequence[str]) -> str:
    match names:
        case []:
            return "none"
        case [name]:
            return f"a number, or {{{name!r}: …}}"
        case _:
            return "{" + ", ".join(f"{name!r}: …" for name in names) + "}"


__all__ = ["Numbers", "number", "told_result"]
