"""What SLURM says of jobs.

Its controller (`squeue`) knows those that wait, run, or have ended lately, on every cluster. Of others the accounting
(`sacct`) may know how they ended, where a cluster has any.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SOONEST_S, _LATEST_S = 2.0, 30.0
"""Between two looks: a quarter of the time since the submission, within these bounds."""
_ANSWER_S = 60.0
_ENDED = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY REVOKED TIMEOUT".split()  # noqa: SIM905
)
_NO_SUCH_JOB = "Invalid job id"
_NO_REASON = ("", "None")


@dataclass(frozen=True, slots=True)
class JobState:
    """A state, as `PENDING`, and SLURM's reason for it, as `Resources`; empty where there is none."""

    name: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})" if self.reason else self.name

    @property
    def is_final(self) -> bool:
        """Whether the job is over."""
        return self.name in _ENDED or self == FORGOTTEN


FORGOTTEN = JobState("UNKNOWN", "SLURM has forgotten the job")
_UNSEEN = JobState("UNKNOWN")


class SlurmQueue:
    """The states of jobs, looked at now and then. It takes the place of submitit's watcher, which asks `sacct` only.

    A state is final once two looks have found it: a job that is requeued may look like one that has failed.
    """

    def __init__(self) -> None:
        self._states: dict[str, JobState] = {}
        self._final: set[str] = set()
        self._began = time.monotonic()
        self._next_look = self._began
        self._complaint = ""

    def register_job(self, job_id: str) -> None:
        """Ask about this job from now on."""
        self._states.setdefault(job_id, _UNSEEN)

    def is_done(self, job_id: str, mode: str = "standard") -> bool:
        """Whether a job is over. With the mode `cache` nobody is asked, with `force` at once, else when it is time."""
        self._look(mode)
        return job_id in self._final

    def get_state(self, job_id: str, mode: str = "standard") -> str:
        """The state of a job, with its reason; see `is_done`."""
        self._look(mode)
        return str(self._states.get(job_id, _UNSEEN))

    def note(self) -> str:
        """Why jobs wait, as `2 of 3 jobs pending: Resources`, or that nobody knows; empty where all is well."""
        reasons = Counter(state.reason for state in self._states.values() if state.name == "PENDING")
        notes = [f"SLURM doesn't answer: {self._complaint}"] if self._complaint else []
        if reasons:
            told = ", ".join(reason for reason, _ in reasons.most_common() if reason) or "no reason given"
            notes.append(f"{reasons.total()} of {len(self._states)} jobs pending: {told}")
        return ", ".join(notes)

    def _look(self, mode: str) -> None:
        now = time.monotonic()
        if mode == "cache" or (mode != "force" and now < self._next_look):
            return
        self._next_look = now + min(_LATEST_S, max(_SOONEST_S, (now - self._began) / 4))
        open_jobs = [job for job in self._states if job not in self._final]
        try:
            found = _queued(open_jobs)
        except _NoAnswer as trouble:
            self._complaint = str(trouble)
            return
        self._complaint = ""
        unlisted = [job for job in open_jobs if job not in found]
        found = {**dict.fromkeys(unlisted, FORGOTTEN), **_accounted(unlisted), **found}
        self._final.update(job for job in open_jobs if found[job].is_final and self._states[job].is_final)
        self._states.update((job, found[job]) for job in open_jobs)


class _NoAnswer(Exception):
    """A command of SLURM has failed; the text says why, in one line."""


def _queued(jobs: Iterable[str]) -> Mapping[str, JobState]:
    """Those of the jobs that the controller knows."""
    try:
        lines = _lines(
            "squeue", "--noheader", "--array", "--states=all", f"--jobs={_arrays(jobs)}", "--format=%i|%T|%r"
        )
    except _NoAnswer as trouble:
        if _NO_SUCH_JOB in str(trouble):
            return {}
        raise
    rows = (line.split("|", 2) for line in lines)
    return {job: JobState(name, "" if reason in _NO_REASON else reason) for job, name, reason in rows}


def _accounted(jobs: list[str]) -> Mapping[str, JobState]:
    """The ends of the jobs that the accounting knows; empty where there is none."""
    if not jobs:
        return {}
    try:
        lines = _lines(
            "sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={_arrays(jobs)}", "--format=JobID,State"
        )
    except _NoAnswer:
        return {}
    states = {job: JobState(state.split()[0]) for job, state in (line.split("|", 1) for line in lines) if state.strip()}
    return {job: states[job] for job in jobs if job in states and states[job].is_final}


def _arrays(jobs: Iterable[str]) -> str:
    return ",".join(sorted({job.partition("_")[0] for job in jobs}))


def _lines(*command: str) -> list[str]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NoAnswer(f"{command[0]}: {getattr(error, 'strerror', None) or 'no answer'}") from None
    if done.returncode:
        raise _NoAnswer(" ".join(done.stderr.split()) or f"{command[0]} fails with the code {done.returncode}")
    return [line for line in done.stdout.splitlines() if "|" in line]
