"""How long 1,000 YAHPO configurations take, one after the other and together: `python benchmarks/yahpo_batch.py`.

Needs the data of YAHPO Gym's scenarios `lcbench` and `rbv2_xgboost`. `--yahpo-gym` measures the package's single calls
in the same way. It needs ConfigSpace < 1 and numpy < 2, so that it runs in an environment of its own, which needs
nothing else: `pip install yahpo-gym`.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

COUNT = 1000
TASKS = {"lcbench": ("167168", "val_accuracy"), "rbv2_xgboost": ("12", "acc")}


def configurations(scenario: str, data: Path) -> list[dict[str, Any]]:
    """Uniform configurations without what the first choice makes inactive, drawn without any library."""
    document = json.loads((data / "yahpo" / scenario / "config_space.json").read_text())
    generator = random.Random(1)
    left_out = {"OpenML_task_id", "task_id", "epoch", "trainsize", "repl"}
    entries = [entry for entry in document["hyperparameters"] if entry["name"] not in left_out]
    found = []
    for _ in range(COUNT):
        config = {entry["name"]: drawn(entry, generator) for entry in entries}
        for condition in document["conditions"]:
            if config.get(condition["parent"]) not in condition.get("values", [condition.get("value")]):
                config.pop(condition["child"], None)
        found.append(config)
    return found


def drawn(entry: dict[str, Any], generator: random.Random) -> Any:
    if entry["type"] == "categorical":
        return generator.choice(entry["choices"])
    if entry["type"] == "uniform_int":
        return generator.randint(entry["lower"], entry["upper"])
    return generator.uniform(entry["lower"], entry["upper"])


def seconds(call: Callable[[], object]) -> float:
    """The least CPU time of three times."""
    taken = []
    for _ in range(3):
        begin = time.process_time()
        call()
        taken.append(time.process_time() - begin)
    return min(taken)


def every(call: Callable[[dict[str, Any]], object], configs: Sequence[dict[str, Any]]) -> None:
    for config in configs:
        call(config)


def of_optathlon(scenario: str, configs: Sequence[dict[str, Any]]) -> None:
    from optathlon.tasks.yahpo import Yahpo

    task = Yahpo().make(f"yahpo/{scenario}/{'/'.join(TASKS[scenario])}")
    single = [task.evaluate(config, fidelity=None, seed=0) for config in configs]
    together = task.evaluate_many(configs, fidelity=None, seeds=[0] * len(configs))
    print(f"  the same results: {single == together}")
    one = seconds(lambda: [task.evaluate(config, fidelity=None, seed=0) for config in configs])
    many = seconds(lambda: task.evaluate_many(configs, fidelity=None, seeds=[0] * len(configs)))
    print(f"  optathlon, single calls {one:.3f} CPU-s, together {many:.3f} CPU-s")


def of_yahpo_gym(scenario: str, configs: Sequence[dict[str, Any]], data: Path) -> None:
    from yahpo_gym import local_config  # type: ignore[import-not-found]
    from yahpo_gym.benchmark_set import BenchmarkSet  # type: ignore[import-not-found]

    local_config.init_config()
    local_config.set_data_path(str(data / "yahpo"))
    instance = TASKS[scenario][0]
    of_lcbench = {"OpenML_task_id": instance, "epoch": 52}
    fixed = of_lcbench if scenario == "lcbench" else {"task_id": instance, "trainsize": 1.0, "repl": 10}
    whole = [{**config, **fixed} for config in configs]
    for check in (True, False):
        gym = BenchmarkSet(scenario, instance=instance, multithread=False, active_session=True, check=check)
        gym.objective_function(whole[0])
        one = seconds(partial(every, gym.objective_function, whole))
        print(f"  yahpo-gym, single calls, check={check}: {one:.3f} CPU-s")


def main() -> None:
    data = Path(sys.argv[1])
    for scenario in TASKS:
        print(f"{scenario}, {COUNT} configurations")
        configs = configurations(scenario, data)
        if "--yahpo-gym" in sys.argv:
            of_yahpo_gym(scenario, configs, data)
        else:
            of_optathlon(scenario, configs)


if __name__ == "__main__":
    main()
