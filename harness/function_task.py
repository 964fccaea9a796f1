"""Plain functions as tasks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.errors import UsageError
from optathlon.problem import Constraint, Fidelity, Objective, Problem
from optathlon.resources import IN_PROCESS, Resources
from optathlon.task import Task, short_hash
from optathlon.trial import Result

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Objectives = str | Objective | Sequence[Objective]

_SHARED_FILENAMES = ("<string>", "<stdin>")
"""What all code given as text or typed has for a file: from 3.13 on, Python would show the lines of another one."""


def as_task(
    id: str,
    *,
    space: Any,
    objectives: Objectives = "minimize",
    fidelity: Fidelity | None = None,
    constraints: Sequence[str] = (),
    budget: str | float = 100,
    version: str = "1",
    metadata: Mapping[str, str | int | float | bool] | None = None,
    resources: Resources = IN_PROCESS,
) -> Callable[[Callable[..., Any]], FunctionTask]:
    """Make a task of the function below.

    Parameters
    ----------
    id:
        `"collection/name"`.
    space:
        A `ConfigurationSpace`, or the dictionary to make one from: `{"x": (0.0, 1.0), "kind": ["a", "b"]}`.
    objectives:
        `"minimize"`, `"maximize"`, an `Objective`, or several.
    fidelity, constraints, budget, version, metadata, resources:
        As in `Problem` and `Task`; constraints by name, the budget as `Budget.parse` reads it.

    The function gets the active hyperparameters as a dictionary, and the keyword arguments `fidelity` and `seed` if it
    takes them. It returns a number, one number per objective in order, a dictionary (objectives and constraints by
    name; all else becomes metrics), or a `Result`.

    Raises `UsageError` for an id without a collection.
    """
    if "/" not in id:
        raise UsageError(f"the task id {id!r} has no collection: write 'collection/name'")

    def decorate(function: Callable[..., Any]) -> FunctionTask:
        return FunctionTask(
            function,
            id=id,
            space=space,
            objectives=_objectives(objectives),
            fidelity=fidelity,
            constraints=tuple(Constraint(name) for name in constraints),
            budget=Budget.parse(budget),
            version=version,
            metadata=dict(metadata or {}),
            resources=resources,
        )

    return decorate


class FunctionTask(Task):
    """A task that calls a function; made by `as_task`. Calling it calls the function."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        id: str,
        space: Any,
        objectives: tuple[Objective, ...],
        fidelity: Fidelity | None,
        constraints: tuple[Constraint, ...],
        budget: Budget,
        version: str,
        metadata: Mapping[str, str | int | float | bool],
        resources: Resources,
    ) -> None:
        self.id = id
        self.resources = resources
        self.version = version
        self.metadata = metadata
        self._function = function
        self._space = space
        self._objectives = objectives
        self._fidelity = fidelity
        self._constraints = constraints
        self._budget = budget
        accepted = _parameters(function)
        self._takes = [name for name in ("fidelity", "seed") if name in accepted]

    @cached_property
    def problem(self) -> Problem:
        """What an optimizer may know of the function; `UsageError` where its search space is none."""
        return Problem(_space(self._space), self._objectives, self._fidelity, self._constraints, self._budget)

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Call the function; raises `TypeError` or `KeyError` where it returns something else than declared."""
        known = {"fidelity": fidelity, "seed": seed}
        return self._result(self._function(dict(config), **{name: known[name] for name in self._takes}))

    def fingerprint(self) -> str:
        """A hash of the function's source: calling a user's function unasked may be expensive."""
        code = getattr(self._function, "__code__", None)
        try:
            if code is not None and code.co_filename in _SHARED_FILENAMES:
                raise OSError("no source file")
            source = inspect.getsource(self._function)
        except (OSError, TypeError):  # no source file, or a callable object
            source = repr((code.co_code, code.co_consts, code.co_names)) if code else type(self._function).__qualname__
        return short_hash(source)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self._function(*args, **kwargs)

    def _result(self, returned: object) -> Result:
        if hasattr(returned, "tolist"):  # a NumPy array or number
            returned = returned.tolist()
        match returned:
            case Result():
                return returned
            case Mapping():
                names = [objective.name for objective in self._objectives]
                limits = [constraint.name for constraint in self._constraints]
                return Result(
                    values=tuple(_number(returned[name]) for name in names),
                    constraints=tuple(_number(returned[name]) for name in limits),
                    metrics={key: float(value) for key, value in returned.items() if key not in {*names, *limits}},
                )
            case list() | tuple():
                return Result(values=tuple(map(_number, returned)))
            case _:
                return Result(values=(_number(returned),))


def _space(given: Any) -> ConfigurationSpace:
    from ConfigSpace import ConfigurationSpace

    if isinstance(given, ConfigurationSpace):
        return given
    if not isinstance(given, Mapping):
        raise UsageError(f"the search space is a {type(given).__name__}, not a dictionary or a ConfigurationSpace")
    try:
        return ConfigurationSpace(dict(given))
    except Exception as error:  # ConfigSpace complains of bad ranges and values in many ways
        cause = f": {error.__cause__}" if error.__cause__ else ""
        complaint = " ".join(f"{error}{cause}".split())
        raise UsageError(f"the search space can't be made: {complaint}") from None


def _parameters(function: Callable[..., Any]) -> Collection[str]:
    """Names of a function's parameters; none for built-in ones without a signature."""
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return ()


def _number(value: Any) -> float:
    """A plain float of any real number, NumPy's included; text and None are errors, not numbers."""
    if isinstance(value, str | bytes) or value is None:
        raise TypeError(f"the function returned {value!r}, not a number")
    return float(value)


def _objectives(objectives: Objectives) -> tuple[Objective, ...]:
    match objectives:
        case "minimize" | "maximize":
            return (Objective("value", objectives),)
        case str():
            raise UsageError(f"objectives is 'minimize', 'maximize' or Objectives, not {objectives!r}")
        case Objective():
            return (objectives,)
        case _:
            return tuple(objectives)
