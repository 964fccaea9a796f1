"""A head of a Ray cluster that goes away, and may come back."""

from __future__ import annotations

import socket
import threading

import pytest

from optathlon.errors import Unavailable
from optathlon.experiments.executors import ray_head
from optathlon.experiments.executors.ray_head import RayHead


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_head, "_EVERY_S", 0.0)
    monkeypatch.setattr(ray_head, "_PATIENCE_S", 0.5)


def test_a_head_that_answers_is_not_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        head = RayHead("{}:{}".format(*server.getsockname()))
        head.check()
        head.require()
        assert head.answers


def test_a_head_that_stays_away_is_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        head = RayHead("{}:{}".format(*server.getsockname()))
    assert not head.answers
    head.check()
    with pytest.raises(Unavailable, match=r"the head of the Ray cluster, 127.0.0.1:\d+, is lost: start it again"):
        head.require()
    with pytest.raises(Unavailable):
        head.check()


def test_a_head_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_head, "_PATIENCE_S", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    head = RayHead("{}:{}".format(*address))
    back: list[socket.socket] = []
    timer = threading.Timer(0.3, lambda: back.append(socket.create_server(address)))
    timer.start()
    head.require()
    timer.join()
    assert head.answers
    back[0].close()


def test_an_address_of_the_new_kind_is_read() -> None:
    assert not RayHead("[::1]:1").answers
