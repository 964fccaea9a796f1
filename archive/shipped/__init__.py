"""Baselines that come with Optathlon, as Parquet tables; `optathlon.archive.tables` says what is in them."""
