"""What runs cost in workers, measured in one run: `python benchmarks/throughput.py`.

- CPU seconds, driver and workers together, of 2 cheap optimizers x 5 BBOB tasks x 20 seeds x 100 trials with `-j 2`
  (goal: <= 5 s).
- Runs per second with `-j 2` over those with `-j 1`, on runs of about 60 ms (goal: >= 1.8 on two idle cores).
- A trial in a process of its own against one in the worker: microseconds.
"""

from __future__ import annotations

import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from optathlon.running.environment import pin

REPEATS = 3

PLUGIN = """
import time

from optathlon import Resources, as_task

SPACE = {"x": (0.0, 1.0)}


@as_task("speed/busy", space=SPACE, budget=10)
def busy(config):
    end = time.process_time() + 0.006
    while time.process_time() < end:
        pass
    return config["x"]


@as_task("speed/here", space=SPACE, budget=2000)
def here(config):
    return config["x"]


@as_task("speed/there", space=SPACE, budget=2000, resources=Resources(isolated=True))
def there(config):
    return config["x"]
"""


def run(plugin: Path, *arguments: str) -> tuple[float, float]:
    """Wall-clock and CPU seconds of a grid."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "optathlon", "run", "--plugin", str(plugin), *arguments, "--out", out]
        subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def own_seconds(plugin: Path, task: str) -> float:
    """Wall-clock seconds of 10,000 trials of a task that does nothing."""
    return statistics.median(run(plugin, "-o", "random", "-t", task, "--seeds", "5")[0] for _ in range(REPEATS))


def main() -> None:
    """Measure and print everything."""
    with tempfile.TemporaryDirectory() as scratch:
        plugin = Path(scratch) / "speed.py"
        plugin.write_text(PLUGIN)
        cheap = shlex.split("-o random -o sobol -t bbob/f[12345]/d5/i1 --seeds 20 --budget 100 -j 2")
        seconds = statistics.median(run(plugin, *cheap)[1] for _ in range(REPEATS))
        print(f"200 runs of 100 cheap trials: {seconds:.1f} s CPU (goal 5)")
        busy = ["-o", "random", "-t", "speed/busy", "--seeds", "300", "-j"]
        ratio = statistics.median(run(plugin, *busy, "1")[0] / run(plugin, *busy, "2")[0] for _ in range(REPEATS))
        print(f"runs/s with -j 2 over -j 1: {ratio:.2f} (goal 1.8)")
        here, there = (own_seconds(plugin, task) for task in ("speed/here", "speed/there"))
        more = (there - here) / 10_000 * 1e6
        print(f"10,000 trials here {here:.2f} s, in a process of their own {there:.2f} s: {more:.0f} µs more a trial")


if __name__ == "__main__":
    pin()
    main()
