"""Google Vizier through the adapter against its designers as its users call them, in the same environment."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from roster import CLASSES, marks_of

from optathlon import Result, Status
from optathlon.optimizers.vizier import VizierEagle
from optathlon.remote.environments import made

pytestmark = marks_of("vizier-gp")
SEED = 11
TRIALS = {"vizier-eagle": 60, "vizier-gp": 5}

NATIVE = """
import json, math, sys, warnings
warnings.simplefilter("ignore")
from vizier import algorithms as vza, pyvizier as vz
name, failing, trials, seeds, padding_type, order = json.loads(sys.argv[1])
problem = vz.ProblemStatement()
root = problem.search_space.root
add = {
    "learning_rate": lambda: root.add_float_param("learning_rate", 1e-4, 0.3, scale_type=vz.ScaleType.LOG),
    "momentum": lambda: root.add_float_param("momentum", 0.1, 0.8, scale_type=vz.ScaleType.LINEAR),
    "layers": lambda: root.add_int_param("layers", 1, 10, scale_type=vz.ScaleType.LINEAR),
    "units": lambda: root.add_int_param("units", 8, 1024, scale_type=vz.ScaleType.LOG),
    "activation": lambda: root.add_categorical_param("activation", ["a-relu", "b-tanh", "c-gelu"]),
    "size": lambda: root.add_int_param("size", 0, 2),
}
for one in order:
    add[one]()
problem.metric_information.append(vz.MetricInformation("loss", goal=vz.ObjectiveMetricGoal.MINIMIZE))
if name == "vizier-eagle":
    from vizier._src.algorithms.designers.eagle_strategy.eagle_strategy import EagleStrategyDesigner
    designer = EagleStrategyDesigner(problem, seed=11)
else:
    import jax
    from vizier._src.algorithms.designers.gp_bandit import VizierGPBandit
    from vizier.pyvizier.converters import padding
    schedule = padding.PaddingSchedule(num_trials=getattr(padding.PaddingType, padding_type))
    designer = VizierGPBandit(
        problem, rng=jax.random.PRNGKey(11), num_seed_trials=seeds, padding_schedule=schedule)
asked = []
for number in range(1, trials + 1):
    (suggestion,) = designer.suggest(1)
    trial = suggestion.to_trial(number)
    one = {key: parameter.value for key, parameter in trial.parameters.items()}
    one["layers"], one["units"] = int(one["layers"]), int(one["units"])
    if "size" in one:
        one["size"], one["activation"] = "sml"[int(one["size"])], one["activation"][2:]
    asked.append(one)
    loss = (math.log10(one["learning_rate"]) + 2) ** 2 + (one["momentum"] - 0.3) ** 2
    loss += abs(one["layers"] - 4) / 5 + (math.log2(one["units"]) - 6) ** 2 / 4
    loss += {"relu": 0.0, "tanh": 1.0, "gelu": 0.5}[one.get("activation", "relu")]
    loss += {"s": 1.0, "m": 0.0, "l": 0.7}[one.get("size", "m")]
    if failing and number % 3 == 0:
        trial.complete(vz.Measurement(), infeasibility_reason="crashed")
    else:
        trial.complete(vz.Measurement({"loss": loss}))
    designer.update(vza.CompletedTrials([trial]), vza.ActiveTrials([]))
print(json.dumps(asked))
"""


def native(name: str, space: Any, failing: bool = False, seeds: int = 1, padding: str = "MULTIPLES_OF_10") -> Any:
    order = [one for one in space if one != "version"]
    arguments = json.dumps([name, failing, TRIALS[name], seeds, padding, order])
    python = made(VizierEagle.environment).python
    done = subprocess.run([str(python), "-c", NATIVE, arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def agree(kit: Any, found: Any, expected: Any, fixed: dict[str, Any]) -> bool:
    return len(found) == len(expected) and all(
        kit.same(one, other | fixed) for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize(("name", "failing"), [("vizier-eagle", False), ("vizier-eagle", True), ("vizier-gp", True)])
def test_native(kit: Any, name: str, failing: bool) -> None:
    problem = kit.problem(kit.flat_space())
    counted = iter(range(1, 100))

    def result(config: Any) -> Any:
        if failing and next(counted) % 3 == 0:
            return Result(status=Status.CRASHED, losses=(1e300,))
        return kit.flat_loss(config)

    found = kit.configs(kit.drive(CLASSES[name](problem, SEED), problem, result, TRIALS[name]))
    assert agree(kit, found, native(name, problem.space, failing), {"version": 3})


def test_native_options(kit: Any) -> None:
    problem = kit.problem(kit.numeric_space())
    optimizer = CLASSES["vizier-gp"](problem, SEED, initial_trials=3, padding="powers_of_2")
    found = kit.configs(kit.drive(optimizer, problem, kit.flat_loss, TRIALS["vizier-gp"]))
    assert agree(kit, found, native("vizier-gp", problem.space, seeds=3, padding="POWERS_OF_2"), {})


def test_eagle_goes_on_where_all_trials_fail(kit: Any) -> None:
    problem = kit.problem(kit.flat_space())
    crashed = Result(status=Status.CRASHED, losses=(1e300,))
    kit.drive(VizierEagle(problem, SEED), problem, lambda config: crashed, TRIALS["vizier-eagle"])
