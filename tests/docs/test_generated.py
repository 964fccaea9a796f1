"""What pages say of the code is what the code says."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def test_generated_parts_are_current() -> None:
    """With the tested version of Typer, which writes the page of commands."""
    if f"\ntyper=={version('typer')}\n" not in (ROOT / "constraints.txt").read_text("utf-8"):
        pytest.skip(f"Typer {version('typer')} is not the tested version")
    script = DOCS / "generated.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.parametrize("heading", ["optathlon run", "optathlon subset select", "optathlon data fetch"])
def test_the_page_of_commands_has_those_of_groups_too(heading: str) -> None:
    assert f"# `{heading}`\n" in (DOCS / "command-line.md").read_text("utf-8")


@pytest.mark.parametrize(
    "key", ["workers_per_run", "requeues", "checkpoint_gigabytes", "alpha_over_rank", "lower_bound"]
)
def test_the_page_of_keys_has_those_of_every_kind_of_file(key: str) -> None:
    (row,) = [line for line in (DOCS / "keys.md").read_text("utf-8").splitlines() if f"`{key}`" in line.split(" | ")[0]]
    assert len(row.split(" | ")) == 3
