"""Ways to do the runs of a plan."""
