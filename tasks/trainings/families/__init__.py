"""The model families, by what they are made of."""
