"""Experiment files that ship with Optathlon."""
