"""Subsets that come with Optathlon, as YAML files; `optathlon.subsets.subset.Subset.read` finds them by name."""
