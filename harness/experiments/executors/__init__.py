"""Executors: where runs are done. They share one interface, `optathlon.experiments.executors.pool.Executor`."""

from __future__ import annotations

from collections.abc import Mapping

from optathlon.experiments.executors.messages import WorkerSettings
from optathlon.experiments.executors.pool import Executor, Watcher
from optathlon.experiments.experiment import Execution


def make_executor(
    execution: Execution, settings: WorkerSettings, watcher: Watcher, gpus_wanted: Mapping[str, float]
) -> Executor:
    """The executor that `execution` names; its library is loaded only now."""
    match execution.executor:
        case "local":
            from optathlon.experiments.executors.local import LocalExecutor
            from optathlon.running.gpus import visible_gpus

            gpus = visible_gpus() if any(gpus_wanted.values()) else []
            return LocalExecutor(execution.jobs, settings, watcher, gpus, gpus_wanted)
        case "ray":
            from optathlon.experiments.executors.ray import RayExecutor

            return RayExecutor(execution.jobs, settings, watcher, gpus_wanted, execution.address)
        case "slurm":
            from optathlon.experiments.executors.slurm import SlurmExecutor

            return SlurmExecutor(execution, settings, watcher, gpus_wanted)
