"""What a child process costs a trial beyond a method in this process: `python benchmarks/remote.py`.

The child proposes a constant. Wall-clock time of `ask` and `tell` together, the median of 2000 trials in 2 and in 20
dimensions (goal: <= 1 ms), and seconds from the optimizer's start to `ready`.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from ConfigSpace import ConfigurationSpace

from optathlon import Problem, Result, Trial
from optathlon.remote import RemoteOptimizer

TRIALS = 2000
CHILD = """
def make(problem, seed, options):
    return Method({one["name"]: 0.5 for one in problem["space"]})
class Method:
    def __init__(self, candidate):
        self.candidate = candidate
    def ask(self):
        return {"candidate": self.candidate}
    def tell(self, asked, told):
        pass
"""
SERVER = Path(sys.modules[RemoteOptimizer.__module__].__file__ or "").with_name("server.py")


def measured(dimension: int, folder: Path) -> tuple[float, float]:
    """Milliseconds per trial, and seconds of the start."""
    space = ConfigurationSpace({f"x{i}": (0.0, 1.0) for i in range(dimension)})
    began = time.perf_counter()
    optimizer = RemoteOptimizer(
        Problem(space),
        0,
        command=(sys.executable, str(SERVER), str(folder / "child.py")),
        folder=folder,
        variables={},
        options={},
        timeout=60,
    )
    start, times = time.perf_counter() - began, []
    for number in range(TRIALS):
        began = time.perf_counter()
        trial = optimizer.ask()
        assert trial is not None
        optimizer.tell(Trial(trial.config, id=number), Result(values=(1.0,), losses=(1.0,)))
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000, start


def main() -> None:
    """Print a line per dimension."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "child.py").write_text(CHILD)
        for dimension in (2, 20):
            trial, start = measured(dimension, Path(folder))
            print(f"d = {dimension:<3} {trial:.3f} ms a trial, {start:.2f} s to start")


if __name__ == "__main__":
    main()
