"""Subsets that come with Optathlon, as YAML files; `optathlon.subsets.Subset.read` finds them by name."""
