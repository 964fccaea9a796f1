"""The results folder: typed, append-only Parquet shards."""
