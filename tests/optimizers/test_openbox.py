"""OpenBox through the adapter against OpenBox as its users call it, in the same environment."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from roster import marks_of

from optathlon import Result, Status
from optathlon.optimizers.openbox import OpenBoxGP, OpenBoxParEGO, OpenBoxPRF
from optathlon.remote.environments import made

pytestmark = marks_of("openbox-gp")
SEED = 11
TRIALS = 7

NATIVE = """
import json, math, random, sys
import numpy as np
from openbox import Advisor, Observation
from openbox.utils.constants import FAILED
from openbox import space as sp
options, objectives, order = json.loads(sys.argv[1])
random.seed(11), np.random.seed(11)
space = sp.Space()
known = {
    "activation": sp.Categorical("activation", ["relu", "tanh", "gelu"], default_value="relu"),
    "learning_rate": sp.Real("learning_rate", 1e-4, 0.3, log=True),
    "momentum": sp.Real("momentum", 0.1, 0.8),
    "layers": sp.Int("layers", 1, 10),
    "units": sp.Int("units", 8, 1024, log=True),
    "size": sp.Ordinal("size", ["s", "m", "l"], default_value="s"),
}
space.add_variables([known[name] for name in order])
advisor = Advisor(space, num_objectives=objectives, output_dir=None, logger_kwargs={"level": "ERROR"}, random_state=11,
                  **options)
asked = []
for number in range(7):
    config = advisor.get_suggestion()
    one = dict(config)
    asked.append({name: value.item() if hasattr(value, "item") else value for name, value in one.items()})
    loss = (math.log10(one["learning_rate"]) + 2) ** 2 + (one["momentum"] - 0.3) ** 2
    loss += abs(one["layers"] - 4) / 5 + (math.log2(one["units"]) - 6) ** 2 / 4
    loss += {"relu": 0.0, "tanh": 1.0, "gelu": 0.5}[one.get("activation", "relu")]
    loss += {"s": 1.0, "m": 0.0, "l": 0.7}[one.get("size", "m")]
    losses = [loss, math.log2(one["units"])][:objectives]
    advisor.update_observation(Observation(config=config, objectives=losses))
print(json.dumps(asked))
"""


def native(space: Any, options: Any, objectives: int = 1) -> Any:
    order = [name for name in space if name != "version"]
    python = made(OpenBoxGP.environment).python
    arguments = json.dumps([options, objectives, order])
    done = subprocess.run([str(python), "-c", NATIVE, arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("adapter", "kind", "objectives", "options", "native_options"),
    [
        (OpenBoxGP, "numeric", 1, {}, {"surrogate_type": "gp"}),
        (
            OpenBoxGP,
            "flat",
            1,
            {"init_strategy": "sobol", "initial_trials": 4},
            {"surrogate_type": "gp", "init_strategy": "sobol", "initial_trials": 4},
        ),
        (OpenBoxPRF, "flat", 1, {"rand_prob": 0.0}, {"surrogate_type": "prf", "rand_prob": 0.0}),
        (OpenBoxParEGO, "flat", 2, {}, {"surrogate_type": "gp", "acq_type": "parego"}),
    ],
)
def test_native(kit: Any, adapter: Any, kind: str, objectives: int, options: Any, native_options: Any) -> None:
    problem = kit.problem(kit.flat_space() if kind == "flat" else kit.numeric_space(), objectives=objectives)
    loss = kit.two_losses if objectives == 2 else kit.flat_loss
    found = kit.configs(kit.drive(adapter(problem, SEED, **options), problem, loss, TRIALS))
    expected = native(problem.space, native_options, objectives)
    fixed = {"version": 3} if kind == "flat" else {}
    assert all(kit.same(one, other | fixed) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("space", ["conditional_space", "forbidden_space"])
def test_structured_spaces_and_failures(kit: Any, space: str) -> None:
    problem = kit.problem(getattr(kit, space)())
    loss = kit.conditional_loss if space == "conditional_space" else kit.flat_loss
    count = iter(range(100))

    def result(config: Any) -> Any:
        return Result(status=Status.CRASHED, losses=(1e300,)) if next(count) % 3 == 0 else kit.succeed(loss(config))

    kit.drive(OpenBoxPRF(problem, SEED), problem, result, TRIALS)
