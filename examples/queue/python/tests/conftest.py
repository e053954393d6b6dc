"""Servers in both languages, which end with the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from calls import connect
from programs import LANGUAGES, Server
from queue_service import Client


@pytest.fixture(scope="session", params=LANGUAGES)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server for many tests: the names of their queues differ."""
    with Server(request.param) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A client with a connection of its own."""
    with connect(server.address) as client:
        yield client
