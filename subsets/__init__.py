"""Representative subsets of tasks."""
