"""A task of one's own: `optathlon run --plugin docs/examples/branin.py -t mine/branin -o random -o optuna-tpe`."""

import math

from optathlon import Objective, as_task


@as_task(
    "mine/branin",
    space={"x": (-5.0, 10.0), "y": (0.0, 15.0)},
    objectives=Objective("branin", "minimize", optimum=0.39788735772973816),
    budget=50,
    metadata={"dimension": 2},
)
def branin(config: dict[str, float]) -> float:
    x, y = config["x"], config["y"]
    bowl = y - 5.1 * x**2 / (4 * math.pi**2) + 5 * x / math.pi - 6
    return bowl**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10
