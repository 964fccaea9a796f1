"""A server to ask, with a key that it wants."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_server import KEY, NAME, Server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Its judgements are kept for the test alone: another server may get the same port."""
    monkeypatch.setenv("OPTATHLON_CACHE", str(tmp_path / "cache"))
    made = Server()
    yield made
    made.close()


@pytest.fixture
def endpoint_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, KEY)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have waited, in seconds."""
    from optathlon.llm import chat_client

    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(chat_client, "sleep", sleep)
    return waited
