"""bayesian-optimization through the adapter against its own loop, `maximize`, in the same environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from roster import marks_of

from optathlon import Constraint, Result, Status
from optathlon.optimizers.bayesopt import BayesOptGP
from optathlon.remote.environments import made

pytestmark = marks_of("bayesopt-gp")
SEED = 11
TRIALS = 10

NATIVE = """
import json, math, sys, warnings
from bayes_opt import BayesianOptimization, acquisition
from bayes_opt.parameter import CategoricalParameter
from scipy.optimize import NonlinearConstraint
warnings.simplefilter("ignore")
mixed, constrained, chosen, points, trials = json.loads(sys.argv[1])
bounds = {"learning_rate": (-4.0, math.log10(0.3)), "momentum": (0.1, 0.8), "layers": (1, 10, int),
          "units": (math.log10(8), math.log10(1024))}
if mixed:
    bounds = {"activation": ("relu", "tanh", "gelu"), **bounds, "size": (0, 2, int)}
bounds = dict(sorted(bounds.items())) if not mixed else bounds
asked = []
def config(learning_rate, units, size=None, **rest):
    found = dict(rest, learning_rate=10**learning_rate, units=round(10**units))
    return found if size is None else dict(found, size="sml"[size])
def target(**params):
    asked.append(config(**params))
    one = asked[-1]
    loss = (math.log10(one["learning_rate"]) + 2) ** 2 + (one["momentum"] - 0.3) ** 2
    loss += abs(one["layers"] - 4) / 5 + (math.log2(one["units"]) - 6) ** 2 / 4
    loss += {"relu": 0.0, "tanh": 1.0, "gelu": 0.5}[one.get("activation", "relu")]
    return -(loss + {"s": 1.0, "m": 0.0, "l": 0.7}[one.get("size", "m")])
acquisitions = {"default": None, "ei": acquisition.ExpectedImprovement(xi=0.01)}
order = json.loads(sys.argv[2])
optimizer = BayesianOptimization(
    target, {name: bounds[name] for name in order}, random_state=11, verbose=0, allow_duplicate_points=True,
    acquisition_function=acquisitions[chosen],
    constraint=NonlinearConstraint(lambda momentum, **rest: momentum - 0.5, -math.inf, 0.0) if constrained else None,
)
optimizer.maximize(init_points=points, n_iter=trials - points)
print(json.dumps(asked))
"""


def native(space: Any, *, mixed: bool, constrained: bool = False, acquisition: str = "default", points: int = 5) -> Any:
    order = [name for name in space if name != "version"]
    arguments = [json.dumps([mixed, constrained, acquisition, points, TRIALS]), json.dumps(order)]
    python = made(BayesOptGP.environment).python
    done = subprocess.run([str(python), "-c", NATIVE, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def agree(kit: Any, found: Any, expected: Any) -> bool:
    return len(found) == len(expected) and all(
        kit.same(one, other | ({"version": 3} if "version" in one else {}))
        for one, other in zip(found, expected, strict=True)
    )


def driven(kit: Any, problem: Any, loss: Any, **options: Any) -> Any:
    return kit.configs(kit.drive(BayesOptGP(problem, SEED, **options), problem, loss, TRIALS))


def test_native_numbers(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space())
    assert agree(kit, driven(kit, problem, kit.flat_loss), native(problem.space, mixed=False))


def test_native_mixed(kit: Any) -> None:
    problem = kit.problem(kit.flat_space())
    assert agree(kit, driven(kit, problem, kit.flat_loss), native(problem.space, mixed=True))


def test_native_options(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space())
    found = driven(kit, problem, kit.flat_loss, acquisition="ei", init_points=3)
    assert agree(kit, found, native(problem.space, mixed=False, acquisition="ei", points=3))


def test_native_constraints(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space(), constraints=(Constraint("c"),))

    def result(config: Any) -> Any:
        return kit.succeed(kit.flat_loss(config), constraints=(config["momentum"] - 0.5,))

    assert agree(kit, driven(kit, problem, result), native(problem.space, mixed=False, constrained=True))


def test_goes_on_where_all_trials_fail(kit: Any) -> None:
    problem = kit.problem(kit.flat_space(), constraints=(Constraint("c"), Constraint("d")))
    driven(kit, problem, lambda config: Result(status=Status.CRASHED, losses=(1e300,)))


def test_waits_for_results_after_the_initial_design(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space(), n_workers=4)
    optimizer = BayesOptGP(problem, SEED, init_points=2)
    first, second, third = (optimizer.ask() for _ in range(3))
    assert first and second and third is None


def test_ucb_takes_no_constraints(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space(), constraints=(Constraint("c"),))
    with pytest.raises(ValueError, match="takes no constraints"):
        BayesOptGP(problem, SEED, acquisition="ucb")


def test_the_child_needs_no_optathlon() -> None:
    text = (Path(__file__).resolve().parents[2] / "optimizers" / "bayesopt" / "child.py").read_text()
    assert "import optathlon" not in text and "from optathlon" not in text
