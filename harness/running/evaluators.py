"""Where and on which clock a run's trials are evaluated: in this process or in others, in real or simulated time."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

from optathlon.resources import Resources
from optathlon.running.accounting import History
from optathlon.running.batches import BatchEvaluator, is_quicker_together
from optathlon.running.clocks import Clock, VirtualEvaluator
from optathlon.running.evaluation import Evaluator, SequentialEvaluator, evaluate_timed
from optathlon.running.isolation import EvaluationProcess, ProcessEvaluator, Site
from optathlon.running.journal import ReplayedEvaluator, recalling
from optathlon.running.runs import RunSpec
from optathlon.task import PROBES, Task


class Processes:
    """The evaluation processes of a worker: started when first needed, and kept.

    Parameters
    ----------
    plugins:
        Plugin files that define further tasks.
    number:
        The worker's number on its machine, from 0; it decides which cores its processes get.
    scratch:
        Folder for temporary files.
    """

    def __init__(self, plugins: tuple[Path, ...], number: int, scratch: Path) -> None:
        self._plugins = plugins
        self._number = number
        self._scratch = scratch
        self._processes: list[EvaluationProcess] = []

    def get(self, count: int, cpus: int | None, gpus: list[str] | None) -> list[EvaluationProcess]:
        """So many processes, on cores of their own where `cpus` says how many, and on these GPUs."""
        for index in range(count):
            site = Site(_cores(self._number * count + index, cpus), gpus[index] if gpus else None)
            if index == len(self._processes):
                self._processes.append(EvaluationProcess(site, self._plugins, self._scratch))
            elif self._processes[index].site != site:
                self._processes[index].stop()
                self._processes[index] = EvaluationProcess(site, self._plugins, self._scratch)
        return self._processes[:count]

    def stop(self) -> None:
        """End all of them."""
        for process in self._processes:
            process.stop()


def make_evaluator(
    spec: RunSpec, task: Task, resources: Resources, processes: list[EvaluationProcess], history: History
) -> Evaluator:
    """The evaluator of a run: on its clock, in `processes` if there are any, and with what is known of it already."""
    if spec.clock is not Clock.REAL:
        here = partial(evaluate_timed, task)
        there = partial(processes[0].evaluate, task.id, resources=resources) if processes else here
        return VirtualEvaluator(recalling(there, history.past), spec.n_workers, spec.clock)
    evaluator: Evaluator
    if processes:
        evaluator = ProcessEvaluator(task.id, resources, processes)
    else:
        at_once = spec.n_workers > 1 and is_quicker_together(task, spec.budget)
        evaluator = BatchEvaluator(task) if at_once else SequentialEvaluator(task)
    return ReplayedEvaluator(evaluator, history.past) if history.past else evaluator


def isolated_fingerprint(task: Task, resources: Resources, process: EvaluationProcess) -> str:
    """The task's fingerprint, found in a process within the limits of so many trials; empty where they end it."""
    limit = resources.seconds and 2 * PROBES * resources.seconds
    return process.fingerprint(task.id, replace(resources, seconds=limit))


def _cores(index: int, cpus: int | None) -> tuple[int, ...]:
    """The cores of the process of that number on this machine, `cpus` each; they are shared where there are too few."""
    if cpus is None:
        return ()
    known = sorted(os.sched_getaffinity(0))
    return tuple(sorted({known[(index * cpus + offset) % len(known)] for offset in range(cpus)}))
