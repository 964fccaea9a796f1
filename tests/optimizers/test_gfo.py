"""Gradient-Free-Optimizers through the adapter against its own loop, `search`, in the same environment."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from roster import CLASSES, marks_of

from optathlon import Capability, Result, Status
from optathlon.optimizers.gfo import GFOHillClimbing
from optathlon.remote.environments import made

pytestmark = marks_of("gfo-hill-climbing")

SEED = 11
TRIALS = 40
NAMES = sorted(name for name in CLASSES if name.startswith("gfo-"))

NATIVE = """
import json, math, sys, warnings
import numpy as np
import gradient_free_optimizers
warnings.simplefilter("ignore")
name, options, order, failing = json.loads(sys.argv[1])
space = {"learning_rate": (-4.0, math.log10(0.3)), "momentum": (0.1, 0.8), "layers": np.arange(1, 11),
         "units": (math.log10(8), math.log10(1024)), "activation": ["relu", "tanh", "gelu"], "size": np.arange(3)}
asked = []
def objective(params):
    asked.append(dict(params, learning_rate=10**params["learning_rate"], units=round(10**params["units"])))
    one = asked[-1]
    one["layers"] = int(one["layers"])
    if "size" in one:
        one["size"] = "sml"[int(one["size"])]
    if failing and len(asked) % 3 == 0:
        return math.nan
    loss = (math.log10(one["learning_rate"]) + 2) ** 2 + (one["momentum"] - 0.3) ** 2
    loss += abs(one["layers"] - 4) / 5 + (math.log2(one["units"]) - 6) ** 2 / 4
    loss += {"relu": 0.0, "tanh": 1.0, "gelu": 0.5}[one.get("activation", "relu")]
    return -(loss + {"s": 1.0, "m": 0.0, "l": 0.7}[one.get("size", "m")])
optimizer = getattr(gradient_free_optimizers, name)({one: space[one] for one in order}, random_state=11, **options)
optimizer.search(objective, n_iter=40, memory=False, verbosity=False)
print(json.dumps(asked))
"""


def native(space: Any, name: str, options: dict[str, Any], failing: bool) -> Any:
    order = [one for one in space if one != "version"]
    python = made(GFOHillClimbing.environment).python
    arguments = json.dumps([name, options, order, failing])
    done = subprocess.run([str(python), "-c", NATIVE, arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def native_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options as the library calls them."""
    own = dict(options)
    spread, random = own.pop("init_spread", 4), own.pop("init_random", 2)
    return {"initialize": {"grid": spread, "random": random, "vertices": spread}, **own}


def agrees(kit: Any, name: str, space: Any, failing: bool = False, **options: Any) -> bool:
    problem = kit.problem(space, budget=TRIALS)
    counted = iter(range(1, TRIALS + 1))

    def result(config: Any) -> Any:
        fails = failing and next(counted) % 3 == 0
        return Result(status=Status.CRASHED, losses=(1e300,)) if fails else kit.flat_loss(config)

    cls = CLASSES[name]
    found = kit.configs(kit.drive(cls(problem, SEED, **options), problem, result, TRIALS))
    expected = native(space, cls._optimizer, native_options(options), failing)
    fixed = {"version": 3} if "version" in space else {}
    return all(kit.same(one, other | fixed) for one, other in zip(found, expected, strict=True))


def space_of(kit: Any, name: str) -> Any:
    return kit.flat_space() if Capability.CATEGORICALS in CLASSES[name].capabilities else kit.numeric_space()


@pytest.mark.parametrize("name", NAMES)
def test_native(kit: Any, name: str) -> None:
    assert agrees(kit, name, space_of(kit, name))


@pytest.mark.parametrize("name", NAMES)
def test_native_with_failures(kit: Any, name: str) -> None:
    assert agrees(kit, name, space_of(kit, name), failing=True)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gfo-hill-climbing", {"epsilon": 0.2, "distribution": "laplace", "boundary": "reflect", "init_spread": 0}),
        ("gfo-repulsing", {"repulsion_factor": 2.0, "init_random": 4}),
        ("gfo-random-annealing", {"start_temp": 3.0, "annealing_rate": 0.9}),
        ("gfo-parallel-tempering", {"population": 3, "n_iter_swap": 2}),
        ("gfo-spiral", {"population": 4, "decay_rate": 0.9}),
        ("gfo-powell", {"iters_p_dim": 6, "line_search": "golden"}),
        ("gfo-pattern-search", {"n_positions": 2, "pattern_size": 0.5, "reduction": 0.5}),
    ],
)
def test_native_options(kit: Any, name: str, options: dict[str, Any]) -> None:
    space = space_of(kit, name)
    assert agrees(kit, name, space, **options)
    default = CLASSES[name](kit.problem(space), SEED)
    changed = CLASSES[name](kit.problem(space), SEED, **options)
    first, second = (
        kit.configs(kit.drive(one, kit.problem(space), kit.flat_loss, TRIALS)) for one in (default, changed)
    )
    assert first != second, "the options change nothing"


def test_integers_with_many_values_are_rounded(kit: Any) -> None:
    from ConfigSpace import ConfigurationSpace, Integer

    space = ConfigurationSpace()
    space.add(Integer("n", (-(2**40), 2**61)), Integer("m", (1, 10**6), log=True))
    problem = kit.problem(space)
    trials = kit.drive(GFOHillClimbing(problem, SEED), problem, lambda config: abs(config["n"]) / 2**40, TRIALS)
    assert len({trial.config["n"] for trial in trials}) > TRIALS // 4
