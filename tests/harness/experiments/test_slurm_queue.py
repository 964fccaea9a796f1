"""What SLURM tells of jobs: that they wait, why, and how they ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from optathlon.experiments.executors.slurm_queue import SlurmQueue


def test_what_jobs_wait_for_is_shown(monkeypatch: pytest.MonkeyPatch, fake_slurm: Path) -> None:
    queue = SlurmQueue()
    for job in ("77_0", "77_1", "77_2"):
        queue.register_job(job)
    (fake_slurm / "states").write_text("77_0|PENDING|Resources\n77_1|RUNNING|None\n77_2|PENDING|JobHeldUser\n")
    assert queue.get_state("77_2", "force") == "PENDING (JobHeldUser)"
    assert queue.note() == "2 of 3 jobs pending: Resources, JobHeldUser"
    (fake_slurm / "bin" / "fake").write_text("#!/bin/sh\necho 'Unable to contact\nslurm controller' >&2; exit 1\n")
    assert not queue.is_done("77_0", "force")
    assert queue.note().startswith("SLURM doesn't answer: Unable to contact slurm controller, 2 of 3 jobs pending")


def test_a_job_that_is_requeued_is_not_over(fake_slurm: Path) -> None:
    queue = SlurmQueue()
    queue.register_job("77_0")
    for state, is_over in [("NODE_FAIL", False), ("PENDING", False), ("FAILED", False), ("FAILED", True)]:
        (fake_slurm / "states").write_text(f"77_0|{state}|None\n")
        assert queue.is_done("77_0", "force") == is_over


def test_the_accounting_says_how_forgotten_jobs_ended(fake_slurm: Path) -> None:
    (fake_slurm / "bin" / "fake").write_text(
        '#!/bin/sh\ncase $0 in *squeue) echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1;; '
        '*) echo "77_0|CANCELLED by 0"; echo "77_1|RUNNING";; esac\n'
    )
    queue = SlurmQueue()
    for job in ("77_0", "77_1"):
        queue.register_job(job)
    assert queue.get_state("77_0", "force") == "CANCELLED"
    assert queue.get_state("77_1", "cache") == "UNKNOWN (SLURM has forgotten the job)"
