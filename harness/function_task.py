"""Plain functions as tasks."""

from __future__ import annotations

import hashlib
import inspect
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optathlon.budget import Budget
from optathlon.errors import MissingData, UsageError
from optathlon.facts import Facts
from optathlon.function_source import dependencies, source_folder, source_text
from optathlon.probing import without_trace
from optathlon.problem import Constraint, Fidelity, Objective, Problem
from optathlon.resources import IN_PROCESS, Resources
from optathlon.task import PROBES, Task, short_hash
from optathlon.text import first_paragraph
from optathlon.trial import Result

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Objectives = str | Objective | Sequence[Objective] | Mapping[str, str]

_CHEAP_S, _ENDED_AFTER_S = 0.2, 5.0
"""A function is cheap where the quickest of its first calls takes no longer; a call is ended after the latter."""
_FIRST = 3


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
    data: Sequence[str | Path] = (),
    probed: bool = True,
) -> Callable[[Callable[..., Any]], FunctionTask]:
    """Make a task of the function below.

    Parameters
    ----------
    id:
        `"collection/name"`.
    space:
        A `ConfigurationSpace`, or the dictionary to make one from: `{"x": (0.0, 1.0), "kind": ["a", "b"]}`.
    objectives:
        `"minimize"`, `"maximize"`, an `Objective` or several, or directions by name: `{"error": "minimize"}`.
    fidelity, constraints, budget, version, metadata, resources:
        As in `Problem` and `Task`; constraints by name, the budget as `Budget.parse` reads it.

    data:
        Files or folders that the values come from; relative paths are below the folder of the function's file. Results
        are only put together where they are the same.
    probed:
        Whether the function may be called at five fixed configurations to find out whether its values have changed.
        Only cheap ones without `resources` are (0.2 s a call), in a copy of the process that can neither write files
        nor start processes nor talk to others, and is ended after five seconds without an answer.

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
            objectives=as_objectives(objectives),
            fidelity=fidelity,
            constraints=tuple(Constraint(name) for name in constraints),
            budget=Budget.parse(budget),
            version=version,
            metadata=dict(metadata or {}),
            resources=resources,
            data=tuple(map(Path, data)),
            probed=probed,
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
        data: Sequence[Path],
        probed: bool,
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
        self._data = data
        self._probed = probed
        accepted = _parameters(function)
        self._takes = [name for name in ("fidelity", "seed") if name in accepted]

    @cached_property
    def problem(self) -> Problem:
        """What an optimizer may know of the function; `UsageError` where its search space is none."""
        return Problem(as_space(self._space), self._objectives, self._fidelity, self._constraints, self._budget)

    def evaluate(self, config: Mapping[str, Any], *, fidelity: float | None, seed: int) -> Result:
        """Call the function; raises `TypeError` or `KeyError` where it returns something else than declared."""
        known = {"fidelity": fidelity, "seed": seed}
        return self._result(self._function(dict(config), **{name: known[name] for name in self._takes}))

    def fingerprint(self) -> str:
        """Hashes of the function's own source, of all that it depends on, and, where it is cheap, of its values.

        What it depends on are the statements of its module that it can reach, the modules beside it or being worked on
        that these import, and the declared data. The values are missing where `as_task` says so, where a call takes
        longer than 0.2 s, and where they are others when asked again, or can't be had without leaving a trace.

        Raises `UsageError` where declared data can't be read.
        """
        parts = [source_text(self._function), json.dumps([dependencies(self._function), self.data_files()])]
        if self._probed and not self.resources.needs_process:
            parts.append("\n".join(self._repeatable_values()))
        own, used, *values = [short_hash(part) for part in parts if part]
        return ".".join([own, used, *(f"~{value}" for value in values)])

    def facts(self) -> Facts:
        """What the problem shows; the function's docstring as description; it is noisy where it takes a seed."""
        description = first_paragraph(inspect.getdoc(self._function))
        return replace(super().facts(), description=description, noisy="seed" in self._takes)

    def data_files(self) -> Mapping[str, str]:
        """SHA-256 of the declared files, by the path that was declared."""
        folder = source_folder(self._function)
        try:
            return {name: _sha256(path) for declared in self._data for name, path in _files(folder, declared)}
        except OSError as error:
            raise MissingData(
                f"the task {self.id!r} declares data that can't be read: {error.filename} ({error.strerror})"
            ) from None

    def probe(self, config: Mapping[str, Any], fidelity: float | None) -> str:
        """The values there with seed 0, as text, or the kind of error that the function raises.

        Raises `ImportError` where the function does: what is installed says nothing of the task.
        """
        try:
            return super().probe(config, fidelity)
        except ImportError:
            raise
        except Exception as error:  # a user's function may raise anything
            return f"raises {type(error).__name__}"

    def _repeatable_values(self) -> list[str]:
        """The values at the probes; none where they are others when asked again."""
        from optathlon.space import probes

        probes(self.problem.space, PROBES)  # what this loads, the copy need not load in its time
        values = without_trace(lambda: chain(self._cheap_values(), self.probed()), _ENDED_AFTER_S)
        half = len(values) // 2
        return values[:half] if values[:half] == values[half:] else []

    def _cheap_values(self) -> Iterator[str]:
        """The values at the probes; `TimeoutError` where no call is quick, as the first may load what others need."""
        seconds = []
        began = time.perf_counter()
        for values in self.probed():
            seconds.append(time.perf_counter() - began)
            if len(seconds) == _FIRST and min(seconds) > _CHEAP_S:
                raise TimeoutError
            yield values
            began = time.perf_counter()

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


def as_space(given: Any) -> ConfigurationSpace:
    """The search space, or one of the dictionary to make it from; `UsageError` where it is none."""
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


def _files(folder: Path, declared: Path) -> Iterator[tuple[str, Path]]:
    """The names and places of a declared file, or of those in a declared folder."""
    path = folder / declared.expanduser()
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file():
                yield str(declared / file.relative_to(path)), file
    else:
        yield str(declared), path


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _number(value: Any) -> float:
    """A plain float of any real number, NumPy's included; text and None are errors, not numbers."""
    if isinstance(value, str | bytes) or value is None:
        raise TypeError(f"the function returned {value!r}, not a number")
    return float(value)


def as_objectives(objectives: Objectives) -> tuple[Objective, ...]:
    """The objectives, however they were given; `UsageError` where they are none."""
    match objectives:
        case "minimize" | "maximize":
            return (Objective("value", objectives),)
        case Objective():
            return (objectives,)
        case Mapping():
            found = tuple(_objective(name, direction) for name, direction in objectives.items())
        case str():
            raise _no_objectives(objectives)
        case _:
            found = tuple(objectives)
    names = [one.name for one in found if isinstance(one, Objective)]
    if not names or len(set(names)) < len(found):
        raise _no_objectives(objectives)
    return found


def _objective(name: str, direction: str) -> Objective:
    if direction not in ("minimize", "maximize"):
        raise UsageError(f"the objective {name!r} is to {direction!r}: write 'minimize' or 'maximize'")
    return Objective(name, "minimize" if direction == "minimize" else "maximize")


def _no_objectives(given: object) -> UsageError:
    return UsageError(
        f"objectives is 'minimize', 'maximize', Objectives of different names, or a dictionary such as "
        f"{{'error': 'minimize'}}, not {given!r}"
    )
