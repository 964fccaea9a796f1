"""What the exit codes of `optathlon` mean; 0 is that all went well."""

SOME_FAILED = 1
"""Some runs or checks failed."""
BAD_INPUT = 2
"""The command can't be done as it is given; no run was done."""
HARNESS_FAILED = 3
"""Optathlon itself failed."""
INTERRUPTED = 130
"""Ctrl-C or SIGTERM."""

EXPLAINED = (
    f"Exit codes: 0 all went well; {SOME_FAILED} some runs or checks failed; {BAD_INPUT} the command can't be done as "
    f"it is given; {HARNESS_FAILED} Optathlon itself failed; {INTERRUPTED} interrupted."
)
"""All of them in a line."""
