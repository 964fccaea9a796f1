"""Results in the formats of other ecosystems. Nothing here prints."""
