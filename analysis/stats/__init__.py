"""Statistics over tasks and seeds: what can be compared, ranks, confidence bands, tests, standings."""
