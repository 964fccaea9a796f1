"""The command line."""

from __future__ import annotations

import os

COMPLETE = "_OPTATHLON_COMPLETE"
"""The variable by which a shell asks what may follow: the command line then completes, and does nothing else."""


def main() -> None:
    """Run the command line.

    Exit codes: 0 all well, 1 some runs or checks failed, 2 bad input, 3 the harness itself failed, 130 interrupted.
    """
    from optathlon.running.environment import pin

    if COMPLETE not in os.environ:
        pin()  # this starts the process again: before the commands are loaded
    from optathlon.cli.app import run_command

    run_command()
