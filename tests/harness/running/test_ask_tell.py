"""Asking and telling by hand: values of all kinds, failures, levels, and one clear line for each misuse."""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace

from optathlon import AskedTrial, AskTell, Fidelity, Objective, Result, Status, Trial, make_optimizer
from optathlon.errors import OptathlonError, SearchSpaceExhausted, UsageError
from optathlon.problem import Problem
from optathlon.running.accounting import IMPUTED_WITHOUT_BOUND

SPACE = {"x": (0.0, 1.0), "kind": ["a", "b"]}
TWO = {"error": "minimize", "accuracy": "maximize"}


def asked(optimizer: AskTell) -> AskedTrial:
    trial = optimizer.ask()
    assert trial is not None
    return trial


@pytest.mark.parametrize(
    ("objectives", "given", "values"),
    [
        ("minimize", 0.5, (0.5,)),
        ("maximize", 3, (3.0,)),
        ("minimize", np.float32(0.5), (0.5,)),
        ("minimize", np.array(0.5), (0.5,)),
        ("minimize", [0.5], (0.5,)),
        ("minimize", {"value": 0.5}, (0.5,)),
        (Objective("error"), {"error": 0.5, "test/error": 0.7}, (0.5,)),
        (TWO, [0.1, 0.9], (0.1, 0.9)),
        (TWO, np.array([0.1, 0.9]), (0.1, 0.9)),
        (TWO, {"accuracy": 0.9, "error": 0.1}, (0.1, 0.9)),
        ("minimize", Result((0.5,)), (0.5,)),
    ],
)
def test_values_are_told_in_many_ways(objectives: Any, given: Any, values: tuple[float, ...]) -> None:
    optimizer = make_optimizer("random", SPACE, objectives=objectives, budget=2)
    optimizer.tell(asked(optimizer), given)
    assert [record.values for record in optimizer.trials] == [values]
    assert [record.status for record in optimizer.trials] == ["ok"]


@pytest.mark.filterwarnings("ignore:random. it learns from the objectives only")
def test_what_is_no_objective_is_a_metric_which_the_optimizer_is_not_told() -> None:
    optimizer = make_optimizer("random", SPACE, objectives=Objective("error"), constraints=["size"], budget=2)
    optimizer.tell(asked(optimizer), {"error": 0.5, "size": -1.0, "test/error": 0.7})
    (record,) = optimizer.trials
    assert record.metrics == {"test/error": 0.7}
    assert record.constraints == (-1.0,)


class Listening:
    """Remembers what it is told of fixed proposals."""

    def __init__(self, *proposals: Any) -> None:
        self.proposals = list(proposals)
        self.told: list[Any] = []
        self.capabilities: frozenset[Any] = frozenset()

    def ask(self) -> Any:
        return self.proposals.pop(0)

    def tell(self, trial: Any, result: Any) -> None:
        self.told.append((trial.id, result))


class Waiting(Listening):
    """Waits once its proposals are used."""

    def ask(self) -> Any:
        return super().ask() if self.proposals else None


def test_the_optimizer_is_told_losses_to_minimise() -> None:
    listening = Listening(*(Trial({"x": 0.5}, native=place) for place in range(4)))
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), (Objective("accuracy", "maximize"),))
    optimizer = AskTell("listening", problem, lambda own: listening, iter(range(99)))
    optimizer.fail(asked(optimizer), "no memory", status="memory")
    optimizer.tell(asked(optimizer), 0.9)
    optimizer.tell(asked(optimizer), 0.2)
    optimizer.tell(asked(optimizer), math.nan)
    assert [result.losses for _, result in listening.told] == [(IMPUTED_WITHOUT_BOUND,), (-0.9,), (-0.2,), (-0.2,)]
    assert [result.status for _, result in listening.told] == ["memory", "ok", "ok", "invalid"]
    assert [record.error for record in optimizer.trials] == ["no memory", None, None, "objective 'accuracy' is nan"]
    assert optimizer.best[0].values == (0.9,)


def test_an_illegal_proposal_is_told_as_a_failure_and_another_one_is_asked() -> None:
    listening = Listening(Trial({"x": 5.0}), Trial({"x": 0.5}))
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}))
    optimizer = AskTell("listening", problem, lambda own: listening, iter(range(99)))
    assert asked(optimizer).config == {"x": 0.5}
    assert [(id, result.status) for id, result in listening.told] == [(0, "invalid")]
    assert optimizer.spent == 2


def test_trials_may_be_pending_and_told_in_any_order_after_a_journey() -> None:
    optimizer = make_optimizer("optuna-tpe", SPACE, budget=3, n_workers=3)
    trials = [pickle.loads(pickle.dumps(asked(optimizer))) for _ in range(3)]
    assert [trial.id for trial in trials] == [0, 1, 2]
    for trial in reversed(trials):
        assert not optimizer.is_done
        optimizer.tell(trial, float(trial.id))
    assert optimizer.is_done
    assert optimizer.ask() is None
    assert [record.trial for record in optimizer.trials] == [2, 1, 0]
    assert optimizer.best[0].trial == 0


def test_levels_are_asked_and_continued_trials_cost_their_increment() -> None:
    epochs = Fidelity("epochs", 1, 9, "int", resumable=True)
    optimizer = make_optimizer("dehb", {"x": (0.0, 1.0)}, fidelity=epochs, budget=6)
    spent = 0.0
    levels: dict[Any, Any] = {}
    while (trial := optimizer.ask()) is not None:
        assert isinstance(trial.fidelity, int)
        continued = levels.get(trial.parent, 0)
        assert continued < trial.fidelity
        spent += (trial.fidelity - continued) / 9
        levels[trial.id] = trial.fidelity
        optimizer.tell(trial, trial.config["x"], cost=float(trial.fidelity))
    assert {1, 3, 9} <= set(levels.values())
    assert optimizer.spent == pytest.approx(spent)
    assert all(record.fidelity == 9 for record in optimizer.best)


def test_a_budget_of_cost_ends_when_it_is_told() -> None:
    optimizer = make_optimizer("random", SPACE, budget="10cost")
    with pytest.raises(UsageError, match=r"the budget counts cost: tell it, as in tell\(trial, value, cost=3.5\)"):
        optimizer.tell(trial := asked(optimizer), 1.0)
    optimizer.tell(trial, 1.0, cost=4)
    optimizer.fail(asked(optimizer), cost=6.5)
    assert optimizer.is_done
    assert optimizer.spent == 10.5
    assert [record.over_budget for record in optimizer.trials] == [False, True]


@pytest.mark.filterwarnings("ignore:random. it learns from the objectives only")
def test_the_best_are_feasible_and_not_dominated() -> None:
    optimizer = make_optimizer("random", SPACE, objectives=TWO, constraints=["size"], budget=5)
    for error, accuracy, size in [(0.1, 0.1, -1), (0.2, 0.9, 0), (0.3, 0.5, -1), (0.0, 1.0, 0.1), (0.2, 0.9, -1)]:
        optimizer.tell(asked(optimizer), [error, accuracy], constraints=size)
    assert [record.values for record in optimizer.best] == [(0.1, 0.1), (0.2, 0.9)]


class Exhausted(Listening):
    """Has nothing to try once its proposals are used."""

    def ask(self) -> Any:
        if not self.proposals:
            raise SearchSpaceExhausted
        return super().ask()


@pytest.mark.parametrize(("kind", "status"), [(Exhausted, "exhausted"), (Waiting, "stalled")])
def test_an_optimizer_may_end_before_the_budget(kind: type[Listening], status: str) -> None:
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}))
    optimizer = AskTell("short", problem, lambda own: kind(Trial({"x": 0.5})), iter(range(99)))
    optimizer.tell(asked(optimizer), 1.0)
    assert optimizer.ask() is None
    assert optimizer.is_done
    assert optimizer.outcome.status == status


def test_what_waits_for_results_is_asked_again_once_they_are_told() -> None:
    problem = Problem(ConfigurationSpace({"x": (0.0, 1.0)}), n_workers=2)
    optimizer = AskTell(
        "waiting", problem, lambda own: Waiting(Trial({"x": 0.5}), None, Trial({"x": 0.6})), iter(range(99))
    )
    trial = asked(optimizer)
    assert optimizer.ask() is None
    assert not optimizer.is_done
    optimizer.tell(trial, 1.0)
    assert asked(optimizer).config == {"x": 0.6}


def test_what_the_optimizer_makes_no_use_of_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="optuna-cmaes: it learns from the objectives only"):
        make_optimizer("optuna-cmaes", {"x": (0.0, 1.0), "y": (0.0, 1.0)}, constraints=["size"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_optimizer("optuna-tpe", {"x": (0.0, 1.0)}, objectives="maximize")


def test_an_optimizer_that_fails_says_so_in_one_line_from_then_on() -> None:
    optimizer = AskTell("broken", Problem(ConfigurationSpace({"x": (0.0, 1.0)})), lambda own: Listening(), iter(()))
    for _ in range(2):
        with pytest.raises(OptathlonError, match="the optimizer 'broken' failed: ask raised IndexError") as caught:
            optimizer.ask()
        assert "\n" not in str(caught.value)
    assert optimizer.outcome.status is Status.CRASHED


def told_twice(optimizer: AskTell, trial: AskedTrial) -> None:
    for _ in range(2):
        optimizer.tell(trial, [1, 2])


def told_of_another(optimizer: AskTell, trial: AskedTrial) -> None:
    optimizer.tell(asked(make_optimizer("random", SPACE, seed=7)), [1, 2])


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (told_twice, "trial 0 was told already: tell each trial once"),
        (told_of_another, "trial 0 was not asked of this optimizer: tell the trials that its ask returns"),
        (lambda o, t: o.tell(None, 1.0), "tell takes a trial that ask has returned, not 'None'"),
        (lambda o, t: o.tell(t.config, 1.0), "tell takes a trial that ask has returned, not"),
        (lambda o, t: o.tell(t, 1.0), "1 values for 2 objectives: give {'error': …, 'accuracy': …}"),
        (lambda o, t: o.tell(t, [1, 2, 3]), "3 values for 2 objectives"),
        (lambda o, t: o.tell(t, {"error": 1, "acc": 2}), "no value for the objective 'accuracy' in 'error', 'acc'"),
        (lambda o, t: o.tell(t, [1, None]), r"the objective 'accuracy' is None, not a number: tell a failure by fail("),
        (lambda o, t: o.tell(t, [1, "2"]), "the objective 'accuracy' is '2', not a number"),
        (lambda o, t: o.tell(t, [1, True]), "the objective 'accuracy' is True, not a number"),
        (lambda o, t: o.tell(t, {"error": 1, "accuracy": 2, "m": []}), "the metric 'm' is [], not a number"),
        (lambda o, t: o.tell(t, [1, 2], constraints=3), "1 values for 0 constraints"),
        (lambda o, t: o.tell(t, [1, 2], cost=-1), "the cost is -1.0: give seconds"),
        (lambda o, t: o.tell(t, [1, 2], cost="1"), "the cost is '1', not a number"),
        (lambda o, t: o.tell(t, [1, 2], cost=math.nan), "the cost is nan"),
        (lambda o, t: o.fail(t, status="ok"), "a trial can't fail as 'ok': give one of crashed, timeout"),
        (lambda o, t: o.ask(), "1 trials are pending and n_workers is 1: tell one of them first"),
    ],
)
def test_misuse_is_one_line_and_changes_nothing(misuse: Callable[..., None], message: str) -> None:
    optimizer = make_optimizer("random", SPACE, objectives=TWO, budget=3)
    trial = asked(optimizer)
    with pytest.raises(UsageError) as caught:
        misuse(optimizer, trial)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    if misuse is not told_twice:
        optimizer.tell(trial, [1, 2])
    assert [record.values for record in optimizer.trials] == [(1.0, 2.0)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "optuna-tpee"}, "unknown optimizer 'optuna-tpee': did you mean 'optuna-tpe'?"),
        ({"id": "optuna-tpe[n=3]"}, "unknown option 'n'"),
        ({"id": "dehb"}, "'dehb' can't do this: the optimizer needs a multi-fidelity task"),
        ({"id": "cmaes-cma"}, "'cmaes-cma' can't do this: the search space has categorical hyperparameters"),
        ({"space": {}}, "the search space has no hyperparameters"),
        ({"space": 3}, "the search space is a int, not a dictionary"),
        ({"space": {"x": (1.0, 0.0)}}, "the search space can't be made"),
        ({"objectives": "min"}, "objectives is 'minimize', 'maximize'"),
        ({"objectives": []}, "objectives is 'minimize', 'maximize'"),
        ({"objectives": ["error"]}, "objectives is 'minimize', 'maximize'"),
        ({"objectives": [Objective("a"), Objective("a")]}, "Objectives of different names"),
        ({"objectives": {"error": "smaller"}}, "the objective 'error' is to 'smaller': write 'minimize' or 'maximize'"),
        ({"constraints": "size"}, "constraints is the text 'size': give a list of names"),
        ({"budget": "fifty"}, "can't read the budget 'fifty'"),
        ({"budget": 0}, "a budget must be a positive number"),
        ({"n_workers": 0}, "n_workers is 0: give a whole number from 1 on"),
        ({"n_workers": 2, "id": "cobyqa", "space": {"x": (0.0, 1.0)}}, "2 trials at once are requested"),
        ({"seed": -1}, "the seed is -1: give a whole number from 0 on"),
        ({"seed": 0.5}, "the seed is 0.5"),
    ],
)
def test_what_can_not_be_made_is_one_line(changes: dict[str, Any], message: str) -> None:
    given = {"id": "random", "space": SPACE} | changes
    with pytest.raises(UsageError) as caught:
        make_optimizer(given.pop("id"), given.pop("space"), **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
