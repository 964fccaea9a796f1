"""One module per collection of tasks."""
