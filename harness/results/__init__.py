"""The results folder: typed, append-only Parquet shards, and the frames that are read from them."""
