"""What the harness costs, as ratios and differences measured in one run: `python benchmarks/overhead.py`.

- CPU time per trial of random search x BBOB beyond a bare ConfigSpace sample and function call (goal: <= 60 µs at
  d = 2, <= 100 µs at d = 20), storing included.
- CPU time of `optathlon --help` (goal: <= 0.4 s) and until the first trial of a random-search run is stored
  (goal: <= 1.5 s).
- Bytes per stored trial of a 10-dimensional float space without and with its configuration (goal: <= 60, <= 130).
- Time of a YAHPO lcbench look-up beyond the bare onnxruntime call (goal: <= 100 µs), where OPTATHLON_DATA has it.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from optathlon.results.frames import load
from optathlon.running.environment import pin
from optathlon.space import probes

REPEATS = 5
TRIALS = 2000


def cpu_per_call(function: Callable[[], object], calls: int) -> float:
    """Microseconds of CPU time per call: the median of some repeats."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(calls):
            function()
        times.append((time.process_time() - began) / calls * 1e6)
    return statistics.median(times)


def bare_trial(dimension: int) -> float:
    """µs of CPU for one ConfigSpace sample and one BBOB call on its vector."""
    import ioh
    from ConfigSpace import ConfigurationSpace

    space = ConfigurationSpace({f"x{i}": (-5.0, 5.0) for i in range(dimension)}, seed=0)
    function = ioh.get_problem(1, instance=1, dimension=dimension)
    return cpu_per_call(lambda: function(space.sample_configuration().get_array() * 10 - 5), TRIALS)


def command_cpu(*arguments: str) -> float:
    """Seconds of CPU, children included, of one `optathlon` command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "optathlon", *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def random_search(dimension: int, budget: int) -> list[str]:
    """The command of one random-search run on the sphere, with a results folder of its own."""
    out = tempfile.mkdtemp(dir=SCRATCH)
    return ["run", "-o", "random", "-t", f"bbob/f1/d{dimension}/i1", "--budget", str(budget), "--out", out]


def median_cpu(dimension: int, budget: int) -> float:
    """Seconds of CPU of a random-search run: the median of some repeats."""
    return statistics.median(command_cpu(*random_search(dimension, budget)) for _ in range(REPEATS))


def harness_trial(dimension: int) -> float:
    """µs of CPU per trial of random-search runs, from plan to disk: the slope between two budgets."""
    small, large = 100, 100 + 5 * TRIALS
    return (median_cpu(dimension, large) - median_cpu(dimension, small)) / (large - small) * 1e6


FIRST_TRIAL = """
import psutil
from optathlon import as_task

@as_task("first/trial", space={"x": (0.0, 1.0)}, objectives="maximize", budget=1)
def first(config):
    '''CPU seconds of this worker and of its driver.'''
    worker = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in (worker, worker.parent()))
"""


def first_trial() -> float:
    """Seconds of CPU, of driver and worker together, until the objective is first called."""
    plugin = Path(SCRATCH) / "first_trial.py"
    plugin.write_text(FIRST_TRIAL)
    seconds = []
    for _ in range(REPEATS):
        out = tempfile.mkdtemp(dir=SCRATCH)
        command_cpu("run", "--plugin", str(plugin), "-o", "random", "-t", "first/trial", "--out", out)
        seconds.append(load(out).trials["value"].iloc[0])
    return statistics.median(seconds)


def stored_bytes() -> tuple[float, float]:
    """Bytes per trial of a 10-dimensional float space, without and with its configuration."""
    command = random_search(dimension=10, budget=20000)
    command_cpu(*command)
    size = trials = configs = 0
    for path in (Path(command[-1]) / "trials").glob("*.parquet"):
        metadata = pq.read_metadata(path)
        size += path.stat().st_size
        trials += metadata.num_rows
        for group in range(metadata.num_row_groups):
            columns = (metadata.row_group(group).column(i) for i in range(metadata.num_columns))
            configs += sum(column.total_compressed_size for column in columns if column.path_in_schema == "config")
    return (size - configs) / trials, size / trials


def yahpo_lookup() -> tuple[float, float] | None:
    """µs of CPU per bare onnxruntime call and per look-up through the task; `None` without data."""
    from optathlon.data import data_root
    from optathlon.registry.tasks import make_task

    model = data_root() / "yahpo" / "lcbench" / "model.onnx"
    if not model.is_file():
        return None
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    task = make_task("yahpo/lcbench/167168/val_accuracy")
    config = probes(task.problem.space, 1)[0]
    task.evaluate(config, fidelity=52, seed=0)
    inputs = {}
    for node in session.get_inputs():
        shape = [1 if not isinstance(size, int) else size for size in node.shape]
        inputs[node.name] = np.zeros(shape, np.int32 if "int" in node.type else np.float32)
    return (
        cpu_per_call(lambda: session.run(None, inputs), TRIALS),
        cpu_per_call(lambda: task.evaluate(config, fidelity=52, seed=0), TRIALS),
    )


def main() -> None:
    """Measure and print everything."""
    for dimension, goal in ((2, 60), (20, 100)):
        bare, whole = bare_trial(dimension), harness_trial(dimension)
        print(
            f"random x BBOB d={dimension}: bare {bare:.1f} µs, with the harness {whole:.1f} µs per trial, "
            f"ratio {whole / bare:.2f}, beyond {whole - bare:+.1f} µs (goal {goal})"
        )
    seconds = statistics.median(command_cpu("--help") for _ in range(REPEATS))
    print(f"optathlon --help: {seconds:.2f} s CPU (goal 0.4)")
    print(f"start to first trial evaluated: {first_trial():.2f} s CPU (goal 1.5)")
    print(f"start to first trial stored, and the end: {median_cpu(dimension=2, budget=1):.2f} s CPU")
    without, with_config = stored_bytes()
    print(f"stored trial, 10 floats: {without:.1f} bytes without, {with_config:.1f} with config (goals 60, 130)")
    if lookup := yahpo_lookup():
        bare, whole = lookup
        print(f"yahpo lcbench: onnxruntime {bare:.1f} µs, look-up {whole:.1f} µs, {whole - bare:+.1f} µs (goal 100)")


if __name__ == "__main__":
    pin()
    with tempfile.TemporaryDirectory() as SCRATCH:
        main()
