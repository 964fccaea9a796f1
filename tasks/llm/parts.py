"""The parts of a setup's data: what is trained on, what the optimizer is told of, and what reports score."""

from __future__ import annotations

SCORED = ("validation", "test")
"""The parts whose prompts are answered."""
PARTS = ("train", *SCORED)


def name_in_hashes(part: str) -> str:
    """What seeds, hashes and files of the cache call a part: results depend on it, so that it stays as it is."""
    return "tune" if part == "validation" else part
