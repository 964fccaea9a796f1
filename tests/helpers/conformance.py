"""What the conformance suite finds."""

from __future__ import annotations

from optathlon.testing.conformance import Check, NonConformance


def failures(checks: list[Check]) -> dict[str, str]:
    found = {}
    for check in checks:
        try:
            check()
        except NonConformance as failure:
            found[str(check)] = str(failure)
    return found
