"""A grid of hostile objectives whose processes are killed ends as one that nobody disturbed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).resolve().parents[3] / "benchmarks" / "chaos.py"


@pytest.mark.slow
def test_kills_and_hostile_objectives_in_one_grid_lose_and_damage_nothing() -> None:
    command = [sys.executable, str(CHAOS), "--small", "--kills", "6"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trials: " in done.stdout
