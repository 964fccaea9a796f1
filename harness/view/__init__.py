"""A page that follows an experiment while it runs. It reads a results folder, and writes nothing into it."""
