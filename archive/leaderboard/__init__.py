"""The leaderboard: a static site from stored results, of which each figure says how many tasks it stands on."""

from __future__ import annotations

from optathlon.archive.leaderboard.site import write_leaderboard

__all__ = ["write_leaderboard"]
