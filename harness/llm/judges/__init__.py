"""Judges of answers, each an entry point of the group `optathlon.judges`."""
