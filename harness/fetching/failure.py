"""What can be wrong with fetching."""

from __future__ import annotations

from optathlon.errors import OptathlonError


class FetchError(OptathlonError):
    """Data can't be had, or isn't what was published. Nothing of it counts; what came so far is kept to go on from."""
