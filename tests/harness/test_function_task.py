from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from optathlon import Budget, Constraint, Fidelity, Objective, Result, Status, Trial, as_task
from optathlon.errors import UsageError
from optathlon.function_task import FunctionTask
from optathlon.resources import Resources
from optathlon.running.evaluation import evaluate

SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}
CONFIG = {"x": 0.5, "kind": "a"}
TWO = (Objective("error"), Objective("size", "maximize"))


def result_of(returned: Any, **rest: Any) -> Result:
    task = as_task("toy/f", space=SPACE, **rest)(lambda config: returned)
    return evaluate(task, Trial(CONFIG), 0)


@pytest.mark.parametrize("number", [0.25, np.float32(0.25), np.float64(0.25), np.array(0.25)])
def test_one_number(number: Any) -> None:
    result = result_of(number)
    assert (result.values, result.status) == ((0.25,), Status.OK)
    assert type(result.values[0]) is float


@pytest.mark.parametrize("numbers", [(1, 2), [1, 2], (np.float32(1), np.int64(2)), np.array([1.0, 2.0])], ids=repr)
def test_one_number_per_objective(numbers: Any) -> None:
    result = result_of(numbers, objectives=TWO)
    assert (result.values, result.status) == ((1.0, 2.0), Status.OK), result.error


def test_names_become_values_constraints_and_metrics() -> None:
    returned = {"size": 2, "test/error": np.float32(0.5), "error": 1, "memory": -3, "epochs": 4}
    result = result_of(returned, objectives=TWO, constraints=["memory"])
    assert result == Result((1.0, 2.0), constraints=(-3.0,), metrics={"test/error": 0.5, "epochs": 4.0})


def test_a_result_is_passed_on() -> None:
    result = Result((1.0,), cost=3.0, metrics={"a": 1.0})
    assert result_of(result) == result
    assert result_of(Result(status=Status.TIMEOUT, error="slow")).status is Status.TIMEOUT


@pytest.mark.parametrize(
    "returned",
    [
        None,
        "0.5",
        b"1",
        1j,
        math.nan,
        math.inf,
        np.nan,
        (1.0, 2.0),
        (),
        [None],
        {},
        {"vlaue": 1.0},
        {"value": None},
        {"value": "1"},
        {"value": math.nan},
        {"value": 1.0, "note": "text"},
        np.array([1.0, 2.0]),
        object,
        {1.0},
    ],
    ids=repr,
)
def test_what_is_no_number_fails_that_trial(returned: Any) -> None:
    result = result_of(returned)
    assert result.status in (Status.INVALID, Status.CRASHED)
    assert result.values == ()
    assert result.error


def test_a_missing_name_is_said() -> None:
    assert "value" in result_of({"vlaue": 1.0}).error
    assert "memory" in result_of({"error": 1, "size": 1}, objectives=TWO, constraints=["memory"]).error


def test_the_function_gets_what_it_takes() -> None:
    fidelity = Fidelity("epochs", 1, 9, kind="int")
    seen: list[Any] = []

    @as_task("toy/none", space=SPACE, fidelity=fidelity)
    def none(config: dict[str, Any]) -> float:
        seen.append(config)
        return 1.0

    @as_task("toy/both", space=SPACE, fidelity=fidelity)
    def both(config: dict[str, Any], *, seed: int, fidelity: float) -> float:
        seen.append((config, seed, fidelity))
        return 1.0

    none.evaluate(CONFIG, fidelity=3, seed=4)
    both.evaluate(CONFIG, fidelity=3, seed=4)
    assert seen == [CONFIG, (CONFIG, 4, 3)]
    assert seen[0] is not CONFIG


def test_the_problem_is_what_was_declared() -> None:
    space = ConfigurationSpace({"x": (0.0, 1.0)})
    fidelity = Fidelity("epochs", 1, 9)

    @as_task(
        "toy/whole",
        space=space,
        objectives=TWO,
        fidelity=fidelity,
        constraints=["c"],
        budget="2h",
        version="7",
        metadata={"dimension": 1},
    )
    def task(config: dict[str, Any]) -> list[float]:
        return [1.0, 2.0]

    problem = task.problem
    assert problem.space is space
    assert (problem.objectives, problem.fidelity, problem.constraints) == (TWO, fidelity, (Constraint("c"),))
    assert problem.budget == Budget.parse("2h")
    assert (task.id, task.version, dict(task.metadata)) == ("toy/whole", "7", {"dimension": 1})
    assert task(CONFIG) == [1.0, 2.0], "it can still be called"


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        ("minimize", (Objective("value"),)),
        ("maximize", (Objective("value", "maximize"),)),
        (TWO[1], (TWO[1],)),
        (list(TWO), TWO),
    ],
)
def test_ways_to_say_objectives(objectives: Any, expected: tuple[Objective, ...]) -> None:
    assert as_task("toy/f", space=SPACE, objectives=objectives)(lambda config: 1.0).problem.objectives == expected


def test_what_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="collection/name"):
        as_task("f", space=SPACE)
    with pytest.raises(UsageError, match="minimise"):
        as_task("toy/f", space=SPACE, objectives="minimise")(lambda config: 1.0)
    with pytest.raises(UsageError, match="budget"):
        as_task("toy/f", space=SPACE, budget=0)(lambda config: 1.0)


def defined(source: str) -> Any:
    names: dict[str, Any] = {"np": np}
    exec(source, names)
    return names["f"]


def test_the_fingerprint_calls_no_function_that_says_it_is_expensive(monkeypatch: pytest.MonkeyPatch) -> None:
    def expensive(config: dict[str, Any]) -> float:
        return 1.0

    monkeypatch.setattr(FunctionTask, "evaluate", lambda *_, **__: pytest.fail("called"))
    for rest in ({"probed": False}, {"resources": Resources(isolated=True)}):
        task = as_task("toy/expensive", space=SPACE, **rest)
        assert task(expensive).fingerprint() == task(expensive).fingerprint()
        assert task(expensive).fingerprint() != task(lambda config: 1.0).fingerprint()


STATE = {"factor": 1.0, "calls": 0}


def parts(function: Any, **rest: Any) -> list[str]:
    return as_task("toy/f", space=SPACE, **rest)(function).fingerprint().split(".")


def test_values_at_probes_are_part_of_the_fingerprint_of_a_cheap_function(monkeypatch: pytest.MonkeyPatch) -> None:
    def cheap(config: dict[str, Any]) -> float:
        STATE["calls"] += 1
        return float(config["x"] * STATE["factor"])

    before = parts(cheap)
    assert len(before) == 3
    assert STATE["calls"] == 0, "it is called in another process"
    monkeypatch.setitem(STATE, "factor", 2.0)
    after = parts(cheap)
    assert (after[:2], after[2] != before[2]) == (before[:2], True)


@pytest.mark.parametrize(
    "source",
    ["import random\ndef f(c): return random.random()", "def f(c): import nowhere", "def f(c): raise SystemExit",
     "import os\ndef f(c): os._exit(0)", "import time\ndef f(c): time.sleep(60)", "def f(c):\n  while True: pass",
     "from itertools import count\ncalls = count()\ndef f(c): return next(calls)"],
)  # fmt: skip
def test_values_that_are_not_had_twice_at_once_are_left_out(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.function_task._ENDED_AFTER_S", 0.5)
    assert len(parts(defined(source))) == 2


def test_errors_at_probes_are_part_of_the_fingerprint() -> None:
    complete, failing = (
        parts(defined(f"TABLE = {table}\ndef f(c): return TABLE[round(c['x'] * 0)]"))
        for table in ("{0: 1.0}", "{1: 1.0}")
    )
    assert len(complete) == len(failing) == 3
    assert complete[2] != failing[2]


def test_values_that_a_function_is_bound_to_are_part_of_the_fingerprint() -> None:
    def scaled(factor: float, table: dict[str, float]) -> Any:
        return lambda config: factor * config["x"] * table["a"]

    class Scaled:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, config: dict[str, Any]) -> float:
            return self.factor

        def method(self, config: dict[str, Any]) -> float:
            return self.factor

    def stretched(config: dict[str, Any], factor: float) -> float:
        return factor

    for make in (
        lambda number: scaled(number, {"a": 1.0}),
        lambda number: scaled(1.0, {"a": number}),
        Scaled,
        lambda number: Scaled(number).method,
        lambda number: functools.partial(stretched, factor=number),
    ):
        assert parts(make(1.0), probed=False) == parts(make(1.0), probed=False)
        assert parts(make(1.0), probed=False) != parts(make(2.0), probed=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("K = 1\ndef f(c): return K", "K = 2\ndef f(c): return K"),
        ("def g(x): return x\ndef f(c): return g(c)", "def g(x): return -x\ndef f(c): return g(c)"),
        ("def h(): return 1\ndef g(): return h()\ndef f(c): return g()",
         "def h(): return 2\ndef g(): return h()\ndef f(c): return g()"),
        ("def g(): return 1\ndef f(c): return (lambda: g())()", "def g(): return 2\ndef f(c): return (lambda: g())()"),
    ],
)  # fmt: skip
def test_what_functions_without_source_use_is_followed(one: str, other: str) -> None:
    assert parts(defined(one), probed=False) == parts(defined(one), probed=False)
    assert parts(defined(one), probed=False) != parts(defined(other), probed=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(c): return c['x'] + 1", "def f(c): return c['x'] + 2"),
        ("def f(c): return c['x']", "def f(c): return c['y']"),
        ("def f(c): return np.sin(c['x'])", "def f(c): return np.cos(c['x'])"),
    ],
)
def test_functions_without_source_have_fingerprints_too(one: str, other: str) -> None:
    task = as_task("toy/typed", space=SPACE)
    assert task(defined(one)).fingerprint() == task(defined(one)).fingerprint()
    assert task(defined(one)).fingerprint() != task(defined(other)).fingerprint()


class Callable_:
    def __call__(self, config: dict[str, Any]) -> float:
        return 1.0


@pytest.mark.parametrize(
    "function", [functools.partial(lambda config, k: k, k=1.0), Callable_(), max], ids=["partial", "object", "builtin"]
)
def test_other_callables_have_fingerprints_too(function: Any) -> None:
    task = as_task("toy/callable", space=SPACE)
    assert task(function).fingerprint() == task(function).fingerprint()
