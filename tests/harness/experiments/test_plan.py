from __future__ import annotations

import os
from typing import Any

import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, EqualsCondition, Float, ForbiddenEqualsClause

from optathlon import (
    Budget,
    Capability,
    Constraint,
    Experiment,
    Fidelity,
    Objective,
    Optimizer,
    Problem,
    Result,
    Trial,
    as_task,
)
from optathlon.errors import UsageError
from optathlon.experiments.plan import Plan, make_plan
from optathlon.optimizers.random import RandomSearch
from optathlon.registry.capabilities import mismatch, remarks_on
from optathlon.registry.optimizers import OptimizerChoice
from optathlon.registry.plugins import plugins
from optathlon.resources import Resources
from optathlon.running.clocks import Clock
from optathlon.running.runs import RunSpec


def declaring(*capabilities: Capability, requires: tuple[Capability, ...] = ()) -> type[Optimizer]:
    declared = {"capabilities": frozenset(capabilities), "requires": frozenset(requires)}
    return type("Declaring", (RandomSearch,), declared)


def continuous(**rest: Any) -> Problem:
    return Problem(ConfigurationSpace({"x": (0.0, 1.0)}), **rest)


def categorical() -> Problem:
    return Problem(ConfigurationSpace({"x": ["a", "b"]}))


def conditional() -> Problem:
    space = ConfigurationSpace({"x": (0.0, 1.0)})
    ordinal, child = Categorical("k", [1, 2], ordered=True), Float("y", (0.0, 1.0))
    space.add(ordinal, child, EqualsCondition(child, ordinal, 1))
    return Problem(space)


def forbidden() -> Problem:
    space = ConfigurationSpace({"x": (1, 9)})
    space.add(ForbiddenEqualsClause(space["x"], 3))
    return Problem(space)


def constant() -> Problem:
    space = ConfigurationSpace({"k": 3})
    space.add(Categorical("o", ["only"], ordered=True))
    return Problem(space)


TWO = (Objective("a"), Objective("b"))
DEMANDS = [
    (Capability.MULTI_OBJECTIVE, continuous(objectives=TWO), "2 objectives"),
    (Capability.CATEGORICALS, categorical(), "categorical"),
    (Capability.CONDITIONS, conditional(), "conditional"),
    (Capability.FORBIDDENS, forbidden(), "forbidden"),
    (Capability.CONSTANT_SPACES, constant(), "only one configuration"),
    (Capability.ASYNCHRONOUS, continuous(n_workers=3), "3 trials at once"),
]


@pytest.mark.parametrize(("capability", "problem", "reason"), DEMANDS)
def test_what_an_optimizer_must_be_capable_of(capability: Capability, problem: Problem, reason: str) -> None:
    without = declaring(*(set(Capability) - {capability}))
    assert reason in mismatch(without, problem)
    assert not mismatch(declaring(*Capability), problem)
    assert not mismatch(declaring(capability), problem)


def test_a_fidelity_need_not_be_used() -> None:
    problem = continuous(fidelity=Fidelity("epochs", 1, 9, resumable=True))
    assert not mismatch(declaring(), problem)


@pytest.mark.parametrize(
    ("need", "fits", "fails"),
    [
        (Capability.MULTI_FIDELITY, continuous(fidelity=Fidelity("e", 1, 9)), continuous()),
        (
            Capability.RESUMABLE,
            continuous(fidelity=Fidelity("e", 1, 9, resumable=True)),
            continuous(fidelity=Fidelity("e", 1, 9)),
        ),
        (Capability.MULTI_OBJECTIVE, continuous(objectives=TWO), continuous()),
        (Capability.CONSTRAINTS, continuous(constraints=(Constraint("c"),)), continuous()),
    ],
)
def test_what_an_optimizer_needs(need: Capability, fits: Problem, fails: Problem) -> None:
    cls = declaring(*Capability, requires=(need,))
    assert not mismatch(cls, fits)
    assert f"needs a {need} task" in mismatch(cls, fails)


@pytest.mark.parametrize(("number", "words"), [(1, "the 1 constraint;"), (3, "the 3 constraints;")])
def test_constraints_need_not_be_learned_from(number: int, words: str) -> None:
    problem = continuous(constraints=tuple(Constraint(f"c{index}") for index in range(number)))
    for cls in (declaring(), declaring(*Capability)):
        choice = OptimizerChoice("one", cls, {})
        learns = bool(cls.capabilities)
        assert not mismatch(cls, problem)
        told = list(remarks_on(choice, problem))
        assert [words in line for line in told] == ([] if learns else [True])
        assert list(remarks_on(choice, continuous())) == []


@pytest.fixture
def toys(own_plugins: None) -> None:
    class Simple(RandomSearch):
        capabilities = frozenset()

        def __init__(self, problem: Problem, seed: int, *, a: int = 0, b: int = 0) -> None:
            super().__init__(problem, seed)

    plugins.optimizers["simple"] = Simple
    one = as_task("toy/one", space={"x": (0.0, 1.0)}, budget=7)(lambda config: Result((config["x"],), cost=1.0))
    two = as_task("toy/two", space={"x": (0.0, 1.0)}, objectives=TWO, version="3")(lambda config: [1, 2])
    plugins.tasks |= {"toy/one": one, "toy/two": two}


def test_what_capabilities_do_not_say_an_objection_does() -> None:
    class Picky(declaring(Capability.MULTI_OBJECTIVE)):  # type: ignore[misc]
        @classmethod
        def objection(cls, problem: Problem) -> str:
            return "two at most" if len(problem.objectives) > 2 else ""

    space = ConfigurationSpace({"x": (0.0, 1.0)})
    objectives = tuple(Objective(name) for name in "abc")
    assert mismatch(Picky, Problem(space, objectives=objectives[:2])) == ""
    assert mismatch(Picky, Problem(space, objectives=objectives)) == "two at most"


@pytest.mark.usefixtures("toys")
def test_a_plan_holds_every_run_once() -> None:
    experiment = Experiment(
        optimizers=["random", "simple", "random"], tasks=["toy/*", "toy/one"], seeds=[0, 1, 2], root_seed=5
    )
    one = RunSpec("random", "toy/one", "1", 1, 5, Budget(7))
    plan = make_plan(experiment, {one.id})
    assert (plan.tasks, list(plan.optimizers)) == (["toy/one", "toy/two"], ["random", "simple"])
    assert plan.done == [one]
    assert [(spec.optimizer, spec.task, spec.seed) for spec in plan.todo] == [
        ("random", "toy/one", 0),
        ("simple", "toy/one", 0),
        ("simple", "toy/one", 1),
        ("random", "toy/one", 2),
        ("simple", "toy/one", 2),
        ("random", "toy/two", 0),
        ("random", "toy/two", 1),
        ("random", "toy/two", 2),
    ]
    assert [(spec.optimizer, spec.task, spec.seed) for spec, _ in plan.skipped] == [
        ("simple", "toy/two", seed) for seed in range(3)
    ]
    assert {reason for _, reason in plan.skipped} == {"the task has 2 objectives"}
    assert plan.total == 12
    assert {spec.task_version for spec in plan.todo if spec.task == "toy/two"} == {"3"}


@pytest.mark.usefixtures("toys")
def test_the_budget_is_the_tasks_own_unless_one_is_given() -> None:
    experiment = Experiment(optimizers=["random"], tasks=["toy/one"])
    assert [spec.budget for spec in make_plan(experiment, ()).todo] == [Budget(7)]
    experiment = Experiment(optimizers=["random"], tasks=["toy/one"], budget="2min")
    assert [spec.budget for spec in make_plan(experiment, ()).todo] == [Budget.parse("120s")]


@pytest.mark.usefixtures("toys")
def test_the_order_of_options_makes_no_second_run() -> None:
    experiment = Experiment(optimizers=["simple[a=1,b=2]", "simple[b=2,a=1]", "simple[a=01,b=2]"], tasks=["toy/one"])
    assert len(make_plan(experiment, ()).todo) == 1


@pytest.mark.usefixtures("toys")
def test_an_experiment_sets_workers_and_clock() -> None:
    experiment = Experiment(optimizers=["random", "simple"], tasks=["toy/one"], workers_per_run=3, clock="virtual")
    plan = make_plan(experiment, ())
    assert plan.todo == [RunSpec("random", "toy/one", "1", 0, 0, Budget(7), 3, Clock.VIRTUAL)]
    assert [reason for _, reason in plan.skipped] == ["3 trials at once are requested"]


@pytest.mark.usefixtures("toys")
def test_runs_that_find_no_gpu_are_left_to_others() -> None:
    learner = as_task("toy/learner", space={"x": (0.0, 1.0)}, resources=Resources(gpus=0.5))(lambda config: config["x"])
    plugins.tasks["toy/learner"] = learner

    def plan(gpus: float, **settings: Any) -> Plan:
        experiment = Experiment(optimizers=["random"], tasks=["toy/one", "toy/learner"], **settings)
        return make_plan(experiment, (), gpus)

    assert {spec.task: spec.gpus for spec in plan(1).todo} == {"toy/one": 0.0, "toy/learner": 0.5}
    assert [(len(plan(gpus).todo), len(plan(gpus).unplaced)) for gpus in (0, 1)] == [(1, 1), (2, 0)]
    ((spec, reason),) = plan(0).unplaced
    assert (spec.task, plan(0).total) == ("toy/learner", 2)
    assert "GPU" in reason
    assert len(plan(1, workers_per_run=3).unplaced) == 1
    assert not plan(2, workers_per_run=3).unplaced
    simulated = plan(1, workers_per_run=3, clock="virtual")
    assert not simulated.unplaced, "one trial at a time is evaluated there"


def objects() -> list[object]:
    return [[64, 64], {"layers": 2}, {1, 2}, b"bytes", 1j, object(), len, (1, [2]), range(3)]


@pytest.mark.usefixtures("own_plugins")
@pytest.mark.parametrize("choice", objects(), ids=lambda choice: type(choice).__name__)
@pytest.mark.parametrize("kind", ["categorical", "ordinal", "constant"])
def test_choices_that_can_not_be_stored_are_refused(kind: str, choice: object) -> None:
    space = ConfigurationSpace({"x": (0.0, 1.0)})
    match kind:
        case "constant":
            space.add(Constant("odd", choice))
        case _:
            space.add(Categorical("odd", [choice, "plain"], ordered=kind == "ordinal"))
    plugins.tasks["toy/odd"] = as_task("toy/odd", space=space)(lambda config: config["x"])
    with pytest.raises(
        UsageError, match=f"^the task 'toy/odd': the hyperparameter 'odd' has .*a {type(choice).__name__}"
    ):
        make_plan(Experiment(optimizers=["random"], tasks=["toy/odd"]), ())


@pytest.mark.usefixtures("own_plugins")
@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "no hyperparameters"),
        (None, "is a NoneType"),
        ("x in [0, 1]", "is a str"),
        ({"x": (1.0, 1.0)}, "can't be made"),
        ({"x": []}, "can't be made"),
        ({"x": (0.0, float("inf"))}, "can't be made"),
        ({"n": (0, 10**30)}, "can't be made"),
        ({"n": (-(2**62), 2**62)}, "more than 2**62"),
    ],
)
def test_spaces_that_are_none_are_refused(space: Any, message: str) -> None:
    plugins.tasks["toy/none"] = as_task("toy/none", space=space)(lambda config: 1.0)
    with pytest.raises(UsageError, match=r"^the task 'toy/none': ") as refusal:
        make_plan(Experiment(optimizers=["random"], tasks=["toy/none"]), ())
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("own_plugins")
def test_plain_choices_are_not() -> None:
    choices = ["text", 1, 2.5, None, (1, "two"), 2**70]
    plugins.tasks["toy/plain"] = as_task("toy/plain", space={"x": choices, "y": [True, False]})(lambda config: 1.0)
    assert len(make_plan(Experiment(optimizers=["random"], tasks=["toy/plain"]), ()).todo) == 1


class Stepping(RandomSearch):
    def __init__(self, problem: Problem, seed: int, *, step: float = 1.0) -> None:
        if step <= 0:
            raise ValueError("the step must\nbe positive")
        super().__init__(problem, seed)


class Broken(RandomSearch):
    def __init__(self, problem: Problem, seed: int, *, step: float = 1.0) -> None:
        raise SystemExit(f"no licence for {step}")


class Dying(RandomSearch):
    def __init__(self, problem: Problem, seed: int) -> None:
        os._exit(1)


class Demanding(RandomSearch):
    def __init__(self, problem: Problem, seed: int, *, family: str) -> None:
        super().__init__(problem, seed)


class Seedless(RandomSearch):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, 0)


class Untellable(Optimizer):
    def __init__(self, problem: Problem, seed: int) -> None: ...

    def ask(self) -> Trial | None: ...


def planned(*optimizers: str, tasks: tuple[str, ...] = ("toy/one",), **settings: Any) -> Plan:
    return make_plan(Experiment(optimizers=list(optimizers), tasks=list(tasks), **settings), ())


@pytest.fixture
def odd_optimizers(toys: None) -> None:
    for cls in (Stepping, Broken, Dying, Demanding, Seedless, Untellable):
        plugins.optimizers[cls.__name__.lower()] = cls


@pytest.mark.usefixtures("odd_optimizers")
@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("stepping[step=-1]", "doesn't start with these options: ValueError: the step must be positive"),
        ("demanding", "needs the option 'family': give demanding[family=VALUE]"),
        ("seedless", "must take problem and seed"),
        ("untellable", "is abstract: its class Untellable lacks tell"),
        ("optathlon.optimizer:Optimizer", "is abstract: its class Optimizer lacks __init__, ask, tell"),
        ("optathlon.optimizers.smac:_SmacOptimizer", "is abstract"),
        ("optathlon.optimizers.nevergrad:_NevergradOptimizer", "needs the option 'family'"),
        ("smac-hpo[n_trees=-5]", "greater than or equal to 1"),
        ("smac-bb[initial_share=0]", "greater than 0"),
        ("smac-mf[eta=1]", "greater than or equal to 2"),
        ("optuna-tpe[n_ei_candidates=0]", "greater than or equal to 1"),
        ("optuna-nsga2[crossover_prob=1.5]", "less than or equal to 1"),
        ("optuna-nsga2[mutation_prob=nan]", "less than or equal to 1"),
        ("nevergrad-pso[popsize=0]", "greater than or equal to 1"),
        ("nevergrad-de[f1=inf]", "less than inf"),
    ],
)
def test_optimizers_that_can_not_start_are_refused(optimizer: str, message: str) -> None:
    with pytest.raises(UsageError) as refusal:
        planned(optimizer)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("odd_optimizers")
def test_what_always_fails_to_start_is_remarked_on() -> None:
    plan = planned("broken[step=2]", "random", "stepping[step=2]", "dying")
    assert len(plan.todo) == 4
    assert [(spec.optimizer, text) for spec, text in plan.remarks] == [
        ("broken[step=2.0]", "it does not start: SystemExit: no licence for 2.0"),
        ("dying", "it does not start: its process dies"),
    ]


def free(config: dict[str, Any]) -> float:
    return float(config["x"])


@pytest.mark.usefixtures("toys")
@pytest.mark.parametrize(
    ("settings", "message"),
    [({"clock": "virtual"}, "the clock is virtual"), ({"budget": "3cost"}, "the budget counts reported cost")],
)
def test_costs_that_are_counted_must_be_reported(settings: dict[str, Any], message: str) -> None:
    plugins.tasks["toy/free"] = as_task("toy/free", space={"x": (0.0, 1.0)})(free)
    assert planned("random", **settings).todo
    assert planned("random", tasks=("toy/free",)).todo
    assert planned("random", tasks=("mfh/h3/good",), **settings).todo
    for task in ("toy/free", "bbob/f1/d2/i1"):
        with pytest.raises(UsageError, match=f"^{message}, but the task '{task}' reports no cost: "):
            planned("random", tasks=("toy/one", task), **settings)


def test_more_runs_than_a_plan_can_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optathlon.experiments.plan.MOST_RUNS", 100)
    experiment = Experiment(optimizers=["random"], tasks=["bbob/f1/d2/i1"], seeds=100)  # type: ignore[arg-type]
    assert make_plan(experiment, set()).total == 100
    with pytest.raises(UsageError, match=r"1 optimizers x 1 tasks x 101 seeds are 101 runs, and one command does 100"):
        make_plan(experiment.model_copy(update={"seeds": [*range(101)]}), set())
