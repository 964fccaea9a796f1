"""The command line."""

from __future__ import annotations

import os
import sys

COMPLETE = "OPTATHLON_COMPLETE"
"""The variable by which a shell asks how a line may go on: it holds the line up to the cursor."""


_HELP = {"--help", "-h"}
_UNPINNED = {
    *("--version", "list", "info", "status", "best", "compact", "init", "data", "env", "archive list", "completion"),
}
"""Where nothing is drawn or computed, so that the process need not start again."""


def main() -> None:
    """Run the command line, or complete a line for a shell.

    Exit codes: 0 all well, 1 some runs or checks failed, 2 bad input, 3 the harness itself failed, 130 interrupted.
    """
    if (line := os.environ.get(COMPLETE)) is not None:
        from optathlon.cli.completion import print_candidates

        print_candidates(line)
        return
    begins = {" ".join(sys.argv[1:end]) for end in (2, 3)}
    if sys.argv[1:] and _UNPINNED.isdisjoint(begins) and _HELP.isdisjoint(sys.argv):
        from optathlon.running.environment import pin

        pin()  # this starts the process again: before the commands are loaded
    from optathlon.cli.commands import run_command

    run_command()
