"""Shards with names of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest


@pytest.fixture
def named_shards(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[str]], None]:
    """Call it to choose what the next shards are called."""

    def choose(names: Sequence[str]) -> None:
        following = iter(names)
        monkeypatch.setattr("optathlon.results.writer.new_shard", lambda: f"{next(following)}.parquet")

    return choose
