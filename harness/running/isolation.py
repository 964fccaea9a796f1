"""Evaluating trials in processes of their own, which are ended when a trial hangs, leaks or crashes.

A process is used for one trial after the other. It runs in a session of its own and adopts daemons, so that what a
trial starts goes with it (`optathlon.running.descendants`); it is bound to the cores and GPUs that it may use; and its
output is kept for the last lines of a failed trial. The parent watches the clock and, by psutil, the memory; it decides
what a death means: `timeout`, `memory` or `crashed`.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple, cast
from uuid import uuid4

import psutil

from optathlon.errors import Interruption, OptathlonError, UsageError
from optathlon.registry.plugins import load_file
from optathlon.registry.tasks import make_task
from optathlon.resources import Resources
from optathlon.running.descendants import MARK, adopt_orphans, go_on_without_parent, kill_descendants, kill_orphans
from optathlon.running.environment import pinned, threads
from optathlon.running.evaluation import FinishedTrial, Job, TimedResult, evaluate_timed
from optathlon.running.interruption import held
from optathlon.task import Task
from optathlon.text import described
from optathlon.trial import Result, Status, Trial

_TICK_S = 0.1
"""How often the limits of a running trial are checked."""
_TREE_EVERY_S = 1.0
"""How often the memory of what a trial has forked is counted too."""
_TASKS_KEPT = 4
_OUTPUT_LINES = 8
_OUTPUT_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Site:
    """Where a process may evaluate: on which cores (all if empty), and which GPUs it sees (`None`: as the parent)."""

    cores: tuple[int, ...] = ()
    gpus: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that say so to libraries."""
        gpus = {} if self.gpus is None else {"CUDA_VISIBLE_DEVICES": self.gpus}
        return (threads(len(self.cores)) if self.cores else {}) | gpus


_NO_WORD_OF_SEMAPHORES = "ignore:resource_tracker"
"""A process that is ended leaves its semaphores (tqdm has one) to Python's resource tracker, which removes them, as it
should, and would warn of it on the terminal."""


class _Preparation(NamedTuple):
    task: str


class _Fingerprint(NamedTuple):
    task: str


class _Evaluation(NamedTuple):
    task: str
    job: Job


_Order = _Preparation | _Fingerprint | _Evaluation
_Answer = TimedResult | str | UsageError | Interruption


class EvaluationProcess:
    """The parent's view of a process that evaluates. It starts when it is first needed, and again after it was ended.

    Parameters
    ----------
    site:
        Its cores and GPUs.
    plugins:
        Plugin files that define further tasks.
    scratch:
        Folder for its output.
    """

    def __init__(self, site: Site, plugins: Sequence[Path], scratch: Path) -> None:
        self.site = site
        self._plugins = tuple(plugins)
        self._output = scratch / f"output-{os.getpid()}-{id(self)}.txt"
        self._process: multiprocessing.process.BaseProcess | None = None
        warnings = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), _NO_WORD_OF_SEMAPHORES)))
        self._environment = site.environment | {"TMPDIR": str(scratch), "PYTHONWARNINGS": warnings}
        self._mark = ""
        self._connection: Connection
        self._watch: _Watch | None = None
        self._prepared_for = ""
        self._orders = 0
        self._owes_answer = self._evaluates = False

    def prepare(self, task: str) -> None:
        """Let the process, which is started where it does not run, load a task. This does not wait for it."""
        if self._process is None:
            self._start()
        self._prepared_for = task
        self._send(_Preparation(task))

    @property
    def is_ready(self) -> bool:
        """Whether the process has answered all orders, or is dead."""
        if self._owes_answer and self._process is not None and self._process.is_alive():
            self._receive()
            return not self._owes_answer
        return True

    def await_ready(self) -> None:
        """Wait until the process has answered all orders, or is dead."""
        while not self.is_ready:
            wait(self.signals, _TICK_S)

    def begin(self, task: str, job: Job, resources: Resources) -> None:
        """Begin to evaluate a job; `poll` tells when it has ended."""
        self._begin(_Evaluation(task, job._replace(trial=replace(job.trial, native=None))), resources)

    def poll(self) -> TimedResult | None:
        """What the job gave, or `None` while it goes on. A process that broke a limit is ended here.

        Raises the `Interruption` that the task has raised.
        """
        answer = self._poll()
        if isinstance(answer, Interruption):
            raise answer
        if answer is None or isinstance(answer, TimedResult):
            return answer
        return TimedResult(Result(status=Status.CRASHED, error=str(answer)), 0.0)

    def evaluate(self, task: str, job: Job, resources: Resources) -> TimedResult:
        """Evaluate a job, and wait for it."""
        self.begin(task, job, resources)
        while (evaluated := self.poll()) is None:
            wait(self.signals, _TICK_S)
        return evaluated

    def fingerprint(self, task: str, resources: Resources) -> str:
        """The task's fingerprint; empty where that can't be found: the task raises or dies on the probes.

        Raises the `UsageError` or `Interruption` that the task has raised.
        """
        self._begin(_Fingerprint(task), resources)
        while (answer := self._poll()) is None:
            wait(self.signals, _TICK_S)
        if isinstance(answer, UsageError | Interruption):
            raise answer
        return answer if isinstance(answer, str) else ""

    @property
    def signals(self) -> list[Connection | int]:
        """What to wait for until `poll` may have news."""
        assert self._process is not None
        return [self._connection, self._process.sentinel]

    def stop_if_busy(self) -> None:
        """End the process if a job of it goes on, whose result nobody waits for any more."""
        if self._evaluates:
            self.stop()

    def stop(self) -> None:
        """End the process and whatever it has started."""
        if self._process is None or (pid := self._process.pid) is None:
            return
        with held():
            if self._process.is_alive():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)  # so that it starts nothing more
                kill_descendants(pid)
            self._process.kill()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            self._process.join()
            kill_orphans(self._mark)
            self._connection.close()
            self._process = self._watch = None
            self._owes_answer = self._evaluates = False
            self._output.unlink(missing_ok=True)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._mark = uuid4().hex
        with held():
            self._connection, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self.site.cores, self._plugins, self._output))
            adopt_orphans()
            with pinned(self._environment):
                resource_tracker.ensure_running()  # it serves all processes, and so bears no mark
            with pinned(self._environment | {MARK: self._mark}):
                process.start()
            self._process = process
            theirs.close()

    def _send(self, order: _Order) -> None:
        """Send an order, whose number its answer will bear."""
        with held():
            self._orders += 1
            self._owes_answer = True
            self._evaluates = not isinstance(order, _Preparation)
            with contextlib.suppress(OSError):  # it has died; `poll` will say how
                self._connection.send((self._orders, order))

    def _receive(self) -> _Answer | None:
        """The answer to the last order, if it is there; answers to earlier ones are of no interest any more."""
        with held(), contextlib.suppress(EOFError, OSError):
            while self._connection.poll():
                number, answer = self._connection.recv()
                if number == self._orders:
                    self._owes_answer = self._evaluates = False
                    return cast("_Answer", answer)
        return None

    def _begin(self, order: _Order, resources: Resources) -> None:
        if self._process is None or self._prepared_for != order.task:
            self.prepare(order.task)
        self.await_ready()
        assert self._process is not None
        self._send(order)
        self._watch = _Watch(self._process.pid or 0, order.task, resources)

    def _poll(self) -> _Answer | None:
        assert self._process is not None and self._watch is not None
        is_dead = not self._process.is_alive()
        answer = self._receive()
        if isinstance(answer, TimedResult) and self._watch.is_too_long(answer.seconds):  # nobody has looked in time
            return answer._replace(result=Result(status=Status.TIMEOUT, error=self._watch.time_limit))
        if answer is not None:
            return answer
        if is_dead:
            return self._end(Status.CRASHED, f"the trial's process died {cause(self._process.exitcode)}")
        if (excess := self._watch.excess()) is not None:
            return self._end(*excess)
        return None

    def _end(self, status: Status, reason: str) -> TimedResult:
        """The result of a trial that has ended with its process; the reason stands last, as exceptions do."""
        assert self._watch is not None
        watch = self._watch
        peak = [f"peak memory {_megabytes(watch.peak)}"] if watch.peak else []
        lines = [*_last(self._output), *peak, reason]
        self.stop()
        self.prepare(watch.task)
        return TimedResult(Result(status=status, error="\n".join(lines)), watch.seconds, watch.peak)


class _Watch:
    """Holds a trial's time and memory against its limits."""

    def __init__(self, pid: int, task: str, resources: Resources) -> None:
        self.task = task
        self.peak: int | None = None
        self._resources = resources
        self._process = psutil.Process(pid) if psutil.pid_exists(pid) else None
        self._began = self._counted = time.monotonic()
        self._beyond = 0
        """What all processes of the trial take together beyond the resident memory of the first, in bytes."""

    @property
    def seconds(self) -> float:
        """How long the trial has gone on."""
        return time.monotonic() - self._began

    @property
    def time_limit(self) -> str:
        """What is said of a trial that took too long."""
        return f"ended at the limit of {self._resources.seconds:g} s"

    def is_too_long(self, seconds: float) -> bool:
        """Whether that is more than a trial may take."""
        return self._resources.seconds is not None and seconds > self._resources.seconds

    def excess(self) -> tuple[Status, str] | None:
        """Which limit is broken, if any."""
        self._look()
        limits = self._resources
        if limits.memory is not None and (self.peak or 0) > limits.memory:
            return Status.MEMORY, f"ended at the limit of {_megabytes(limits.memory)} of memory"
        if self.is_too_long(self.seconds):
            return Status.TIMEOUT, self.time_limit
        return None

    def _look(self) -> None:
        with contextlib.suppress(psutil.Error):
            if self._process is not None:
                own = int(self._process.memory_info().rss)
                is_due = time.monotonic() - self._counted > _TREE_EVERY_S
                if is_due or own + self._beyond > (self._resources.memory or math.inf):
                    self._counted = time.monotonic()
                    descendants = self._process.children(recursive=True)
                    self._beyond = sum(map(_proportional, [self._process, *descendants])) - own if descendants else 0
                self.peak = max(self.peak or 0, own + self._beyond) or None


class ProcessEvaluator:
    """Evaluates on the real clock, as many trials at once as there are processes.

    A trial whose process gets ready, in the place of one that has ended, begins when it is; while no other trial is
    evaluated, the clock stands still. Where earlier work is reused, the time that this saves passes; with several
    processes it is shared by them, as what a process does alone the clock can't show.

    Parameters
    ----------
    task:
        Its id.
    resources:
        Its limits.
    processes:
        At least as many as trials are pending at once.
    """

    simulates = False

    def __init__(self, task: str, resources: Resources, processes: Sequence[EvaluationProcess]) -> None:
        self._task = task
        self._resources = resources
        self._processes = processes
        self._idle = list(range(len(processes)))
        self._waiting: dict[int, Job] = {}
        self._running: dict[int, tuple[Trial, float]] = {}
        for process in processes:
            process.stop_if_busy()
            process.prepare(task)
        for process in processes:
            process.await_ready()
        self._origin = time.perf_counter()

    def now(self) -> float:
        """Wall-clock seconds since the run began."""
        return time.perf_counter() - self._origin

    def charge_overhead(self, seconds: float) -> None:
        """Nothing: that time has passed."""

    def submit(self, job: Job) -> None:
        """Give the trial to the idle process with the lowest number."""
        worker = min(self._idle)
        self._idle.remove(worker)
        self._waiting[worker] = job
        self._begin_where_ready()

    def wait(self) -> FinishedTrial:
        """The next trial to end, by itself or at a limit."""
        while True:
            self._begin_where_ready()
            for worker, (trial, start) in self._running.items():
                evaluated = self._processes[worker].poll()
                if evaluated is not None:
                    del self._running[worker]
                    self._idle.append(worker)
                    result, seconds, peak_memory, saved = evaluated
                    self._origin -= saved / len(self._processes)
                    return FinishedTrial(trial, result, start, max(start, self.now()), worker, seconds, peak_memory)
            began = time.perf_counter()
            busy = [*self._running, *self._waiting]
            wait([signal for worker in busy for signal in self._processes[worker].signals], _TICK_S)
            if not self._running:
                self._origin += time.perf_counter() - began

    def _begin_where_ready(self) -> None:
        for worker in [worker for worker in self._waiting if self._processes[worker].is_ready]:
            job = self._waiting.pop(worker)
            self._processes[worker].begin(self._task, job, self._resources)
            self._running[worker] = job.trial, self.now()


def cause(exitcode: int | None) -> str:
    """How a process ended, to follow "it died"."""
    if exitcode is not None and exitcode < 0:
        return f"of {signal.Signals(-exitcode).name}"
    return f"with exit code {exitcode}"


def _serve(connection: Connection, cores: tuple[int, ...], plugins: Sequence[Path], output: Path) -> None:
    """The life of a process that evaluates."""
    pid = os.getpid()
    _set_up(cores, output)
    for plugin in plugins:
        with contextlib.suppress(OptathlonError):  # its tasks will be unknown, and say so
            load_file(plugin)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            number, order = connection.recv()
            answer = _answer(order)
            if os.getpid() != pid:  # a trial has forked itself, and the copy came back too
                os._exit(0)
            connection.send((number, answer))


def _answer(order: _Order) -> _Answer:
    os.ftruncate(1, 0)
    try:
        task = _task(order.task)
        match order:
            case _Preparation():
                kind = task.problem.type  # which no trial is to wait for either
                task.prepare()
                return kind
            case _Fingerprint():
                return task.fingerprint()
            case _Evaluation(_, job):
                _reset_peak_memory()
                return evaluate_timed(task, job)._replace(peak_memory=_peak_memory())
    except (UsageError, Interruption) as error:
        return error
    except BaseException as error:  # a user's task may raise anything
        return "" if isinstance(order, _Fingerprint) else f"making the task raised {described(error)}"


def _set_up(cores: tuple[int, ...], output: Path) -> None:
    import faulthandler

    os.setsid()
    adopt_orphans()
    go_on_without_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if cores:
        os.sched_setaffinity(0, cores)
    with contextlib.suppress(OSError):  # if memory runs out, the kernel ends this process rather than its parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    file = os.open(output, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    faulthandler.enable(all_threads=False)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        kill_descendants(os.getpid())
        os.killpg(0, signal.SIGKILL)


@lru_cache(maxsize=_TASKS_KEPT)
def _task(task_id: str) -> Task:
    return make_task(task_id)


def _reset_peak_memory() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory() -> int:
    """Bytes; since the last reset where the kernel can tell, else since the process began."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _proportional(process: psutil.Process) -> int:
    """The memory of a process, of which what it shares with others counts in part."""
    with contextlib.suppress(psutil.Error):
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))
    return 0


def _last(output: Path) -> list[str]:
    """The last lines of what a process has printed; where Python has said how it died, the lines from there."""
    with contextlib.suppress(OSError), output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - _OUTPUT_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
        fatal = [number for number, line in enumerate(lines) if line.startswith("Fatal Python error")]
        return lines[fatal[-1] :][:_OUTPUT_LINES] if fatal else lines[-_OUTPUT_LINES:]
    return []


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
