"""HEBO through the adapter against HEBO as its users call it, and its hold on the global random generators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, Float, Integer
from disturbance import disturbed
from hypothesis import given
from hypothesis import strategies as st

from optathlon import Constraint, Problem, Result, Status
from optathlon.optimizers.hebo import Hebo, HeboGeneral
from optathlon.space import active_checker

torch = pytest.importorskip("torch", reason="the extra 'hebo' is not installed")
pytest.importorskip("hebo", reason="HEBO is not installed")
pytestmark = pytest.mark.torch

SEED = 11


def small_space() -> Any:
    space = ConfigurationSpace()
    space.add(
        Categorical("activation", ["relu", "tanh", "gelu"]),
        Float("learning_rate", (1e-4, 0.25), log=True),
        Integer("layers", (1, 10)),
        Categorical("size", ["s", "m", "l"], ordered=True),
        Integer("units", (8, 1024), log=True),
        Constant("version", 3),
    )
    return space


def small_loss(config: Mapping[str, Any]) -> Any:
    loss = (math.log10(config["learning_rate"]) + 2) ** 2 + abs(config["layers"] - 4) / 5
    loss += {"relu": 0.0, "tanh": 1.0, "gelu": 0.5}[config["activation"]] + (math.log2(config["units"]) - 6) ** 2 / 4
    return loss + {"s": 1.0, "m": 0.0, "l": 0.7}[config["size"]]


def native_configs(n: int, evaluate: Any, make: Any) -> Any:
    """HEBO on the small space, seeded as far as HEBO lets its users, and pymoo, which it does not, by hand."""
    from hebo.acq_optimizers import evolution_optimizer
    from hebo.design_space.design_space import DesignSpace

    minimize = evolution_optimizer.minimize

    def seeded(*args: Any, **kwargs: Any) -> Any:
        return minimize(*args, seed=np.random.randint(2**31), **kwargs)

    np.random.seed(SEED)
    torch.manual_seed(SEED)
    space = DesignSpace().parse(
        [
            {"name": "activation", "type": "cat", "categories": ["relu", "tanh", "gelu"]},
            {"name": "layers", "type": "int", "lb": 1, "ub": 10},
            {"name": "learning_rate", "type": "pow", "lb": 1e-4, "ub": 0.25},
            {"name": "size", "type": "int", "lb": 0, "ub": 2},
            {"name": "units", "type": "pow_int", "lb": 8, "ub": 1024},
        ]
    )
    optimizer = make(space)
    configs = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evolution_optimizer, "minimize", seeded)
        for _ in range(n):
            suggestion = optimizer.suggest(n_suggestions=1)
            (row,) = suggestion.to_dict("records")
            configs.append(row | {"size": ["s", "m", "l"][row["size"]]})
            optimizer.observe(suggestion, np.atleast_2d(evaluate(configs[-1])))
    return configs


def test_native(kit: Any) -> None:
    from hebo.optimizers.hebo import HEBO

    def make(space: Any) -> Any:
        return HEBO(space, rand_sample=4, scramble_seed=SEED)

    problem = kit.problem(small_space())
    trials = kit.drive(disturbed(Hebo(problem, SEED, n_initial=4)), problem, small_loss, 6)
    for trial, config in zip(trials, native_configs(6, small_loss, make), strict=True):
        assert kit.same(trial.config, config | {"version": 3})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("objectives", "constraints"),
    [pytest.param(1, 0, marks=pytest.mark.slow), pytest.param(2, 0, marks=pytest.mark.slow), (2, 1)],
)
def test_native_general(kit: Any, objectives: int, constraints: int) -> None:
    """Six initial points, then the Gaussian processes."""
    from hebo.optimizers.general import GeneralBO

    def make(space: Any) -> Any:
        return GeneralBO(space, num_obj=objectives, num_constr=constraints, kappa=1.5, evo_iters=3)

    def values(config: Mapping[str, Any]) -> Any:
        found = [small_loss(config), math.log2(config["units"])][:objectives]
        return found + [config["layers"] - 5.0][:constraints]

    def evaluate(config: Mapping[str, Any]) -> Any:
        found = values(config)
        return kit.succeed(*found[:objectives], constraints=tuple(found[objectives:]))

    names = tuple(Constraint(f"c{index}") for index in range(constraints))
    problem = kit.problem(small_space(), objectives=objectives, constraints=names)
    trials = kit.drive(disturbed(HeboGeneral(problem, SEED, kappa=1.5, generations=3)), problem, evaluate, 8)
    for trial, config in zip(trials, native_configs(8, values, make), strict=True):
        assert kit.same(trial.config, config | {"version": 3})


@pytest.mark.slow
def test_general_goes_on_after_failures(kit: Any) -> None:
    """Of the constraints of a failed trial nothing is known."""
    constrained = kit.problem(small_space(), objectives=2, constraints=(Constraint("c"),))
    optimizer = HeboGeneral(constrained, SEED, generations=2)
    failure = Result(status=Status.CRASHED, losses=(3.0, 4.0))
    trials = kit.drive(optimizer, constrained, lambda config: failure, 7)
    assert len({tuple(trial.config.values()) for trial in trials}) == 7
    pending = [optimizer.ask() for _ in range(2)]
    assert pending[0].config != pending[1].config


def test_puts_the_jitter_back_and_prints_nothing(kit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from gpytorch.settings import cholesky_jitter

    before = [cholesky_jitter.value(kind) for kind in (torch.float, torch.double)]
    problem = kit.problem(small_space())
    kit.drive(Hebo(problem, SEED, n_initial=4), problem, small_loss, 5)
    assert [cholesky_jitter.value(kind) for kind in (torch.float, torch.double)] == before
    assert capsys.readouterr().out == ""


def test_leaves_the_global_generators_and_threads_alone(kit: Any) -> None:
    np.random.seed(0)
    expected = np.random.rand(2)
    torch.manual_seed(0)
    expected_torch = torch.rand(2)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        np.random.seed(0)
        torch.manual_seed(0)
        observed, observed_torch = [np.random.rand()], [torch.rand(1)]
        problem = kit.problem(small_space())
        kit.drive(Hebo(problem, SEED, n_initial=2, model="rf"), problem, small_loss, 3)
        observed.append(np.random.rand())
        observed_torch.append(torch.rand(1))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert observed == expected.tolist()
    assert torch.cat(observed_torch).tolist() == expected_torch.tolist()


def test_seeds_differ(kit: Any) -> None:
    problem = kit.problem(small_space())
    first, second = (kit.drive(Hebo(problem, seed), problem, small_loss, 4) for seed in (0, 1))
    assert kit.configs(first) != kit.configs(second)


def test_failures_and_ties(kit: Any) -> None:
    """Failed trials carry the imputed loss; all losses equal is what a run of failures looks like."""
    problem = kit.problem(small_space())
    failure = Result(status=Status.CRASHED, losses=(3.0,))
    trials = kit.drive(Hebo(problem, SEED, n_initial=2), problem, lambda config: failure, 3)
    assert len({tuple(trial.config.values()) for trial in trials}) == 3


def test_pending_trials(kit: Any) -> None:
    problem = kit.problem(small_space())
    optimizer = Hebo(problem, SEED, n_initial=2, model="rf")
    kit.drive(optimizer, problem, small_loss, 2)
    pending = [optimizer.ask() for _ in range(2)]
    assert pending[0].config != pending[1].config
    for trial in reversed(pending):
        optimizer.tell(trial, kit.succeed(small_loss(trial.config)))


def test_choices_keep_their_types(kit: Any) -> None:
    space = ConfigurationSpace()
    space.add(Categorical("mixed", [True, "auto", 2]), Categorical("rate", [0.1, 0.5]), Categorical("one", ["only"]))
    problem = kit.problem(space)
    trials = kit.drive(Hebo(problem, SEED, n_initial=3, model="rf"), problem, lambda config: config["rate"], 4)
    assert {type(trial.config["mixed"]) for trial in trials} <= {bool, str, int}
    assert {type(trial.config["rate"]) for trial in trials} == {float}


@given(st.data())
def test_stays_in_bounds_that_single_precision_exceeds(data: st.DataObject) -> None:
    """HEBO's tensors are float32: 0.8 becomes 0.800000012, and 10**log10(upper) misses upper."""
    bounds = st.tuples(st.floats(1e-6, 1e3), st.floats(1.001, 1e6)).map(lambda pair: (pair[0], pair[0] * pair[1]))
    counts = st.tuples(st.integers(1, 10**6), st.integers(1, 10**9)).map(lambda pair: (pair[0], sum(pair)))
    space = ConfigurationSpace()
    space.add(
        Float("x", data.draw(bounds)),
        Float("log_x", data.draw(bounds), log=True),
        Integer("n", data.draw(counts)),
        Integer("log_n", data.draw(counts), log=True),
    )
    check = active_checker(space)
    optimizer = Hebo(Problem(space), SEED)
    suggest = optimizer._hebo.space
    corners = torch.stack([suggest.opt_lb, suggest.opt_ub]).float()
    for row in (0, 1):
        corner = suggest.inverse_transform(corners[[row]], corners[:1, :0])
        optimizer._hebo.suggest = lambda n_suggestions, corner=corner: corner
        config = check(optimizer.ask().config)
        for name, value in config.items():
            number: Any = space[name]
            bound = (number.lower, number.upper)[row]
            assert value == pytest.approx(bound, rel=1e-5)
