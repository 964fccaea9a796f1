"""Fixtures of several tests of executors."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from fake_slurm import FAKE_SLURM


@pytest.fixture
def fake_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to which commands that look like SLURM's write what they were asked for."""
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "fake").write_text(FAKE_SLURM.format(python=sys.executable))
    (commands / "fake").chmod(0o755)
    for name in ("sbatch", "srun", "scontrol", "squeue", "sacct", "scancel"):
        (commands / name).symlink_to("fake")
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(tmp_path))
    return tmp_path
