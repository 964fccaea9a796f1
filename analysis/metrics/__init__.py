"""Frames derived from stored results: which trials count, incumbents over the budget, coverage, overhead."""
